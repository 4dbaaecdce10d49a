"""Everything one page needs to decide a case: scores along the clip, the prompt's history, the person,
what looks alike, what it was made from. Reads only; the look itself is written by console_looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.db.models import Count, Q

from accounts.models import User
from generation import presenting
from generation.cards import card_of, with_cards
from generation.models import Fingerprint, Friction, Generation, Receipt, SafetyCheck, Video
from generation.provenance.fingerprint import Candidate, FrameHash, bands, match_clips
from moderation.models import Case, Decision, Report, Strike

MOST_SIMILAR = 6
MOST_ROWS = 8  # categories on the timeline
CANDIDATES = 5000
WIDTH = 600  # of the timeline's own units
ROW = 18
REMOVALS = ("remove", "block", "takedown")
STRICTNESS = {"allow": 0, "guard": 1, "hold": 2, "refuse": 3}


@dataclass(frozen=True)
class Mark:
    """One frame's value on the timeline, in its own units; `percent` is how tall it stands."""

    x: float
    width: float
    y: float
    height: float
    seconds: float
    value: float
    action: str


@dataclass(frozen=True)
class Track:
    """One category along the clip. `worst`: the highest value and where."""

    category: str
    label: str
    y: int
    marks: tuple[Mark, ...]
    worst: float
    worst_at: float
    action: str


@dataclass(frozen=True)
class Timeline:
    width: int
    height: int
    seconds: float
    tracks: tuple[Track, ...]
    flagged: tuple[float, ...]  # seconds where a frame alone leads to more than "allow"


def timeline_of(video: Video, checks: Iterable[SafetyCheck]) -> Timeline:
    """The stored values of every frame that was judged, the gravest category first."""
    found: dict[str, dict[float, tuple[float, str]]] = {}
    for check in checks:
        for signal in _signals(check):
            at = signal.get("frame_seconds")
            if not isinstance(at, int | float):
                continue
            row = found.setdefault(str(signal.get("category", "")), {})
            value, action = _number(signal.get("value")), str(signal.get("action", "allow"))
            if float(at) not in row or value > row[float(at)][0]:
                row[float(at)] = value, action
    seconds = max(video.seconds, 0.001)
    order = sorted(
        found.items(),
        key=lambda item: (
            -max(STRICTNESS.get(action, 0) for _, action in item[1].values()),
            -max(value for value, _ in item[1].values()),
            item[0],
        ),
    )[:MOST_ROWS]
    tracks = tuple(
        _track(name, row, seconds, index * ROW) for index, (name, row) in enumerate(order)
    )
    flagged = sorted(
        {mark.seconds for track in tracks for mark in track.marks if mark.action != "allow"}
    )
    return Timeline(WIDTH, max(ROW, ROW * len(tracks)), seconds, tracks, tuple(flagged))


def _track(name: str, row: dict[float, tuple[float, str]], seconds: float, y: int) -> Track:
    moments = sorted(row)
    step = min((b - a for a, b in pairwise(moments)), default=seconds / 8)
    width = max(3.0, WIDTH * min(step, seconds) / seconds - 1)
    marks = []
    for at in moments:
        value, action = row[at]
        height = max(1.5, (ROW - 3) * min(1.0, value))
        marks.append(
            Mark(
                x=round(min(WIDTH - width, WIDTH * at / seconds), 1),
                width=round(width, 1),
                y=round(y + ROW - 1 - height, 1),
                height=round(height, 1),
                seconds=at,
                value=round(value, 3),
                action=action,
            )
        )
    worst = max(moments, key=lambda at: row[at][0])
    gravest = max((action for _, action in row.values()), key=lambda a: STRICTNESS.get(a, 0))
    return Track(
        name, name.replace("_", " "), y, tuple(marks), round(row[worst][0], 3), worst, gravest
    )


def _signals(check: SafetyCheck) -> list[dict[str, Any]]:
    verdict = check.verdict if isinstance(check.verdict, dict) else {}
    listed = verdict.get("signals", [])
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 1.0


def text_scores(checks: Iterable[SafetyCheck]) -> list[dict[str, Any]]:
    """What was said about the texts: the highest value of each category and text, gravest first."""
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for check in checks:
        for signal in _signals(check):
            if signal.get("frame_seconds") is not None:
                continue
            key = str(signal.get("category", "")), str(signal.get("subject", ""))
            value = _number(signal.get("value"))
            if key not in best or value > best[key]["value"]:
                best[key] = {
                    "category": key[0].replace("_", " "),
                    "subject": key[1],
                    "value": round(value, 3),
                    "action": str(signal.get("action", "allow")),
                    "provider": str(signal.get("provider", "")),
                    "percent": round(100 * min(1.0, value)),
                }
    return sorted(
        best.values(), key=lambda row: (-STRICTNESS.get(row["action"], 0), -row["value"])
    )[:24]


