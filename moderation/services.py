"""Writes of moderation: a report comes in, a finding lands, a case is decided, a decision taken back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts import audit, restrictions
from accounts.models import User, Workspace
from accounts.staff_roles import Role, require_role
from billing import services as billing
from generation import presenting
from generation import receipts as statements
from generation.models import Friction, Generation, Receipt, Upload, Video
from moderation import case_events, notices, removals, reports, strikes
from moderation.actions import (
    ACTIONS,
    Action,
    Deed,
    is_barred,
    may_release,
    sources_of,
    strike,
    wants_strike,
)
from moderation.errors import (
    AlreadyReversed,
    AlreadyReviewed,
    CaseClosed,
    InvalidAction,
    NoteMissing,
    NothingToRelease,
    NothingToReverse,
    NotYoursToDecide,
    UnknownPolicy,
)
from moderation.models import (
    Case,
    Decision,
    HashBank,
    HashEntry,
    Report,
    ShareBar,
    Strike,
)
from moderation.policies import POLICIES, POLICY_VERSION

__all__ = [
    "ask_for_release",
    "decide",
    "file_report",
    "hold_for_review",
    "land_finding",
    "may_release",
    "reverse",
    "sources_of",
]

MAX_NOTE = 2000
DIVERTED = "Passed on to child safety."
TITLES: dict[str, str] = {
    Receipt.Kind.REMOVAL: "We removed something of yours",
    Receipt.Kind.RESTRICTION: "A decision about your clip",
    Receipt.Kind.WARNING: "A warning",
    Receipt.Kind.STRIKE: "You got a strike",
    Receipt.Kind.LIMIT: "Some features are closed to your account",
    Receipt.Kind.SUSPENSION: "Your account is suspended",
    Receipt.Kind.REVERSAL: "We took a decision back",
}
BY_MAIL = frozenset(TITLES) - {Receipt.Kind.WARNING, Receipt.Kind.RESTRICTION}


def file_report(
    subject: Video | User,
    *,
    reason: str,
    details: str = "",
    kind: str = "",
    reporter: User | None = None,
    address: str = "",
) -> Report:
    """Take a report about a clip or a person; see moderation.reports.file."""
    return reports.file(
        subject, reason=reason, details=details, kind=kind, reporter=reporter, address=address
    )


# --- What the checks find ------------------------------------------------------------------------


def land_finding(
    subject: Video | Upload | Generation | User,
    *,
    source: str,
    code: str = "",
    severity: int = 2,
    origin: str = Case.Origin.FOUND,
    workspace: Workspace | None = None,
    **data: Any,
) -> Case:
    """Put what a check found on the case of its subject. In the caller's transaction, if there is one.

    source: which check ("hold", "hash_match", "probing"). data: JSON for whoever looks, no scores of
    child safety and no text of anybody.
    """
    with transaction.atomic():
        case, opened = case_events.open_or_join(subject, origin=origin, workspace=workspace)
        case_events.add(case, "found", source=source, code=code, **data)
        weigh = case_events.begin if opened else case_events.hasten
        weigh(case, severity=severity, lane=Case.Lane.ORDINARY)
        audit.record(
            audit.MODERATION_FOUND, workspace=case.workspace, target=case, source=source, code=code
        )
    return case


def hold_for_review(video: Video, reason: str) -> None:
    """Open the case of a clip a check holds. In the caller's transaction; see generation.hooks."""
    land_finding(video, source="hold", code=reason, origin=Case.Origin.HELD)


def note_probing(friction: Friction) -> None:
    """Somebody whose requests look like probing, once they get a second look; see generation.hooks."""
    if friction.level == Friction.Level.SECOND_LOOK:
        land_finding(
            friction.user,
            source="probing",
            code=friction.rule,
            severity=1,
            workspace=friction.workspace,
            friction=friction.pk,
        )


def note_hash_matches(
    workspace: Workspace, subject: str, matches: Sequence[dict[str, Any]]
) -> None:
    """An upload or a job that matched a list of known material; see generation.hooks. Confirmed
    material of abuse goes to child safety and not here."""
    numbers = [int(match["entry"]) for match in matches]
    listed = HashEntry.objects.filter(pk__in=numbers, bank__kind=HashBank.Kind.BLOCK)
    blocked = list(
        listed.exclude(bank__harm=HashBank.Harm.CHILD_ABUSE).values_list("pk", flat=True)[:20]
    )
    if not blocked:
        return
    kind, _, key = subject.partition(":")
    models: dict[str, Any] = {"upload": Upload, "generation": Generation}
    found = models[kind].objects.filter(pk=key).first() if kind in models else None
    if found is not None:
        land_finding(
            found,
            source="hash_match",
            code="known_content",
            severity=3,
            workspace=workspace,
            entries=blocked,
        )


