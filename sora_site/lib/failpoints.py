"""Named places where tests make a process fail: SORA_FAILPOINTS="sign=kill,store=raise".

Off unless the variable is set. `kill` ends the process as `kill -9` does, `raise` is an unexpected
error, `hang` stops this thread for good.
"""

from __future__ import annotations

import os
import signal
import threading


class FailpointReached(RuntimeError):
    """Raised by the action `raise`."""


def reach(name: str) -> None:
    """Do what SORA_FAILPOINTS asks for at this place; nothing without it."""
    wanted = os.environ.get("SORA_FAILPOINTS")
    if not wanted:
        return
    action = dict(part.split("=", 1) for part in wanted.split(",")).get(name)
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise FailpointReached(name)
    elif action == "hang":
        threading.Event().wait()
