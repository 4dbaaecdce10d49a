"""JSON: the lists, who is shown a clip, likes and saves."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import access
from accounts.permissions import signed_in
from feeds import listings, services, shapes
from feeds.listings import Listing
from feeds.lookup import own_video, seen_video
from feeds.models import Like
from feeds.pages import alt_of, read_page
from feeds.sharing import audience_of
from feeds.wishes import wish_of
from generation.models import Video, VideoQuerySet


class ListView(APIView):
    """One list of clips. Subclasses say which."""

    def listing(self, request: Request, **ids: Any) -> Listing | VideoQuerySet:
        raise TypeError("a list says which clips it holds")

    @extend_schema(parameters=[shapes.CURSOR, shapes.FeedIn], responses=shapes.FeedOut)
    def get(self, request: Request, **ids: Any) -> Response:
        asked = shapes.FeedIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        page = read_page(
            self.listing(request, **ids),
            request.user,
            request.query_params.get("cursor"),
            size=asked.validated_data["limit"],
        )
        return Response({"videos": page.cards, "next_cursor": page.next_cursor})


class RecentView(ListView):
    """GET /api/v1/feeds/recent/: public clips, newest first; follow `next_cursor`."""

    permission_classes = [AllowAny]

    def listing(self, request: Request, **ids: Any) -> VideoQuerySet:
        return listings.recent_for(request.user)


class FeaturedView(ListView):
    """GET /api/v1/feeds/featured/: what curators chose; `note` says why."""

    permission_classes = [AllowAny]

    def listing(self, request: Request, **ids: Any) -> Listing:
        return listings.featured_for(request.user)


class RisingView(ListView):
    """GET /api/v1/feeds/rising/: what people like, save and remix just now, after a person looked."""

    permission_classes = [AllowAny]

    def listing(self, request: Request, **ids: Any) -> Listing:
        return listings.rising_for(request.user)


class RemixedView(ListView):
    """GET /api/v1/feeds/remixed/: clips most people made something of."""

    permission_classes = [AllowAny]

    def listing(self, request: Request, **ids: Any) -> Listing:
        return listings.remixed_for(request.user)


class FollowingView(ListView):
    """GET /api/v1/feeds/following/: public clips of the people you follow."""

    def listing(self, request: Request, **ids: Any) -> VideoQuerySet:
        return listings.following_for(signed_in(request))


class ForYouView(ListView):
    """GET /api/v1/feeds/for-you/: by your own sentence; `why` names its terms. Empty until you ask."""

    def listing(self, request: Request, **ids: Any) -> Listing | VideoQuerySet:
        viewer = signed_in(request)
        wish = wish_of(viewer)
        if wish is None or not wish.is_on:
            return Video.objects.none()
        return listings.for_you(viewer, wish)


class SavedView(ListView):
    """GET /api/v1/feeds/saved/: what you keep, latest kept first."""

    def listing(self, request: Request, **ids: Any) -> Listing:
        return listings.saved_by(signed_in(request))


class TeamView(ListView):
    """GET /api/v1/workspaces/<id>/feed/: what members show each other. Members only."""

    def listing(self, request: Request, **ids: Any) -> Listing:
        workspace = access.get_workspace(request.user, ids["workspace_id"])
        return listings.team_for(workspace, signed_in(request))

    @extend_schema(parameters=[shapes.CURSOR, shapes.FeedIn], responses=shapes.FeedOut)
    def get(self, request: Request, workspace_id: int) -> Response:
        return super().get(request, workspace_id=workspace_id)


class SearchView(APIView):
    """GET /api/v1/feeds/search/?q=: public clips whose prompt has every word, newest first."""

    permission_classes = [AllowAny]

    @extend_schema(parameters=[shapes.CURSOR, shapes.SearchIn], responses=shapes.FeedOut)
    def get(self, request: Request) -> Response:
        asked = shapes.SearchIn(data=request.query_params)
        asked.is_valid(raise_exception=True)
        data = asked.validated_data
        found = listings.found_for(
            request.user,
            data["q"],
            shape=data.get("shape", ""),
            remixable=data["remixable"],
        )
        page = read_page(
            found, request.user, request.query_params.get("cursor"), size=data["limit"]
        )
        return Response({"videos": page.cards, "next_cursor": page.next_cursor})


# --- Who is shown a clip -----------------------------------------------------------------------------


class ShareView(APIView):
    """POST /api/v1/videos/<id>/share/: publish a clip of one's own workspace."""

    @extend_schema(request=None, responses=shapes.SharedOut)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = services.share_video(own_video(request.user, video_id), by=request.user)
        return Response(shapes.SharedOut(video).data)


