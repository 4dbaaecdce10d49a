"""Appeals: in the product, free, for six months; another reviewer decides, against a clock.

Every receipt that can be appealed is, whoever or whatever decided: a removal by staff, a prompt a check
refused, a clip kept from the public. Overturning undoes what was done in the same transaction, and
counts against the layer that erred.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User
from accounts.staff_roles import Role, require_role
from generation import receipts as statements
from generation import services as generation
from generation.models import Receipt, Video
from moderation import case_events, notices, removals, services
from moderation.errors import (
    AlreadyAppealed,
    AppealClosed,
    AppealTextMissing,
    AppealTooLate,
    NotAppealable,
    NoteMissing,
    NotYoursToDecide,
    SameReviewer,
)
from moderation.models import Appeal, Case, Decision, LayerError

CLOCK: Final = timedelta(hours=72)
MAX_TEXT: Final = 2000


def decision_of(receipt: Receipt) -> Decision | None:
    """The decision of the staff a receipt came from; None where a check decided."""
    own = Decision.objects.filter(receipt=receipt).select_related("case").first()
    if own is not None or receipt.automated or "case" not in receipt.data:
        return own
    first = Decision.objects.filter(case=receipt.data["case"], supersedes=None)
    return first.select_related("case").first()


def case_of(receipt: Receipt) -> Case | None:
    return Case.objects.filter(pk=receipt.data["case"]).first() if "case" in receipt.data else None


def why_not(receipt: Receipt) -> str:
    """Why this can't be appealed now, for its page; "" when it can."""
    if not receipt.appealable:
        return NotAppealable.message
    if not receipt.may_be_appealed:
        return AppealTooLate.message
    if Appeal.objects.filter(receipt=receipt).exists():
        return AlreadyAppealed.message
    decision = decision_of(receipt)
    if decision is not None and decision.is_reversed:
        return "This decision was taken back already."
    return ""


def file(receipt: Receipt, *, by: User, text: str) -> Appeal:
    """Dispute a decision about oneself, once.

    Raises NotAppealable (also for somebody else's, and for what was taken back), AppealTooLate,
    AlreadyAppealed, AppealTextMissing.
    """
    text = text.replace("\0", "").strip()
    if not text or len(text) > MAX_TEXT:
        raise AppealTextMissing()
    if receipt.person_id != by.pk or not receipt.appealable:
        raise NotAppealable()
    if not receipt.may_be_appealed:
        raise AppealTooLate()
    case = case_of(receipt)
    with transaction.atomic():
        if case is not None:
            case = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
        decision = decision_of(receipt)
        if decision is not None and decision.is_reversed:
            raise NotAppealable("This decision was taken back already.")
        try:
            with transaction.atomic():
                appeal = Appeal.objects.create(
                    workspace_id=receipt.workspace_id,
                    receipt=receipt,
                    decision=decision,
                    case=case,
                    appellant=by,
                    first_reviewer=decision.decided_by if decision is not None else None,
                    text=text,
                    due_at=timezone.now() + CLOCK,
                )
        except IntegrityError as error:  # the same person in another tab
            raise AlreadyAppealed() from error
        if case is not None and not case.is_open:
            case_events.add(case, "appealed", by=by, appeal=appeal.pk)
        audit.record(
            audit.MODERATION_APPEALED, workspace=receipt.workspace, actor=by, target=appeal
        )
    return appeal