def ask_for_release(video: Video, *, by: User) -> Case:
    """The owner of a guarded clip asks for a person to look. Joins the open case, if there is one.

    Raises NothingToRelease for a clip that may be shared already, AlreadyReviewed for one a person
    has looked at for this.
    """
    with transaction.atomic():
        video = Video.objects.select_for_update(of=("self",)).get(pk=video.pk)
        if not may_release(video):
            raise NothingToRelease()
        case = Case.objects.filter(case_events.of_subject(video), status=Case.Status.OPEN).first()
        if case is not None:
            return case
        if Case.objects.filter(video=video, origin=Case.Origin.GUARDED).exists():
            raise AlreadyReviewed()
        case, _ = case_events.open_or_join(video, origin=Case.Origin.GUARDED, by=by)
    return case


# --- Deciding ------------------------------------------------------------------------------------


def decide(
    case: Case,
    *,
    action: str,
    note: str,
    by: User,
    policy: str = "",
    params: dict[str, Any] | None = None,
    uploads: Sequence[UUID] = (),
) -> Decision:
    """Decide a case with one of moderation.actions.ACTIONS; everything follows in one transaction.

    policy: the code of the rule; empty takes that of the gravest report or finding. params: as the
    action names them. uploads: the same as params["uploads"].
    Raises CaseClosed when somebody was faster, NoteMissing without a reason, UnknownPolicy,
    InvalidAction, NotYoursToDecide about oneself, NothingToRelease, HoldNeedsDecision, and what
    require_role raises.
    """
    chosen = ACTIONS.get(action)
    if chosen is None:
        raise InvalidAction()
    note = _note(note)
    if policy and policy not in POLICIES:
        raise UnknownPolicy()
    given = dict(params or {})
    if uploads:
        given["uploads"] = [str(each) for each in uploads]
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        case = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        if case.about.pk == by.pk:
            raise NotYoursToDecide("This case is about you.", remedy="Somebody else decides it.")
        if case.subject_kind not in chosen.subjects:
            raise InvalidAction()
        rule = POLICIES[policy or _policy_of(case)]
        deed = Deed(case, rule, given, by, reference=f"case:{case.pk}")
        chosen.apply(deed)
        if wants_strike(chosen, given) and chosen.code != "strike":
            strike(deed)
        if case.hidden_at is not None:
            removals.give_back(reference=f"hidden:{case.pk}", by=by)
            case_events.add(case, "shown", by=by)
        # Receipts come last: from here to the end nobody else can write one.
        receipt = _statement(deed, chosen)
        decision = Decision.objects.create(
            workspace_id=case.workspace_id,
            case=case,
            action=chosen.code,
            policy=rule.code,
            policy_version=POLICY_VERSION,
            severity=rule.severity,
            params=_storable(given),
            undo=deed.undo,
            note=note,
            decided_by=by,
            receipt=receipt,
        )
        if deed.undo.get("strike"):
            strikes.give(decision, _strike_statement(deed, chosen, receipt), person=case.about)
        case_events.add(case, "decided", by=by, decision=decision.pk, action=chosen.code)
        reports.close(case, upheld=chosen.upholds)
        audit.record(
            audit.MODERATION_DECIDED,
            workspace=case.workspace,
            actor=by,
            target=case,
            action=chosen.code,
            policy=rule.code,
        )
    return decision


def _note(note: str) -> str:
    note = note.replace("\0", "").strip()[:MAX_NOTE]
    if not note:
        raise NoteMissing()
    return note


def _policy_of(case: Case) -> str:
    """The rule a case was brought for: its gravest report's, else its latest finding's."""
    gravest = case.reports.order_by("flood", "-severity", "created_at").first()
    if gravest is not None and gravest.reason in POLICIES:
        return gravest.reason
    for event in case.events.filter(kind="found").order_by("-at", "-pk"):
        if event.data.get("code") in POLICIES:
            return str(event.data["code"])
    if case.video is not None:
        check = case.video.generation.safety_checks.exclude(action="allow").order_by("-pk").first()
        reasons = check.verdict.get("reasons", []) if check is not None else []
        return next((code for code in reasons if code in POLICIES), "other")
    return "other"


