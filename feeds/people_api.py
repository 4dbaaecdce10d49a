"""JSON: people, what one does not want to see, the sentence behind For you."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.permissions import signed_in
from feeds import listings, people, shapes, wishes
from feeds.api import ListView
from feeds.listings import Viewer
from feeds.lookup import known_person, seen_person
from feeds.models import HiddenTopic, PersonFilter
from generation.models import VideoQuerySet


def present(person: User, viewer: Viewer) -> dict[str, Any]:
    relation = people.relation_to(person, viewer)
    return {
        "handle": person.handle,
        "name": person.public_name,
        "joined": person.date_joined.date(),
        "followers": relation.followers,
        "following": relation.following,
        "followed_by_you": relation.follows,
        "filtered": relation.filtered,
    }


class PersonView(APIView):
    """GET /api/v1/people/<handle>/: a public profile."""

    permission_classes = [AllowAny]

    @extend_schema(responses=shapes.PersonOut)
    def get(self, request: Request, handle: str) -> Response:
        return Response(present(seen_person(request.user, handle), request.user))


class PersonClipsView(ListView):
    """GET /api/v1/people/<handle>/videos/: what they share with everybody."""

    permission_classes = [AllowAny]

    def listing(self, request: Request, **ids: Any) -> VideoQuerySet:
        return listings.of_creator(seen_person(request.user, ids["handle"]), request.user)

    @extend_schema(parameters=[shapes.CURSOR, shapes.FeedIn], responses=shapes.FeedOut)
    def get(self, request: Request, handle: str) -> Response:
        return super().get(request, handle=handle)


class FollowView(APIView):
    """PUT to follow somebody, DELETE to stop."""

    @extend_schema(request=None, responses=shapes.PersonOut)
    def put(self, request: Request, handle: str) -> Response:
        me, person = signed_in(request), seen_person(request.user, handle)
        people.follow(person, by=me)
        return Response(present(person, me))

    @extend_schema(responses=shapes.PersonOut)
    def delete(self, request: Request, handle: str) -> Response:
        me, person = signed_in(request), known_person(signed_in(request), handle)
        people.unfollow(person, by=me)
        return Response(present(person, me))


class FilterView(APIView):
    """PUT to see somebody no longer, DELETE to take that back."""

    kind = ""

    @extend_schema(request=None, responses=shapes.PersonOut)
    def put(self, request: Request, handle: str) -> Response:
        me, person = signed_in(request), known_person(signed_in(request), handle)
        people.set_filter(person, self.kind, by=me)
        return Response(present(person, me))

    @extend_schema(responses=shapes.PersonOut)
    def delete(self, request: Request, handle: str) -> Response:
        me, person = signed_in(request), known_person(signed_in(request), handle)
        people.lift_filter(person, self.kind, by=me)
        return Response(present(person, me))


class MuteView(FilterView):
    """Mute: their clips are in none of your lists. They don't learn of it."""

    kind = PersonFilter.Kind.MUTE


class BlockView(FilterView):
    """Block: a mute that also keeps your clips and your profile from them."""

    kind = PersonFilter.Kind.BLOCK


class TopicsView(APIView):
    """Your hidden topics: clips whose prompt has all words of one are in none of your lists."""

    @extend_schema(responses=shapes.TopicOut(many=True))
    def get(self, request: Request) -> Response:
        mine = HiddenTopic.objects.filter(user=signed_in(request)).order_by("words")
        return Response(shapes.TopicOut(mine, many=True).data)

    @extend_schema(request=shapes.TopicIn, responses={201: shapes.TopicOut})
    def post(self, request: Request) -> Response:
        asked = shapes.TopicIn(data=request.data)
        asked.is_valid(raise_exception=True)
        topic = people.hide_topic(asked.validated_data["words"], by=signed_in(request))
        return Response(shapes.TopicOut(topic).data, status=201)


class TopicView(APIView):
    """DELETE /api/v1/feeds/topics/<id>/: show a topic again."""

    @extend_schema(responses={204: None})
    def delete(self, request: Request, topic_id: int) -> Response:
        people.show_topic(topic_id, by=signed_in(request))
        return Response(status=204)


class WishView(APIView):
    """The sentence behind For you. DELETE forgets it; `on` false keeps it and chooses nothing."""

    @extend_schema(responses=shapes.WishOut)
    def get(self, request: Request) -> Response:
        return Response(self._present(signed_in(request)))

    @extend_schema(request=shapes.WishIn, responses=shapes.WishOut)
    def put(self, request: Request) -> Response:
        me = signed_in(request)
        asked = shapes.WishIn(data=request.data)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        found = wishes.wish_of(me)
        sentence = data.get("sentence", found.sentence if found else "")
        reach = int(data["reach"]) if "reach" in data else None
        if "sentence" in data or reach is not None:
            wishes.set_wish(me, sentence, reach=reach)
        if "on" in data:
            wishes.switch(me, on=data["on"])
        return Response(self._present(me))

    @extend_schema(responses={204: None})
    def delete(self, request: Request) -> Response:
        wishes.forget(signed_in(request))
        return Response(status=204)

    def _present(self, me: User) -> dict[str, Any]:
        wish = wishes.wish_of(me)
        if wish is None:
            return {"sentence": "", "wanted": [], "unwanted": [], "reach": 7, "on": False}
        return dict(shapes.WishOut(wish).data)