def decide(appeal: Appeal, *, overturn: bool, note: str, by: User) -> Appeal:
    """Uphold the decision, or take it back. `note` is what the person reads.

    Raises AppealClosed, SameReviewer, NotYoursToDecide, NoteMissing, and what require_role raises.
    """
    note = note.replace("\0", "").strip()[:MAX_TEXT]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        require_role(by, Role.SENIOR)
        case = None
        if appeal.case_id is not None:  # always the case first, then its appeal
            case = Case.objects.select_for_update(of=("self",)).get(pk=appeal.case_id)
        appeal = Appeal.objects.select_for_update(of=("self",)).get(pk=appeal.pk)
        if not appeal.is_open:
            raise AppealClosed()
        if appeal.first_reviewer_id == by.pk:
            raise SameReviewer()
        if appeal.appellant_id == by.pk:
            raise NotYoursToDecide("This appeal is yours.", remedy="Somebody else decides it.")
        receipt = appeal.receipt
        if overturn:
            _undo(appeal, receipt, case, by=by, note=note)
            LayerError.objects.create(
                workspace_id=receipt.workspace_id,
                receipt=receipt,
                layer=receipt.layer,
                policy=receipt.policy_code,
                automated=receipt.automated,
            )
        outcome = statements.issue(
            workspace=receipt.workspace,
            person=receipt.person,
            kind=Receipt.Kind.REVERSAL if overturn else receipt.kind,
            subject_kind=receipt.subject_kind,
            subject_id=receipt.subject_id,
            layer="appeal",
            code=receipt.policy_code,
            where=receipt.where,
            automated=False,
            message=(
                f"We took the decision {receipt.public_id} back. {note}"
                if overturn
                else f"The decision {receipt.public_id} stands. {note}"
            )[:1000],
            remedy=(
                "You don't have to do anything."
                if overturn
                else "This was our last look at it. You can turn to a court or to a body for the "
                "settlement of disputes."
            ),
            appealable=False,
            data={"appeal": appeal.pk, **({"case": case.pk} if case is not None else {})},
        )
        appeal.status = Appeal.Status.OVERTURNED if overturn else Appeal.Status.UPHELD
        appeal.decided_at, appeal.decided_by, appeal.note = timezone.now(), by, note
        appeal.outcome_receipt = outcome
        appeal.save()
        if case is not None and case.status == Case.Status.APPEALED:
            case_events.add(case, "appeal_decided", by=by, appeal=appeal.pk, overturned=overturn)
        notices.tell(
            receipt.person,
            "We took a decision back" if overturn else "Your appeal was decided",
            f"{outcome.message}\n\n{outcome.remedy}",
            url=receipt.page_url,
            workspace=receipt.workspace,
            receipt=outcome,
            mail=True,
        )
        audit.record(
            audit.MODERATION_APPEAL_DECIDED,
            workspace=receipt.workspace,
            actor=by,
            target=appeal,
            overturned=overturn,
        )
    return appeal


def _undo(appeal: Appeal, receipt: Receipt, case: Case | None, *, by: User, note: str) -> None:
    """Put back what the receipt is about, as far as it can be."""
    decision = appeal.decision
    if decision is not None:
        if decision.is_reversed:  # a colleague was faster; nothing is left to undo
            return
        if decision.receipt_id == receipt.pk:
            services.undo_for_appeal(decision, by=by, note=note)
        else:  # one clip of the many a takedown reached
            clip = Video.objects.filter(pk=UUID(receipt.subject_id)).first()
            removals.give_back(
                reference=f"case:{decision.case_id}", by=by, videos=[UUID(receipt.subject_id)]
            )
            if clip is not None:
                services.give_refund(clip, reference=f"overturned:{decision.pk}:{clip.pk}", by=by)
        return
    if receipt.kind != Receipt.Kind.RESTRICTION:
        return  # a refusal left nothing behind and cost nothing
    if receipt.layer == "report" and case is not None:  # hidden until decided
        removals.give_back(reference=f"hidden:{case.pk}", by=by)
        if case.is_open:
            case_events.add(case, "shown", by=by)
            Case.objects.filter(pk=case.pk).update(hidden_at=None)
    elif receipt.layer == "feed":
        clip = Video.objects.filter(generation=UUID(receipt.subject_id)).first()
        if clip is not None:
            generation.release_video(clip, by=by, reason=f"appeal:{appeal.pk}")


def waiting() -> Any:
    """Open appeals, the most urgent first, with what their page needs."""
    return (
        Appeal.objects.filter(status=Appeal.Status.OPEN)
        .select_related("receipt", "decision", "case", "appellant", "first_reviewer")
        .order_by("due_at", "pk")
    )


def of_person(person: User) -> dict[int, Appeal]:
    """Appeals of somebody by the id of their receipt."""
    return {appeal.receipt_id: appeal for appeal in Appeal.objects.filter(appellant=person)}
