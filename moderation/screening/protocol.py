"""The words screening is spoken in: categories, scores, verdicts, and what a classifier must do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

POLICY_VERSION = "2026-11-24"
"""Stored with every verdict. Change it with every change of a list, a threshold or a rule."""

Action = Literal["allow", "guard", "hold", "refuse"]
"""allow; guard: may be made, kept private, judged with the strict profile and looked at twice;
hold: a person decides before anybody gets it; refuse."""
Scale = Literal["share", "probability", "rule"]
"""What a value means. share: 1 - share of ordinary prompts scoring as high; probability: a
provider's own confidence; rule: 1.0 a refusing rule fired, HELD a holding, 0.9 a guarding one."""
HELD = 0.95
"""Value of a rule that asks for a person before anybody gets the clip."""
Frame = NDArray[np.uint8]

_STRICTNESS: dict[Action, int] = {"allow": 0, "guard": 1, "hold": 2, "refuse": 3}


class Category(StrEnum):
    """What a text or a frame may be judged for. The values are stored; add, never rename."""

    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual_minors"
    VIOLENCE_GORE = "violence_gore"
    SELF_HARM = "self_harm"
    HATE = "hate"
    HARASSMENT = "harassment"
    ILLEGAL = "illegal"
    DANGEROUS = "dangerous"
    DECEPTIVE = "deceptive"
    LIKENESS = "likeness"
    PRIVACY = "privacy"
    INTELLECTUAL_PROPERTY = "intellectual_property"
    LANGUAGE = "language"
    KNOWN_CONTENT = "known_content"
    PHOTOSENSITIVE = "photosensitive"
    BROKEN_OUTPUT = "broken_output"
    CHILD = "child"  # a realistic person under 18 is seen; no offence by itself (child_safety.py)


class ScreeningUnavailable(Exception):
    """A check that had to run could not. The caller must not deliver (fail closed)."""


@dataclass(frozen=True)
class Score:
    """How unsafe one source finds something, for one category.

    value: 0.0 (plainly fine) to 1.0. A trained classifier of ours gives 1 minus the share of
    ordinary prompts that score at least as high, so 0.98 reads "only 2 % of ordinary prompts look
    this bad" and one table of thresholds fits every model. A rule gives 1.0 when it fires.
    """

    category: Category
    value: float
    source: str


@dataclass(frozen=True)
class Verdict:
    """The answer of a gate or a panel. Immutable; stored as JSON with the job.

    action: "allow"; "guard" (may be made, kept private, judged with the strict profile);
        "refuse".
    categories: what it was guarded or refused for, the most serious first; empty for "allow".
    reasons: codes of moderation/policies.py, shown to the person; never a matched word.
    profile: name of the threshold profile the decision was made with. "minor_present" means the
        caller judges every later stage of this job with that profile.
    evaluated, not_evaluated: checks that ran, and checks that exist but could not say anything.
    """

    action: Action
    profile: str
    categories: tuple[str, ...] = ()
    scores: tuple[Score, ...] = ()
    reasons: tuple[str, ...] = ()
    policy_version: str = POLICY_VERSION
    evaluated: tuple[str, ...] = ()
    not_evaluated: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """True for "allow" and for "guard"; look at `action` before anything is made public."""
        return self.action != "refuse"

    def to_json(self) -> dict[str, Any]:
        """A dict of plain JSON values, for storage."""
        return {
            "action": self.action,
            "profile": self.profile,
            "categories": list(self.categories),
            "scores": [
                {"category": s.category.value, "value": round(s.value, 4), "source": s.source}
                for s in self.scores
            ],
            "reasons": list(self.reasons),
            "policy_version": self.policy_version,
            "evaluated": list(self.evaluated),
            "not_evaluated": list(self.not_evaluated),
            "details": self.details,
        }


def strictest(*actions: Action) -> Action:
    """The most severe of the given actions; "allow" when there are none."""
    return max(actions, key=_STRICTNESS.__getitem__, default="allow")


@runtime_checkable
class TextClassifier(Protocol):
    """Judges one text. Pure: same text and version, same scores.

    A local classifier never raises on bad input: what it cannot judge scores 1.0, so that a
    broken model blocks instead of letting content through. A classifier behind a network raises
    ScreeningUnavailable when the answer is late, missing or unreadable.
    """

    name: str
    version: str
    categories: frozenset[Category]

    def score(self, text: str) -> list[Score]: ...

    def examples(self) -> list[tuple[str, Category, bool]]:
        """(text, category, should_block); one shared test runs them for every classifier."""
        ...


@runtime_checkable
class JointReviewer(Protocol):
    """Judges everything of one job together: what is harmless apart may not be harmless together.

    Raises ScreeningUnavailable when the answer is late or missing. An answer that can't be read is
    no opinion: leave the category out, never score it 0.
    """

    name: str
    version: str
    categories: frozenset[Category]

    def review(
        self,
        prompt: str,
        rewritten: str,
        uploads: Sequence[Sequence[Frame]],
        frames: Sequence[Frame],
    ) -> list[Score]: ...


@runtime_checkable
class FrameClassifier(Protocol):
    """Judges frames. The same rules as for TextClassifier.

    categories: what it can see at all. The panel lists every other category as not evaluated.
    """

    name: str
    version: str
    categories: frozenset[Category]

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        """One list of scores for each frame, uint8 [h, w, 3] RGB."""
        ...

    def examples(self) -> list[tuple[Frame, Category, bool]]: ...
