"""kill -9 of the worker at every stage: the job is taken over, delivered once and charged once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection

from billing.models import LedgerEntry
from generation import worker
from generation.models import Generation, Video

Ask = Callable[..., Any]
STAGES = ["prompt", "load", "generate", "checks", "sign", "store"]
pytestmark = pytest.mark.django_db(transaction=True)

CHILD = """
import django; django.setup()
from generation import worker
worker.drain()
"""


def start_worker(**environment: str) -> subprocess.Popen[bytes]:
    """A worker process of its own, on this test's database."""
    database = connection.settings_dict
    url = site.DATABASE_URL.replace("/sora?", f"/{database['NAME']}?")
    if url == site.DATABASE_URL:
        url = site.DATABASE_URL.rsplit("/", 1)[0] + f"/{database['NAME']}"
    return subprocess.Popen(
        [sys.executable, "-c", CHILD],
        cwd=site.BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, "SORA_LEASE_SECONDS": "2", **environment},
    )


def sweep_until_taken(job: str, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if worker.sweep():
            return
        time.sleep(0.2)
    raise AssertionError(f"not swept: {Generation.objects.values().get(pk=job)}")


@pytest.mark.parametrize("stage", STAGES)
def test_a_worker_killed_there_costs_nothing_but_time(
    stage: str, ask: Ask, run_worker: Callable[[], int]
) -> None:
    job = ask().json()["id"]
    child = start_worker(SORA_FAILPOINTS=f"{stage}=kill")
    assert child.wait(timeout=120) == -signal.SIGKILL
    assert Generation.objects.get(pk=job).status == "running"
    assert not Video.objects.exists()

    sweep_until_taken(job)
    run_worker()

    generation = Generation.objects.get(pk=job)
    assert (generation.status, generation.attempts) == ("succeeded", 2)
    assert Video.objects.filter(generation=generation).count() == 1
    assert LedgerEntry.objects.filter(reference=job, kind="capture").count() == 1
    assert LedgerEntry.objects.filter(reference=job).count() == 2  # the hold and its capture


@pytest.mark.parametrize("stage", ["prompt", "checks", "store"])
def test_an_error_nobody_foresaw_fails_the_job_and_gives_the_credits_back(
    stage: str, ask: Ask, run_worker: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SORA_FAILPOINTS", f"{stage}=raise")
    job = ask().json()["id"]
    run_worker()

    generation = Generation.objects.get(pk=job)
    assert (generation.status, generation.reason_code) == ("failed", "internal_error")
    assert LedgerEntry.objects.filter(reference=job, kind="release").count() == 1
    assert not Video.objects.exists()
