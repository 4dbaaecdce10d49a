"""Reports: who says what about which clip or person, how much their word weighs, and what they learn.

A report never hides anything by itself, and no number of them does. It opens a case, or joins the open
one; what a case weighs in the queue depends on the reason and on who reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts import audit, restrictions
from accounts.models import Restriction, User
from generation import receipts, takedown
from generation.models import Video
from moderation import agreement, case_events, notices, removals
from moderation.errors import (
    ClaimIncomplete,
    DetailsTooLong,
    ReportingClosed,
    SelfReport,
    UnknownReason,
)
from moderation.models import Case, IntimateClaim, Removal, Report, TrustedFlagger
from moderation.reasons import INTIMATE_KINDS, MAX_DETAILS, REASONS

NEW_ACCOUNT: Final = timedelta(days=1)
UNKNOWN_WEIGHT: Final = 0.25
"""Of an account younger than a day, and of somebody without one."""
FLOOD: Final = 10
FLOOD_WINDOW: Final = timedelta(hours=1)
"""So many reports of unknown weight about one case within this: the rest are kept, and move nothing."""
OUTCOMES: Final = {
    "": "We have your report. A person will look at it.",
    "upheld": "A person looked at it and acted on it.",
    "dismissed": "A person looked at it and left it as it is: it breaks no rule of ours.",
}


@dataclass(frozen=True)
class Reporter:
    """Who reports: an account, or the network address of somebody without one (only hashed)."""

    user: User | None = None
    address: str = ""

    @property
    def key(self) -> str:
        voice = f"user:{self.user.pk}" if self.user is not None else f"address:{self.address}"
        return salted_hmac("moderation.reporter", voice, algorithm="sha256").hexdigest()

    @property
    def is_trusted(self) -> bool:
        return (
            self.user is not None
            and TrustedFlagger.objects.filter(user=self.user, ended_at=None).exists()
        )

    def weight(self) -> float:
        """0 to 1: the share of this reporter's decided reports that were right, with two imagined
        ones, one of each kind."""
        if self.user is None or self.user.date_joined > timezone.now() - NEW_ACCOUNT:
            return UNKNOWN_WEIGHT
        return reliability(self.user)


def reliability(person: User) -> float:
    """The share of somebody's decided reports that were right."""
    decided = list(
        Report.objects.filter(reporter=person)
        .exclude(outcome=Report.Outcome.WAITING)
        .order_by("-created_at")
        .values_list("outcome", flat=True)[:200]
    )
    right = sum(outcome == Report.Outcome.UPHELD for outcome in decided)
    return (right + 1) / (len(decided) + 2)


