"""Child safety: what a check found becomes a sealed case, a person decides, evidence is kept and ends.

Only people with the permission PERMISSION come near any of it, and every look is logged. Whoever it is
about learns no detail: the account is held, and the notice says where to ask for a review.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import tempfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Permission
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from numpy.typing import NDArray
from PIL import Image

from accounts import audit
from accounts import services as accounts
from accounts.models import AuditEntry, User
from accounts.restrictions import holds_account
from generation import hooks
from generation import services as generation
from generation.incidents import Incident, Still, spread
from generation.models import Upload, UploadFingerprint, Video, VideoQuerySet
from generation.tasks import wake_upload_checks
from generation.uploads import services as uploads
from moderation import cybertip, cybertip_report, sealed
from moderation import services as moderation
from moderation.childsafety_models import (
    PERMISSION,
    ChildSafetyCase,
    ChildSafetyDecision,
    CyberTip,
    SealedEvidence,
)
from moderation.errors import (
    CaseClosed,
    NoteMissing,
    NotYoursToDecide,
    ReportIncomplete,
)
from moderation.models import Case
from moderation.screening import child_safety as rules
from moderation.screening.protocol import Verdict
from sora_site.lib import storage

logger = logging.getLogger(__name__)

Action = ChildSafetyDecision.Action
Kind = SealedEvidence.Kind
STILL_SIDE = 320
MOST_RECORDS = 50  # in one case of texts
MOST_SESSIONS = 10


# --- Who may come near ---------------------------------------------------------------------------


def reviewers() -> QuerySet[User]:
    """Everybody with the permission itself. To be a superuser is not enough."""
    wanted = Permission.objects.filter(content_type__app_label="moderation", codename=PERMISSION)
    return User.objects.filter(
        Q(user_permissions__in=wanted) | Q(groups__permissions__in=wanted),
        is_active=True,
        is_staff=True,
    ).distinct()


def may_review(user: User | AnonymousUser) -> bool:
    return isinstance(user, User) and reviewers().filter(pk=user.pk).exists()


def set_reviewer(person: User, *, allowed: bool, by: User | None) -> bool:
    """Give or take the permission. False: nothing to change. Raises ValueError for no staff."""
    if allowed and not person.is_staff:
        raise ValueError("Only staff can review child-safety cases.")
    permission = Permission.objects.get(content_type__app_label="moderation", codename=PERMISSION)
    has = person.user_permissions.filter(pk=permission.pk).exists()
    if has == allowed:
        return False
    with transaction.atomic():
        change = person.user_permissions.add if allowed else person.user_permissions.remove
        change(permission)
        audit.record(
            audit.CHILD_SAFETY_PERMISSION_CHANGED, actor=by, target=person, allowed=allowed
        )
    return True


# --- Taking what a check found -------------------------------------------------------------------


def take(incident: Incident) -> None:
    """Seal it, open or join its case, hold the account where the rules say so, draft a report.

    One transaction: either all of it is there or nothing, and the caller keeps what it has. The same
    upload or clip again is the same case. Raises SealError.
    """
    if incident.kind == "text" and any(name(incident.person) for name in hooks.campaigns):
        return  # a tester at work: the refusal and its finding are stored there
    with transaction.atomic():
        case, fresh = _case_of(incident)
        if not fresh and incident.kind != "text":
            return
        if fresh:
            audit.record(
                audit.CHILD_SAFETY_CASE_OPENED,
                workspace=incident.workspace,
                target=case,
                kind=incident.kind,
                stage=incident.stage,
            )
            CyberTip.objects.create(
                workspace_id=case.workspace_id,
                case=case,
                answers=cybertip_report.first_answers(case),
            )
        if case.evidence.filter(kind=Kind.RECORD).count() < MOST_RECORDS:
            _seal_all(case, incident)
        if _holds_account(case, incident, fresh=fresh):
            held = accounts.suspend_user(incident.person, by=None, reason=f"child_safety:{case.pk}")
            if held:
                case.account_held = True
                case.save(update_fields=["account_held"])


def _case_of(incident: Incident) -> tuple[ChildSafetyCase, bool]:
    if incident.kind == "text":
        same = Q(kind=ChildSafetyCase.Kind.TEXT, person=incident.person)
    elif incident.upload is not None:
        same = Q(upload=incident.upload)
    elif incident.video is not None:
        same = Q(video=incident.video)
    else:
        same = Q(generation=incident.generation, stage=incident.stage)
    waiting = ChildSafetyCase.objects.waiting().filter(same)
    if (found := waiting.select_for_update().first()) is not None:
        return found, False
    try:
        with transaction.atomic():
            return _open(incident), True
    except IntegrityError:  # another request was faster by a moment
        return waiting.select_for_update().get(), False


def _open(incident: Incident) -> ChildSafetyCase:
    return ChildSafetyCase.objects.create(
        workspace=incident.workspace,
        person=incident.person,
        kind=incident.kind,
        stage=incident.stage,
        priority=ChildSafetyCase.PRIORITY[incident.kind],
        generation=incident.generation,
        upload=incident.upload,
        video=incident.video,
        signals=[
            {
                "category": score.category.value,
                "value": round(score.value, 4),
                "source": score.source,
            }
            for score in incident.verdict.scores
        ][:50],
        policy_version=incident.verdict.policy_version[:40],
    )


def _holds_account(case: ChildSafetyCase, incident: Incident, *, fresh: bool) -> bool:
    """Known material and grave words at once; words that may be misread with the second time.

    What a classifier suspects holds the file, not the person: a human decides first.
    """
    if incident.kind == "known":
        return True
    return incident.kind == "text" and (not fresh or rules.is_grave(incident.verdict))


def _seal_all(case: ChildSafetyCase, incident: Incident) -> None:
    record = json.dumps(_record(incident), ensure_ascii=False).encode()
    sealed.seal(case, sealed.Source(Kind.RECORD, "record", "application/json", record))
    if incident.file is not None:
        label = {"upload": "upload", "output": "clip"}.get(incident.stage, "file")
        sealed.seal(case, sealed.Source(Kind.FILE, label, incident.media_type, incident.file))
    for seconds, frame in incident.stills:
        sealed.seal(
            case,
            sealed.Source(
                Kind.STILL, f"still at {seconds:.1f} s", "image/png", still_png(frame), seconds
            ),
        )


def still_png(frame: NDArray[np.uint8]) -> bytes:
    """A small picture in our own encoding: nothing of a stranger's file is parsed when it is shown."""
    picture = Image.fromarray(frame)
    picture.thumbnail((STILL_SIDE, STILL_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def _record(incident: Incident) -> dict[str, Any]:
    """Who, when, from where, which words. Sealed at once, so that it outlives a deleted account."""
    person, upload = incident.person, incident.upload
    now = timezone.now().isoformat(timespec="seconds")
    record: dict[str, Any] = {
        "at": now,
        "person": {
            "id": person.pk,
            "handle": person.handle,
            "display_name": person.display_name,
            "email": person.email,
            "joined": person.date_joined.isoformat(timespec="seconds"),
        },
        "addresses": _addresses(person),
        "workspace": incident.workspace.pk,
        "texts": [{"what": what, "text": text, "at": now} for what, text in incident.texts],
        "verdict": incident.verdict.to_json(),
    }
    if incident.generation is not None:
        record["job"] = {"id": str(incident.generation.pk), "seed": incident.generation.seed}
    if upload is not None:
        record["file_name"] = upload.name
        record["uploaded_at"] = upload.created_at.isoformat(timespec="seconds")
    if incident.video is not None:
        record["clip"] = str(incident.video.pk)
        record["was_public"] = incident.video.shared_at is not None
    return record


def _addresses(person: User) -> list[dict[str, str]]:
    """Where the person was signed in from, the latest first."""
    rows = UserSession.objects.filter(user=person).order_by("-last_seen_at")[:MOST_SESSIONS]
    return [{"ip": row.ip, "event": "Login", "at": _iso(row.created_at)} for row in rows if row.ip]


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def take_reported(video: Video, *, by: User | None) -> ChildSafetyCase:
    """A published clip that somebody reported for child safety: out of reach, sealed, in the queue.

    Raises SealError, FileNotFoundError.
    """
    existing = ChildSafetyCase.objects.waiting().filter(video=video).first()
    if existing is not None:
        return existing
    with (
        tempfile.TemporaryDirectory(dir=_work_folder()) as folder,
        transaction.atomic(),
    ):
        path = storage.fetch(video.media_key, Path(folder) / "clip.mp4")
        job = video.generation
        take(
            Incident(
                kind="reported",
                stage="report",
                workspace=video.workspace,
                person=video.creator,
                verdict=Verdict(action="hold", profile="feed", categories=("sexual_minors",)),
                texts=_words(job.prompt, job.rewritten_prompt),
                generation=job,
                video=video,
                file=path,
                media_type="video/mp4",
                stills=stills_of(path),
            )
        )
        generation.quarantine_video(video, by=by, reason="child_safety")
        return ChildSafetyCase.objects.waiting().get(video=video)


def _words(prompt: str, rewritten: str) -> tuple[tuple[str, str], ...]:
    listed = [("prompt", prompt), ("rewritten", rewritten if rewritten != prompt else "")]
    return tuple((what, text) for what, text in listed if text)


def stills_of(path: Path) -> tuple[Still, ...]:
    """Stills of a file that we encoded ourselves."""
    from generation import media

    return spread(media.sample_frames(path, per_second=1.0))


def _work_folder() -> Path:
    folder = Path(settings.SORA_STATE_DIR) / "work" / "sealing"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def divert(case: Case, *, by: User) -> ChildSafetyCase:
    """Pass an ordinary case on: the clip is sealed and out of reach, the case is closed here.

    Raises CaseClosed, SealError, FileNotFoundError.
    """
    with transaction.atomic():
        if not Case.objects.select_for_update(of=("self",)).get(pk=case.pk).is_open:
            raise CaseClosed()
        found = take_reported(case.video, by=by)
        moderation.decide(
            case, action="remove", policy="sexual_minors", note=moderation.DIVERTED, by=by
        )
    return found


# --- Deciding ------------------------------------------------------------------------------------


def decide(case: ChildSafetyCase, *, action: str, note: str, by: User) -> ChildSafetyDecision:
    """Report it, let it go, or pass it on. Everything that follows is in the same transaction.

    Raises CaseClosed, NoteMissing, NotYoursToDecide (one's own case, or one passed on oneself),
    ReportIncomplete.
    """
    action = Action(action)
    note = note.replace("\0", "").strip()[:2000]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        case = ChildSafetyCase.objects.select_for_update(of=("self",)).get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        passed_on = case.decisions.filter(action=Action.ESCALATE, decided_by=by).exists()
        if case.person_id == by.pk or passed_on:
            raise NotYoursToDecide()
        decision = ChildSafetyDecision.objects.create(
            workspace_id=case.workspace_id, case=case, action=action, note=note, decided_by=by
        )
        audit.record(
            audit.CHILD_SAFETY_DECIDED,
            workspace=case.workspace,
            actor=by,
            target=case,
            action=str(action),
        )
        if action == Action.ESCALATE:
            case.status, case.escalated = ChildSafetyCase.Status.ESCALATED, True
        else:
            case.status, case.closed_at = ChildSafetyCase.Status.CLOSED, timezone.now()
        case.save(update_fields=["status", "escalated", "closed_at"])
        if action == Action.REPORT:
            _report(case, by)
        elif action == Action.NOT_CHILD:
            _let_go(case, by)
    return decision


def _report(case: ChildSafetyCase, by: User) -> None:
    tip = CyberTip.objects.select_for_update().get(case=case)
    if problems := problems_of(tip.answers):
        raise ReportIncomplete(" ".join(problems))
    tip.status, tip.next_attempt_at = CyberTip.Status.WAITING, timezone.now()
    tip.save(update_fields=["status", "next_attempt_at"])
    if accounts.suspend_user(case.person, by=by, reason=f"child_safety:{case.pk}"):
        case.account_held = True
        case.save(update_fields=["account_held"])
    if case.upload is not None:  # what looks like it is refused from now on
        uploads.quarantine_upload(case.upload, by=by, reason=f"child_safety:{case.pk}")


def _let_go(case: ChildSafetyCase, by: User) -> None:
    """Undo every effect: the account, the upload, the clip; the evidence ends with the next sweep."""
    CyberTip.objects.filter(case=case).update(status=CyberTip.Status.WITHDRAWN)
    others = ChildSafetyCase.objects.filter(person=case.person, account_held=True).exclude(
        pk=case.pk
    )
    confirmed = others.filter(decisions__action=Action.REPORT)
    held = others.waiting().exists() or confirmed.exists() or holds_account(case.person)
    if case.account_held and not held:
        accounts.reinstate_user(case.person, by=by, reason=f"child_safety:{case.pk}")
    if case.upload is not None:
        _let_in_again(case, case.upload)
    if case.video is not None and case.stage == ChildSafetyCase.Stage.REPORT:
        moderation.take_back_diverted(case.video, by=by)
        generation.restore_video(case.video, by=by, reason=f"child_safety:{case.pk}")
    case.evidence.filter(cleared_at=None).update(hold_until=timezone.now())


def _let_in_again(case: ChildSafetyCase, upload: Upload) -> None:
    """The file goes back to where it waited; its next check knows that a person has looked."""
    piece = case.evidence.filter(kind=Kind.FILE, cleared_at=None).first()
    if piece is None:
        return
    with tempfile.TemporaryDirectory(dir=_work_folder()) as folder:
        path = Path(folder) / "file"
        with path.open("wb") as out:
            out.writelines(sealed.open_chunks(piece))
        storage.store_quarantine(path, uploads.piece_key(upload, 0))
    UploadFingerprint.objects.filter(upload=upload).delete()
    Upload.objects.filter(pk=upload.pk).update(
        status=Upload.Status.WAITING,
        reason_code="",
        quarantined_at=None,
        attempts=0,
        verdict={"cleared_by_case": case.pk},
    )
    transaction.on_commit(wake_upload_checks)


# --- The report's draft --------------------------------------------------------------------------


def problems_of(answers: dict[str, Any]) -> list[str]:
    """What keeps a draft from being filed, in words."""
    problems = []
    if answers.get("incident_type") not in cybertip.INCIDENT_TYPES:
        problems.append("Choose the type of incident.")
    if answers.get("classification", "") not in ("", *cybertip.CLASSIFICATIONS):
        problems.append("Choose one of the listed classifications.")
    if set(answers.get("annotations", ())) - set(cybertip.ANNOTATIONS):
        problems.append("Choose only listed annotations.")
    for name in ("escalate", "additional"):
        if len(answers.get(name, "")) > cybertip.MAX_TEXT:
            problems.append(f"Shorten the text to {cybertip.MAX_TEXT} characters.")
    return problems


def change_draft(case: ChildSafetyCase, answers: dict[str, Any], *, by: User) -> CyberTip:
    """Keep what the reviewer filled in. Raises CaseClosed, ReportIncomplete, NotYoursToDecide."""
    if problems := problems_of(answers):
        raise ReportIncomplete(" ".join(problems))
    if case.person_id == by.pk:
        raise NotYoursToDecide()
    with transaction.atomic():
        tip = CyberTip.objects.select_for_update().get(case=case)
        if tip.status not in (CyberTip.Status.DRAFT, CyberTip.Status.FAILED):
            raise CaseClosed()
        tip.answers = answers
        tip.save(update_fields=["answers"])
        audit.record(
            audit.CHILD_SAFETY_REPORT_CHANGED, workspace=tip.workspace, actor=by, target=tip
        )
    return tip


def file_again(case: ChildSafetyCase, *, by: User) -> CyberTip:
    """Have a worker try a failed report again; or one that only its test service got, now that the
    site reports to the real one. Raises CaseClosed when there is nothing to try again."""
    with transaction.atomic():
        tip = CyberTip.objects.select_for_update().get(case=case)
        only_tested = (
            tip.status == CyberTip.Status.FILED and tip.is_test and cybertip_report.is_production()
        )
        if tip.status != CyberTip.Status.FAILED and not only_tested:
            raise CaseClosed("There is nothing to send again.")
        tip.status, tip.next_attempt_at = CyberTip.Status.WAITING, timezone.now()
        tip.first_tried_at, tip.filed_at = None, None
        tip.save(update_fields=["status", "next_attempt_at", "first_tried_at", "filed_at"])
        audit.record(
            audit.CHILD_SAFETY_REPORT_RETRIED, workspace=tip.workspace, actor=by, target=tip
        )
    return tip


# --- Looking -------------------------------------------------------------------------------------


def note_queue_opened(cases: Iterable[ChildSafetyCase], *, by: User) -> None:
    audit.record(audit.CHILD_SAFETY_QUEUE_OPENED, actor=by, cases=[case.pk for case in cases])


def look_at_stills(
    case: ChildSafetyCase, *, by: User, blurred: bool
) -> list[tuple[SealedEvidence, bytes]]:
    """Every still of a case as PNG, grey; logged before the first one is opened.

    Raises SealError.
    """
    pieces = list(
        case.evidence.filter(kind=Kind.STILL, cleared_at=None).order_by("seconds", "sealed_at")
    )
    if not pieces:
        return []
    _log_view(case, by, "stills, blurred" if blurred else "stills", pieces)
    return [(piece, shown(sealed.read(piece), blurred=blurred)) for piece in pieces]


def blurred_still(piece: SealedEvidence) -> bytes:
    """One still for the queue, where `note_queue_opened` logged the look. Raises SealError."""
    return shown(sealed.read(piece), blurred=True)


def look_at_record(case: ChildSafetyCase, *, by: User) -> dict[str, Any]:
    """The sealed record of a case. Logged. Raises SealError."""
    pieces = list(case.evidence.filter(kind=Kind.RECORD, cleared_at=None))
    if not pieces:
        return {}
    _log_view(case, by, "record", pieces)
    return cybertip_report.record_of(case)


def _log_view(case: ChildSafetyCase, by: User, what: str, pieces: list[SealedEvidence]) -> None:
    audit.record(
        audit.CHILD_SAFETY_EVIDENCE_VIEWED,
        workspace=case.workspace,
        actor=by,
        target=case,
        what=what,
        evidence=[str(piece.pk) for piece in pieces],
    )


def shown(png: bytes, *, blurred: bool) -> bytes:
    """Grey; blurred so far that shapes remain and nothing can be recognised. Undone in no browser: the
    details never leave the server."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    if blurred:
        width, height = picture.size
        small = (max(2, width // 28), max(2, height // 28))
        picture = picture.resize(small, Image.Resampling.BOX).resize(
            (width, height), Image.Resampling.BICUBIC
        )
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def export_list(*, by: User) -> str:
    """Every piece with its digests, its hold and who looked when, as CSV; no content. Logged."""
    audit.record(audit.CHILD_SAFETY_EVIDENCE_EXPORTED, actor=by)
    views: dict[str, list[str]] = {}
    for entry in AuditEntry.objects.filter(event=audit.CHILD_SAFETY_EVIDENCE_VIEWED).order_by("pk"):
        for piece in entry.data.get("evidence", ()):
            views.setdefault(piece, []).append(
                f"{_iso(entry.created_at)} user {entry.actor_id} ({entry.data.get('what', '')})"
            )
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        [
            *("case", "case_status", "evidence", "kind", "label", "media_type", "bytes"),
            *("sha256", "md5", "sealed_at", "hold_until", "cleared_at"),
            *("report", "report_is_test", "report_filed_at", "views"),
        ]
    )
    rows = SealedEvidence.objects.select_related("case", "case__tip").order_by(
        "case_id", "sealed_at"
    )
    for piece in rows.iterator(chunk_size=500):
        tip = piece.case.tip
        writer.writerow(
            [
                *(piece.case_id, piece.case.status, piece.pk, piece.kind, piece.label),
                *(piece.media_type, piece.bytes, piece.sha256, piece.md5),
                *(_iso(piece.sealed_at), _iso(piece.hold_until)),
                _iso(piece.cleared_at) if piece.cleared_at else "",
                tip.report_id if tip.filed_at else "",
                {True: "yes", False: "no"}.get(tip.is_test, "") if tip.filed_at else "",
                _iso(tip.filed_at) if tip.filed_at else "",
                "; ".join(views.get(str(piece.pk), ())),
            ]
        )
    return out.getvalue()


# --- The ends ------------------------------------------------------------------------------------


def without_child_safety_case(videos: VideoQuerySet) -> VideoQuerySet:
    """Takes out clips that are evidence: their files stay as long as their preservation lasts."""
    kept = SealedEvidence.objects.filter(cleared_at=None, case__video__isnull=False).values(
        "case__video"
    )
    return videos.exclude(pk__in=kept)


def clear_expired() -> int:
    """Destroy what is past its preservation. Returns how many pieces."""
    cleared = 0
    for piece in SealedEvidence.objects.over().select_related("workspace")[:100]:
        with transaction.atomic():
            locked = SealedEvidence.objects.over().filter(pk=piece.pk)
            if locked.select_for_update(skip_locked=True, of=("self",)).first() is None:
                continue
            sealed.clear(piece)
            audit.record(
                audit.CHILD_SAFETY_EVIDENCE_CLEARED,
                workspace=piece.workspace,
                target=piece,
                case=piece.case_id,
            )
            cleared += 1
    return cleared


def prolong(case: ChildSafetyCase, *, days: int, by: User, reference: str) -> None:
    """Keep a case's evidence longer, as an authority may ask; `reference` is that authority's number.

    Raises NoteMissing.
    """
    reference = "".join(c for c in reference if c.isprintable()).strip()[:80]
    if not reference:
        raise NoteMissing("Give the reference of whoever asked for it.")
    until = timezone.now() + timedelta(days=min(max(days, 1), 3650))
    with transaction.atomic():
        case.evidence.filter(cleared_at=None, hold_until__lt=until).update(hold_until=until)
        audit.record(
            audit.CHILD_SAFETY_HOLD_PROLONGED,
            workspace=case.workspace,
            actor=by,
            target=case,
            until=_iso(until),
            reference=reference,
        )
