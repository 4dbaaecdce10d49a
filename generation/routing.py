"""Websocket routes."""

from __future__ import annotations

from django.urls import path

from generation.consumers import WorkspaceConsumer

websocket_urlpatterns = [
    path("ws/workspaces/<int:workspace_id>/", WorkspaceConsumer.as_asgi()),
]
