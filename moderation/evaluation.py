"""The registry of evaluations: sets come in, cases are added with one click, a worker measures them."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, close_old_connections, transaction
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from accounts import audit
from accounts.models import User
from generation.attempt import RENEW_EVERY_SECONDS, stop_asked
from generation.models import RequestTrace
from moderation.errors import EvalRunRefused, EvalSetInvalid, EvalSetName
from moderation.evaluation_models import MAX_CASES
from moderation.models import EvalCase, EvalRun, EvalSet, RedTeamFinding
from moderation.screening.protocol import Category
from moderation.screening.thresholds import PROFILES

logger = logging.getLogger(__name__)

MAX_FILE = 20_000_000  # bytes of an uploaded set
MAX_LINE = 100_000
MAX_TEXT = 8000
MAX_PROBLEMS = 50  # bad lines named one by one; the rest is counted
FIELDS = ("id", "text", "category", "label")
_OPTIONAL = ("source", "licence", "language", "contrast", "implicit", "minor_reference", "stage")

Status = EvalRun.Status
_busy = threading.Lock()


# --- Sets and cases --------------------------------------------------------------------------------


@dataclass
class Reading:
    """An uploaded file as read: usable rows, and what is wrong with which line."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    bad: int = 0

    def complain(self, line: int, name: str, problem: str) -> None:
        self.bad += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append({"line": line, "field": name, "problem": problem})


def read_jsonl(data: bytes) -> Reading:
    """Check every line of a set. Bounded by MAX_FILE, MAX_LINE and MAX_CASES; reads no further."""
    reading = Reading()
    if len(data) > MAX_FILE:
        reading.complain(0, "file", f"is larger than {MAX_FILE // 1_000_000} MB")
        return reading
    seen: set[str] = set()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        if len(reading.rows) >= MAX_CASES:
            reading.complain(number, "file", f"holds more than {MAX_CASES:,} rows")
            break
        row = _row(line, number, reading)
        if row is None:
            continue
        if row["id"] in seen:
            reading.complain(number, "id", f"{row['id'][:60]!r} stands there twice")
            continue
        seen.add(row["id"])
        reading.rows.append(row)
    if not reading.rows and not reading.bad:
        reading.complain(0, "file", "is empty")
    return reading


def _row(line: bytes, number: int, reading: Reading) -> dict[str, Any] | None:
    if len(line) > MAX_LINE:
        reading.complain(number, "line", f"is longer than {MAX_LINE:,} bytes")
        return None
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        reading.complain(number, "line", "is not JSON in UTF-8")
        return None
    if not isinstance(row, dict):
        reading.complain(number, "line", "is not a JSON object")
        return None
    if isinstance(row.get("id"), int) and not isinstance(row["id"], bool):
        row["id"] = str(row["id"])
    for name in FIELDS:
        value = row.get(name)
        if not isinstance(value, str) or not value.strip() or "\0" in value:
            reading.complain(number, name, "must be a text that is not empty")
            return None
    bounds = {"id": 120, "text": MAX_TEXT, "category": 40}
    for name, most in bounds.items():
        if len(row[name]) > most:
            reading.complain(number, name, f"is longer than {most:,} characters")
            return None
    if row["label"] not in EvalCase.Label.values:
        reading.complain(number, "label", f"must be one of {', '.join(EvalCase.Label.values)}")
        return None
    if row["category"] == Category.SEXUAL_MINORS.value:
        reading.complain(
            number,
            "category",
            "prompts that sexualise minors are not kept; the rule has its own test",
        )
        return None
    return row


def create_set(
    *,
    by: User | None,
    name: str,
    title: str,
    origin: str,
    data: bytes | None = None,
    licence: str = "",
    note: str = "",
) -> EvalSet:
    """A new set, from a JSONL file or empty. All lines must be good: half a set measures nothing.

    Raises EvalSetInvalid with `problems` naming line and field, EvalSetName.
    """
    reading = read_jsonl(data) if data is not None else Reading()
    if reading.bad:
        more = reading.bad - len(reading.problems)
        first = reading.problems[0]
        raise EvalSetInvalid(
            f"Line {first['line']}: {first['field']} {first['problem']}."
            if first["line"]
            else f"The file {first['problem']}.",
            problems=reading.problems,
            more=more,
        )
    if origin not in EvalSet.Origin.values:
        raise EvalSetInvalid("Choose where the rows come from.", param="origin", remedy="")
    try:
        with transaction.atomic():
            made = EvalSet.objects.create(
                name=name,
                title=title.strip() or name,
                origin=origin,
                licence=licence[:100],
                note=note[:500],
                created_by=by,
            )
            EvalCase.objects.bulk_create(
                (
                    EvalCase(
                        set=made,
                        key=row["id"],
                        text=row["text"],
                        category=row["category"].strip(),
                        label=row["label"],
                        extra={key: row[key] for key in _OPTIONAL if key in row},
                    )
                    for row in reading.rows
                ),
                batch_size=1000,
            )
            audit.record(
                audit.EVAL_SET_CREATED,
                actor=by,
                target=made,
                cases=len(reading.rows),
                origin=origin,
            )
    except IntegrityError as error:
        raise EvalSetName() from error
    return made


