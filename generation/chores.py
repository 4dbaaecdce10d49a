"""The worker's side work: claim a chore, run it under a lease, keep its result or say why not.

It runs in a thread of its own beside the making of clips, so nobody waits minutes for a GIF. Who
asks, and what is made, stands in `renditions` and `archives`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.db.models.functions import Now
from django.utils import timezone

from generation.attempt import LeaseLost, stop_asked
from generation.errors import CHORE_REASONS
from generation.leases import RowLease
from generation.models import Chore, Video
from generation.services import forget_chore
from sora_site.lib import storage
from sora_site.lib.errors import SoraError

logger = logging.getLogger(__name__)

Status = Chore.Status
_busy = threading.Lock()  # one at a time in one process


class ChoreFailed(Exception):
    """Final. `code` is one of CHORE_REASONS, or `message` says more."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(message or CHORE_REASONS.get(code, code))
        self.code = code
        self.message = message


class Lease(RowLease):
    """One worker's hold on one chore, checked with every step."""

    def __init__(self, chore: Chore) -> None:
        super().__init__(f"chore-{chore.pk}.{chore.epoch}")
        self.chore = chore

    def mine(self) -> Any:
        """The row, as long as it is ours: every write of a chore goes through this."""
        return Chore.objects.filter(pk=self.chore.pk, epoch=self.chore.epoch, status=Status.RUNNING)

    def renew(self) -> bool:
        until = Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)
        return bool(self.mine().update(lease_expires_at=until))

    def step(self, done: int, total: int) -> None:
        """Note where the work stands. Raises LeaseLost when it is not ours to go on with."""
        if self.is_over or not self.mine().update(done=done, total=total):
            raise LeaseLost()


def claim() -> Chore | None:
    """Take the oldest chore that is due; None when there is none. Locked rows are skipped."""
    with transaction.atomic():
        chore = Chore.objects.due().select_for_update(skip_locked=True).first()
        if chore is None:
            return None
        if chore.attempts >= settings.SORA_MAX_ATTEMPTS:
            _end(Chore.objects.filter(pk=chore.pk), Status.FAILED, reason_code="worker_lost")
            return None
        chore.status, chore.reason_code = Status.RUNNING, ""
        chore.epoch, chore.attempts = chore.epoch + 1, chore.attempts + 1
        chore.lease_expires_at = timezone.now()
        chore.save(update_fields=["status", "reason_code", "epoch", "attempts", "lease_expires_at"])
        Chore.objects.filter(pk=chore.pk).update(
            lease_expires_at=Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)
        )
    return Chore.objects.select_related("workspace", "requested_by").get(pk=chore.pk)


def drain() -> int:
    """Run chores until none is due. Returns how many; 0 at once when this process runs one."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not stop_asked.is_set() and (chore := claim()) is not None:
            run(chore)
            done += 1
    except (OperationalError, InterfaceError):
        logger.warning("the database is away; the keeper looks again", exc_info=True)
        connection.close()
    finally:
        _busy.release()
        close_old_connections()
    return done


def start_if_due() -> None:
    """The keeper's look: a thread for what waits, unless one is at it."""
    if not _busy.locked() and Chore.objects.due().exists():
        threading.Thread(target=drain, name="chores", daemon=True).start()


def run(chore: Chore) -> None:
    """Take one claimed chore to its end. Raises nothing."""
    mine = Chore.objects.filter(pk=chore.pk, epoch=chore.epoch, status=Status.RUNNING)
    try:
        with Lease(chore) as lease:
            work_of(chore)(chore, lease)
    except LeaseLost:
        logger.warning("chore taken over or stopped")
        if stop_asked.is_set():
            mine.update(
                status=Status.WAITING, lease_expires_at=None, attempts=max(0, chore.attempts - 1)
            )
    except ChoreFailed as failure:
        report = {**chore.report, "message": failure.message} if failure.message else chore.report
        _end(mine, Status.FAILED, reason_code=failure.code, report=report)
    except SoraError as refusal:
        report = {"message": f"{refusal.message} {refusal.remedy or ''}".strip()}
        _end(mine, Status.FAILED, reason_code=refusal.code, report=report)
    except (OperationalError, InterfaceError):
        logger.warning("the database went away; the lease runs out", exc_info=True)
        connection.close()
    except Exception as error:
        logger.exception("chore failed")
        _end(mine, Status.FAILED, reason_code=reason_of(error))


def reason_of(error: Exception) -> str:
    from generation.media import MediaError
    from generation.provenance.c2pa import SigningError

    code = getattr(error, "code", "")
    if isinstance(error, SigningError):
        return "storage_full" if code == "disk_full" else "signing_failed"
    if isinstance(error, MediaError):
        return "storage_full" if code == "disk_full" else "unreadable"
    return "internal_error"


def work_of(chore: Chore) -> Callable[[Chore, Lease], None]:
    """Imported when it is needed: a worker that makes no GIF needs none of it."""
    from generation import conversion
    from generation.archives import reading as archive_reading
    from generation.archives import writing as archive_writing

    return {
        Chore.Kind.DOWNLOAD: archive_writing.make_download,
        Chore.Kind.EXPORT: archive_writing.make_export,
        Chore.Kind.IMPORT: archive_reading.run_import,
    }.get(Chore.Kind(chore.kind), conversion.make)


def finish(
    lease: Lease,
    path: Path | None,
    key: str = "",
    *,
    also: Callable[[], object] = lambda: None,
    **fields: Any,
) -> None:
    """Keep the result, and do what `also` does, in one transaction with a look at the clip: what was
    taken down or deleted while the chore ran gets no new file. Raises ChoreFailed, LeaseLost."""
    chore = lease.chore
    size = path.stat().st_size if path is not None else 0
    if path is not None:
        fields.setdefault("sha256", storage.sha256_of(path))
        storage.store_private(path, key)
    try:
        with transaction.atomic():
            if chore.video_id is not None:
                video = Video.objects.select_for_update().get(pk=chore.video_id)
                if video.quarantined_at is not None or video.deleted_at is not None:
                    raise ChoreFailed("gone")
            if not _end(lease.mine(), Status.DONE, key=key, bytes=size, **fields):
                raise LeaseLost()
            also()
    except BaseException:
        if path is not None and not Chore.objects.filter(key=key, status=Status.DONE).exists():
            storage.delete_private(key)
        raise


def _end(rows: Any, status: Chore.Status, **fields: Any) -> bool:
    return bool(rows.update(status=status, finished_at=Now(), lease_expires_at=None, **fields))


def sweep() -> int:
    """Delete archives after SORA_ARCHIVE_DAYS, their rows with them. Formats stay with their clip."""
    oldest = timezone.now() - timedelta(days=settings.SORA_ARCHIVE_DAYS)
    old = list(Chore.objects.filter(video=None, finished_at__lt=oldest)[:50])
    for chore in old:
        forget_chore(chore)
    return len(old)
