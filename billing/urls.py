"""Pages about credits."""

from __future__ import annotations

from django.urls import path

from billing import views

app_name = "billing"
urlpatterns = [
    path("settings/credits/", views.credits, name="credits"),
    path("settings/credits/<int:workspace_id>/", views.workspace_credits, name="workspace-credits"),
]
