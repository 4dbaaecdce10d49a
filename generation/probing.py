"""The probing detector at work: what is counted, what slows somebody, and what they are told.

The rules are moderation.screening.probing's. Every request leaves a trace; a bad one makes the last
traces of its person be looked at. What comes of it is friction: the rule with an example, a pause of
ten minutes and a slower queue, or a second look (clips stay private and are judged strictly for a
day) with a case for a human. It ends by itself and is never a strike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User, Workspace
from generation import hooks
from generation.errors import CoolingDown
from generation.incidents import concerns_children
from generation.models import Friction, Generation, RequestTrace, Source
from generation.models.probing import MAX_TEXT
from moderation import policies
from moderation.screening import probing
from moderation.screening.examples import example_for
from moderation.screening.probing import Finding, Try
from moderation.screening.protocol import Verdict

V = TypeVar("V", bound=Verdict)
Level = Friction.Level
Outcome = RequestTrace.Outcome

SLOWER_BY = 600.0  # engine seconds a slowed person's jobs wait behind everybody else's
MOST_STEPS = 8  # clips between an edit and the upload it began with
TRACE_DAYS = 30
EVIDENCE_DAYS = 184  # of what friction rests on: as long as a decision can be disputed
SEED_RULES = frozenset({"borderline_seed"})
MEANING_RULES = frozenset({"rephrasing", "around_the_block"})
_OUTCOMES = {"allow": Outcome.ALLOWED, "guard": Outcome.GUARDED, "hold": Outcome.GUARDED}
_WORSE = {Outcome.ALLOWED: 0, Outcome.GUARDED: 1, Outcome.REFUSED: 2, Outcome.BLOCKED: 3}


# --- Before a request ----------------------------------------------------------------------------


def admit(user: User) -> None:
    """Raises CoolingDown while a pause runs; it says until when and why."""
    pause = (
        Friction.objects.running(user)
        .filter(level=Level.COOL_DOWN, until__gt=timezone.now())
        .order_by("-until")
        .first()
    )
    if pause is None:
        return
    said = in_words(pause)
    seconds = max(1, int((pause.until - timezone.now()).total_seconds()))
    raise CoolingDown(
        said["message"], remedy=said["remedy"], until=said["until"], retry_after=seconds
    )


def slower_by(user: User) -> float:
    """Engine seconds by which this person's next job goes behind its place; 0 for most people."""
    slowed = Friction.objects.running(user).exclude(level=Level.EXPLAIN)
    return SLOWER_BY if slowed.exists() else 0.0


def second_look(user: User, verdict: V, *, at: datetime | None = None) -> V:
    """The verdict on a prompt, at least "guard" while the person is under a second look: the clip is
    made, stays private and is judged with the strict profile."""
    looked = Friction.objects.running(user, at=at).filter(
        level=Level.SECOND_LOOK, until__gt=at or timezone.now()
    )
    if verdict.action != "allow" or not looked.exists():
        return verdict
    return replace(verdict, action="guard", details={**verdict.details, "second_look": True})


# --- After a request -----------------------------------------------------------------------------


def note_refused(
    workspace: Workspace,
    user: User,
    *,
    text: str,
    verdict: Verdict,
    seed: int | None,
    sources: Iterable[tuple[str, UUID]],
) -> Friction | None:
    """A request the web process refused. Returns what now slows the person, the gravest, if new."""
    with transaction.atomic():
        _write(workspace, user, text, verdict, seed=seed, sources=sources)
        return _look_at(workspace, user)


def note_queued(
    workspace: Workspace,
    user: User,
    *,
    batch: UUID,
    text: str,
    verdict: Verdict,
    seed: int | None,
    sources: Iterable[tuple[str, UUID]],
) -> None:
    """A request that was queued; its jobs settle how it went. Inside the request's transaction."""
    trace = _write(workspace, user, text, verdict, seed=seed, sources=sources, batch=batch)
    if seed is not None and not trace.campaign:
        _look_at(workspace, user, only=SEED_RULES)  # told by the request itself, not by how it went