def file(
    subject: Video | User,
    *,
    reason: str,
    details: str = "",
    kind: str = "",
    reporter: User | None = None,
    address: str = "",
    due_at: datetime | None = None,
    lane: str = "",
) -> Report:
    """Take a report and open a case, or join the open one. The same person counts once per case.

    A clip that its owner deletes meanwhile stays a case: its files wait for the decision.
    Raises UnknownReason, DetailsTooLong, SelfReport, ReportingClosed (a closed account), and
    FeatureRestricted for somebody whose reports are closed.
    """
    if reason not in REASONS or (kind and kind not in REASONS[reason].kinds):
        raise UnknownReason()
    details = details.replace("\0", "").strip()
    if len(details) > MAX_DETAILS:
        raise DetailsTooLong()
    owner = subject.creator if isinstance(subject, Video) else subject
    if reporter is not None and reporter.pk == owner.pk:
        raise SelfReport()
    if isinstance(subject, User) and not subject.is_active:
        raise ReportingClosed()
    if reporter is not None:
        restrictions.check(reporter, Restriction.Feature.REPORT)
    who = Reporter(reporter, address)
    with transaction.atomic():
        case, opened = case_events.open_or_join(subject, origin=Case.Origin.REPORT, by=reporter)
        if isinstance(subject, Video):
            gone = Video.objects.filter(pk=subject.pk).exclude(deleted_at=None).exists()
            if gone and not case.events.filter(kind="deleted").exists():
                case_events.add(case, "deleted")
        found = Report.objects.filter(case=case, reporter_key=who.key).first()
        if found is not None:
            return found
        weight, trusted = who.weight(), who.is_trusted
        flood = not trusted and weight <= UNKNOWN_WEIGHT and _is_flood(case)
        report = Report.objects.create(
            workspace_id=case.workspace_id,
            case=case,
            reporter=reporter,
            reporter_key=who.key,
            video=subject if isinstance(subject, Video) else None,
            reason=reason,
            kind=kind,
            severity=REASONS[reason].severity,
            weight=weight,
            flood=flood,
            details=details,
        )
        case_events.add(
            case, "reported", by=reporter, report=report.pk, reason=reason, finer=kind, flood=flood
        )
        if not flood:
            wanted = lane or (Case.Lane.TRUSTED if trusted else Case.Lane.ORDINARY)
            severity = report.severity + (1 if trusted else 0)
            if trusted and due_at is None:
                due_at = timezone.now() + timedelta(hours=case_events.TRUSTED_HOURS)
            weigh = case_events.begin if opened else case_events.hasten
            weigh(case, severity=severity, lane=wanted, due_at=due_at)
        audit.record(
            audit.MODERATION_REPORTED,
            workspace=case.workspace,
            actor=reporter,
            target=case,
            reason=reason,
            receipt=report.receipt,
        )
    return report


def _is_flood(case: Case) -> bool:
    since = timezone.now() - FLOOD_WINDOW
    recent = case.reports.filter(created_at__gte=since, weight__lte=UNKNOWN_WEIGHT)
    return recent.count() >= FLOOD


# --- Intimate imagery and likeness ---------------------------------------------------------------


def file_intimate(
    video: Video,
    *,
    relation: str,
    signature: str,
    contact: str,
    details: str = "",
    kind: str = "intimate",
    good_faith: bool = False,
    reporter: User | None = None,
    address: str = "",
) -> Report:
    """A signed claim that a clip shows a real person intimately, or without consent.

    It has to be decided within 48 hours. Where a check of ours agrees, the clip is hidden at once,
    until a person has looked. Raises ClaimIncomplete naming the field, and the errors of `file`.
    """
    signature = notices.one_line(signature)[:120]
    contact = contact.strip()
    if relation not in IntimateClaim.Relation.values:
        raise ClaimIncomplete(param="relation", remedy="Say whether it shows you.")
    if kind not in INTIMATE_KINDS:
        raise ClaimIncomplete(param="kind", remedy="Choose what it shows.")
    if not signature:
        raise ClaimIncomplete(param="signature", remedy="Sign with your full name.")
    try:
        validate_email(contact)
    except ValidationError as error:
        raise ClaimIncomplete(
            param="contact", remedy="Give an e-mail address where we can reach you."
        ) from error
    if not good_faith:
        raise ClaimIncomplete(
            param="good_faith", remedy="Confirm that what you say is true to your knowledge."
        )
    due_at = timezone.now() + timedelta(hours=case_events.INTIMATE_HOURS)
    with transaction.atomic():
        report = file(
            video,
            reason="likeness",
            kind=kind,
            details=details,
            reporter=reporter,
            address=f"{address} {contact.lower()}" if reporter is None else "",
            due_at=due_at,
            lane=Case.Lane.INTIMATE,
        )
        _, claimed = IntimateClaim.objects.get_or_create(
            report=report,
            defaults={
                "workspace_id": report.workspace_id,
                "relation": relation,
                "signature": signature,
                "contact": contact,
                "due_at": due_at,
            },
        )
        case = Case.objects.select_for_update(of=("self",)).get(pk=report.case_id)
        # The claim stands also where the report alone was one of a flood, or came before it.
        case_events.hasten(case, severity=3, lane=Case.Lane.INTIMATE, due_at=due_at)
        if claimed and case.hidden_at is None and agreement.agrees(video, "likeness"):
            hide(case, video)
    return report


