"""Live progress of one workspace: a snapshot first, then every change."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.http import Http404

from accounts import access
from accounts.errors import SignInRequired
from accounts.models import User
from accounts.permissions import check_standing
from generation import presenting
from generation.models import Generation
from generation.progress import workspace_group
from sora_site.lib.errors import SoraError

NOT_FOUND, NOT_ALLOWED = 4404, 4403


class WorkspaceConsumer(AsyncJsonWebsocketConsumer):
    """Joins the group before it reads the snapshot, so no change falls in between.

    A change may arrive twice; every event carries the whole new state, so that does no harm.
    Nobody signed in, a stranger and an unknown id get the same answer: closed with 4404.
    """

    group: str | None = None

    async def connect(self) -> None:
        self.workspace_id = int(self.scope["url_route"]["kwargs"]["workspace_id"])
        try:
            await self._check_member()
        except (Http404, SignInRequired):
            await self.refuse(NOT_FOUND)
            return
        except SoraError:
            await self.refuse(NOT_ALLOWED)
            return
        self.group = workspace_group(self.workspace_id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        await self.accept()
        await self.send_json({"op": "snapshot", "generations": await self._snapshot()})

    async def refuse(self, code: int) -> None:
        """Accept, then close: a browser only learns the code of a socket that was open."""
        await self.accept()
        await self.close(code=code)

    async def disconnect(self, code: int) -> None:
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        """Clients only listen; a ping keeps proxies from closing an idle socket."""
        if content == {"op": "ping"}:
            await self.send_json({"op": "pong"})

    @classmethod
    async def decode_json(cls, text_data: str) -> Any:
        try:
            return await super().decode_json(text_data)
        except ValueError:
            return None

    async def push(self, message: dict[str, Any]) -> None:
        event = message["event"]
        if event["op"] == "changed":
            found = await self._present(event["id"])
            if found is None:
                return
            event = {"op": "generation", "generation": found}
        await self.send_json(event)

    @database_sync_to_async
    def _check_member(self) -> None:
        user: User = self.scope["user"]
        access.get_workspace(user, self.workspace_id)
        check_standing(user)

    @database_sync_to_async
    def _snapshot(self) -> list[dict[str, Any]]:
        latest = Generation.objects.filter(workspace_id=self.workspace_id)
        rows = (
            latest.select_related("video")
            .prefetch_related("sources")
            .order_by("-created_at", "-id")[:20]
        )
        return [presenting.present(generation) for generation in rows]

    @database_sync_to_async
    def _present(self, generation_id: str) -> dict[str, Any] | None:
        generation = (
            Generation.objects.filter(pk=generation_id, workspace_id=self.workspace_id)
            .select_related("video")
            .first()
        )
        return presenting.present(generation) if generation else None