def note_check(generation: Generation, stage: str, verdict: Verdict) -> Friction | None:
    """What a worker's check said about a queued request. The worst answer of its jobs stays."""
    if generation.batch is None or stage == "gate" or verdict.action == "allow":
        return None
    outcome = _OUTCOMES.get(verdict.action, Outcome.REFUSED)
    if stage == "output" and outcome == Outcome.REFUSED:
        outcome = Outcome.BLOCKED
    with transaction.atomic():
        trace = RequestTrace.objects.select_for_update().filter(batch=generation.batch).first()
        if trace is None or _WORSE[outcome] <= _WORSE[Outcome(trace.outcome)]:
            return None
        trace.outcome, trace.stage = outcome, stage
        trace.categories = list(verdict.categories)
        trace.result_seed = generation.seed
        if concerns_children(verdict):
            trace.text = ""  # child safety has it under seal; here it would lie open
        trace.save(update_fields=["outcome", "stage", "categories", "result_seed", "text"])
        if trace.campaign or outcome == Outcome.GUARDED:
            return None
        return _look_at(generation.workspace, generation.requested_by)


def look_again(user: User, workspace: Workspace) -> Friction | None:
    """Assess a person anew: a worker has learnt what their refused prompts mean."""
    with transaction.atomic():
        return _look_at(workspace, user, only=MEANING_RULES)


def lift(frictions: Iterable[Friction]) -> None:
    """End what slows somebody, because a human saw that we had misread them."""
    for friction in frictions:
        friction.lifted_at = timezone.now()
        friction.save(update_fields=["lifted_at"])


def sweep() -> int:
    """Delete old traces, and those of people who erased their account; what friction rests on is kept
    while it can be disputed."""
    now = timezone.now()
    disputable = now - timedelta(days=EVIDENCE_DAYS)
    Friction.objects.filter(created_at__lte=disputable).delete()
    old = RequestTrace.objects.filter(
        Q(created_at__lt=now - timedelta(days=TRACE_DAYS)) | Q(user__deleted_at__isnull=False)
    ).exclude(pk__in=Friction.objects.values("traces"))
    doomed = list(old.values_list("pk", flat=True)[:500])
    deleted, _ = RequestTrace.objects.filter(pk__in=doomed).delete()
    return deleted


# --- What the person is told ---------------------------------------------------------------------


def standing(user: User) -> list[dict[str, Any]]:
    """Everything that slows this person now, in words, the gravest first."""
    running = Friction.objects.running(user).order_by("-until")
    gravest = sorted(running, key=lambda f: -list(Level).index(Level(f.level)))
    return [in_words(friction) for friction in gravest]


def in_words(friction: Friction) -> dict[str, Any]:
    """{level, message, remedy, example, until, slower_until}: plain sentences, times in UTC."""
    rule = policies.POLICIES.get(friction.category)
    about = f" under “{rule.title}”" if rule is not None else ""
    example = example_for(friction.category)
    until = f"{friction.until:%H:%M} UTC"
    if friction.level == Level.EXPLAIN:
        message = f"Several of your last prompts were refused{about}."
        remedy = f"{rule.rule if rule else ''} For example, this works: “{example}”.".strip()
    elif friction.level == Level.COOL_DOWN:
        message = f"You can ask for videos again at {until}."
        remedy = (
            f"Several of your last prompts were refused{about}, so there is a pause of ten minutes, "
            f"and until {friction.slower_until:%H:%M} UTC your videos wait behind others'. Nothing else "
            f"happens to your account. For example, this works: “{example}”."
        )
    else:
        message = f"Until {friction.until:%-d %B, %H:%M} UTC your new videos stay private."
        remedy = (
            f"Several requests in a row came close to what is refused{about}. Your videos are checked "
            "more strictly until then and wait behind others'. A person looks at this and ends it "
            "early if we misread you. It is not a strike."
        )
    return {
        "level": friction.level,
        "message": message,
        "remedy": remedy,
        "example": example,
        "until": friction.until.isoformat(),
        "slower_until": friction.slower_until.isoformat(),
    }


# --- Inside --------------------------------------------------------------------------------------


def _write(
    workspace: Workspace,
    user: User,
    text: str,
    verdict: Verdict,
    *,
    seed: int | None,
    sources: Iterable[tuple[str, UUID]],
    batch: UUID | None = None,
) -> RequestTrace:
    return RequestTrace.objects.create(
        workspace=workspace,
        user=user,
        batch=batch,
        text="" if concerns_children(verdict) else text[:MAX_TEXT],
        outcome=_OUTCOMES.get(verdict.action, Outcome.REFUSED),
        categories=list(verdict.categories),
        seed=seed,
        uploads=sorted(uploads_below(sources)),
        campaign=campaign_of(user),
    )


