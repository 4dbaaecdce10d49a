"""API routes under /api/v1/."""

from __future__ import annotations

from django.urls import path

from accounts import api

urlpatterns = [
    path("workspaces/", api.WorkspaceListView.as_view(), name="api-workspaces"),
    path("tokens/", api.TokenListView.as_view(), name="api-tokens"),
    path("tokens/<int:token_id>/", api.TokenView.as_view(), name="api-token"),
]
