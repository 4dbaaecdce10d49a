"""What a reviewer may decide about a case, as buttons with keys."""

from __future__ import annotations

from dataclasses import dataclass

from moderation import services
from moderation.models import Case, Decision


@dataclass(frozen=True)
class Choice:
    """`key` is the single key that decides; `says` is the note where the reviewer writes none."""

    code: str
    label: str
    key: str
    tone: str
    says: str


REMOVE = Choice("remove", "Remove the clip", "r", "danger", "Breaks the rule: {rule}.")
LEAVE = Choice("dismiss", "Leave it up", "l", "quiet", "Breaks no rule.")
KEEP = Choice("dismiss", "Keep it private", "l", "quiet", "Stays private: {rule}.")
RELEASE = Choice("release", "Release the clip", "e", "primary", "Breaks no rule.")


def choices_for(case: Case) -> list[Choice]:
    """In the order of the buttons, the gravest first."""
    found = [REMOVE]
    if services.may_release(case.video):
        found.append(RELEASE)
    if case.video.held_at is None:
        found.append(KEEP if case.origin == Case.Origin.GUARDED else LEAVE)
    return found


def label_of(action: str) -> str:
    return Decision.LABELS.get(action, action)
