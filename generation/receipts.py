"""Writing statements of reasons, and checking that none was altered.

`issue` is called in the transaction of the refusal or the removal itself: either both are there or
neither. One transaction at a time may add to the chain, and keeps the lock to its end: so receipts
come last, after every row that has to be locked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from django.db import connection, transaction
from django.utils import timezone

from generation.errors import UPLOAD_REASONS
from generation.models.receipts import Receipt, new_public_id
from moderation.policies import POLICIES, POLICY_VERSION

if TYPE_CHECKING:
    from accounts.models import User, Workspace
    from generation.models import Generation, Upload
    from moderation.screening.protocol import Verdict
    from sora_site.lib.errors import SoraError

APPEAL_DAYS: Final = 183
"""Six months: how long a decision may be appealed, and how long what was removed is kept for it."""
FIRST_HASH: Final = "0" * 64
LOCK: Final = 0x5EC0_0001  # of pg_advisory_xact_lock; any number nobody else uses
HASHED: Final = (
    "number",
    "public_id",
    "workspace_id",
    "person_id",
    "kind",
    "subject_kind",
    "subject_id",
    "layer",
    "policy_code",
    "policy_version",
    "screening_version",
    "where",
    "automated",
    "message",
    "remedy",
    "appealable",
    "data",
    "previous_hash",
)


@dataclass(frozen=True)
class Statement:
    """One receipt to be written. Empty message and remedy: those of the rule."""

    workspace: Workspace
    person: User
    kind: str
    subject_kind: str
    subject_id: str
    layer: str
    code: str
    where: dict[str, Any]
    automated: bool
    message: str = ""
    remedy: str = ""
    appealable: bool | None = None
    screening_version: str = ""
    data: dict[str, Any] | None = None


def _lock_chain() -> None:
    """Be the only one who adds receipts until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def issue(
    *,
    workspace: Workspace,
    person: User,
    kind: str,
    subject_kind: str,
    subject_id: object,
    layer: str,
    code: str,
    where: dict[str, Any] | None = None,
    automated: bool,
    message: str = "",
    remedy: str = "",
    appealable: bool | None = None,
    screening_version: str = "",
    data: dict[str, Any] | None = None,
) -> Receipt:
    """Write one receipt, in the caller's transaction.

    code: of moderation.policies; an unknown one is stated as "other". where: see Receipt. appealable:
    None asks the rule. Raises ValueError for a kind or subject that is none.
    """
    statement = Statement(
        workspace,
        person,
        kind,
        subject_kind,
        str(subject_id),
        layer,
        code,
        where or {},
        automated,
        message,
        remedy,
        appealable,
        screening_version,
        data,
    )
    return issue_many([statement])[0]


def issue_many(statements: Iterable[Statement]) -> list[Receipt]:
    """Write several, next to each other in the chain, with one insert."""
    with transaction.atomic():
        _lock_chain()
        last = Receipt.objects.order_by("-number").values_list("number", "hash").first()
        number, previous = last or (0, FIRST_HASH)
        rows = []
        for statement in statements:
            number += 1
            row = _row(statement, number, previous)
            previous = row.hash
            rows.append(row)
        return Receipt.objects.bulk_create(rows)


def _row(statement: Statement, number: int, previous: str) -> Receipt:
    if statement.kind not in Receipt.Kind.values:
        raise ValueError(f"{statement.kind!r} is no kind of receipt")
    if statement.subject_kind not in Receipt.Subject.values:
        raise ValueError(f"{statement.subject_kind!r} is no subject of a receipt")
    rule = POLICIES.get(statement.code, POLICIES["other"])
    appealable = rule.appealable if statement.appealable is None else statement.appealable
    now = timezone.now()
    row = Receipt(
        public_id=new_public_id(),
        workspace=statement.workspace,
        person=statement.person,
        kind=statement.kind,
        subject_kind=statement.subject_kind,
        subject_id=statement.subject_id[:64],
        layer=statement.layer[:20],
        policy_code=rule.code,
        policy_version=POLICY_VERSION,
        screening_version=statement.screening_version[:40],
        where=statement.where,
        automated=statement.automated,
        message=(statement.message or rule.message)[:1000],
        remedy=(statement.remedy or rule.remedy)[:1000],
        appealable=appealable,
        appeal_until=now + timedelta(days=APPEAL_DAYS) if appealable else None,
        data=statement.data or {},
        created_at=now,
        number=number,
        previous_hash=previous,
    )
    row.hash = hash_of(row)
    return row


