"""What moderation refuses, as API codes."""

from __future__ import annotations

from datetime import datetime

from sora_site.lib.errors import SoraError


class UnknownReason(SoraError):
    code = "unknown_reason"
    http_status = 400
    param = "reason"
    message = "Choose one of the listed reasons."


class DetailsTooLong(SoraError):
    code = "details_too_long"
    http_status = 400
    param = "details"
    message = "The details are too long."
    remedy = "Keep them within 1000 characters."


class CaseClosed(SoraError):
    code = "case_closed"
    http_status = 409
    message = "Somebody has already decided this case."
    remedy = "Open the queue again to see the decision."


class NoteMissing(SoraError):
    code = "note_missing"
    http_status = 400
    param = "note"
    message = "Write down why. The note is kept with the decision."


class NothingToRelease(SoraError):
    code = "nothing_to_release"
    http_status = 409
    message = "Nothing keeps this clip private."
    remedy = "Its owner can share it."


class HoldNeedsDecision(SoraError):
    code = "hold_needs_decision"
    http_status = 409
    message = "Its owner waits for this clip."
    remedy = "Release it, or remove it."


class AlreadyReviewed(SoraError):
    code = "already_reviewed"
    http_status = 409
    message = "A person has looked at this clip and keeps it private."
    remedy = "It stays yours to watch and download."


class PolicyInvalid(SoraError):
    """`problems` names each field and the remedy."""

    code = "invalid_policy"
    http_status = 400
    message = "This policy can't be saved."


class PolicyNotYours(SoraError):
    code = "policy_not_yours"
    http_status = 403
    message = "Changing the screening policy needs a permission this account lacks."
    remedy = "Somebody who manages accounts can give it: generation.change_screening_policy."


class PolicyUnchanged(SoraError):
    code = "policy_unchanged"
    http_status = 409
    message = "This version already decides."


class CampaignInvalid(SoraError):
    code = "invalid_campaign"
    http_status = 400
    message = "This campaign can't be saved."


class NotYourCampaign(SoraError):
    code = "not_your_campaign"
    http_status = 403
    message = "This campaign has ended, or you are not one of its testers."


class FindingInvalid(SoraError):
    code = "invalid_finding"
    http_status = 400
    message = "This finding can't be kept as it is."


class EvalSetInvalid(SoraError):
    """`problems` lists the bad lines: {line, field, problem}."""

    code = "invalid_eval_set"
    http_status = 400
    param = "file"
    message = "This file can't be read as an evaluation set."
    remedy = "One JSON object a line with id, text, category and label."


class EvalSetName(SoraError):
    code = "eval_set_name_taken"
    http_status = 409
    param = "name"
    message = "There is an evaluation set of this name."
    remedy = "Choose another name."


class EvalRunRefused(SoraError):
    code = "eval_run_refused"
    http_status = 409
    message = "This set can't be measured now."


class NotYoursToDecide(SoraError):
    code = "not_yours_to_decide"
    http_status = 403
    message = "Somebody else has to decide this case."
    remedy = "It is about you, or you passed it on."


class ReportIncomplete(SoraError):
    code = "report_incomplete"
    http_status = 400
    message = "The report can't be filed as it is."


class InvalidBank(SoraError):
    code = "invalid_bank"
    http_status = 400
    message = "That can't be done with this bank."


class PilotClosed(SoraError):
    code = "likeness_closed"
    http_status = 409
    message = "The likeness pilot is closed."


class InvalidGrant(SoraError):
    code = "invalid_grant"
    http_status = 400
    message = "This place in the pilot can't be given."


class ClaimHeld(SoraError):
    """Another reviewer works on it; `holder` is their public name."""

    code = "claim_held"
    http_status = 409
    message = "Somebody else works on this case."
    remedy = "Take another one; it is free again when they put it back or their time runs out."

    def __init__(self, holder: str, *, until: datetime) -> None:
        super().__init__(f"{holder} works on this case.", holder=holder, until=until.isoformat())