def hide(case: Case, video: Video) -> None:
    """Out of everybody's reach until the case is decided, with a statement for the owner. In the
    caller's transaction."""
    shown_on_appeal = Removal.objects.filter(reference=f"hidden:{case.pk}").exists()
    if video.quarantined_at is not None or shown_on_appeal:
        return
    found = takedown.reach_of(video, lineage=False, copies=False)
    removals.remove(found, reference=f"hidden:{case.pk}", by=None, hide=True)
    case.hidden_at = timezone.now()
    case.save(update_fields=["hidden_at"])
    case_events.add(case, "hidden", video=str(video.pk))
    audit.record(audit.MODERATION_HIDDEN, workspace=case.workspace, target=case)
    receipt = receipts.issue(
        workspace=video.workspace,
        person=video.creator,
        kind="restriction",
        subject_kind="video",
        subject_id=video.pk,
        layer="report",
        code="likeness",
        where={"field": "video"},
        automated=True,
        message="Your clip is hidden until a person has looked: somebody says it shows them, and "
        "a check of ours saw something like that.",
        remedy="You don't have to do anything. You can say here why it may stay.",
        data={"case": case.pk},
    )
    notices.tell(
        video.creator,
        "A clip of yours is hidden for now",
        f"{receipt.message} {receipt.remedy}",
        url=receipt.page_url,
        workspace=video.workspace,
        receipt=receipt,
        mail=True,
    )


# --- What the reporter learns ---------------------------------------------------------------------


def close(case: Case, *, upheld: bool) -> None:
    """Tell everybody who reported what became of it. In the transaction of the decision."""
    outcome = Report.Outcome.UPHELD if upheld else Report.Outcome.DISMISSED
    reports = list(case.reports.select_related("reporter", "intimate_claim", "workspace"))
    changed = [report for report in reports if report.outcome != outcome]
    for report in changed:
        report.outcome, report.outcome_at = outcome, timezone.now()
    Report.objects.bulk_update(changed, ["outcome", "outcome_at"])
    for report in changed:
        title = f"Your report {report.receipt}"
        claim = getattr(report, "intimate_claim", None)
        if report.reporter is not None and report.reporter.is_active:
            notices.tell(
                report.reporter,
                title,
                OUTCOMES[outcome],
                url=f"/reports/?number={report.receipt}",
                mail=claim is not None,
            )
        elif claim is not None:
            notices.tell_address(claim.contact, title, OUTCOMES[outcome], workspace=None)


def look_up(number: str) -> dict[str, Any] | None:
    """What whoever has the number of a report may know: never who is hit, nor how."""
    number = number.strip().upper()
    if len(number) > 20:
        return None
    report = Report.objects.filter(receipt=number).select_related("case").first()
    if report is None:
        return None
    claim = IntimateClaim.objects.filter(report=report).first()
    hidden = report.case.hidden_at is not None and report.outcome == ""
    return {
        "receipt": report.receipt,
        "reason": report.label,
        "filed_at": report.created_at,
        "outcome": report.outcome or "waiting",
        "message": (
            "We have your report. What you reported is hidden until a person has looked."
            if hidden
            else OUTCOMES[report.outcome]
        ),
        "decided_at": report.outcome_at,
        "due_at": claim.due_at if claim else report.case.due_at,
    }


def set_trusted(person: User, *, organisation: str, trusted: bool, by: User) -> bool:
    """Read somebody's reports first, or no longer. False: nothing to change."""
    organisation = notices.one_line(organisation)[:120]
    with transaction.atomic():
        row = TrustedFlagger.objects.select_for_update().filter(user=person).first()
        if (row is not None and row.ended_at is None) == trusted:
            return False
        if row is None:
            TrustedFlagger.objects.create(user=person, organisation=organisation, given_by=by)
        else:
            row.ended_at = None if trusted else timezone.now()
            row.organisation = organisation or row.organisation
            row.save(update_fields=["ended_at", "organisation"])
        audit.record(audit.MODERATION_FLAGGER_CHANGED, actor=by, target=person, trusted=trusted)
    return True
