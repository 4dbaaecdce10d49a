"""Routes below /api/v1/."""

from __future__ import annotations

from django.urls import path

from moderation import api, likeness_api

urlpatterns = [
    path("likeness/", likeness_api.GrantListView.as_view(), name="api-likeness"),
    path(
        "likeness/<uuid:grant_id>/consent/",
        likeness_api.ConsentView.as_view(),
        name="api-likeness-consent",
    ),
    path(
        "likeness/<uuid:grant_id>/revoke/",
        likeness_api.RevokeView.as_view(),
        name="api-likeness-revoke",
    ),
    path("moderation/likeness/", likeness_api.StaffView.as_view(), name="api-likeness-staff"),
    path(
        "moderation/likeness/<uuid:grant_id>/revoke/",
        likeness_api.StaffRevokeView.as_view(),
        name="api-likeness-staff-revoke",
    ),
    path("videos/<uuid:video_id>/reports/", api.ReportView.as_view(), name="api-video-report"),
]