def _storable(params: dict[str, Any]) -> dict[str, Any]:
    """What was chosen, as JSON: only names the actions know, strings bounded."""
    known = {name for action in ACTIONS.values() for name in action.params}
    return {
        name: [str(each)[:64] for each in value][:100]
        if isinstance(value, list | tuple)
        else value
        if isinstance(value, bool | int)
        else str(value)[:200]
        for name, value in params.items()
        if name in known
    }


def _statement(deed: Deed, action: Action) -> Receipt | None:
    """The statement of reasons for whom the decision hits, and for everybody whose clip went with it."""
    if not action.kind:
        return None
    case, rule = deed.case, deed.policy
    main = statements.Statement(
        workspace=case.workspace,
        person=case.about,
        kind=action.kind,
        subject_kind=case.subject_kind,
        subject_id=case.subject_id,
        layer="review",
        code=rule.code,
        where={"field": "profile" if case.subject_kind == "user" else case.subject_kind},
        automated=False,
        message=action.says(deed),
        appealable=action.appealable,
        data={"case": case.pk, "action": action.code},
    )
    others = [
        statements.Statement(
            workspace=video.workspace,
            person=video.creator,
            kind=action.kind,
            subject_kind=Receipt.Subject.VIDEO,
            subject_id=str(video.pk),
            layer="review",
            code=rule.code,
            where={"field": "video"},
            automated=False,
            message="We removed a clip of yours that was made from something we removed, or shows "
            f"the same. {rule.message}",
            appealable=True,
            data={"case": case.pk, "action": action.code, "with": case.subject_id},
        )
        for video in deed.hit
        if video.pk != case.video_id
    ]
    written = statements.issue_many([main, *others])
    if deed.hit:
        removals.name_receipts(deed.reference, written)
    _tell(written)
    return written[0]


def _strike_statement(deed: Deed, action: Action, main: Receipt | None) -> Receipt:
    """A strike that comes with a removal has a statement of its own; the appeal is that of the removal."""
    if main is not None and action.kind == Receipt.Kind.STRIKE:
        return main
    number = main.public_id if main is not None else ""
    receipt = statements.issue(
        workspace=deed.case.workspace,
        person=deed.case.about,
        kind=Receipt.Kind.STRIKE,
        subject_kind=Receipt.Subject.USER,
        subject_id=deed.case.about.pk,
        layer="review",
        code=deed.policy.code,
        where={"field": deed.case.subject_kind},
        automated=False,
        message=f"You got a strike with the decision {number}. {deed.until}".strip(),
        remedy=f"Appeal the decision {number}: when it is taken back, so is the strike.",
        appealable=False,
        data={"case": deed.case.pk, "main": number},
    )
    _tell([receipt])
    return receipt


def _tell(written: Sequence[Receipt]) -> None:
    """One notice for each person, however many of their clips went."""
    by_person: dict[int, list[Receipt]] = {}
    for receipt in written:
        by_person.setdefault(receipt.person_id, []).append(receipt)
    for mine in by_person.values():
        first, more = mine[0], len(mine) - 1
        also = f" {more} more of your clips went with it." if more else ""
        notices.tell(
            first.person,
            TITLES[first.kind],
            f"{first.message}{also}\n\n{first.remedy}\n\nDecision {first.public_id}.",
            url="/settings/decisions/" if more else first.page_url,
            workspace=first.workspace,
            receipt=first,
            mail=first.kind in BY_MAIL,
        )


# --- Taking back ---------------------------------------------------------------------------------


def reverse(decision: Decision, *, by: User, note: str, refund: bool = False) -> Decision:
    """Take a decision back: everything it did is undone in one transaction, the strike included.

    refund: give back what the clip cost, since its owner could not use it. Raises AlreadyReversed,
    NothingToReverse for a decision that changed nothing, NoteMissing, and what require_role raises.
    """
    note = _note(note)
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        return _reverse(decision, by=by, note=note, refund=refund)


