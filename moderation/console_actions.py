"""What a reviewer may decide about a case, as buttons with keys."""

from __future__ import annotations

from dataclasses import dataclass

from moderation.actions import ACTIONS, Action, actions_for
from moderation.models import Case, Decision
from moderation.policies import POLICIES

# What stands in full size; the rest is one press further away, with the same keys.
FIRST = ("remove", "takedown", "release", "unlist", "label", "warn", "dismiss")
SECOND_LOOK = ("remove", "takedown", "block", "unlist", "label", "warn", "dismiss")


@dataclass(frozen=True)
class Choice:
    """`key` is the single key that decides; `says` is the note where the reviewer writes none."""

    code: str
    label: str
    key: str
    tone: str
    says: str
    first: bool = True


def choices_for(case: Case) -> list[Choice]:
    """In the order of the buttons, the gravest about the clip first, leaving it last."""
    return _ordered(actions_for(case), case)


def second_choices(case: Case) -> list[Choice]:
    """What a second look chooses from, whatever was decided.

    They hang on what the case was opened for alone: the state of the clip would give the first
    decision away.
    """
    codes = set(SECOND_LOOK)
    if case.origin == Case.Origin.HELD:
        codes = {"remove", "block", "takedown", "release"}
    elif case.origin == Case.Origin.GUARDED:
        codes |= {"release"}
    return _ordered([action for action in ACTIONS.values() if action.code in codes], case)


def _ordered(actions: list[Action], case: Case) -> list[Choice]:
    rule = rule_of(case)
    found = [_choice(action, case, rule) for action in actions]
    place = {code: number for number, code in enumerate(FIRST)}
    return sorted(found, key=lambda choice: place.get(choice.code, len(place)))


def _choice(action: Action, case: Case, rule: str) -> Choice:
    tone = "danger" if action.severity >= 3 else "primary" if action.code == "release" else "quiet"
    label = action.label
    if action.code == "dismiss" and case.origin == Case.Origin.GUARDED:
        label = "Keep it private"
    harmless = action.code in ("dismiss", "release")
    says = "Breaks no rule." if harmless else f"Breaks the rule on {rule}."
    if label == "Keep it private":
        says = "A person has looked: it stays private."
    return Choice(action.code, label, action.key, tone, says, action.code in FIRST)


def rule_of(case: Case) -> str:
    """The rule a case was brought for, in words."""
    gravest = case.reports.order_by("flood", "-severity", "created_at").first()
    if gravest is not None and gravest.reason in POLICIES:
        return POLICIES[gravest.reason].title.lower()
    return "what a check found"


def label_of(action: str) -> str:
    return Decision.LABELS.get(action, action)
