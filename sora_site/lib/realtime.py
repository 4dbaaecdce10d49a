"""The only sender of live events. Losing one is allowed: clients re-read state when they reconnect."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

_loop: asyncio.AbstractEventLoop | None = None
_start = threading.Lock()


def _publisher_loop() -> asyncio.AbstractEventLoop:
    """One long-lived loop per process: `async_to_sync` would open a connection for every event."""
    global _loop
    with _start:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="realtime", daemon=True).start()
    return _loop


def send(group: str, event: dict[str, Any]) -> None:
    """Publish now, without waiting. Failures are logged and swallowed: an event is never the truth."""
    layer = get_channel_layer()
    if layer is None:
        return

    async def publish() -> None:
        try:
            await layer.group_send(group, {"type": "push", "event": event})
        except Exception:
            logger.warning("live event lost", exc_info=True, extra={"group": group})

    asyncio.run_coroutine_threadsafe(publish(), _publisher_loop())


def send_on_commit(group: str, event: dict[str, Any]) -> None:
    """Publish after the running transaction commits, so that nobody hears of what never was."""
    transaction.on_commit(lambda: send(group, event))
