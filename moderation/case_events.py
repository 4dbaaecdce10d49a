"""Opening cases and writing what happens to them. Everything about one subject joins its open case."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User, Workspace
from accounts.services import personal_workspace
from generation.models import Generation, Upload, Video
from moderation.case_status import MOVES, status_of
from moderation.models import Case, CaseEvent

Subject = Video | Upload | Generation | User

CLOCKS: Final[dict[int, timedelta]] = {
    1: timedelta(days=7),
    2: timedelta(hours=72),
    3: timedelta(hours=24),
    4: timedelta(hours=12),
}
"""How long a case may wait, by its severity."""
INTIMATE_HOURS: Final = 48
TRUSTED_HOURS: Final = 24
_LANES: Final = (Case.Lane.ORDINARY, Case.Lane.TRUSTED, Case.Lane.INTIMATE)  # the last wins


def add(case: Case, kind: str, /, *, by: User | None = None, **data: Any) -> CaseEvent:
    """Write one event, and the status that follows. In the caller's transaction, the case locked."""
    event = CaseEvent.objects.create(
        workspace_id=case.workspace_id, case=case, kind=CaseEvent.Kind(kind), actor=by, data=data
    )
    if kind in MOVES and kind != "opened":
        case.status = status_of(case.events.order_by("at", "pk"))
        if case.status == Case.Status.OPEN:
            case.closed_at = None
        elif case.closed_at is None:
            case.closed_at = event.at
        case.save(update_fields=["status", "closed_at"])
    return event


def of_subject(subject: Subject) -> Q:
    """Cases about one thing."""
    if isinstance(subject, Video):
        return Q(subject_kind=Case.Subject.VIDEO, video=subject)
    if isinstance(subject, Upload):
        return Q(subject_kind=Case.Subject.UPLOAD, upload=subject)
    if isinstance(subject, Generation):
        return Q(subject_kind=Case.Subject.GENERATION, generation=subject)
    return Q(subject_kind=Case.Subject.USER, person=subject)


def open_or_join(
    subject: Subject, *, origin: str, workspace: Workspace | None = None, by: User | None = None
) -> tuple[Case, bool]:
    """The open case about this, locked; opened when there is none: (case, it is new).

    In the caller's transaction. Two at the same time get the same case: the database keeps one.
    """
    fields = _fields(subject, workspace)
    case, opened = Case.objects.get_or_create(
        **{name: fields[name] for name in fields if name not in ("workspace_id", "person")}
        | ({"person": fields["person"]} if isinstance(subject, User) else {}),
        status=Case.Status.OPEN,
        defaults={
            "workspace_id": fields["workspace_id"],
            "person": fields["person"],
            "origin": Case.Origin(origin),
            "severity": 2,
            "due_at": timezone.now() + CLOCKS[2],
            "language": language_of(subject),
        },
    )
    case = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
    if not opened and not case.is_open:  # decided between the two queries: the next one
        return open_or_join(subject, origin=origin, workspace=workspace, by=by)
    if opened:
        add(case, "opened", by=by, origin=str(origin))
        audit.record(
            audit.MODERATION_CASE_OPENED,
            workspace=case.workspace,
            actor=by,
            target=case,
            origin=str(origin),
        )
    return case, opened


def _fields(subject: Subject, workspace: Workspace | None) -> dict[str, Any]:
    if isinstance(subject, Video):
        return {
            "subject_kind": Case.Subject.VIDEO,
            "video": subject,
            "person": subject.creator,
            "workspace_id": subject.workspace_id,
        }
    if isinstance(subject, Upload):
        return {
            "subject_kind": Case.Subject.UPLOAD,
            "upload": subject,
            "person": subject.uploaded_by,
            "workspace_id": subject.workspace_id,
        }
    if isinstance(subject, Generation):
        return {
            "subject_kind": Case.Subject.GENERATION,
            "generation": subject,
            "person": subject.requested_by,
            "workspace_id": subject.workspace_id,
        }
    return {
        "subject_kind": Case.Subject.USER,
        "person": subject,
        "workspace_id": (workspace or personal_workspace(subject)).pk,
    }


def hasten(case: Case, *, severity: int, lane: str, due_at: datetime | None = None) -> None:
    """Let a case rise: never down, never later than it was due."""
    severity = max(1, min(4, severity))
    case.severity = max(case.severity, severity)
    if _LANES.index(Case.Lane(lane)) > _LANES.index(Case.Lane(case.lane)):
        case.lane = lane
    wanted = due_at or case.opened_at + CLOCKS[case.severity]
    case.due_at = wanted if case.due_at is None else min(case.due_at, wanted)
    case.save(update_fields=["severity", "lane", "due_at"])


def begin(case: Case, *, severity: int, lane: str, due_at: datetime | None = None) -> None:
    """The first weight of a case that was just opened; from then on it only rises."""
    case.severity = max(1, min(4, severity))
    case.lane = lane
    case.due_at = due_at or case.opened_at + CLOCKS[case.severity]
    case.save(update_fields=["severity", "lane", "due_at"])


def language_of(subject: Subject) -> str:
    """The language of a clip's prompt, as far as its letters tell; "" where they don't."""
    if isinstance(subject, Video):
        text = subject.generation.prompt
    elif isinstance(subject, Generation):
        text = subject.prompt
    else:
        return ""
    return language_by_letters(text[:500])


_SCRIPTS: Final = (
    ("ja", (0x3040, 0x30FF)),
    ("ko", (0xAC00, 0xD7AF)),
    ("zh", (0x4E00, 0x9FFF)),
    ("ru", (0x0400, 0x04FF)),
    ("ar", (0x0600, 0x06FF)),
    ("he", (0x0590, 0x05FF)),
    ("hi", (0x0900, 0x097F)),
    ("th", (0x0E00, 0x0E7F)),
    ("el", (0x0370, 0x03FF)),
)
_WORDS: Final[dict[str, str]] = {
    "en": " the a an of in on at with and over is to ",
    "de": " der die das ein eine und mit im auf über ist zu den ",
    "fr": " le la les un une des et avec dans sur est du au ",
    "es": " el la los las un una y con en sobre es del al ",
    "it": " il lo la gli un una e con nel su è di al ",
    "pt": " o a os as um uma e com em sobre é do da ",
    "nl": " de het een en met in op over is van ",
}


def language_by_letters(text: str) -> str:
    """ISO 639-1 by script, else by the commonest small words; "" when neither tells."""
    for code, (first, last) in _SCRIPTS:
        if sum(first <= ord(c) <= last for c in text) > max(2, len(text) // 10):
            return code
    words = text.lower().split()
    counts = {code: sum(f" {word} " in known for word in words) for code, known in _WORDS.items()}
    best = max(counts, key=lambda code: counts[code])
    ties = [code for code, n in counts.items() if n == counts[best]]
    return best if counts[best] and len(ties) == 1 else ""
