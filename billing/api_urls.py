"""API routes under /api/v1/."""

from __future__ import annotations

from django.urls import path

from billing import api

urlpatterns = [
    path("me/", api.MeView.as_view(), name="api-me"),
    path("workspaces/<int:workspace_id>/ledger/", api.LedgerView.as_view(), name="api-ledger"),
]