class UnshareView(APIView):
    """POST /api/v1/videos/<id>/unshare/: take it out of every public list at once."""

    @extend_schema(request=None, responses=shapes.SharedOut)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = services.unshare_video(own_video(request.user, video_id), by=request.user)
        return Response(shapes.SharedOut(video).data)


class AudienceView(APIView):
    """Who is shown a clip: private, link, workspace or public. For its workspace's creators."""

    @extend_schema(responses=shapes.AudienceOut)
    def get(self, request: Request, video_id: uuid.UUID) -> Response:
        video = own_video(request.user, video_id)
        return Response(shapes.AudienceOut(audience_of(video)).data)

    @extend_schema(request=shapes.AudienceIn, responses=shapes.AudienceOut)
    def put(self, request: Request, video_id: uuid.UUID) -> Response:
        video = own_video(request.user, video_id)
        asked = shapes.AudienceIn(data=request.data)
        asked.is_valid(raise_exception=True)
        audience = asked.validated_data["audience"]
        video = services.set_audience(video, audience, by=signed_in(request))
        return Response(shapes.AudienceOut(audience_of(video)).data)


class LinkView(APIView):
    """The share link of a clip: POST makes a new one (the old one ends), DELETE ends it."""

    @extend_schema(request=None, responses=shapes.AudienceOut)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = own_video(request.user, video_id)
        services.replace_link(video, by=signed_in(request))
        video.refresh_from_db()
        return Response(shapes.AudienceOut(audience_of(video)).data)

    @extend_schema(responses=shapes.AudienceOut)
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        video = services.revoke_link(own_video(request.user, video_id), by=signed_in(request))
        return Response(shapes.AudienceOut(audience_of(video)).data)


class AltTextView(APIView):
    """PUT /api/v1/videos/<id>/alt-text/: what a screen reader says instead; "" for the prompt."""

    @extend_schema(request=shapes.AltTextIn, responses=shapes.AltTextOut)
    def put(self, request: Request, video_id: uuid.UUID) -> Response:
        video = own_video(request.user, video_id)
        asked = shapes.AltTextIn(data=request.data)
        asked.is_valid(raise_exception=True)
        video = services.describe(video, asked.validated_data["alt_text"], by=signed_in(request))
        alt = video.alt_text or alt_of(video.generation.prompt)
        return Response({"alt_text": video.alt_text, "alt": alt})


# --- Likes and saves ---------------------------------------------------------------------------------


class LikeView(APIView):
    """Likes of one clip: GET the count, PUT to like, DELETE to take it back."""

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self.request.method == "GET" else super().get_permissions()

    @extend_schema(responses=shapes.LikeOut)
    def get(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(shapes.LikeOut(Like.objects.count_of(video, request.user)).data)

    @extend_schema(request=None, responses=shapes.LikeOut)
    def put(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(shapes.LikeOut(services.like_video(video, by=request.user)).data)

    @extend_schema(request=None, responses=shapes.LikeOut)
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(shapes.LikeOut(services.unlike_video(video, by=request.user)).data)


class SaveView(APIView):
    """PUT keeps a clip among your saves, DELETE takes it out. Only you see it."""

    @extend_schema(request=None, responses=shapes.SavedOut)
    def put(self, request: Request, video_id: uuid.UUID) -> Response:
        services.save_video(seen_video(request.user, video_id), by=signed_in(request))
        return Response({"saved": True})

    @extend_schema(responses=shapes.SavedOut)
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        services.unsave_video(seen_video(request.user, video_id), by=signed_in(request))
        return Response({"saved": False})
