"""API routes of generations."""

from __future__ import annotations

from django.urls import path

from generation import api

app_name = "generation_api"
urlpatterns = [
    path(
        "workspaces/<int:workspace_id>/generations/",
        api.GenerationListView.as_view(),
        name="generations",
    ),
    path(
        "workspaces/<int:workspace_id>/estimates/", api.EstimateView.as_view(), name="estimates"
    ),
    path("generations/<uuid:generation_id>/", api.GenerationView.as_view(), name="generation"),
    path("generations/<uuid:generation_id>/cancel/", api.CancelView.as_view(), name="cancel"),
    path("engine/", api.EngineView.as_view(), name="engine"),
    path("verify/", api.VerifyView.as_view(), name="verify"),
]
