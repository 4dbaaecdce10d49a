"""The one decision service: may this exist, at this stage, under this policy?

    decide(stage, inputs, profile=…, policy=…, checks=…) -> Decision

Pure: the same inputs, policy and answers of the checks give the same decision; no database, no
clock, no settings. It works in two halves. `collect` asks every check and writes down what each
saw as Signals; `conclude` turns signals into an action. Since the signals are stored with every
decision, `redecide` can run the second half again under another policy: the policy lab, the
evaluation and the replay test do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from moderation.screening import frame_scan, site_lists
from moderation.screening.collecting import collect_joint, collect_texts
from moderation.screening.policy import FIXED, Policy, default_policy, profile_name
from moderation.screening.protocol import HELD, Action, Category, Scale, Verdict, strictest
from moderation.screening.signals import (
    STAGES,
    Checks,
    Collected,
    Inputs,
    Modality,
    Signal,
    Stage,
    scores_of,
)
from moderation.screening.thresholds import LOWEST, SENSITIVE, Points

__all__ = [
    "STAGES",
    "Checks",
    "Collected",
    "Decision",
    "Inputs",
    "Modality",
    "Signal",
    "Stage",
    "borderline",
    "conclude",
    "decide",
    "default_policy",
    "redecide",
]

# What the rewriter takes out of a prompt, so the original is not stopped for it.
REWRITTEN = frozenset({Category.LIKENESS, Category.INTELLECTUAL_PROPERTY})

METERED = frozenset({Category.BROKEN_OUTPUT, Category.PHOTOSENSITIVE})

# What in a decision's details keeps a clip private, whatever its signals say: a profile a person
# always looks at; somebody under a second look (probing.py); a source that was guarded itself; a
# second take, since the first was refused.
PRIVATE = ("monitored", "second_look", "guarded_source", "second_take")


@dataclass(frozen=True)
class Decision(Verdict):
    """A Verdict with everything it was made from. Immutable; stored whole, can be made again."""

    signals: tuple[Signal, ...] = ()
    stage: str = "prompt"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values; from_json reads it back."""
        return {
            **super().to_json(),
            "stage": self.stage,
            "signals": [signal.to_json() for signal in self.signals],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Decision:
        """Read a stored decision, also a verdict stored before signals were.

        Raises KeyError or ValueError for a document that is none.
        """
        signals = (
            tuple(Signal.from_json(item) for item in data["signals"])
            if "signals" in data
            else tuple(_old_signal(item) for item in data.get("scores", ()))
        )
        return cls(
            action=data["action"],
            profile=profile_name(data["profile"]),
            categories=tuple(data.get("categories", ())),
            scores=scores_of(signals),
            reasons=tuple(data.get("reasons", ())),
            policy_version=str(data.get("policy_version", "")),
            evaluated=tuple(data.get("evaluated", ())),
            not_evaluated=tuple(data.get("not_evaluated", ())),
            details=dict(data.get("details", {})),
            signals=signals,
            stage=str(data.get("stage", "prompt")),
        )


def _old_signal(item: Mapping[str, Any]) -> Signal:
    """A score stored before signals were: lists and meters are rules, the rest calibrated."""
    source = str(item["source"])
    rule = source in ("blocklist", "known_hashes", "structure", "stillness", "flashes")
    return Signal(
        provider=source,
        version="",
        category=Category(item["category"]),
        value=float(item["value"]),
        scale="rule" if rule else "share",
    )


def decide(
    stage: Stage, inputs: Inputs, *, profile: str, policy: Policy, checks: Checks
) -> Decision:
    """The decision of one stage. Pure: see the head of this file.

    Raises ScreeningUnavailable when a check that had to answer did not, UnknownProfile for a
    profile no policy has.
    """
    profile_name(profile)
    if stage in ("prompt", "rewritten"):
        found = site_lists.added(collect_texts(inputs, checks), inputs, policy.lists)
    elif stage in ("upload", "output"):
        found = frame_scan.scan(
            inputs.frames,
            checks,
            draws_people=inputs.draws_people,
            photographs=inputs.photographs,
            subject=stage,
        )
    elif stage == "joint":
        found = collect_joint(inputs, checks)
    else:
        found = site_lists.added(collect_texts(inputs, checks), inputs, policy.lists)
        found = replace(found, signals=(*inputs.signals, *found.signals))
    details = {**found.details, "absent": list(checks.absent())}
    details["minor_reference"] = bool(details.get("minor_reference")) or inputs.minor_reference
    if inputs.guarded_source:
        details["guarded_source"] = True
    if any(signal.subject.startswith("rewritten") for signal in found.signals) or (
        inputs.rewritten is not None and stage in ("prompt", "rewritten")
    ):
        details["texts"] = ["prompt", "rewritten"]
    return conclude(
        stage,
        found.signals,
        profile=profile,
        policy=policy,
        details=details,
        evaluated=found.evaluated,
        not_evaluated=found.not_evaluated,
    )


def redecide(
    signals: Iterable[Signal],
    *,
    profile: str,
    policy: Policy,
    details: Mapping[str, Any],
    stage: str = "prompt",
) -> Decision:
    """The decision the same signals lead to under `policy`. Replay asks no check again."""
    return conclude(stage, tuple(signals), profile=profile, policy=policy, details=dict(details))


def conclude(
    stage: str,
    signals: Sequence[Signal],
    *,
    profile: str,
    policy: Policy,
    details: dict[str, Any],
    evaluated: Iterable[str] = (),
    not_evaluated: Iterable[str] = (),
) -> Decision:
    """From signals to an action, under one policy."""
    minors = bool(details.get("minor_reference"))
    profile = effective_profile(profile, minors=minors)
    absent = tuple(details.get("absent", ()))
    judged = tuple(
        replace(
            s, action=action_of(s, profile=profile, policy=policy, minors=minors, absent=absent)
        )
        for s in signals
    )
    rewritten = "rewritten" in details.get("texts", ())
    listed = [
        (category_of(s, minors=minors), _weighed(s, minors=minors, rewritten=rewritten), s.value)
        for s in judged
    ]
    listed = [item for item in listed if item[1] != "allow"]
    final = strictest(*(action for _, action, _ in listed))
    categories = _most_serious((c, v) for c, action, v in listed if action == final)
    details = {**details, "monitored": profile in policy.rules.monitored}
    if any(details.get(name) for name in PRIVATE):
        final = strictest(final, "guard")
    return Decision(
        action=final,
        profile=profile,
        categories=categories,
        scores=scores_of(judged),
        reasons=categories,
        policy_version=policy.version,
        evaluated=tuple(evaluated),
        not_evaluated=tuple(dict.fromkeys(not_evaluated)),
        details=details,
        signals=judged,
        stage=stage,
    )


def borderline(decision: Decision, policy: Policy) -> bool:
    """Whether a refusal was a near thing: no child safety, no known content, and every refusing
    value in the lower half of its zone. The meters (blank, flashing) say nothing about intent, so
    what they refuse counts as borderline too."""
    if decision.action != "refuse":
        return False
    minors = bool(decision.details.get("minor_reference"))
    for signal in decision.signals:
        if signal.action != "refuse":
            continue
        if category_of(signal, minors=minors) in FIXED:
            return False
        if signal.scale == "rule":
            if signal.category not in METERED:
                return False
            continue
        point = points_for(
            policy,
            decision.profile,
            signal.category,
            scale=signal.scale,
            minors=minors,
            absent=decision.details.get("absent", ()),
        ).refuse
        if signal.value >= (point + 1.0) / 2:
            return False
    return True


def effective_profile(profile: str, *, minors: bool) -> str:
    """A reference to somebody under 18 makes ordinary profiles strict; stricter ones keep their name."""
    profile = profile_name(profile)
    return "minor_referenced" if minors and profile in ("default", "api") else profile


def points_for(
    policy: Policy,
    profile: str,
    category: Category,
    *,
    scale: Scale = "share",
    minors: bool = False,
    absent: Iterable[str] = (),
) -> Points:
    """The points that count: the profile's, those for minors on top, tightened for absent filters."""
    points = policy.points(profile, category, scale=scale)
    if minors:
        points = points.stricter(policy.points("minor_referenced", category, scale=scale))
    if category in FIXED:
        return points
    for name in absent:
        points = points.tightened(policy.rules.without.get(name, {}).get(category, 1.0))
    lowest = LOWEST[scale]
    return Points(
        guard=max(points.guard, lowest),
        refuse=max(points.refuse, lowest),
        hold=max(points.hold, lowest),
    )


def action_of(
    signal: Signal, *, profile: str, policy: Policy, minors: bool, absent: Iterable[str] = ()
) -> Action:
    """What one signal alone leads to."""
    category = signal.category
    if signal.scale == "rule":
        if signal.value == HELD and category != Category.SEXUAL_MINORS:
            return "hold"
        if not signal.value < 1.0 or category in FIXED:
            return "refuse"
        if signal.modality == "text" and profile in policy.rules.strict_lists:
            return "refuse"
        if minors and category in SENSITIVE:
            return "refuse"
        return "guard" if signal.value > 0.0 else "allow"
    points = points_for(policy, profile, category, scale=signal.scale, minors=minors, absent=absent)
    action = points.action(signal.value)
    if minors and category == Category.SEXUAL and action != "allow":
        return "refuse"
    return action


def category_of(signal: Signal, *, minors: bool) -> Category:
    """Sexual content beside a reference to a minor is another, graver category."""
    if minors and signal.category == Category.SEXUAL:
        return Category.SEXUAL_MINORS
    return signal.category


def _weighed(signal: Signal, *, minors: bool, rewritten: bool) -> Action:
    """What was written but is not drawn guards at most, unless it is about child safety.

    Names trip classifiers; the rewriter takes them out, and the text without them is judged too.
    So a list's entry guards, a learned score only where it would have refused.
    """
    if not rewritten or not signal.subject.startswith("prompt"):
        return signal.action
    category = category_of(signal, minors=minors)
    if category in FIXED:
        return signal.action
    if category in REWRITTEN:
        return "allow"
    stops = signal.action == "refuse" or (signal.scale == "rule" and signal.action != "allow")
    return "guard" if stops else "allow"


def _most_serious(found: Iterable[tuple[Category, float]]) -> tuple[str, ...]:
    """Child safety first, then by value, then in the order of Category."""
    strongest: dict[Category, float] = {}
    for category, value in found:
        strongest[category] = max(strongest.get(category, 0.0), value)
    order = list(Category)
    ranked = sorted(
        strongest,
        key=lambda c: (c != Category.SEXUAL_MINORS, -round(strongest[c], 3), order.index(c)),
    )
    return tuple(category.value for category in ranked)
