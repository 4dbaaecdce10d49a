"""The audit trail: who did what to what, and when. Every event name of the product stands here."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.db import models

from accounts.models import AuditEntry, User, Workspace

USER_SIGNED_UP: Final = "user.signed_up"
USER_AGE_ATTESTED: Final = "user.age_attested"
USER_AGE_REFUSED: Final = "user.age_refused"
USER_AGE_REFUSAL_FORGOTTEN: Final = "user.age_refusal_forgotten"
USER_SUSPENDED: Final = "user.suspended"
USER_REINSTATED: Final = "user.reinstated"
USER_RESTRICTED: Final = "user.restricted"
USER_RESTRICTION_LIFTED: Final = "user.restriction_lifted"
USER_DELETED: Final = "user.deleted"
USER_PROFILE_CHANGED: Final = "user.profile_changed"
USER_REMIXING_CHANGED: Final = "user.remixing_changed"
STAFF_ROLE_GIVEN: Final = "staff.role_given"
STAFF_ROLE_TAKEN: Final = "staff.role_taken"
WORKSPACE_CREATED: Final = "workspace.created"
WORKSPACE_ROLE_CHANGED: Final = "workspace.role_changed"
WORKSPACE_MEMBER_ADDED: Final = "workspace.member_added"
WORKSPACE_MEMBER_REMOVED: Final = "workspace.member_removed"
TOKEN_CREATED: Final = "token.created"
TOKEN_REVOKED: Final = "token.revoked"
CREDITS_GRANTED: Final = "billing.credits_granted"
PLAN_CHANGED: Final = "billing.plan_changed"
GENERATION_REQUESTED: Final = "generation.requested"
GENERATION_REFUSED_AT_GATE: Final = "generation.refused_at_gate"
GENERATION_REFUSED: Final = "generation.refused"
GENERATION_CANCELLED: Final = "generation.cancelled"
GENERATION_FAILED: Final = "generation.failed"
GENERATION_SUCCEEDED: Final = "generation.succeeded"
VIDEO_SHARED: Final = "video.shared"
VIDEO_UNSHARED: Final = "video.unshared"
VIDEO_QUARANTINED: Final = "video.quarantined"
VIDEO_RESTORED: Final = "video.restored"
VIDEO_HELD: Final = "video.held"
VIDEO_RELEASED: Final = "video.released"
VIDEO_DOWNLOADED: Final = "video.downloaded"
VIDEO_TRASHED: Final = "video.trashed"
VIDEO_TAKEN_FROM_TRASH: Final = "video.taken_from_trash"
VIDEO_DELETED: Final = "video.deleted"
VIDEO_FILES_DELETED: Final = "video.files_deleted"
VIDEO_REMIXING_CHANGED: Final = "video.remixing_changed"
VIDEO_RENDITION_MADE: Final = "video.rendition_made"
VIDEO_AUDIENCE_CHANGED: Final = "video.audience_changed"
VIDEO_LINK_MADE: Final = "video.link_made"
VIDEO_LINK_REVOKED: Final = "video.link_revoked"
VIDEO_DESCRIBED: Final = "video.described"
FEED_PROPOSED: Final = "feed.proposed"
FEED_FEATURED: Final = "feed.featured"
FEED_FEATURE_ENDED: Final = "feed.feature_ended"
FEED_RISING_REVIEWED: Final = "feed.rising_reviewed"
FEED_PERSON_BLOCKED: Final = "feed.person_blocked"
VIDEO_IMPORTED: Final = "video.imported"
DRAFT_CREATED: Final = "draft.created"
DRAFT_DELETED: Final = "draft.deleted"
FOLDER_CREATED: Final = "folder.created"
FOLDER_DELETED: Final = "folder.deleted"
WORKSPACE_EXPORTED: Final = "workspace.exported"
WORKSPACE_IMPORTED: Final = "workspace.imported"
UPLOAD_AGREEMENT_ACCEPTED: Final = "upload.agreement_accepted"
UPLOAD_STARTED: Final = "upload.started"
UPLOAD_RECEIVED: Final = "upload.received"
UPLOAD_READY: Final = "upload.ready"
UPLOAD_REFUSED: Final = "upload.refused"
UPLOAD_TRASHED: Final = "upload.trashed"
UPLOAD_RESTORED: Final = "upload.restored"
UPLOAD_DELETED: Final = "upload.deleted"
UPLOAD_QUARANTINED: Final = "upload.quarantined"
MODERATION_REPORTED: Final = "moderation.reported"
MODERATION_CASE_OPENED: Final = "moderation.case_opened"
MODERATION_FOUND: Final = "moderation.found"
MODERATION_HIDDEN: Final = "moderation.hidden"
MODERATION_DECIDED: Final = "moderation.decided"
MODERATION_REVERSED: Final = "moderation.reversed"
MODERATION_APPEALED: Final = "moderation.appealed"
MODERATION_APPEAL_DECIDED: Final = "moderation.appeal_decided"
MODERATION_STRIKE_GIVEN: Final = "moderation.strike_given"
MODERATION_STRIKE_VOIDED: Final = "moderation.strike_voided"
MODERATION_LABELLED: Final = "moderation.labelled"
MODERATION_LABEL_REMOVED: Final = "moderation.label_removed"
MODERATION_BARRED: Final = "moderation.barred"
MODERATION_BAR_LIFTED: Final = "moderation.bar_lifted"
MODERATION_FLAGGER_CHANGED: Final = "moderation.flagger_changed"
LEGAL_HOLD_PLACED: Final = "legal_hold.placed"
LEGAL_HOLD_LIFTED: Final = "legal_hold.lifted"
POLICY_CREATED: Final = "policy.created"
POLICY_DRAFTED: Final = "policy.drafted"
POLICY_RELEASE_ASKED: Final = "policy.release_asked"
POLICY_RELEASED: Final = "policy.released"
POLICY_STOPPED: Final = "policy.stopped"
FLAG_CHANGED: Final = "flag.changed"
FLAG_HALTED: Final = "flag.halted"
FLAG_MEMBER_CHANGED: Final = "flag.member_changed"
CANARY_DRIFTED: Final = "canary.drifted"
CANARY_SEEN: Final = "canary.seen"
PERIOD_REPORTED: Final = "period.reported"
PERIOD_PUBLISHED: Final = "period.published"
POLICY_ACTIVATED: Final = "policy.activated"
POLICY_ROLLED_BACK: Final = "policy.rolled_back"
PROBING_FRICTION: Final = "probing.friction"
PROBING_CASE_OPENED: Final = "probing.case_opened"
PROBING_CASE_CLOSED: Final = "probing.case_closed"
CAMPAIGN_SAVED: Final = "redteam.campaign_saved"
EVAL_SET_CREATED: Final = "evaluation.set_created"
EVAL_CASE_ADDED: Final = "evaluation.case_added"
EVAL_RUN_REQUESTED: Final = "evaluation.run_requested"
CHILD_SAFETY_CASE_OPENED: Final = "child_safety.case_opened"
CHILD_SAFETY_QUEUE_OPENED: Final = "child_safety.queue_opened"
CHILD_SAFETY_EVIDENCE_VIEWED: Final = "child_safety.evidence_viewed"
CHILD_SAFETY_EVIDENCE_EXPORTED: Final = "child_safety.evidence_exported"
CHILD_SAFETY_EVIDENCE_CLEARED: Final = "child_safety.evidence_cleared"
CHILD_SAFETY_HOLD_PROLONGED: Final = "child_safety.hold_prolonged"
CHILD_SAFETY_DECIDED: Final = "child_safety.decided"
CHILD_SAFETY_REPORT_CHANGED: Final = "child_safety.report_changed"
CHILD_SAFETY_REPORT_FILED: Final = "child_safety.report_filed"
CHILD_SAFETY_REPORT_FAILED: Final = "child_safety.report_failed"
CHILD_SAFETY_REPORT_RETRIED: Final = "child_safety.report_retried"
CHILD_SAFETY_PERMISSION_CHANGED: Final = "child_safety.permission_changed"
HASH_LIST_IMPORTED: Final = "hashes.list_imported"
HASH_BANK_CHANGED: Final = "hashes.bank_changed"
HASH_ENTRY_QUARANTINED: Final = "hashes.entry_quarantined"
HASH_ENTRY_CHANGED: Final = "hashes.entry_changed"
HASH_BANKS_SEARCHED: Final = "hashes.banks_searched"
LIKENESS_OFFERED: Final = "likeness.offered"
LIKENESS_CONSENTED: Final = "likeness.consented"
LIKENESS_REVOKED: Final = "likeness.revoked"
LIKENESS_CLIP_HELD: Final = "likeness.clip_held"

EVENTS: Final = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str)
)


def record_many(
    event: str, rows: Iterable[tuple[models.Model, Workspace | None]], **common: object
) -> None:
    """One entry for each (target, workspace), with one insert. `common` is `actor` and the data."""
    actor = common.pop("actor", None)
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no audit event; list it in accounts/audit.py")
    assert actor is None or isinstance(actor, User)
    AuditEntry.objects.bulk_create(
        AuditEntry(
            event=event,
            workspace=workspace,
            actor=actor,
            target_type=target._meta.label_lower,
            target_id=str(target.pk),
            data=common,
        )
        for target, workspace in rows
    )


def record(
    event: str,
    *,
    workspace: Workspace | None = None,
    actor: User | None = None,
    target: models.Model | None = None,
    **data: object,
) -> AuditEntry:
    """Add one entry, in the caller's transaction: what is rolled back was never done.

    `data` must be JSON. Put ids, codes and numbers there, never an e-mail address, a prompt or a
    birth date: entries are never deleted.
    Raises ValueError for an event that is not listed above.
    """
    if event not in EVENTS:
        raise ValueError(f"{event!r} is no audit event; list it in accounts/audit.py")
    return AuditEntry.objects.create(
        event=event,
        workspace=workspace,
        actor=actor,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
        data=data,
    )
