"""The queue in SQL: who gets a job, who loses it, in which order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import User, Workspace
from accounts.services import personal_workspace
from billing.models import LedgerEntry
from generation import scheduling, services, worker
from generation.models import Generation

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db


def let_the_lease_run_out(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk).update(
        lease_expires_at=timezone.now() - timedelta(seconds=1)
    )


@pytest.mark.django_db(transaction=True)
def test_many_workers_claiming_at_once_never_share_a_job(ask: Ask) -> None:
    for _ in range(6):
        ask()

    def claim(number: int) -> Any:
        try:
            found = scheduling.claim(f"worker-{number}")
            return found.pk if found else None
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        claimed = [pk for pk in pool.map(claim, range(8)) if pk]
    assert len(claimed) == len(set(claimed)) == 6


def test_a_silent_workers_job_is_queued_again_and_its_late_write_changes_nothing(
    ask: Ask,
) -> None:
    ask()
    zombie = scheduling.claim("first")
    assert zombie is not None
    let_the_lease_run_out(zombie)

    assert worker.sweep() == 1
    taken_over = scheduling.claim("second")
    assert taken_over is not None
    assert taken_over.pk == zombie.pk
    assert taken_over.epoch == zombie.epoch + 1

    assert not scheduling.renew_lease(zombie)
    assert not scheduling.read_control(zombie).mine
    assert not services.end_without_clip(zombie, Generation.Status.FAILED, "engine_failed")
    taken_over.refresh_from_db()
    assert taken_over.status == "running"
    assert not LedgerEntry.objects.filter(kind="release").exists()


def test_three_lost_workers_end_the_job_and_give_the_credits_back(ask: Ask) -> None:
    job = ask().json()["id"]
    for _ in range(3):
        claimed = scheduling.claim("doomed")
        assert claimed is not None
        let_the_lease_run_out(claimed)
        worker.sweep()

    generation = Generation.objects.get(pk=job)
    assert (generation.status, generation.reason_code) == ("failed", "worker_lost")
    assert generation.attempts == 3
    assert LedgerEntry.objects.filter(kind="release", reference=job).count() == 1
    assert scheduling.claim("next") is None


def test_a_living_workers_lease_is_left_alone(ask: Ask) -> None:
    ask()
    claimed = scheduling.claim("busy")
    assert claimed is not None and scheduling.renew_lease(claimed)
    assert worker.sweep() == 0


def test_a_workspace_with_many_jobs_waits_behind_its_own(
    ask: Ask, workspace: Workspace, charlie: User
) -> None:
    for _ in range(4):
        ask()
    theirs = services.request_generation(
        personal_workspace(charlie),
        by=charlie,
        prompt="a blue boat on the ocean",
        width=512,
        height=288,
        seconds=2,
        request_key="c1",
    )
    order = [scheduling.claim("worker") for _ in range(5)]
    place = [job.pk for job in order if job].index(theirs.pk)
    assert place == 1  # after alice's first, before her other three


def test_the_position_counts_down_and_ends(ask: Ask) -> None:
    first, second = ask().json()["id"], ask().json()["id"]
    assert scheduling.queue_position(Generation.objects.get(pk=second)) == 2
    scheduling.claim("worker")
    assert scheduling.queue_position(Generation.objects.get(pk=second)) == 1
    assert scheduling.queue_position(Generation.objects.get(pk=first)) is None


def test_a_cancelled_waiting_job_ends_at_once_and_gives_the_credits_back(
    ask: Ask, api: Any
) -> None:
    job = ask().json()["id"]
    answer = api.post(f"/api/v1/generations/{job}/cancel/")

    assert answer.status_code == 202
    assert answer.json()["status"] == "cancelled"
    assert answer.json()["credit_state"] == "released"
    assert scheduling.claim("worker") is None
    again = api.post(f"/api/v1/generations/{job}/cancel/")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "not_cancellable")


def test_a_cancelled_job_of_a_dead_worker_is_not_run_again(ask: Ask, api: Any) -> None:
    job = ask().json()["id"]
    claimed = scheduling.claim("doomed")
    assert claimed is not None
    api.post(f"/api/v1/generations/{job}/cancel/")
    let_the_lease_run_out(claimed)
    worker.sweep()

    assert Generation.objects.get(pk=job).status == "cancelled"
    assert LedgerEntry.objects.filter(kind="release", reference=job).count() == 1
