"""Drafts of the screening policy: written, replayed, released by a second person, rolled out in steps.

A draft decides nothing. Its release stores a whole version; from the start it named the version counts
for a growing share of workspaces, picked by a hash that stays the same while the share grows, and in
the end for everybody. The roll-out stops itself when it refuses much more than what it replaces.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from generation.models import SafetyCheck
from moderation import policy_lab, policy_versions
from moderation.errors import DraftNotReady, NoteMissing, SecondPersonNeeded
from moderation.models import EvalSet, PolicyDraft

State = PolicyDraft.State
OPEN: Final = (State.DRAFT, State.ASKED, State.RELEASED, State.ROLLING)
DEFAULT_STAGES: Final = ((0, 10), (24, 50), (48, 100))
MOST_STAGES: Final = 6
LONGEST_HOURS: Final = 24 * 30
LATEST_START: Final = timedelta(days=90)
MAX_NAME: Final = 60

# The guard of a roll-out: so many decisions on both sides, and a share of refusals this much higher.
GUARD_LEAST: Final = 50
GUARD_FACTOR: Final = 2.0
GUARD_POINTS: Final = 0.05


def create(*, name: str, document: str, note: str, by: User) -> PolicyDraft:
    """Write a draft. Raises PolicyNotYours, NoteMissing, PolicyInvalid with every problem."""
    policy_versions.check_may(by)
    changes = _changes(document)
    name, note = _words(name, MAX_NAME), policy_versions.note_of(note)
    with transaction.atomic():
        draft = PolicyDraft.objects.create(name=name, changes=changes, note=note, made_by=by)
        audit.record(audit.POLICY_DRAFTED, actor=by, target=draft, name=name)
    return draft


def change(draft: PolicyDraft, *, name: str, document: str, note: str, by: User) -> PolicyDraft:
    """Write it anew; what was replayed before counts no more. Whoever writes last is its author.

    Raises DraftNotReady once somebody was asked to release it, and what `create` raises.
    """
    policy_versions.check_may(by)
    changes = _changes(document)
    name, note = _words(name, MAX_NAME), policy_versions.note_of(note)
    with transaction.atomic():
        draft = _locked(draft, State.DRAFT)
        draft.name, draft.changes, draft.note, draft.made_by = name, changes, note, by
        draft.replay, draft.replayed_at, draft.changed_at = {}, None, timezone.now()
        draft.save()
        audit.record(audit.POLICY_DRAFTED, actor=by, target=draft, name=name)
    return draft


def replay(draft: PolicyDraft, *, last: int) -> policy_lab.Replay:
    """Decide stored decisions, evaluation sets and overturned ones again. Keeps the counts on the draft.

    Raises PolicyInvalid when the active policy has changed so that the draft fits no more.
    """
    proposal = policy_versions.read_document(json.dumps(draft.changes))
    found = policy_lab.replay_all(proposal, last=last)
    PolicyDraft.objects.filter(pk=draft.pk, changed_at=draft.changed_at).update(
        replay={**found.summary(), "sets_wanted": EvalSet.objects.exists()},
        replayed_at=timezone.now(),
    )
    return found


def ask(draft: PolicyDraft, *, by: User) -> PolicyDraft:
    """Ask a second person to release it. Raises DraftNotReady before it was replayed as it stands."""
    policy_versions.check_may(by)
    with transaction.atomic():
        draft = _locked(draft, State.DRAFT)
        if draft.replayed_at is None or draft.replayed_at < draft.changed_at:
            raise DraftNotReady("Replay it first, as it stands now.")
        draft.state = State.ASKED
        draft.save(update_fields=["state"])
        audit.record(audit.POLICY_RELEASE_ASKED, actor=by, target=draft, name=draft.name)
    return draft


def release(
    draft: PolicyDraft,
    *,
    by: User,
    starts_at: datetime | None = None,
    stages: Sequence[Sequence[int]] = DEFAULT_STAGES,
) -> PolicyDraft:
    """Release it as a second person: a whole version is stored and starts when it says.

    Raises SecondPersonNeeded for its author while somebody else could do it, DraftNotReady for steps
    that don't rise to 100 or a start out of range, and what create_version raises.
    """
    policy_versions.check_may(by)
    now = timezone.now()
    starts = starts_at or now
    if not now - timedelta(minutes=5) <= starts <= now + LATEST_START:
        raise DraftNotReady("The start lies in the past or too far ahead.", param="starts_at")
    steps = _steps(stages)
    with transaction.atomic():
        draft = _locked(draft, State.ASKED)
        if draft.made_by_id == by.pk and policy_versions.others_who_may(by).exists():
            raise SecondPersonNeeded()
        version = policy_versions.store(
            policy_versions.read_document(json.dumps(draft.changes)),
            note=draft.note,
            by=draft.made_by,
        )
        draft.state, draft.version = State.RELEASED, version
        draft.released_by, draft.released_at = by, now
        draft.starts_at, draft.stages = starts, steps
        draft.save()
        audit.record(
            audit.POLICY_RELEASED,
            actor=by,
            target=draft,
            version=version.version,
            starts_at=starts.isoformat(),
            stages=steps,
        )
    return draft


def stop(draft: PolicyDraft, *, why: str, by: User | None) -> PolicyDraft:
    """End it at once, wherever it stands: what decided before decides everywhere again.

    `by` is None when its guard stopped it. Raises DraftNotReady for one that has ended.
    """
    if by is not None:
        policy_versions.check_may(by)
    why = _words(why, 300)
    with transaction.atomic():
        draft = _locked(draft, *OPEN)
        draft.state, draft.stopped_why = State.STOPPED, why
        draft.save(update_fields=["state", "stopped_why"])
        audit.record(audit.POLICY_STOPPED, actor=by, target=draft, why=why)
    return draft


def percent_now(draft: PolicyDraft, *, at: datetime | None = None) -> int:
    """The share of workspaces a rolling draft counts for."""
    if draft.state == State.DONE:
        return 100
    if draft.state != State.ROLLING or draft.starts_at is None:
        return 0
    hours = ((at or timezone.now()) - draft.starts_at).total_seconds() / 3600
    return max((percent for after, percent in draft.stages if hours >= after), default=0)


def bucket_of(workspace: int, salt: str) -> int:
    """0 to 99, the same every time; another salt deals anew."""
    return int.from_bytes(hashlib.sha256(f"{salt}:{workspace}".encode()).digest()[:4], "big") % 100


def version_for(workspace: int) -> int | None:
    """The key of the version a roll-out gives this workspace; None: what decides everywhere."""
    draft = PolicyDraft.objects.filter(state=State.ROLLING).first()
    if draft is None or bucket_of(workspace, f"policy:{draft.pk}") >= percent_now(draft):
        return None
    return draft.version_id


def advance() -> None:
    """Start what is due, check the guard, switch on what has reached everybody. Every minute."""
    now = timezone.now()
    rolling = PolicyDraft.objects.filter(state=State.ROLLING).select_related("version").first()
    if rolling is None:
        due = PolicyDraft.objects.filter(state=State.RELEASED, starts_at__lte=now)
        with transaction.atomic():
            first = due.select_for_update(skip_locked=True).order_by("starts_at", "pk").first()
            if first is None:
                return
            first.state = State.ROLLING
            first.save(update_fields=["state"])
        rolling = first
    why = guard(rolling)
    if why:
        stop(rolling, why=why, by=None)
    elif percent_now(rolling) >= 100:
        _finish(rolling)


def guard(draft: PolicyDraft) -> str:
    """Why the roll-out has to stop; "" while nothing speaks against it."""
    if draft.version is None or draft.starts_at is None:
        return ""
    rows = SafetyCheck.objects.filter(created_at__gte=draft.starts_at).exclude(stage="feed")
    mine = Q(policy_version=draft.version.version)
    counted = rows.aggregate(
        new=Count("pk", filter=mine),
        new_refused=Count("pk", filter=mine & Q(action="refuse")),
        old=Count("pk", filter=~mine),
        old_refused=Count("pk", filter=~mine & Q(action="refuse")),
    )
    if counted["new"] < GUARD_LEAST or counted["old"] < GUARD_LEAST:
        return ""
    new, old = counted["new_refused"] / counted["new"], counted["old_refused"] / counted["old"]
    if new >= old * GUARD_FACTOR and new - old >= GUARD_POINTS:
        return (
            f"It refused {new:.0%} of {counted['new']} decisions, "
            f"what it replaces {old:.0%} of {counted['old']}."
        )
    return ""


def _finish(draft: PolicyDraft) -> None:
    with transaction.atomic():
        draft = _locked(draft, State.ROLLING)
        assert draft.version is not None and draft.released_by is not None
        policy_versions.switch_on(
            draft.version, note=f"Rolled out: {draft.note}"[:500], by=draft.released_by
        )
        draft.state = State.DONE
        draft.save(update_fields=["state"])


def _locked(draft: PolicyDraft, *states: str) -> PolicyDraft:
    draft = (
        PolicyDraft.objects.select_for_update(of=("self",))
        .select_related("made_by", "version", "released_by")
        .get(pk=draft.pk)
    )
    if draft.state not in states:
        raise DraftNotReady(f"It is past that: {draft.get_state_display().lower()}.")
    return draft


def _changes(document: str) -> dict[str, Any]:
    policy_versions.read_document(document)
    changes: dict[str, Any] = json.loads(document)
    return changes


def _words(text: str, most: int) -> str:
    text = " ".join(text.replace("\0", "").split())[:most]
    if not text:
        raise NoteMissing()
    return text


def _steps(stages: Sequence[Sequence[int]]) -> list[list[int]]:
    problem = "Give steps of hours and percent that rise, the first at 0 hours, the last at 100 %."
    steps = [list(step) for step in stages]
    if not 1 <= len(steps) <= MOST_STAGES or any(len(step) != 2 for step in steps):
        raise DraftNotReady(problem, param="stages")
    hours, percents = [step[0] for step in steps], [step[1] for step in steps]
    rising = hours == sorted(set(hours)) and percents == sorted(set(percents))
    if not rising or hours[0] != 0 or hours[-1] > LONGEST_HOURS or percents[0] < 1:
        raise DraftNotReady(problem, param="stages")
    if percents[-1] != 100:
        raise DraftNotReady(problem, param="stages")
    return steps
