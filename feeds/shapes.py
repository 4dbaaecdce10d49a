"""What the feeds' JSON looks like: serializers of what comes in and goes out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from feeds.listings import SHAPES
from feeds.models import FeedWish
from feeds.pages import MOST_ON_A_PAGE, PAGE_SIZE
from generation.models import Video

CURSOR = OpenApiParameter("cursor", str, description="`next_cursor` of the page before")
AUDIENCES = [*Video.Circle.values, Video.PUBLIC]


class CreatorOut(serializers.Serializer[Any]):
    handle = serializers.CharField()
    name = serializers.CharField()
    following = serializers.BooleanField(help_text="you follow them")


class CreditOut(serializers.Serializer[Any]):
    """A public clip of somebody else this one was made from."""

    page_url = serializers.CharField()
    handle = serializers.CharField()
    name = serializers.CharField()


class CardOut(serializers.Serializer[Any]):
    """One clip in a list."""

    id = serializers.UUIDField()
    page_url = serializers.CharField()
    media_url = serializers.CharField()
    poster_url = serializers.CharField()
    prompt = serializers.CharField()
    alt = serializers.CharField(help_text="its owner's words, else the prompt")
    autoplay = serializers.BooleanField(help_text="false where it flashes, or nobody measured that")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    shared_at = serializers.DateTimeField(allow_null=True)
    remixable = serializers.BooleanField()
    creator = CreatorOut()
    likes = serializers.IntegerField()
    liked = serializers.BooleanField()
    saved = serializers.BooleanField()
    credits = CreditOut(many=True)
    why = serializers.ListField(
        child=serializers.CharField(), help_text="For you: the terms of your sentence it has"
    )
    note = serializers.CharField(allow_blank=True, help_text="Featured: the curators' reason")


class FeedOut(serializers.Serializer[Any]):
    videos = CardOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class FeedIn(serializers.Serializer[Any]):
    limit = serializers.IntegerField(
        default=PAGE_SIZE, min_value=1, max_value=MOST_ON_A_PAGE, help_text="clips on a page"
    )


class SearchIn(FeedIn):
    q = serializers.CharField(max_length=200, help_text="words of the prompt, or their beginnings")
    shape = serializers.ChoiceField(choices=sorted(SHAPES), required=False)
    remixable = serializers.BooleanField(default=False, help_text="only what others may remix")


class SharedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    shared_at = serializers.DateTimeField(allow_null=True)


class AudienceIn(serializers.Serializer[Any]):
    audience = serializers.ChoiceField(choices=AUDIENCES)


class AudienceOut(serializers.Serializer[Any]):
    audience = serializers.ChoiceField(choices=AUDIENCES)
    shared_at = serializers.DateTimeField(allow_null=True)
    link = serializers.CharField(
        allow_null=True, help_text="the share link; whoever has it sees it"
    )


class AltTextIn(serializers.Serializer[Any]):
    alt_text = serializers.CharField(allow_blank=True, max_length=500)


class AltTextOut(serializers.Serializer[Any]):
    alt_text = serializers.CharField(allow_blank=True, help_text="your own words; may be empty")
    alt = serializers.CharField(help_text="what is read out")


class LikeOut(serializers.Serializer[Any]):
    liked = serializers.BooleanField()
    likes = serializers.IntegerField()


class SavedOut(serializers.Serializer[Any]):
    saved = serializers.BooleanField()


class PersonOut(serializers.Serializer[Any]):
    handle = serializers.CharField()
    name = serializers.CharField()
    joined = serializers.DateField()
    followers = serializers.IntegerField()
    following = serializers.IntegerField()
    followed_by_you = serializers.BooleanField()
    filtered = serializers.ChoiceField(choices=["mute", "block", ""])


class TopicIn(serializers.Serializer[Any]):
    words = serializers.CharField(max_length=60)


class TopicOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    words = serializers.CharField()


class WishIn(serializers.Serializer[Any]):
    sentence = serializers.CharField(max_length=300, required=False)
    reach = serializers.ChoiceField(choices=FeedWish.Reach.choices, required=False)
    on = serializers.BooleanField(required=False)


class WishOut(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    wanted = serializers.ListField(child=serializers.CharField())
    unwanted = serializers.ListField(child=serializers.CharField())
    reach = serializers.IntegerField(help_text="days of age one more matching term outweighs")
    on = serializers.BooleanField(source="is_on")


class CollectionIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    is_public = serializers.BooleanField(default=False)


class CollectionChangeIn(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60, required=False)
    is_public = serializers.BooleanField(required=False)


class CollectionOut(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()
    is_public = serializers.BooleanField()
    created_at = serializers.DateTimeField()


class CollectionPageOut(CollectionOut):
    videos = CardOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)