def campaign_of(user: User) -> str:
    """The red-team campaign this person tests for now; empty for everybody else."""
    return next((name for ask in hooks.campaigns if (name := ask(user))), "")


def uploads_below(sources: Iterable[tuple[str, UUID]]) -> set[str]:
    """Ids of the uploads these clips and uploads began with, through at most MOST_STEPS edits."""
    found: set[UUID] = set()
    videos: set[UUID] = set()
    for kind, key in sources:
        (found if kind == "upload" else videos).add(key)
    seen: set[UUID] = set()
    for _ in range(MOST_STEPS):
        videos -= seen
        if not videos:
            break
        seen |= videos
        rows = Source.objects.filter(generation__video__in=videos).values_list("video", "upload")
        pairs = list(rows[:200])
        found |= {upload for _, upload in pairs if upload is not None}
        videos = {video for video, _ in pairs if video is not None}
    return {str(key) for key in found}


def _look_at(
    workspace: Workspace, user: User, *, only: frozenset[str] | None = None
) -> Friction | None:
    """Assess the last traces of a person; write the friction that is new. Returns the gravest."""
    now = timezone.now()
    rows = list(
        RequestTrace.objects.filter(
            user=user, campaign="", created_at__gt=_since(user, now)
        ).order_by("-created_at", "-id")[: probing.LOOKED_AT]
    )
    rows.reverse()
    findings = probing.assess([try_of(row) for row in rows], now=now)
    written: dict[str, Friction | None] = {}
    for finding in findings:
        if finding.level not in written and (only is None or finding.rule in only):
            written[finding.level] = _slow(workspace, user, finding, rows, now)
    looked = Friction.objects.running(user).filter(level=Level.SECOND_LOOK).first()
    if looked is not None and rows and rows[-1].outcome in (Outcome.REFUSED, Outcome.BLOCKED):
        looked.traces.add(rows[-1])
    return next((friction for friction in written.values() if friction is not None), None)


def _since(user: User, now: datetime) -> datetime:
    """What a second look rested on is not counted again, nor what a human found harmless."""
    last = Friction.objects.filter(user=user).aggregate(
        looked=Max("created_at", filter=Q(level=Level.SECOND_LOOK)), lifted=Max("lifted_at")
    )
    return max([now - probing.MEMORY, *filter(None, last.values())])


def _slow(
    workspace: Workspace, user: User, finding: Finding, rows: Sequence[RequestTrace], now: datetime
) -> Friction | None:
    """Write one finding down; None when the same thing slows the person already."""
    ends, slower = probing.until(finding, now)
    if finding.level == "explain":
        slower = now + timedelta(hours=1)  # said again at the next refusal after an hour
    traces = [row for row in rows if str(row.pk) in finding.tries]
    running = Friction.objects.running(user, at=now).filter(level=finding.level).first()
    if running is not None and (finding.level != "cool_down" or running.until > now):
        running.traces.add(*traces)
        if finding.level == "second_look":
            running.until, running.slower_until = ends, slower
            running.save(update_fields=["until", "slower_until"])
        return None
    friction = Friction.objects.create(
        workspace=workspace,
        user=user,
        level=finding.level,
        rule=finding.rule,
        category=finding.category,
        until=ends,
        slower_until=slower,
        created_at=now,
    )
    friction.traces.set(traces)
    audit.record(
        audit.PROBING_FRICTION,
        workspace=workspace,
        target=friction,
        user=user.pk,
        level=finding.level,
        rule=finding.rule,
        category=finding.category,
    )
    for tell in hooks.probes:
        tell(friction)
    return friction


def try_of(row: RequestTrace) -> Try:
    """The row as the rules read it."""
    return Try(
        key=str(row.pk),
        at=row.created_at,
        text=row.text,
        outcome=row.outcome,  # type: ignore[arg-type]  # the choices are the literals
        categories=tuple(row.categories),
        meaning=tuple(np.frombuffer(row.meaning, np.float16).astype(float)) if row.meaning else (),
        seed=row.seed,
        result_seed=row.result_seed,
        uploads=frozenset(row.uploads),
    )
