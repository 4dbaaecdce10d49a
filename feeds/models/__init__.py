"""What the feeds store: reactions, people, links, slots, standings."""

from feeds.models.people import FeedWish, Follow, HiddenTopic, PersonFilter
from feeds.models.reactions import Collection, CollectionItem, Like, LikeCount, Save
from feeds.models.showing import FeaturedPick, ShareLink, Standing

__all__ = [
    "Collection",
    "CollectionItem",
    "FeaturedPick",
    "FeedWish",
    "Follow",
    "HiddenTopic",
    "Like",
    "LikeCount",
    "PersonFilter",
    "Save",
    "ShareLink",
    "Standing",
]