def similar_to(video: Video) -> list[dict[str, Any]]:
    """Clips whose frames look like this one's, whoever made them, removed ones too; the nearest first."""
    own = [
        FrameHash(row.at_ms / 1000, row.variant, bytes(row.hash), 100)
        for row in Fingerprint.objects.filter(video=video).order_by("at_ms", "variant")[:400]
    ]
    if not own:
        return []
    wanted = sorted({band for item in own for band in bands(item.hash)})
    rows = Fingerprint.objects.filter(bands__overlap=wanted, variant=0).exclude(video=video)
    candidates = [
        Candidate(str(clip), at_ms / 1000, bytes(value))
        for clip, at_ms, value in rows.values_list("video_id", "at_ms", "hash")[:CANDIDATES]
    ]
    matches = [match for match in match_clips(own, candidates) if match.convincing][:MOST_SIMILAR]
    videos = {
        str(found.pk): found
        for found in with_cards(Video.objects.filter(pk__in=[match.clip for match in matches]))
    }
    gone = set(
        Video.objects.filter(pk__in=videos)
        .filter(Q(quarantined_at__isnull=False) | Q(deleted_at__isnull=False))
        .values_list("pk", flat=True)
    )
    cases = dict(
        Case.objects.filter(video__in=videos)
        .values_list("video")
        .annotate(number=Count("pk"))
        .order_by()
    )
    return [
        {
            "card": card_of(found),
            "gone": found.pk in gone,
            "cases": cases.get(found.pk, 0),
            "bits": round(match.distance),
            "share": round(100 * match.share),
        }
        for match in matches
        if (found := videos.get(match.clip)) is not None
    ]


@dataclass(frozen=True)
class History:
    """What is known of the person the case is about. `removed`: how often a clip of theirs was taken."""

    person: User
    clips: int
    refused: int
    removed: int
    reports: int
    points: int
    decisions: list[Decision]
    receipts: list[Receipt]
    strikes: list[Strike]
    frictions: list[Friction]
    other_cases: list[Case]


def history_of(person: User, *, but: Case) -> History:
    """Clips, refusals, reports about them, decisions, strikes and statements they got."""
    made = Generation.objects.filter(requested_by=person).aggregate(
        clips=Count("pk", filter=Q(status=Generation.Status.SUCCEEDED)),
        refused=Count("pk", filter=Q(status=Generation.Status.REFUSED)),
    )
    theirs = Q(person=person) | Q(video__creator=person)  # rows of old workers name no person
    cases = Case.objects.filter(theirs)
    about = Decision.objects.filter(case__in=cases)
    return History(
        person=person,
        clips=made["clips"],
        refused=made["refused"],
        removed=about.filter(action__in=REMOVALS, superseded_by=None).count(),
        reports=Report.objects.filter(case__in=cases).count(),
        points=Strike.objects.points(person),
        decisions=list(
            about.exclude(case=but)
            .select_related("case", "decided_by")
            .order_by("-created_at", "-pk")[:8]
        ),
        receipts=list(Receipt.objects.visible_to(person).order_by("-pk")[:6]),
        strikes=list(Strike.objects.live(person).order_by("-created_at")[:8]),
        frictions=list(Friction.objects.filter(user=person).order_by("-created_at")[:5]),
        other_cases=list(
            cases.filter(status=Case.Status.OPEN).exclude(pk=but.pk).order_by("-opened_at")[:8]
        ),
    )


def subject_of(case: Case) -> str:
    """What the case is about in a line: a prompt, a name, a file."""
    if case.video is not None:
        return case.video.generation.prompt
    if case.upload is not None:
        return case.upload.name
    if case.generation is not None:
        return case.generation.prompt
    return f"@{case.about.handle}"


def prompt_history(generation: Generation) -> dict[str, Any]:
    """The prompt as written, as drawn, and each change between them with its rule."""
    return {
        "written": generation.prompt,
        "drawn": generation.rewritten_prompt,
        "changed": bool(
            generation.rewritten_prompt and generation.rewritten_prompt != generation.prompt
        ),
        "edits": presenting.edits_of(generation),
    }
