"""Filing a report: one leased job for the whole sequence, which may die anywhere and is begun again.

The service has no way to ask after a report, and an unfinished one vanishes there (24 hours after it
was opened, one hour after its last change). So the id of an open report is kept before anything is
added to it, and whoever begins again withdraws first and reads the answer: withdrawn, or unknown ->
start over; already finished -> it had been filed, stop. Thus every report is finished exactly once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.mail import send_mail
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models import F
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from accounts import audit
from generation.attempt import LeaseLost, stop_asked
from generation.leases import RowLease
from moderation import cybertip, cybertip_report, sealed
from moderation.childsafety_models import CyberTip, SealedEvidence
from moderation.cybertip import CyberTipError
from sora_site.lib import failpoints

logger = logging.getLogger(__name__)

Status = CyberTip.Status
GIVE_UP_AFTER = timedelta(days=7)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
_busy = threading.Lock()  # one at a time in one process


class Lease(RowLease):
    """One worker's hold on one report."""

    def __init__(self, tip: CyberTip) -> None:
        super().__init__(f"cybertip-{tip.pk}.{tip.epoch}")
        self.tip = tip

    def mine(self) -> Any:
        """The row, as long as this attempt holds it. Every write goes through here."""
        return CyberTip.objects.filter(pk=self.tip.pk, epoch=self.tip.epoch, status=Status.FILING)

    def renew(self) -> bool:
        return bool(self.mine().update(lease_expires_at=_lease_end()))

    def stage(self, name: str) -> None:
        """Called between two steps. Raises LeaseLost when it is not ours to go on."""
        if self.is_over or not self.mine().exists():
            raise LeaseLost()
        failpoints.reach(f"cybertip_{name}")

    def keep(self, **fields: Any) -> None:
        """Write to the row. Raises LeaseLost."""
        if not self.mine().update(**fields):
            raise LeaseLost()
        for name, value in fields.items():
            setattr(self.tip, name, value)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)


# --- The queue -----------------------------------------------------------------------------------


def claim() -> CyberTip | None:
    """Take the report that is due longest; None when there is none, or nothing can be filed."""
    if cybertip_report.missing():
        return None
    with transaction.atomic():
        tip = CyberTip.objects.due().select_for_update(skip_locked=True, of=("self",)).first()
        if tip is None:
            return None
        CyberTip.objects.filter(pk=tip.pk).update(
            status=Status.FILING,
            epoch=F("epoch") + 1,
            attempts=F("attempts") + 1,
            lease_expires_at=_lease_end(),
            first_tried_at=tip.first_tried_at or timezone.now(),
        )
    return CyberTip.objects.select_related("case", "case__person", "workspace").get(pk=tip.pk)


def drain() -> int:
    """File what is due. Returns how many were tried; 0 at once when one is being filed here."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not stop_asked.is_set() and (tip := claim()) is not None:
            run(tip)
            done += 1
    except (OperationalError, InterfaceError):
        logger.warning("the database is away; the keeper looks again", exc_info=True)
        connection.close()
    finally:
        _busy.release()
        close_old_connections()
    return done


def start_if_due() -> None:
    """The keeper's look: a thread for what is due, unless one is at it."""
    if not _busy.locked() and CyberTip.objects.due().exists() and not cybertip_report.missing():
        threading.Thread(target=drain, name="cybertip", daemon=True).start()


def run(tip: CyberTip) -> None:
    """Take one claimed report as far as it goes now. Raises nothing."""
    lease = Lease(tip)
    try:
        with lease:
            file(lease)
    except LeaseLost:
        logger.warning("a report was taken over or put back; another attempt goes on")
        if stop_asked.is_set():
            _try_again(lease, "the worker was stopped", pause=timedelta())
    except CyberTipError as error:
        message = f"{error.code}: {error}" if error.code > 0 else str(error)
        if error.code in cybertip.TERMINAL:
            _fail(lease, message)
        else:
            _try_again(lease, message)
    except (OperationalError, InterfaceError):
        logger.warning("the database went away; the lease runs out", exc_info=True)
        connection.close()
    except Exception as error:
        logger.exception("filing a report failed")
        with suppress(OperationalError, InterfaceError):
            _try_again(lease, f"{type(error).__name__}: {error}")


# --- The sequence --------------------------------------------------------------------------------


