"""The policy lab: what a proposed policy would have decided about the last stored decisions.

Reads only. Every stored decision keeps its signals, so nothing is asked again; the answer is the one
the pipeline would give (moderation.screening.decision.redecide).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from generation.models import SafetyCheck
from moderation.models import Appeal
from moderation.screening import site_lists
from moderation.screening.decision import Decision, redecide
from moderation.screening.policy import Policy
from moderation.screening.thresholds import UnknownProfile

LENGTHS = (100, 500, 2000)
MOST = LENGTHS[-1]
MOST_SHOWN = 100
TEXT_STAGES = (SafetyCheck.Stage.GATE, SafetyCheck.Stage.PROMPT, SafetyCheck.Stage.FEED)
ORDER = {"allow": 0, "guard": 1, "hold": 2, "refuse": 3}


@dataclass(frozen=True)
class Flip:
    """One stored decision that would come out differently. Never the prompt: this page is about rules."""

    check: SafetyCheck
    before: str
    after: str
    category: str
    strongest: str  # the signal that decides under the stricter of both

    @property
    def stricter(self) -> bool:
        return ORDER[self.after] > ORDER[self.before]


@dataclass
class LabResult:
    """looked_at: decisions read. unreadable: stored rows that are none. by_category: category ->
    {"stricter", "looser"} counts. flips: at most MOST_SHOWN of all_flips."""

    looked_at: int = 0
    unreadable: int = 0
    all_flips: int = 0
    by_category: dict[str, dict[str, int]] = field(default_factory=dict)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    flips: list[Flip] = field(default_factory=list)
    people: set[int] = field(default_factory=set)  # whose decisions would differ


def run(policy: Policy, *, last: int = 500) -> LabResult:
    """Decide the last `last` stored decisions again under `policy`."""
    last = max(1, min(last, MOST))
    rows = (
        SafetyCheck.objects.select_related("generation")
        .defer("generation__plan")
        .order_by("-created_at", "-id")[:last]
    )
    result = LabResult()
    for check in rows:
        _judge(check, policy, result)
    return result


@dataclass(frozen=True)
class Spared:
    """A refusal that was taken back on appeal, and what the proposal makes of it."""

    appeal: Appeal
    after: str

    @property
    def is_spared(self) -> bool:
        return self.after != "refuse"


@dataclass(frozen=True)
class Replay:
    """What a proposal changes. gained: newly refused or held; lost: no longer. appeals: overturned ones."""

    decisions: LabResult
    gained: int
    lost: int
    people: int
    appeals: list[Spared]

    @property
    def spared(self) -> int:
        return sum(item.is_spared for item in self.appeals)

    def summary(self) -> dict[str, Any]:
        """What stays on the draft."""
        return {
            "looked_at": self.decisions.looked_at,
            "unreadable": self.decisions.unreadable,
            "flips": self.decisions.all_flips,
            "gained": self.gained,
            "lost": self.lost,
            "people": self.people,
            "by_category": totals(self.decisions.by_category)[:20],
            "appeals": len(self.appeals),
            "spared": self.spared,
        }


def replay_all(policy: Policy, *, last: int = 500) -> Replay:
    """Stored decisions and overturned appeals under a proposal: what is gained and lost, who it hits."""
    found = run(policy, last=last)
    stops = {"refuse", "hold"}
    gained = sum(n for (was, now), n in found.moves.items() if was not in stops and now in stops)
    lost = sum(n for (was, now), n in found.moves.items() if was in stops and now not in stops)
    return Replay(found, gained, lost, len(found.people), overturned(policy))


def overturned(policy: Policy) -> list[Spared]:
    """The latest refusals by checks that people had taken back, decided again."""
    appeals = (
        Appeal.objects.filter(status=Appeal.Status.OVERTURNED, receipt__automated=True)
        .select_related("receipt", "receipt__check_row", "receipt__check_row__generation")
        .order_by("-decided_at", "-pk")[:MOST_SHOWN]
    )
    spared = []
    for appeal in appeals:
        check = getattr(appeal.receipt, "check_row", None)
        if check is None:
            continue
        try:
            after = replay(Decision.from_json(check.verdict), policy, texts_of(check)).action
        except (KeyError, TypeError, ValueError, UnknownProfile):
            continue
        spared.append(Spared(appeal, after))
    return spared


def _judge(check: SafetyCheck, policy: Policy, result: LabResult) -> None:
    result.looked_at += 1
    try:
        stored = Decision.from_json(check.verdict)
        again = replay(stored, policy, texts_of(check))
    except (KeyError, TypeError, ValueError, UnknownProfile):
        result.unreadable += 1
        return
    if again.action == stored.action:
        return
    result.all_flips += 1
    result.people.add(check.generation.requested_by_id)
    result.moves[stored.action, again.action] += 1
    decisive = again if ORDER[again.action] > ORDER[stored.action] else stored
    category = decisive.categories[0] if decisive.categories else "other"
    way = "stricter" if decisive is again else "looser"
    counts = result.by_category.setdefault(category, {"stricter": 0, "looser": 0})
    counts[way] += 1
    if len(result.flips) < MOST_SHOWN:
        result.flips.append(
            Flip(check, stored.action, again.action, category, _strongest(decisive))
        )


def replay(stored: Decision, policy: Policy, texts: Iterable[tuple[str, str]] = ()) -> Decision:
    """The same signals under another policy, its own list entries looked for in the texts once more.

    texts: (subject, text) of what a stored decision was about; the policy's entries replace those of
    the policy it was made with.
    """
    signals = [signal for signal in stored.signals if signal.provider != site_lists.PROVIDER]
    for subject, text in texts:
        signals += site_lists.signals(policy.lists, text, subject)
    return redecide(
        signals,
        profile=stored.profile,
        policy=policy,
        details=stored.details,
        stage=stored.stage,
    )


def texts_of(check: SafetyCheck) -> list[tuple[str, str]]:
    """The texts a stored decision read, by subject; empty for one about pictures."""
    if check.stage not in TEXT_STAGES:
        return []
    job = check.generation
    texts = [("prompt", job.prompt)]
    if job.rewritten_prompt and check.stage != SafetyCheck.Stage.GATE:
        texts.append(("rewritten", job.rewritten_prompt))
    return texts


def _strongest(decision: Decision) -> str:
    deciding = [s for s in decision.signals if s.action == decision.action]
    if not deciding:
        return "–"
    top = max(deciding, key=lambda signal: signal.value)
    where = "" if top.frame_seconds is None else f" at {top.frame_seconds:.1f} s"
    return f"{top.provider} {top.value:.3f}{where}"


def totals(by_category: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    """Rows of the table by category, the most changed first."""
    rows: Iterable[dict[str, Any]] = (
        {"category": name, **counts, "all": sum(counts.values())}
        for name, counts in by_category.items()
    )
    return sorted(rows, key=lambda row: (-row["all"], row["category"]))
