"""Routes below /api/v1/."""

from __future__ import annotations

from django.urls import path

from feeds import api

urlpatterns = [
    path("feeds/recent/", api.RecentView.as_view(), name="api-feed-recent"),
    path("videos/<uuid:video_id>/share/", api.ShareView.as_view(), name="api-video-share"),
    path("videos/<uuid:video_id>/unshare/", api.UnshareView.as_view(), name="api-video-unshare"),
    path("videos/<uuid:video_id>/like/", api.LikeView.as_view(), name="api-video-like"),
]
