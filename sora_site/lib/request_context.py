"""Which request or job this thread of execution serves; log records and error bodies carry it."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)


def current_request_id() -> str | None:
    return request_id.get()
