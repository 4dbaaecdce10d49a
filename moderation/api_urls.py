"""Routes below /api/v1/."""

from __future__ import annotations

from django.urls import path

from moderation import api, likeness_api, people_api

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
    path(
        "people/<str:handle>/reports/",
        people_api.PersonReportView.as_view(),
        name="api-person-report",
    ),
    path(
        "reports/<str:number>/", people_api.ReportOutcomeView.as_view(), name="api-report-outcome"
    ),
    path("decisions/", people_api.DecisionListView.as_view(), name="api-decisions"),
    path("decisions/<str:public_id>/", people_api.DecisionView.as_view(), name="api-decision"),
    path("decisions/<str:public_id>/appeal/", people_api.AppealView.as_view(), name="api-appeal"),
    path("notices/", people_api.NoticeListView.as_view(), name="api-notices"),
    path("videos/<uuid:video_id>/reports/", api.ReportView.as_view(), name="api-video-report"),
]