def own_set(origin: str) -> EvalSet:
    """The set that one-click cases of an origin go to; made on the first call."""
    titles = {
        EvalSet.Origin.RED_TEAM: "Found by the red team",
        EvalSet.Origin.USAGE: "From early use",
        EvalSet.Origin.SYNTHETIC: "Written by ourselves",
    }
    origin = EvalSet.Origin(origin)
    found, _ = EvalSet.objects.get_or_create(
        name=f"collected-{origin.replace('_', '-')}",
        defaults={"title": titles[origin], "origin": origin},
    )
    return found


def promote_finding(finding: RedTeamFinding, *, by: User) -> EvalCase:
    """One click: what the red team found is measured from now on. Twice is once."""
    got_through = finding.kind == RedTeamFinding.Kind.GOT_THROUGH
    return _promote(
        own_set(EvalSet.Origin.RED_TEAM),
        by=by,
        text=finding.text,
        category=finding.category,
        label=EvalCase.Label.BLOCK if got_through else EvalCase.Label.ALLOW,
        extra={} if got_through else {"contrast": True},
        finding=finding,
    )


def promote_trace(trace: RequestTrace, *, label: str, category: str, by: User) -> EvalCase:
    """One click on a request in a case. The case holds the words, nothing about the person.

    Raises EvalSetInvalid for a label or category there is none of, or a text kept under seal.
    """
    if label not in EvalCase.Label.values:
        raise EvalSetInvalid("Choose a label.", param="label", remedy="")
    if category not in Category._value2member_map_ or category == Category.SEXUAL_MINORS.value:
        raise EvalSetInvalid("Choose a category.", param="category", remedy="")
    if not trace.text.strip():
        raise EvalSetInvalid(
            "The words of this request are not kept here.", param="text", remedy=""
        )
    return _promote(
        own_set(EvalSet.Origin.USAGE),
        by=by,
        text=trace.text,
        category=category,
        label=label,
        extra={},
        finding=None,
    )


def _promote(
    into: EvalSet,
    *,
    by: User,
    text: str,
    category: str,
    label: str,
    extra: dict[str, Any],
    finding: RedTeamFinding | None,
) -> EvalCase:
    key = hashlib.sha256(f"{label}\0{text}".encode()).hexdigest()[:16]
    with transaction.atomic():
        case, created = EvalCase.objects.get_or_create(
            set=into,
            key=key,
            defaults={
                "text": text,
                "category": category,
                "label": label,
                "extra": extra,
                "finding": finding,
            },
        )
        if created:
            audit.record(audit.EVAL_CASE_ADDED, actor=by, target=case, set=into.name)
    return case


def listed() -> Any:
    """Sets with the number of their cases and their last finished run."""
    last = EvalRun.objects.filter(set=OuterRef("pk"), status=Status.DONE).order_by("-created_at")
    return EvalSet.objects.annotate(
        case_count=Count("cases"), last_run=Subquery(last.values("pk")[:1])
    ).order_by("title", "pk")


# --- Runs ------------------------------------------------------------------------------------------


def request_run(of: EvalSet, *, profile: str, by: User | None) -> EvalRun:
    """Ask a worker to measure a set; the web process has no classifiers. Raises EvalRunRefused."""
    if profile not in PROFILES:
        raise EvalRunRefused(
            "There is no such profile.", param="profile", remedy=f"Use {', '.join(PROFILES)}."
        )
    if not of.cases.exists():
        raise EvalRunRefused("The set holds no case.", remedy="Add cases first.")
    waiting = of.runs.filter(profile=profile, status__in=(Status.WAITING, Status.RUNNING)).first()
    if waiting is not None:
        return waiting
    with transaction.atomic():
        run = EvalRun.objects.create(set=of, profile=profile, requested_by=by)
        audit.record(audit.EVAL_RUN_REQUESTED, actor=by, target=run, set=of.name, profile=profile)
    return run


def start_if_due() -> None:
    """The keeper's look: a thread for what waits, unless one is at it."""
    if not _busy.locked() and EvalRun.objects.due().exists():
        threading.Thread(target=drain, name="evaluation", daemon=True).start()


def drain() -> int:
    """Measure until nothing waits. Returns how many; 0 at once when this process measures."""
    if not _busy.acquire(blocking=False):
        return 0
    done = 0
    try:
        while not stop_asked.is_set() and (run := claim()) is not None:
            measure(run)
            done += 1
    finally:
        _busy.release()
        close_old_connections()
    return done


