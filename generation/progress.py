"""Where a running job stands: a short-lived note in the cache and a live event, never a database row."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache

from sora_site.lib import realtime

SECONDS_KEPT = 120
# Where each stage begins and ends on the bar, in percent.
SPAN = {
    "load": (0, 4),
    "prompt": (4, 6),
    "denoise": (6, 84),
    "decode": (84, 86),
    "checks": (86, 94),
    "sign": (94, 97),
    "store": (97, 100),
}


def workspace_group(workspace_id: int) -> str:
    return f"workspace.{workspace_id}"


def percent(stage: str, step: int, total: int) -> int:
    start, end = SPAN[stage]
    return round(start + (end - start) * (step / total if total else 1))


def publish(
    generation_id: str,
    workspace_id: int,
    *,
    stage: str,
    step: int = 0,
    total: int = 0,
    preview: str | None = None,
) -> None:
    """Note and send where the job stands. `preview` is a data URI of a small picture."""
    progress = {
        "stage": stage,
        "percent": percent(stage, step, total) if total else SPAN[stage][0],
        "step": step,
        "total": total,
        "preview": preview or (read(generation_id) or {}).get("preview"),
    }
    cache.set(f"progress:{generation_id}", progress, SECONDS_KEPT)
    realtime.send(
        workspace_group(workspace_id),
        {"op": "progress", "id": generation_id, "progress": progress},
    )


def read(generation_id: str) -> dict[str, Any] | None:
    """The last note, or None when there is none or the cache is away."""
    try:
        note: dict[str, Any] | None = cache.get(f"progress:{generation_id}")
    except Exception:  # the cache is a convenience: without it the bar shows the stage only
        return None
    return note


def forget(generation_id: str) -> None:
    cache.delete(f"progress:{generation_id}")