def _reverse(decision: Decision, *, by: User, note: str, refund: bool) -> Decision:
    case = Case.objects.select_for_update(of=("self",)).get(pk=decision.case_id)
    decision = Decision.objects.select_for_update(of=("self",)).get(pk=decision.pk)
    if decision.is_reversed:
        raise AlreadyReversed()
    action = ACTIONS.get(decision.action)
    if action is None or action.code == "dismiss":
        raise NothingToReverse()
    if case.about.pk == by.pk:
        raise NotYoursToDecide("This case is about you.", remedy="Somebody else decides it.")
    deed = Deed(
        case,
        POLICIES.get(decision.policy, POLICIES["other"]),
        dict(decision.params),
        by,
        reference=f"case:{case.pk}",
        undo=dict(decision.undo),
    )
    hit = _owners(deed.reference, case)
    action.reverse(deed)
    if decision.undo.get("strike"):
        restrictions.lift(case.about, reference=deed.reference, by=by)
        strikes.void(decision, by=by)
    if refund and case.video is not None and decision.action in ("remove", "takedown", "block"):
        give_refund(case.video, reference=f"overturned:{decision.pk}", by=by)
    receipt = statements.issue(
        workspace=case.workspace,
        person=case.about,
        kind=Receipt.Kind.REVERSAL,
        subject_kind=case.subject_kind,
        subject_id=case.subject_id,
        layer="review",
        code=decision.policy,
        automated=False,
        message="We took a decision back. What it did is undone.",
        remedy="You don't have to do anything.",
        appealable=False,
        data={"case": case.pk, "decision": decision.pk},
    )
    made = Decision.objects.create(
        workspace_id=case.workspace_id,
        case=case,
        action=Decision.Action.REVERSE,
        policy=decision.policy,
        policy_version=POLICY_VERSION,
        severity=decision.severity,
        note=note,
        decided_by=by,
        receipt=receipt,
        supersedes=decision,
    )
    case_events.add(case, "reversed", by=by, decision=decision.pk)
    if action.upholds:
        reports.close(case, upheld=False)
    _tell([receipt])
    for person in hit:
        notices.tell(
            person,
            TITLES[Receipt.Kind.REVERSAL],
            "Clips of yours that had been removed are back.",
            url="/settings/decisions/",
        )
    audit.record(
        audit.MODERATION_REVERSED,
        workspace=case.workspace,
        actor=by,
        target=case,
        decision=decision.pk,
        action=decision.action,
    )
    return made


def undo_for_appeal(decision: Decision, *, by: User, note: str) -> Decision:
    """The same for an appeal that is decided, in its transaction; what the clip cost goes back too."""
    return _reverse(decision, by=by, note=note, refund=True)


def take_back_diverted(video: Video, *, by: User) -> None:
    """Child safety found nothing: what passed the clip on to it is undone. In the caller's transaction."""
    passed_on = Decision.objects.filter(case__video=video, action="remove", note=DIVERTED)
    for decision in passed_on.filter(superseded_by=None):
        _reverse(decision, by=by, note="Child safety found nothing.", refund=False)


def _owners(reference: str, case: Case) -> list[User]:
    """The other people whose clips went with a decision that is about to be taken back."""
    return list(
        User.objects.filter(videos__removals__reference=reference)
        .filter(videos__removals__lifted_at=None)
        .exclude(pk=case.about.pk)
        .distinct()
    )


def give_refund(video: Video, *, reference: str, by: User) -> bool:
    """Credits of a clip back to its workspace, once. False: it was not charged."""
    job = video.generation
    if presenting.credit_state(job) != "captured" or job.cost_credits < 1:
        return False
    billing.grant_credits(
        job.workspace,
        job.cost_credits,
        reference,
        kind="adjust",
        by=by,
        note="A removal was taken back on appeal",
    )
    return True


# --- What the feeds ask ---------------------------------------------------------------------------


def objection(video: Video) -> str:
    """Why a clip may not be featured or rise; see feeds.hooks."""
    if Case.objects.filter(video=video, status=Case.Status.OPEN).exists():
        return "A case about this clip is open."
    if is_barred(video):
        return "A decision keeps this clip out of public lists."
    if Strike.objects.live(video.creator).exists():
        return "Its creator has a live strike."
    if restrictions.is_restricted(video.creator, "share"):
        return "Its creator may not share at the moment."
    return ""


def bar(video: Video) -> str:
    """Why a clip may not be made public at all; see feeds.hooks."""
    if ShareBar.objects.filter(video=video, lifted_at=None).exists():
        return "A decision keeps this clip out of public lists."
    return ""


def now_closed(person: User) -> bool:
    """Whether child safety keeps an account closed; see accounts.hooks.account_holds."""
    from moderation.models import ChildSafetyCase

    mine = ChildSafetyCase.objects.filter(person=person)
    return (
        mine.waiting().filter(account_held=True).exists()
        or mine.filter(decisions__action="report").exists()
    )
