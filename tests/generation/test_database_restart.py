"""PostgreSQL stops without warning while a clip is being made, and comes back."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction

from billing.models import LedgerEntry
from generation import worker
from generation.models import Generation, StageTiming, Video
from tests import servers

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db(transaction=True)


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, Generation.objects.values()
        time.sleep(0.05)


def test_the_job_is_made_once_and_charged_once(
    ask: Ask, run_worker: Callable[[], int], settings: Any
) -> None:
    settings.SORA_LEASE_SECONDS = 3
    job = ask(steps=12).json()["id"]
    busy = threading.Thread(target=run_worker, daemon=True)
    busy.start()
    wait_for(lambda: StageTiming.objects.filter(generation=job, stage="load").exists())

    # The throw-away server commits asynchronously; one synchronous write flushes what came before.
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO on")
        Generation.objects.filter(pk=job).update(share=False)
    assert servers.postgres.process is not None
    os.kill(servers.postgres.process.pid, signal.SIGQUIT)  # an immediate stop: no goodbye
    servers.postgres.process.wait(timeout=10)
    connections.close_all()
    servers.postgres.start()
    busy.join(timeout=60)
    assert not busy.is_alive()

    def finished() -> bool:
        worker.sweep()
        run_worker()
        return Generation.objects.get(pk=job).status == "succeeded"

    wait_for(finished)
    assert Video.objects.filter(generation=job).count() == 1
    assert LedgerEntry.objects.filter(reference=job, kind="capture").count() == 1
    assert not LedgerEntry.objects.filter(reference=job, kind="release").exists()