def hash_of(row: Receipt) -> str:
    """SHA-256 over every field, times in UTC: what a changed row no longer agrees with."""
    content: dict[str, Any] = {name: getattr(row, name) for name in HASHED}
    content["created_at"] = row.created_at.astimezone(UTC).isoformat()
    content["appeal_until"] = (
        row.appeal_until.astimezone(UTC).isoformat() if row.appeal_until else None
    )
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Fault:
    """One place where the chain does not hold."""

    number: int
    public_id: str
    problem: str


def verify(*, most_faults: int = 100) -> tuple[int, list[Fault]]:
    """(receipts looked at, what is wrong). Reads the whole chain in order, in constant memory.

    Rows taken from the end leave no gap: keep the printed last hash elsewhere to notice that.
    """
    faults: list[Fault] = []
    count, expected, previous = 0, 1, FIRST_HASH
    for row in Receipt.objects.order_by("number").iterator(chunk_size=2000):
        count += 1
        problems = []
        if row.number != expected:
            problems.append(f"{row.number - expected} receipts before it are missing")
        elif row.previous_hash != previous:
            problems.append("it doesn't follow the one before it")
        if row.hash != hash_of(row):
            problems.append("its content was changed")
        faults += [Fault(row.number, row.public_id, problem) for problem in problems]
        if len(faults) >= most_faults:
            break
        expected, previous = row.number + 1, row.hash
    return count, faults


# --- What a check refused ------------------------------------------------------------------------


def for_text(
    workspace: Workspace, person: User, verdict: Verdict, *, prompt_sha256: str, layer: str = "gate"
) -> Receipt:
    """Of a prompt that was refused before there was a job."""
    return issue(
        workspace=workspace,
        person=person,
        kind=Receipt.Kind.REFUSAL,
        subject_kind=Receipt.Subject.PROMPT,
        subject_id=prompt_sha256,
        layer=layer,
        code=code_of(verdict),
        where={"field": "prompt"},
        automated=True,
        screening_version=verdict.policy_version,
        data=data_of(verdict),
    )


def for_job(generation: Generation, verdict: Verdict, *, stage: str) -> Receipt:
    """Of a job that a stage of screening refused; or, for the feed's, kept from the public."""
    public = stage == "feed"
    return issue(
        workspace=generation.workspace,
        person=generation.requested_by,
        kind=Receipt.Kind.RESTRICTION if public else Receipt.Kind.REFUSAL,
        subject_kind=Receipt.Subject.GENERATION,
        subject_id=generation.pk,
        layer=stage,
        code=code_of(verdict),
        where=where_of(verdict, stage),
        automated=True,
        message="Our checks for public pages keep this clip private." if public else "",
        remedy=(
            "It stays yours to watch and download. Ask for a person to look at it."
            if public
            else ""
        ),
        screening_version=verdict.policy_version,
        data=data_of(verdict),
    )


def for_misuse(workspace: Workspace, person: User, refusal: SoraError, prompt: str) -> Receipt:
    """Of a request that would misuse somebody's likeness."""
    reasons = [str(reason) for reason in refusal.extra.get("reasons", ())]
    return issue(
        workspace=workspace,
        person=person,
        kind=Receipt.Kind.REFUSAL,
        subject_kind=Receipt.Subject.PROMPT,
        subject_id=hashlib.sha256(prompt.encode()).hexdigest(),
        layer="likeness",
        code=next((code for code in reasons if code in POLICIES), "likeness"),
        where={"field": "together"},
        automated=True,
        message=refusal.message,
        remedy=refusal.remedy or "",
    )


