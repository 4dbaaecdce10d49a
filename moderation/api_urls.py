"""Routes below /api/v1/."""

from __future__ import annotations

from django.urls import path

from moderation import api

urlpatterns = [
    path("videos/<uuid:video_id>/reports/", api.ReportView.as_view(), name="api-video-report"),
]
