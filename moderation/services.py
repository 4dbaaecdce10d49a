"""Writes of moderation: a report comes in, a case is decided."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import User
from generation import services as generation
from generation.models import Upload, Video
from generation.uploads.services import quarantine_upload
from moderation.errors import (
    AlreadyReviewed,
    CaseClosed,
    DetailsTooLong,
    HoldNeedsDecision,
    NoteMissing,
    NothingToRelease,
    UnknownReason,
)
from moderation.models import Case, Decision, Report
from moderation.reasons import MAX_DETAILS, REASONS


def file_report(
    video: Video, *, reason: str, details: str = "", reporter: User | None = None, address: str = ""
) -> Report:
    """Take a report and open a case, or join the open one. The same person counts once per case.

    `address` is the network address of somebody without an account; only a keyed hash is kept.
    Raises UnknownReason, DetailsTooLong.
    """
    if reason not in REASONS:
        raise UnknownReason()
    details = details.replace("\0", "").strip()
    if len(details) > MAX_DETAILS:
        raise DetailsTooLong()
    voice = f"user:{reporter.pk}" if reporter is not None else f"address:{address}"
    key = salted_hmac("moderation.reporter", voice, algorithm="sha256").hexdigest()
    with transaction.atomic():
        case, opened = Case.objects.get_or_create(
            video=video,
            status=Case.Status.OPEN,
            defaults={"workspace_id": video.workspace_id},
        )
        report, created = Report.objects.get_or_create(
            case=case,
            reporter_key=key,
            defaults={
                "workspace_id": video.workspace_id,
                "video": video,
                "reporter": reporter,
                "reason": reason,
                "severity": REASONS[reason].severity,
                "details": details,
            },
        )
        if opened:
            audit.record(audit.MODERATION_CASE_OPENED, workspace=video.workspace, target=case)
        if created:
            audit.record(
                audit.MODERATION_REPORTED,
                workspace=video.workspace,
                actor=reporter,
                target=case,
                reason=reason,
                receipt=report.receipt,
            )
    return report


def hold_for_review(video: Video, reason: str) -> None:
    """Open the case of a clip a check holds. In the caller's transaction; see generation.hooks."""
    case = Case.objects.create(
        video=video, workspace_id=video.workspace_id, origin=Case.Origin.HELD
    )
    audit.record(
        audit.MODERATION_CASE_OPENED, workspace=video.workspace, target=case, reason=reason
    )


def ask_for_release(video: Video, *, by: User) -> Case:
    """The owner of a guarded clip asks for a person to look. Joins the open case, if there is one.

    Raises NothingToRelease for a clip that may be shared already, AlreadyReviewed for one a person
    has looked at for this.
    """
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if not may_release(video):
            raise NothingToRelease()
        case = Case.objects.filter(video=video, status=Case.Status.OPEN).first()
        if case is not None:
            return case
        if Case.objects.filter(video=video, origin=Case.Origin.GUARDED).exists():
            raise AlreadyReviewed()
        case = Case.objects.create(
            video=video, workspace_id=video.workspace_id, origin=Case.Origin.GUARDED
        )
        audit.record(audit.MODERATION_CASE_OPENED, workspace=video.workspace, actor=by, target=case)
    return case


def may_release(video: Video) -> bool:
    """Whether there is something a person may let go: a hold, or "private only"."""
    if video.held_at is not None:
        return True
    if video.shared_at is not None or video.released_at is not None:
        return False
    feed = video.generation.safety_checks.filter(stage="feed").order_by("-pk").first()
    return video.is_kept_private or (feed is not None and feed.action != "allow")


def release(video: Video, *, by: User, reason: str) -> None:
    """Let a held clip go to its owner; let one that is not held be shared."""
    if video.held_at is not None:
        generation.end_hold(video, by=by, release=True, reason=reason)
    else:
        generation.release_video(video, by=by, reason=reason)


def sources_of(case: Case) -> list[Upload]:
    """The uploads the reported clip was made from, those in quarantine left out."""
    return list(
        Upload.objects.filter(used_by__generation=case.video.generation_id, quarantined_at=None)
        .distinct()
        .order_by("created_at")
    )


def decide(
    case: Case, *, action: str, note: str, by: User, uploads: Sequence[UUID] = ()
) -> Decision:
    """Close a case. `remove` puts the clip into quarantine in the same transaction, and those of its
    `uploads` that are named: what looks like them is refused from then on. `release` lets a held clip
    go to its owner and a guarded one be shared.

    Raises CaseClosed when somebody was faster, NoteMissing without a reason, NothingToRelease, and
    HoldNeedsDecision for a held clip that would be left as it is.
    """
    action = Decision.Action(action)
    if action == Decision.Action.RELEASE and not may_release(case.video):
        raise NothingToRelease()
    if action == Decision.Action.DISMISS and case.video.held_at is not None:
        raise HoldNeedsDecision()
    note = note.replace("\0", "").strip()[:2000]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        decision = Decision.objects.create(
            workspace_id=case.workspace_id, case=case, action=action, note=note, decided_by=by
        )
        case.status = Case.Status.CLOSED
        case.closed_at = timezone.now()
        case.save(update_fields=["status", "closed_at"])
        audit.record(
            audit.MODERATION_DECIDED,
            workspace=case.workspace,
            actor=by,
            target=case,
            action=str(action),
        )
        if action == Decision.Action.RELEASE:
            release(case.video, by=by, reason=f"case:{case.pk}")
        if action == Decision.Action.REMOVE:
            generation.end_hold(case.video, by=by, release=False, reason=f"case:{case.pk}")
            generation.quarantine_video(case.video, by=by, reason=f"case:{case.pk}")
            for upload in sources_of(case):
                if upload.pk in uploads:
                    quarantine_upload(upload, by=by, reason=f"case:{case.pk}")
    return decision
