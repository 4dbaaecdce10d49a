"""The status of a case, from its events alone. Pure: the stored copy can always be made again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

OPEN, CLOSED, APPEALED = "open", "closed", "appealed"
MOVES: Final = frozenset({"opened", "decided", "appealed", "appeal_decided"})
"""The kinds of events that change the status; every other kind leaves it as it is."""


class Event(Protocol):
    """What status_of reads of an event."""

    @property
    def kind(self) -> str: ...


def status_of(events: Iterable[Event]) -> str:
    """open, closed or appealed (while any appeal runs). `events` in the order in which they happened.

    Raises ValueError for a case that was never opened, or decided or appealed out of turn: such a list
    was not made by the services.
    """
    opened = decided = False
    appeals = 0
    for event in events:
        if event.kind not in MOVES:
            continue
        in_turn = {
            "opened": not opened,
            "decided": opened and not decided,
            "appealed": decided,
            "appeal_decided": appeals > 0,
        }[event.kind]
        if not in_turn:
            raise ValueError(f"{event.kind} came out of turn")
        opened = True
        decided = decided or event.kind == "decided"
        appeals += {"appealed": 1, "appeal_decided": -1}.get(event.kind, 0)
    if not opened:
        raise ValueError("this case was never opened")
    if not decided:
        return OPEN
    return APPEALED if appeals else CLOSED