def claim() -> EvalRun | None:
    """Take the oldest run that is due, with a lease and a new epoch. Locked rows are skipped."""
    with transaction.atomic():
        run = EvalRun.objects.due().select_for_update(skip_locked=True).first()
        if run is None:
            return None
        if run.attempts >= settings.SORA_MAX_ATTEMPTS:
            run.status, run.finished_at = Status.FAILED, timezone.now()
            run.problem = "The worker stopped several times while it measured this."
            run.lease_expires_at = None
            run.save()
            return None
        run.status, run.epoch, run.attempts = Status.RUNNING, run.epoch + 1, run.attempts + 1
        run.lease_expires_at = timezone.now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)
        run.save()
    return EvalRun.objects.select_related("set").get(pk=run.pk)


def measure(run: EvalRun) -> None:
    """Take one claimed run to its end. Raises nothing: a failure is a status with its reason."""
    from moderation import measuring  # loads the classifiers: workers only

    mine = EvalRun.objects.filter(pk=run.pk, epoch=run.epoch, status=Status.RUNNING)
    renewed = started = time.monotonic()

    def goes_on() -> bool:
        """Hold the run a while longer. False: it was taken over, or this process ends."""
        nonlocal renewed
        if stop_asked.is_set():
            return False
        if time.monotonic() - renewed < RENEW_EVERY_SECONDS:
            return True
        renewed = time.monotonic()
        until = Now() + timedelta(seconds=settings.SORA_LEASE_SECONDS)
        return bool(mine.update(lease_expires_at=until))

    try:
        result = measuring.measure(list(run.set.cases.order_by("pk")), run.profile, goes_on)
    except measuring.Stopped:
        mine.update(status=Status.WAITING, lease_expires_at=None, attempts=max(0, run.attempts - 1))
    except Exception as error:
        logger.exception("evaluation run failed")
        mine.update(
            status=Status.FAILED,
            problem=f"A check could not answer: {error}"[:500],
            lease_expires_at=None,
            finished_at=Now(),
        )
    else:
        mine.update(
            status=Status.DONE,
            figures=result.figures,
            answers=result.answers,
            policy_version=result.policy_version,
            classifiers=result.classifiers,
            cases=len(result.answers),
            seconds=round(time.monotonic() - started, 2),
            lease_expires_at=None,
            finished_at=Now(),
        )


# --- Comparing -------------------------------------------------------------------------------------

_RANK = {"allow": 0, "rewrite": 0, "guard": 1, "refuse": 2}


@dataclass(frozen=True)
class Flip:
    """One case two runs answered differently. better: nearer to its label."""

    case: EvalCase
    before: str
    after: str

    @property
    def better(self) -> bool:
        up = _RANK[self.after] > _RANK[self.before]
        return up if self.case.label == EvalCase.Label.BLOCK else not up


@dataclass(frozen=True)
class Comparison:
    """Two runs of one set: rows of counts, before and after, and the cases that flipped."""

    groups: list[dict[str, Any]]
    flips: list[Flip]
    only_before: int
    only_after: int


def compare(before: EvalRun, after: EvalRun) -> Comparison:
    """Raises EvalRunRefused when the runs are of different sets or not finished."""
    if before.set_id != after.set_id:
        raise EvalRunRefused("These runs are of different sets.", remedy="Choose two of one set.")
    if before.status != Status.DONE or after.status != Status.DONE:
        raise EvalRunRefused("One of the runs has no figures.", remedy="Wait until it is done.")
    old, new = before.answers, after.answers
    shared = [key for key in new if key in old]
    changed = [key for key in shared if _RANK[old[key]] != _RANK[new[key]]]
    cases = {case.key: case for case in EvalCase.objects.filter(set=after.set, key__in=changed)}
    flips = [Flip(cases[key], old[key], new[key]) for key in changed if key in cases]
    return Comparison(
        groups=_groups(before.figures, after.figures),
        flips=sorted(flips, key=lambda flip: (flip.better, flip.case.category, flip.case.key)),
        only_before=len(old) - len(shared),
        only_after=len(new) - len(shared),
    )


def _groups(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    old, new = before.get("groups", {}), after.get("groups", {})
    rows = []
    for name in sorted({*old, *new}):
        row = {"name": name}
        for side, figures in (("before", old), ("after", new)):
            counts = figures.get(name)
            row[side] = None if counts is None else shares(counts)
        rows.append(row)
    return rows


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Counts of one group as percent: refused, refused or guarded."""
    n = max(1, counts["n"])
    return {
        "n": counts["n"],
        "refused": round(100 * counts["refuse"] / n, 1),
        "stopped": round(100 * (counts["refuse"] + counts["guard"]) / n, 1),
    }


def as_jsonl(of: EvalSet, cases: Iterable[EvalCase]) -> Iterable[str]:
    """The set in the format it comes in, so that it can be scored elsewhere."""
    for case in cases:
        row = {
            "id": case.key,
            "text": case.text,
            "category": case.category,
            "label": case.label,
            "source": of.name,
            "licence": of.licence,
            **case.extra,
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"
