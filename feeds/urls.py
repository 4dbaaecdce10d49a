"""Pages of the feeds."""

from __future__ import annotations

from django.urls import path

from feeds import views

app_name = "feeds"
urlpatterns = [
    path("", views.recent, name="recent"),
    path("u/<str:handle>/", views.profile, name="profile"),
    path("clips/<uuid:video_id>/share/", views.share, name="share"),
]
