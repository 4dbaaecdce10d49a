"""JSON: the Recent feed, sharing, liking."""

from __future__ import annotations

import uuid
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feeds import services
from feeds.lookup import own_video, seen_video
from feeds.listings import recent_for
from feeds.models import Like
from feeds.pages import read_page


class CreatorOut(serializers.Serializer[Any]):
    handle = serializers.CharField()
    name = serializers.CharField()


class CardOut(serializers.Serializer[Any]):
    """One clip in a list."""

    id = serializers.UUIDField()
    page_url = serializers.CharField()
    media_url = serializers.CharField()
    poster_url = serializers.CharField()
    prompt = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    seconds = serializers.FloatField()
    created_at = serializers.DateTimeField()
    shared_at = serializers.DateTimeField(allow_null=True)
    remixable = serializers.BooleanField()
    creator = CreatorOut()
    likes = serializers.IntegerField()
    liked = serializers.BooleanField()


class FeedOut(serializers.Serializer[Any]):
    videos = CardOut(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class SharedOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    shared_at = serializers.DateTimeField(allow_null=True)


class LikeOut(serializers.Serializer[Any]):
    liked = serializers.BooleanField()
    likes = serializers.IntegerField()


class RecentView(APIView):
    """GET /api/v1/feeds/recent/: shared clips, newest first; follow `next_cursor`."""

    permission_classes = [AllowAny]

    @extend_schema(
        parameters=[
            OpenApiParameter("cursor", str, description="`next_cursor` of the page before")
        ],
        responses=FeedOut,
    )
    def get(self, request: Request) -> Response:
        page = read_page(recent_for(request.user), request.user, request.query_params.get("cursor"))
        return Response({"videos": page.cards, "next_cursor": page.next_cursor})


class ShareView(APIView):
    """POST /api/v1/videos/<id>/share/: publish a clip of one's own workspace."""

    @extend_schema(request=None, responses=SharedOut)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = services.share_video(own_video(request.user, video_id), by=request.user)
        return Response(SharedOut(video).data)


class UnshareView(APIView):
    """POST /api/v1/videos/<id>/unshare/: take it out of every public list at once."""

    @extend_schema(request=None, responses=SharedOut)
    def post(self, request: Request, video_id: uuid.UUID) -> Response:
        video = services.unshare_video(own_video(request.user, video_id), by=request.user)
        return Response(SharedOut(video).data)


class LikeView(APIView):
    """Likes of one clip: GET the count, PUT to like, DELETE to take it back."""

    def get_permissions(self) -> list[BasePermission]:
        return [AllowAny()] if self.request.method == "GET" else super().get_permissions()

    @extend_schema(responses=LikeOut)
    def get(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(LikeOut(Like.objects.count_of(video, request.user)).data)

    @extend_schema(request=None, responses=LikeOut)
    def put(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(LikeOut(services.like_video(video, by=request.user)).data)

    @extend_schema(request=None, responses=LikeOut)
    def delete(self, request: Request, video_id: uuid.UUID) -> Response:
        video = seen_video(request.user, video_id)
        return Response(LikeOut(services.unlike_video(video, by=request.user)).data)
