"""Keeping clips and uploads from everybody by a decision, and giving them back when none does.

Two decisions may remove one clip; it comes back when both were taken back and nothing else of the
house keeps it (a child-safety case, a check that holds it).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from generation import takedown
from generation.models import Receipt, Upload, Video, VideoQuerySet
from generation.receipts import APPEAL_DAYS
from moderation.models import Appeal, Case, ChildSafetyCase, LegalHold, Removal

MOVE_AT_ONCE = 200
"""So many files' owners are moved right after the commit; more wait for the keeper's next minute."""


def remove(
    found: takedown.Reach, *, reference: str, by: User | None, hide: bool = False
) -> list[Video]:
    """Write down that a decision keeps these, and take out what was within reach.

    The rows of `found` must be locked. hide: only until the case is decided; files stay where they
    are, so that whoever decides can see them. Returns the clips, for their statements of reasons.
    """
    takedown.take_out(found, by=by, reason=reference)
    until = None if hide else timezone.now() + timedelta(days=APPEAL_DAYS)
    videos = list(
        Video.objects.filter(pk__in=found.videos)
        .select_related("workspace", "creator")
        .only("pk", "workspace", "creator", "shared_at")
    )
    uploads = Upload.objects.filter(pk__in=found.uploads).only("pk", "workspace_id")
    rows = [
        Removal(workspace_id=v.workspace_id, video=v, reference=reference, files_until=until)
        for v in videos
    ] + [
        Removal(workspace_id=u.workspace_id, upload=u, reference=reference, files_until=until)
        for u in uploads
    ]
    Removal.objects.bulk_create(rows)
    if not hide and len(rows) <= MOVE_AT_ONCE:
        transaction.on_commit(move_waiting)
    return videos


def name_receipts(reference: str, receipts: Iterable[Receipt]) -> None:
    """Let each removal of this decision point to the statement its owner got."""
    for receipt in receipts:
        Removal.objects.filter(reference=reference, video=UUID(receipt.subject_id)).update(
            receipt=receipt
        )


def give_back(
    *, reference: str, by: User | None, videos: Iterable[UUID] | None = None
) -> takedown.Reach:
    """Lift what one decision removed (or some of it), and bring back what nothing else keeps."""
    rows = Removal.objects.running().filter(reference=reference)
    if videos is not None:
        rows = rows.filter(video__in=list(videos))
    lifted = takedown.Reach(
        set(rows.filter(video__isnull=False).values_list("video_id", flat=True)),
        set(rows.filter(upload__isnull=False).values_list("upload_id", flat=True)),
    )
    rows.update(lifted_at=timezone.now())
    return takedown.bring_back(_free(lifted), by=by, reason=reference)


def _free(found: takedown.Reach) -> takedown.Reach:
    still = Removal.objects.running()
    kept = set(still.filter(video__in=found.videos).values_list("video_id", flat=True))
    kept |= set(
        ChildSafetyCase.objects.filter(video__in=found.videos)
        .filter(Q(closed_at=None) | Q(decisions__action="report"))
        .values_list("video_id", flat=True)
    )
    kept_uploads = set(still.filter(upload__in=found.uploads).values_list("upload_id", flat=True))
    kept_uploads |= set(
        ChildSafetyCase.objects.filter(upload__in=found.uploads)
        .filter(Q(closed_at=None) | Q(decisions__action="report"))
        .values_list("upload_id", flat=True)
    )
    return takedown.Reach(found.videos - kept, found.uploads - kept_uploads)


def move_waiting() -> int:
    """Put the files of removed things into quarantine. Until then no link leads to them either.

    Twice is harmless; called after a decision and every minute.
    """
    waiting = Removal.objects.running().filter(moved_at=None, files_until__isnull=False)
    moved = 0
    while rows := list(waiting.order_by("created_at", "pk")[:200]):
        takedown.move_files(
            takedown.Reach(
                {row.video_id for row in rows if row.video_id},
                {row.upload_id for row in rows if row.upload_id},
            )
        )
        Removal.objects.filter(pk__in=[row.pk for row in rows]).update(moved_at=timezone.now())
        moved += len(rows)
        if moved >= 2000:
            break
    return moved


# --- Until the files end -------------------------------------------------------------------------


def without_removal(videos: VideoQuerySet) -> VideoQuerySet:
    """Takes out what is kept for an appeal or by a legal hold; see generation.hooks.holds."""
    removed = Removal.objects.running().filter(video=OuterRef("pk"), files_deleted_at=None)
    held = LegalHold.objects.filter(video=OuterRef("pk"), lifted_at=None)
    return videos.exclude(Exists(removed)).exclude(Exists(held))


def delete_expired() -> int:
    """Delete the files of what was removed when nobody can appeal any more and nobody asked to keep
    them. The rows stay: receipts and lineage point to them."""
    now = timezone.now()
    held = LegalHold.objects.filter(video=OuterRef("video"), lifted_at=None)
    appealed = Case.objects.filter(video=OuterRef("video")).exclude(status=Case.Status.CLOSED)
    disputed = Appeal.objects.filter(receipt__removals=OuterRef("pk"), status=Appeal.Status.OPEN)
    over = (
        Removal.objects.running()
        .filter(files_until__lte=now, files_deleted_at=None, moved_at__isnull=False)
        .exclude(Exists(held))
        .exclude(Exists(appealed))
        .exclude(Exists(disputed))
    )
    ended = 0
    for row in over.select_related("workspace")[:100]:
        others = Removal.objects.running().exclude(pk=row.pk).filter(files_deleted_at=None)
        if row.video_id and others.filter(video=row.video_id, files_until__gt=now).exists():
            continue
        takedown.delete_files(
            takedown.Reach(
                {row.video_id} if row.video_id else set(),
                {row.upload_id} if row.upload_id else set(),
            )
        )
        with transaction.atomic():
            Removal.objects.filter(pk=row.pk).update(files_deleted_at=now)
            audit.record(
                audit.VIDEO_FILES_DELETED,
                workspace=row.workspace,
                target=row,
                reason=row.reference,
            )
        ended += 1
    return ended


def place_hold(video: Video, *, reference: str, by: User) -> LegalHold:
    """Keep a clip's files whatever else says they may go. The same reference twice is once."""
    reference = reference.replace("\0", "").strip()[:200]
    if not reference:
        raise ValueError("A legal hold names who asked for it.")
    with transaction.atomic():
        hold, created = LegalHold.objects.get_or_create(
            video=video,
            reference=reference,
            lifted_at=None,
            defaults={"workspace_id": video.workspace_id, "placed_by": by},
        )
        if created:
            audit.record(audit.LEGAL_HOLD_PLACED, workspace=video.workspace, actor=by, target=hold)
    return hold


def lift_hold(hold: LegalHold, *, by: User) -> bool:
    """End a legal hold. False: it had ended."""
    with transaction.atomic():
        changed = LegalHold.objects.filter(pk=hold.pk, lifted_at=None).update(
            lifted_at=timezone.now(), lifted_by=by
        )
        if changed:
            audit.record(audit.LEGAL_HOLD_LIFTED, workspace=hold.workspace, actor=by, target=hold)
    return bool(changed)
