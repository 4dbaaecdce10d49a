"""Pages of generations and clips."""

from __future__ import annotations

from django.urls import path

from generation import views

app_name = "generation"
urlpatterns = [
    path("create/", views.composer, name="composer"),
    path("activity/", views.activity, name="activity"),
    path("library/", views.library, name="library"),
    path("clips/<uuid:video_id>/", views.clip, name="clip"),
    path("verify/", views.verify, name="verify"),
]