def file(lease: Lease) -> None:
    """Every step of one report. Returns when it is filed; raises what stopped it."""
    tip, client = lease.tip, cybertip_report.client()
    lease.stage("claimed")
    if tip.report_id and _had_been_finished(lease, client):
        return
    client.status()

    # 1. Open it, and keep its id before anything else: only with the id it can be withdrawn.
    lease.stage("opening")
    report_id = client.submit(cybertip_report.report(tip))
    failpoints.reach("cybertip_opened")
    try:
        lease.keep(
            report_id=report_id,
            files=[],
            host=client.base,
            is_test=not cybertip_report.is_production(),
        )
    except LeaseLost:
        _withdraw_quietly(client, report_id)  # nobody would ever finish it; it vanishes otherwise
        raise

    # 2. The files, decrypted while they are sent. What arrived must be what was sealed.
    lease.stage("kept")
    for evidence in tip.case.evidence.filter(kind=SealedEvidence.Kind.FILE, cleared_at=None):
        answer = client.upload(report_id, cybertip_report.upload_of(evidence))
        if answer.hash and answer.hash != evidence.md5:
            raise CyberTipError(CyberTipError.UNREADABLE, "a file arrived altered")
        lease.stage("uploaded")
        client.describe(
            cybertip_report.file_details(tip, evidence, report_id=report_id, file_id=answer.file_id)
        )
        lease.keep(files=[*tip.files, {"evidence": str(evidence.pk), "file_id": answer.file_id}])
        lease.stage("described")

    # 3. Hand it over. From here on it can't be withdrawn, and the next attempt will learn that.
    lease.stage("finishing")
    done = client.finish(report_id)
    failpoints.reach("cybertip_finished")
    if done.files and len(done.files) != len(tip.files):
        logger.error(
            "report %s was finished with %d of %d files", report_id, len(done.files), len(tip.files)
        )
    _filed(lease)
    failpoints.reach("cybertip_filed")


def _had_been_finished(lease: Lease, client: cybertip.Client) -> bool:
    """Withdraw what an earlier attempt opened. True: it had been finished, and now we know."""
    tip = lease.tip
    if tip.host != client.base:  # the id means nothing at another service; there it vanishes
        lease.keep(report_id="", files=[])
        return False
    code = client.retract(tip.report_id)
    failpoints.reach("cybertip_withdrawn")
    if code == cybertip.ALREADY_FINISHED:
        _filed(lease)
        return True
    lease.keep(report_id="", files=[])
    return False


def _withdraw_quietly(client: cybertip.Client, report_id: str) -> None:
    with suppress(CyberTipError):
        client.retract(report_id)


def _filed(lease: Lease) -> None:
    tip = lease.tip
    with transaction.atomic():
        lease.keep(
            status=Status.FILED, filed_at=timezone.now(), lease_expires_at=None, last_error=""
        )
        sealed.extend_hold(tip.case)
        audit.record(
            audit.CHILD_SAFETY_REPORT_FILED,
            workspace=tip.workspace,
            target=tip,
            report_id=tip.report_id,
            test=tip.is_test,
            attempts=tip.attempts,
        )


# --- Its other ends ------------------------------------------------------------------------------


def _try_again(lease: Lease, message: str, *, pause: timedelta | None = None) -> None:
    tip = lease.tip
    began = tip.first_tried_at or timezone.now()
    if timezone.now() - began > GIVE_UP_AFTER:
        _fail(lease, f"given up after {GIVE_UP_AFTER.days} days: {message}")
        return
    if pause is None:
        pause = min(FIRST_PAUSE * 2 ** min(tip.attempts - 1, 20), LONGEST_PAUSE)
    logger.warning("a report was not filed yet: %s", message)
    lease.mine().update(
        status=Status.WAITING,
        lease_expires_at=None,
        next_attempt_at=Now() + pause,
        last_error=message[:300],
    )


def _fail(lease: Lease, message: str) -> None:
    """Final for the machine: a person has to act, and is told."""
    tip = lease.tip
    with transaction.atomic():
        failed = lease.mine().update(
            status=Status.FAILED, lease_expires_at=None, last_error=message[:300]
        )
        if not failed:
            return
        audit.record(
            audit.CHILD_SAFETY_REPORT_FAILED,
            workspace=tip.workspace,
            target=tip,
            attempts=tip.attempts,
        )
        transaction.on_commit(lambda: alert(tip, message))


def alert(tip: CyberTip, message: str) -> None:
    """Mail everybody who may act. Says nothing of the case but its number."""
    from moderation import childsafety

    logger.critical("a report to the CyberTipline could not be filed: %s", message)
    page = settings.PUBLIC_URL + reverse("moderation:child-safety-report", args=[tip.case_id])
    text = (
        f"A report to the CyberTipline could not be filed, and nothing will try again by itself.\n\n"
        f"{message}\n\nCorrect the cause, then send it again from this page:\n{page}\n"
    )
    addresses = [person.email for person in childsafety.reviewers()]
    _quietly(
        lambda: send_mail(
            f"[{settings.SITE_NAME}] A child-safety report needs you", text, None, addresses
        )
    )


def _quietly(send: Callable[[], object]) -> None:
    try:
        send()
    except Exception:
        logger.exception("the alert mail was not sent; the queue page shows the failure")
