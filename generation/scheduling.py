"""The queue in SQL: fair tags, claims, leases, estimates. Dramatiq messages only say "look again".

Start-time fair queueing (Goyal et al. 1996, "Start-time Fair Queuing"): a job's tag is the later of
the queue's virtual time and the end of its workspace's previous job, so a workspace that sends a
hundred jobs waits behind its own, not everybody behind it. Lowest tag runs first.
All lease arithmetic uses the database's clock.
"""

from __future__ import annotations

import logging
import os
import socket
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from accounts.models import Workspace
from billing.services import plan_of
from generation import estimates
from generation.models import FairShare, Generation, QueueClock, WorkerBeat

logger = logging.getLogger(__name__)

WORKER_SILENT_AFTER = timedelta(seconds=30)


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def fair_tag(workspace: Workspace, *, seconds: float) -> float:
    """Reserve this workspace's place for a job of so many engine seconds. Call inside a transaction."""
    FairShare.objects.get_or_create(workspace=workspace)
    QueueClock.objects.get_or_create(pk=1)
    share = FairShare.objects.select_for_update().get(workspace=workspace)
    tag = max(QueueClock.objects.get(pk=1).virtual_time, share.last_tag)
    share.last_tag = tag + seconds / plan_of(workspace).weight
    share.save(update_fields=["last_tag"])
    return tag


def claim(worker: str) -> Generation | None:
    """Take the next queued job with a lease and a new epoch, or None when nothing waits.

    Two workers never get the same row: the candidate is locked and locked rows are skipped.
    """
    table = connection.ops.quote_name(Generation._meta.db_table)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} SET status = 'running', epoch = epoch + 1, attempts = attempts + 1,
                   worker = %s, started_at = coalesce(started_at, now()),
                   lease_expires_at = now() + make_interval(secs => %s)
             WHERE id = (SELECT id FROM {table} WHERE status = 'queued'
                          ORDER BY fair_tag, created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING id
            """,
            [worker, settings.SORA_LEASE_SECONDS],
        )
        row = cursor.fetchone()
        if row is None:
            return None
        generation = Generation.objects.select_related("workspace", "requested_by").get(pk=row[0])
        QueueClock.objects.filter(pk=1).update(
            virtual_time=Greatest(F("virtual_time"), generation.fair_tag)
        )
    return generation


def renew_lease(generation: Generation) -> bool:
    """Push the lease out. False: the job was taken over, cancelled or ended; stop working on it."""
    return (
        Generation.objects.filter(
            pk=generation.pk, epoch=generation.epoch, status=Generation.Status.RUNNING
        ).update(lease_expires_at=Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS))
        == 1
    )


@dataclass(frozen=True)
class Control:
    """What the database says to the worker of a running job."""

    mine: bool
    cancel: bool


def read_control(generation: Generation) -> Control:
    """One indexed read between two denoising steps."""
    row = Generation.objects.filter(
        pk=generation.pk, epoch=generation.epoch, status=Generation.Status.RUNNING
    ).values_list("cancel_requested_at")[:1]
    found = list(row)
    return Control(mine=bool(found), cancel=bool(found) and found[0][0] is not None)


def beat(worker: str, *, engine: str = "") -> None:
    """Record that this worker lives; forget workers silent for an hour."""
    WorkerBeat.objects.update_or_create(
        name=worker, defaults={"seen_at": timezone.now(), "engine": engine}
    )
    WorkerBeat.objects.filter(seen_at__lt=timezone.now() - timedelta(hours=1)).delete()


def live_workers() -> int:
    return WorkerBeat.objects.filter(seen_at__gt=timezone.now() - WORKER_SILENT_AFTER).count()


def queue_position(generation: Generation) -> int | None:
    """1 = next to run; None once it no longer waits."""
    if generation.status != Generation.Status.QUEUED:
        return None
    return (
        Generation.objects.queued()
        .filter(
            Q(fair_tag__lt=generation.fair_tag)
            | Q(fair_tag=generation.fair_tag, created_at__lt=generation.created_at)
        )
        .count()
        + 1
    )


def wait_seconds(*, before_tag: float | None = None) -> float:
    """Work ahead of a new job (or of one with this tag), divided by the live workers."""
    waiting = Generation.objects.queued()
    if before_tag is not None:
        waiting = waiting.filter(fair_tag__lt=before_tag)
    rates = estimates.measured_rates()
    total = estimates.work_of(waiting, rates)
    for job in Generation.objects.filter(status=Generation.Status.RUNNING)[:50]:
        age = (timezone.now() - (job.started_at or timezone.now())).total_seconds()
        total += max(1.0, estimates.seconds_of(job) - age)
    return total / max(1, live_workers())


def eta_seconds(generation: Generation) -> float | None:
    """Seconds until this open job should be finished; None once it ended."""
    if generation.status == Generation.Status.QUEUED:
        return wait_seconds(before_tag=generation.fair_tag) + estimates.seconds_of(generation)
    if generation.status == Generation.Status.RUNNING and generation.started_at:
        age = (timezone.now() - generation.started_at).total_seconds()
        return max(1.0, estimates.seconds_of(generation) - age)
    return None
