"""Pages: rules, reporting, and the staff console."""

from __future__ import annotations

from django.urls import include, path

from moderation import console, views

console_patterns = [
    path("moderation/", console.queue, name="queue"),
    path("moderation/cases/<int:case_id>/", console.case_page, name="case"),
    path("clips/<uuid:video_id>/report/", views.report, name="report"),
]
urlpatterns = [
    path("rules/", views.rules, name="rules"),
    path("", include((console_patterns, "moderation"))),
]