class TooManyHeld(SoraError):
    """One reviewer works on more cases than anybody can."""

    code = "too_many_held"
    http_status = 409
    message = "You hold as many cases as one person may."
    remedy = "Decide or put back some of them first."


class ExposureSpent(SoraError):
    """No more media for this reviewer for now."""

    code = "exposure_spent"
    http_status = 409
    message = "You have seen enough for now."


class SecondLookClosed(SoraError):
    code = "second_look_closed"
    http_status = 409
    message = "This second look is finished."


class FilterInvalid(SoraError):
    code = "invalid_filter"
    http_status = 400
    message = "This filter can't be saved."


class DraftNotReady(SoraError):
    """A draft of the policy that can't take this step now."""

    code = "policy_draft_not_ready"
    http_status = 409
    message = "This draft can't take that step now."


class SecondPersonNeeded(SoraError):
    """Who wrote or asked for it may not be who releases it."""

    code = "second_person_needed"
    http_status = 403
    message = "Somebody else has to release this."
    remedy = "Ask another person with the role policy."


class FlagInvalid(SoraError):
    code = "invalid_flag"
    http_status = 400
    message = "This flag can't be set like that."


class NotInProgramme(SoraError):
    code = "not_in_programme"
    http_status = 404
    message = "There is nothing here, or it isn't yours."


class PeriodInvalid(SoraError):
    code = "invalid_period"
    http_status = 400
    message = "Give a first and a last day, in order and in the past."


class InvalidAction(SoraError):
    code = "invalid_action"
    http_status = 400
    param = "action"
    message = "That can't be decided about this."
    remedy = "Choose one of the offered actions."


class TakedownTooLarge(SoraError):
    code = "takedown_too_large"
    http_status = 409
    message = "More clips hang on this one than one takedown takes."
    remedy = "Remove the clip alone, and tell the operator."


class UnknownPolicy(SoraError):
    code = "unknown_policy"
    http_status = 400
    param = "policy"
    message = "There is no such rule."
    remedy = "Choose one of the rules page."


class AlreadyReversed(SoraError):
    code = "already_reversed"
    http_status = 409
    message = "This decision was taken back already."


class NothingToReverse(SoraError):
    code = "nothing_to_reverse"
    http_status = 409
    message = "This decision changed nothing that could be taken back."


class SelfReport(SoraError):
    code = "self_report"
    http_status = 409
    message = "This is yours."
    remedy = "You can make it private or throw it away yourself."


class ReportingClosed(SoraError):
    code = "reporting_closed"
    http_status = 409
    message = "There is nothing here that could be reported."


class ClaimIncomplete(SoraError):
    """`param` names the field of the form that is missing."""

    code = "claim_incomplete"
    http_status = 400
    message = "The form isn't complete."


class AppealTooLate(SoraError):
    code = "appeal_too_late"
    http_status = 409
    message = "The time for an appeal against this decision is over."
    remedy = "A decision can be appealed for six months."


class NotAppealable(SoraError):
    code = "not_appealable"
    http_status = 409
    message = "There is nothing to appeal in this."


class AlreadyAppealed(SoraError):
    code = "already_appealed"
    http_status = 409
    message = "You have appealed this decision."
    remedy = "Its page says how far the appeal is."


class AppealTextMissing(SoraError):
    code = "appeal_text_missing"
    http_status = 400
    param = "text"
    message = "Say in a few words why the decision is wrong."
    remedy = "1 to 2000 characters."


class AppealClosed(SoraError):
    code = "appeal_closed"
    http_status = 409
    message = "Somebody has already decided this appeal."


class SameReviewer(SoraError):
    """Whoever decided first never decides the appeal; the database refuses it too."""

    code = "same_reviewer"
    http_status = 403
    message = "You made the decision that is appealed. Somebody else has to look at it."
