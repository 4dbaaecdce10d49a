"""Writes of moderation: a report comes in, a case is decided."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit
from accounts.models import User
from generation import services as generation
from generation.models import Video
from moderation.errors import CaseClosed, DetailsTooLong, NoteMissing, UnknownReason
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


def decide(case: Case, *, action: str, note: str, by: User) -> Decision:
    """Close a case. `remove` puts the clip into quarantine in the same transaction.

    Raises CaseClosed when somebody was faster, NoteMissing without a reason.
    """
    action = Decision.Action(action)
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
        if action == Decision.Action.REMOVE:
            generation.quarantine_video(case.video, by=by, reason=f"case:{case.pk}")
    return decision
