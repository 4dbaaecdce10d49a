"""Live progress: who may listen, and what they hear."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User, Workspace
from generation import scheduling
from generation.consumers import WorkspaceConsumer
from generation.progress import publish

Ask = Callable[..., Any]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


class Socket(ApplicationCommunicator):
    """One websocket of a browser, signed in as `user`."""

    def __init__(self, workspace_id: int, user: Any) -> None:
        super().__init__(
            WorkspaceConsumer.as_asgi(),
            {
                "type": "websocket",
                "path": f"/ws/workspaces/{workspace_id}/",
                "user": user,
                "url_route": {"kwargs": {"workspace_id": workspace_id}},
            },
        )

    async def connect(self) -> None:
        await self.send_input({"type": "websocket.connect"})
        assert (await self.receive_output(timeout=5))["type"] == "websocket.accept"

    async def hear(self) -> Any:
        return json.loads((await self.receive_output(timeout=5))["text"])

    async def say(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def leave(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait()


async def closing_code(socket: Socket) -> int:
    await socket.connect()
    message = await socket.receive_output(timeout=5)
    assert message["type"] == "websocket.close"
    return int(message["code"])


async def test_a_member_gets_a_snapshot_then_every_change(
    ask: Ask, alice: User, workspace: Workspace
) -> None:
    first = (await sync_to_async(ask)()).json()["id"]
    communicator = Socket(workspace.pk, alice)
    await communicator.connect()
    snapshot = await communicator.hear()
    assert snapshot["op"] == "snapshot"
    assert [row["id"] for row in snapshot["generations"]] == [first]

    second = (await sync_to_async(ask)()).json()["id"]
    event = await communicator.hear()
    assert (event["op"], event["generation"]["id"]) == ("generation", second)

    await sync_to_async(scheduling.claim)("worker")
    await sync_to_async(publish)(first, workspace.pk, stage="denoise", step=3, total=10)
    event = await communicator.hear()
    assert (event["op"], event["id"]) == ("progress", first)
    assert 0 < event["progress"]["percent"] < 100
    await communicator.leave()


async def test_a_stranger_and_an_unknown_id_get_the_same_answer(
    charlie: User, workspace: Workspace
) -> None:
    assert await closing_code(Socket(workspace.pk, charlie)) == 4404
    assert await closing_code(Socket(10**9, charlie)) == 4404
    assert await closing_code(Socket(workspace.pk, AnonymousUser())) == 4404


async def test_a_suspended_member_hears_nothing(alice: User, workspace: Workspace) -> None:
    from django.utils import timezone

    alice.suspended_at = timezone.now()
    await sync_to_async(alice.save)()
    assert await closing_code(Socket(workspace.pk, alice)) == 4403


async def test_nonsense_from_a_client_closes_nothing(alice: User, workspace: Workspace) -> None:
    communicator = Socket(workspace.pk, alice)
    await communicator.connect()
    await communicator.hear()
    await communicator.say("{not json")
    await communicator.say('{"op": "ping"}')
    assert await communicator.hear() == {"op": "pong"}
    await communicator.leave()
