"""Kill -9 of the worker in the middle of a clip: when is the job taken up again, and what is charged?

Runs the real supervisor over a site of its own, asks for a clip, kills the worker at its third
denoising step and waits for the end. `reclaimed_seconds`: from the kill to the moment another worker
holds the job. `delivered`: clips delivered for it. `charged`: captures in the ledger for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import throwaway
from benchmarks.context import context, main

START_SECONDS, CLIP_SECONDS, KILL_AT_STEP = 120.0, 600.0, 3


def run() -> dict[str, Any]:
    with throwaway.state_folder() as folder, running_site(folder) as url:
        throwaway.connect()
        measures, details = _crash(folder)
    return {
        "measures": measures,
        "context": context(["Django", "dramatiq", "psycopg", "torch"]) | details | {"url": url},
    }


@contextlib.contextmanager
def running_site(folder: Path, *, options: tuple[str, ...] = ()) -> Iterator[str]:
    """`manage.py up` on a free port until the block ends. Yields its address."""
    from sora_site.embedded.state import Runtime

    root = Path(__file__).resolve().parent.parent
    line = [sys.executable, str(root / "manage.py"), "up", "--port", str(free_port()), *options]
    process = subprocess.Popen(line, stdout=sys.stderr, stdin=subprocess.DEVNULL)
    try:

        def is_ready() -> bool:
            runtime = Runtime.load(folder)
            return process.poll() is not None or (runtime is not None and runtime.ready)

        wait_for(is_ready, START_SECONDS, "the site to start")
        runtime = Runtime.load(folder)
        if process.poll() is not None or runtime is None:
            raise RuntimeError("the site did not start; its words are above")
        yield runtime.url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def wait_for(condition: Callable[[], bool], timeout: float, what: str) -> float:
    """Seconds it took. Raises TimeoutError."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        time.sleep(0.05)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _crash(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    from accounts.services import personal_workspace
    from billing.models import LedgerEntry
    from generation import progress
    from generation.capabilities import engine_capabilities
    from generation.models import Generation, Video
    from generation.services import request_generation
    from sora_site.embedded.state import Runtime
    from sora_site.management.first_admin import first_admin

    admin, engine = first_admin(), engine_capabilities()
    width, height = engine.default_size
    job = request_generation(
        personal_workspace(admin),
        by=admin,
        prompt="a red balloon rises over the ocean at sunset",
        width=width,
        height=height,
        seconds=engine.default_seconds,
        request_key="crash",
        seed=1,
    )

    def is_drawing() -> bool:
        job.refresh_from_db()
        if not job.is_open:
            raise RuntimeError(f"the job ended before the kill: {job.status} {job.reason_code}")
        note = progress.read(str(job.pk))
        return note is not None and note["stage"] == "denoise" and note["step"] >= KILL_AT_STEP

    wait_for(is_drawing, CLIP_SECONDS, "the third denoising step")
    runtime, first_epoch = Runtime.load(folder), job.epoch
    assert runtime is not None
    os.kill(runtime.units["worker"], signal.SIGKILL)

    def is_reclaimed() -> bool:
        job.refresh_from_db()
        return job.status == Generation.Status.RUNNING and job.epoch > first_epoch

    reclaimed = wait_for(is_reclaimed, 120, "another worker to take the job")

    def has_ended() -> bool:
        job.refresh_from_db()
        return not job.is_open

    rest = wait_for(has_ended, CLIP_SECONDS, "the job to end")
    charges = LedgerEntry.objects.filter(
        reference=str(job.pk), kind=LedgerEntry.Kind.CAPTURE
    ).count()
    return (
        {
            "reclaimed_seconds": round(reclaimed, 2),
            "delivered": Video.objects.filter(generation=job).count(),
            "charged": charges,
        },
        {"finished_after_seconds": round(reclaimed + rest, 1), "attempts": job.attempts},
    )


if __name__ == "__main__":
    main(run)
