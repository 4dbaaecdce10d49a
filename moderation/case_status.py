"""The status of a case, from its events alone. Pure: the stored copy can always be made again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

OPEN, CLOSED, APPEALED = "open", "closed", "appealed"

# What an event does to the status; every other kind leaves it as it is.
MOVES: dict[str, str] = {
    "opened": OPEN,
    "decided": CLOSED,
    "appealed": APPEALED,
    "appeal_decided": CLOSED,
}


class Event(Protocol):
    """What status_of reads of an event."""

    @property
    def kind(self) -> str: ...


def status_of(events: Iterable[Event]) -> str:
    """open, closed or appealed. `events` in the order in which they happened.

    Raises ValueError for a case that was never opened, or decided or appealed out of turn: such a list
    was not made by the services.
    """
    status = ""
    for event in events:
        new = MOVES.get(event.kind)
        if new is None:
            continue
        if not _may_follow(status, event.kind):
            raise ValueError(f"{event.kind} can't follow {status or 'nothing'}")
        status = new
    if not status:
        raise ValueError("this case was never opened")
    return status


def _may_follow(status: str, kind: str) -> bool:
    return {
        "opened": status == "",
        "decided": status == OPEN,
        "appealed": status == CLOSED,
        "appeal_decided": status == APPEALED,
    }[kind]
