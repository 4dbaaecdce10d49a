"""Live progress: who may listen, and what they hear."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser

from accounts.models import User, Workspace
from generation import scheduling
from generation.consumers import WorkspaceConsumer
from generation.progress import publish

Ask = Callable[..., Any]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.asyncio]


def socket(workspace_id: int, user: Any) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(WorkspaceConsumer.as_asgi(), "/ws/")
    communicator.scope["user"] = user
    communicator.scope["url_route"] = {"kwargs": {"workspace_id": workspace_id}}
    return communicator


async def closing_code(communicator: WebsocketCommunicator) -> int:
    await communicator.connect()
    message = await communicator.receive_output(timeout=5)
    assert message["type"] == "websocket.close"
    return int(message["code"])


async def test_a_member_gets_a_snapshot_then_every_change(
    ask: Ask, alice: User, workspace: Workspace
) -> None:
    first = (await sync_to_async(ask)()).json()["id"]
    communicator = socket(workspace.pk, alice)
    connected, _ = await communicator.connect()
    assert connected
    snapshot = await communicator.receive_json_from(timeout=5)
    assert snapshot["op"] == "snapshot"
    assert [row["id"] for row in snapshot["generations"]] == [first]

    second = (await sync_to_async(ask)()).json()["id"]
    event = await communicator.receive_json_from(timeout=5)
    assert (event["op"], event["generation"]["id"]) == ("generation", second)

    await sync_to_async(scheduling.claim)("worker")
    await sync_to_async(publish)(first, workspace.pk, stage="denoise", step=3, total=10)
    event = await communicator.receive_json_from(timeout=5)
    assert (event["op"], event["id"]) == ("progress", first)
    assert 0 < event["progress"]["percent"] < 100
    await communicator.disconnect()


async def test_a_stranger_and_an_unknown_id_get_the_same_answer(
    charlie: User, workspace: Workspace
) -> None:
    assert await closing_code(socket(workspace.pk, charlie)) == 4404
    assert await closing_code(socket(10**9, charlie)) == 4404
    assert await closing_code(socket(workspace.pk, AnonymousUser())) == 4404


async def test_a_suspended_member_hears_nothing(alice: User, workspace: Workspace) -> None:
    from django.utils import timezone

    alice.suspended_at = timezone.now()
    await sync_to_async(alice.save)()
    assert await closing_code(socket(workspace.pk, alice)) == 4403


async def test_nonsense_from_a_client_closes_nothing(alice: User, workspace: Workspace) -> None:
    communicator = socket(workspace.pk, alice)
    await communicator.connect()
    await communicator.receive_json_from(timeout=5)
    await communicator.send_to(text_data="{not json")
    await communicator.send_json_to({"op": "ping"})
    assert await communicator.receive_json_from(timeout=5) == {"op": "pong"}
    await communicator.disconnect()
