"""The loop of a worker process: claim, run, repeat; and sweep what dead workers left behind."""

from __future__ import annotations

import logging
import threading
import time

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from generation import (
    chores,
    hooks,
    library,
    loading,
    pipeline,
    probing,
    probing_meaning,
    scheduling,
    services,
    vision,
)
from generation.attempt import stop_asked
from generation.models import Generation
from generation.uploads import checks as upload_checks
from generation.uploads import services as uploads
from sora_site.lib.request_context import job_id

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
CLEAR_EVERY_SECONDS = 60.0
_busy = threading.Lock()  # one job at a time in one process: the engine holds the device


def drain() -> int:
    """Run jobs until the queue is empty. Returns how many; 0 at once if a job is running here."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not stop_asked.is_set():
            try:
                generation = scheduling.claim(scheduling.worker_name())
            except (OperationalError, InterfaceError):
                logger.warning("the database is away; the keeper looks again", exc_info=True)
                connection.close()
                break
            if generation is None:
                break
            token = job_id.set(str(generation.pk))
            try:
                pipeline.run(generation)
            finally:
                job_id.reset(token)
            done += 1
    finally:
        _busy.release()
        close_old_connections()
    return done


def wait_idle(timeout: float) -> bool:
    """Wait until no job runs in this process, and let none begin any more."""
    return _busy.acquire(timeout=timeout)


def preload() -> None:
    """Load the engine and the text classifiers before the first job, whose user would wait for them.

    A job that is claimed meanwhile waits in generation.loading, with its lease renewed.
    """
    try:
        loading.load_classifiers()
        vision.preload()
        loading.load_engine()
    except Exception:
        logger.exception("the model could not be loaded; jobs will fail until it can")


def sweep() -> int:
    """Queue again what a silent worker left; end what failed too often. Returns how many rows moved."""
    moved = 0
    for generation in Generation.objects.abandoned().select_related("workspace")[:100]:
        if generation.cancel_requested_at is not None:
            moved += services.end_without_clip(generation, Generation.Status.CANCELLED, "cancelled")
        elif generation.attempts >= settings.SORA_MAX_ATTEMPTS:
            moved += services.end_without_clip(generation, Generation.Status.FAILED, "worker_lost")
        else:
            moved += services.put_back(generation)
    if moved:
        logger.warning("swept abandoned jobs", extra={"moved": moved})
    return moved


class Keeper(threading.Thread):
    """Every second: a sign of life, a sweep, chores, and work if a wake-up message was lost.

    Every minute: the trash and old archives.
    """

    def __init__(self) -> None:
        super().__init__(name="keeper", daemon=True)
        self._stop_asked = threading.Event()
        self._next_clearing = 0.0

    def run(self) -> None:
        name = scheduling.worker_name()
        while not self._stop_asked.wait(POLL_SECONDS):
            try:
                scheduling.beat(name)
                sweep()
                if not _busy.locked() and Generation.objects.queued().exists():
                    threading.Thread(target=drain, name="drain", daemon=True).start()
                chores.start_if_due()
                upload_checks.start_if_due()
                for look in hooks.rounds:
                    look()
                if time.monotonic() >= self._next_clearing:
                    self._next_clearing = time.monotonic() + CLEAR_EVERY_SECONDS
                    library.sweep_trash()
                    chores.sweep()
                    uploads.sweep_uploads()
                    for clear in hooks.clearings:
                        clear()
                    probing.sweep()
                    probing_meaning.start_if_due()
            except Exception:
                logger.exception("the keeper's round failed; the next one follows")
                connection.close()

    def stop(self) -> None:
        self._stop_asked.set()