def ensure_for_refused(generation: Generation, reason: str) -> None:
    """A job that ends refused has a receipt: the one of its check, else this one."""
    of_job = Receipt.objects.filter(
        subject_kind=Receipt.Subject.GENERATION,
        subject_id=str(generation.pk),
        kind=Receipt.Kind.REFUSAL,
    )
    if not of_job.exists():
        issue(
            workspace=generation.workspace,
            person=generation.requested_by,
            kind=Receipt.Kind.REFUSAL,
            subject_kind=Receipt.Subject.GENERATION,
            subject_id=generation.pk,
            layer="likeness" if reason.startswith("likeness") else "rules",
            code=reason,
            where={"field": "together"},
            automated=True,
        )


UPLOAD_RULES: Final = {
    "photograph": "likeness",
    "removed_clip": "known_content",
    "our_clip_altered": "deceptive",
    "not_remixable": "intellectual_property",
}
"""Refusals of an upload that rest on a rule, though their code names what was seen."""


def for_upload(upload: Upload, code: str, verdict: Verdict | None) -> Receipt | None:
    """Of a file a rule refused. None: it could not be read or used, which is no decision about it."""
    rule = code if code in POLICIES else UPLOAD_RULES.get(code)
    if rule is None or (not POLICIES[rule].appealable and verdict is None):
        return None
    message, remedy = UPLOAD_REASONS.get(code, ("", ""))
    return issue(
        workspace=upload.workspace,
        person=upload.uploaded_by,
        kind=Receipt.Kind.REFUSAL,
        subject_kind=Receipt.Subject.UPLOAD,
        subject_id=upload.pk,
        layer="upload",
        code=rule,
        where={"field": "upload"},
        automated=True,
        message=message,
        remedy=remedy,
        screening_version=verdict.policy_version if verdict else "",
        data=data_of(verdict) if verdict else {"code": code},
    )


def latest_for(subject_kind: str, subject_id: object) -> Receipt | None:
    """The last receipt about one thing, for its page and its card."""
    about = Receipt.objects.filter(subject_kind=subject_kind, subject_id=str(subject_id))
    return about.order_by("-number").first()


def links(receipt: Receipt) -> dict[str, str | None]:
    """What an error answer names of it: {decision_id, decision_url, appeal_url}."""
    said = receipt.for_person()
    return {
        "decision_id": receipt.public_id,
        "decision_url": receipt.page_url,
        "appeal_url": said["appeal_url"],
    }


def code_of(verdict: Verdict) -> str:
    return next((code for code in verdict.reasons if code in POLICIES), "other")


def data_of(verdict: Verdict) -> dict[str, Any]:
    """For staff: what spoke. The scores themselves stay with the stored check."""
    return {
        "categories": list(verdict.categories)[:20],
        "sources": sorted({score.source for score in verdict.scores})[:20],
        "profile": verdict.profile,
    }


def where_of(verdict: Verdict, stage: str) -> dict[str, Any]:
    """Where the gravest sign was: a second of the video with its frame, or which text."""
    signs = [s for s in getattr(verdict, "signals", ()) if s.action == "refuse"]
    gravest = max(signs, key=lambda s: s.value, default=None)
    if gravest is not None and gravest.frame_seconds is not None:
        return {"field": "video", "second": round(gravest.frame_seconds, 2)}
    if stage in ("output", "feed"):
        return {"field": "video"}
    if stage == "joint":
        return {"field": "together"}
    if gravest is not None and gravest.subject == "rewritten":
        return {"field": "rewritten"}
    return {"field": "prompt"}
