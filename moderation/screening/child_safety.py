"""The rules of child safety over what the checks saw. Pure: no database, no settings, no model.

Pictures are judged in this order, and the first that applies decides:

known      it matches confirmed material          -> rejected, sealed, a report is drafted
suspected  a classifier of abuse answers          -> sealed, held for a person, who decides
suspected  a child and sexual content together    -> the same; also drawn, in any style
child      a realistic person under 18            -> a photograph that can't be animated: refused
allow      everything else: drawn or plainly fictitious children in harmless scenes among it

Doubt about an age counts as a child. Without a classifier that can tell one, photographs are not
taken at all (frame_scan.REQUIRED_FOR_PHOTOGRAPHS), so nothing here has to guess.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from moderation.screening.protocol import Category, Score, Verdict
from moderation.screening.thresholds import STANDARD

Finding = Literal["known", "suspected", "child", "allow"]

ABUSE_POINT = 0.5
"""A classifier of abuse: from here on a person decides. Never loosened (thresholds.ZERO_TOLERANCE)."""
CHILD_POINT = 0.35
"""Realistic person under 18. Low on purpose: a doubtful age is a child's (the published classifier of
this kind was tuned the same way: recall 97.9 %, precision 81 %)."""
SEXUAL_POINT = 0.25
"""Sexual content in a frame with a child: the guard point of frames under the strictest profile."""


@dataclass(frozen=True)
class Seen:
    """What the checks saw in one picture or clip; every number is the highest of its frames.

    known: it matches a list of confirmed material. abuse, child, sexual: 0..1. drawn: plainly drawn
        by structure, or made by this site's own engine.
    """

    known: bool = False
    abuse: float = 0.0
    child: float = 0.0
    sexual: float = 0.0
    person: float = 0.0  # a real person; no matter of this file, carried along
    drawn: bool = False


def judge(seen: Seen) -> Finding:
    """The table at the head of this file. A value that is no number counts as the worst."""
    if seen.known:
        return "known"
    if not seen.abuse < ABUSE_POINT:
        return "suspected"
    child = not seen.child < CHILD_POINT
    if child and not seen.sexual < SEXUAL_POINT:
        return "suspected"
    return "child" if child and not seen.drawn else "allow"


def is_grave(verdict: Verdict) -> bool:
    """Whether a text refused as sexual about a minor holds the account at once.

    A listed term, or a score only 2 % of ordinary prompts reach, is enough. Below that the text is
    refused all the same and a person looks, but a misread sentence locks nobody out.
    """
    return Category.SEXUAL_MINORS.value in verdict.categories and any(
        score.category in (Category.SEXUAL, Category.SEXUAL_MINORS)
        and (score.source == "blocklist" or not score.value < STANDARD.refuse)
        for score in verdict.scores
    )


def read_together(scores: Sequence[Score]) -> tuple[float, list[Score]]:
    """One frame's scores read together: (how surely it shows a realistic child, the scores to judge).

    That somebody looks under 18 is no offence, so it reaches no table of points. What is one is a
    child and sexual content in the same frame: that is passed on as sexual_minors, which every
    profile refuses.
    """
    child = _highest(scores, Category.CHILD)
    sexual = _highest(scores, Category.SEXUAL)
    others = [score for score in scores if score.category != Category.CHILD]
    if child >= CHILD_POINT and sexual >= SEXUAL_POINT:
        value = max(ABUSE_POINT, min(child, sexual))
        source = next(s.source for s in scores if s.category == Category.CHILD)
        others.append(Score(Category.SEXUAL_MINORS, value, source))
    return child, others


def _highest(scores: Sequence[Score], category: Category) -> float:
    values = [score.value for score in scores if score.category == category]
    return max((1.0 if math.isnan(value) else value for value in values), default=0.0)
