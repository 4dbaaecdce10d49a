"""Ask every check about a text, or about everything of one job together; write down what each saw.

Nothing is decided here: decision.py turns the signals into an action. A check that fails or does
not answer raises ScreeningUnavailable, so that nothing unseen goes on.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from moderation.screening import gate
from moderation.screening.normalise import language_hint
from moderation.screening.protocol import Category, Scale, Score, ScreeningUnavailable
from moderation.screening.signals import Checks, Collected, Inputs, Signal
from moderation.screening.thresholds import LOWEST

# What learned text classifiers are expected to judge; what none of them can is said.
JUDGED_TEXT = (
    Category.SEXUAL,
    Category.VIOLENCE_GORE,
    Category.SELF_HARM,
    Category.HATE,
    Category.HARASSMENT,
    Category.ILLEGAL,
    Category.DANGEROUS,
    Category.DECEPTIVE,
    Category.PRIVACY,
)

_LEVELS = {"refuse": 1.0, "guard": 0.9}


def collect_texts(inputs: Inputs, checks: Checks) -> Collected:
    """What the rules and every text classifier see in the prompt, and in what was made of it.

    Several cards are read one by one and all as one: what is harmless card by card may not be
    harmless together. Of single cards only what may matter is kept (thresholds.LOWEST).
    """
    pairs = [("", inputs.prompt, inputs.rewritten)]
    pairs += [(f" {n}", *card) for n, card in enumerate(inputs.cards, start=1)]
    asked = _text_classifiers(checks)
    signals: list[Signal] = []
    not_evaluated: list[str] = []
    minors = False
    answers: dict[tuple[str, str], Sequence[Score]] = {}
    ruled: dict[str, tuple[list[Signal], bool]] = {}
    for card, written, drawn in pairs:
        found: list[Signal] = []
        texts = [(f"prompt{card}", written)]
        if drawn is not None:
            texts.append((f"rewritten{card}", drawn))
        for subject, text in texts:
            if text not in ruled:
                ruled[text] = rule_signals(text)
            rules, about_minors = ruled[text]
            found += [replace(rule, subject=subject) for rule in rules]
            minors = minors or about_minors
        # What the rewriter left alone needs no second reading.
        for subject, text in texts[1:] if written == drawn else texts:
            for classifier, scale in asked if text.strip() else ():
                key = classifier.name, text
                if key not in answers:
                    answers[key] = ask(classifier.name, lambda c=classifier, t=text: c.score(t))  # type: ignore[misc]
                found += signals_of(answers[key], classifier, subject=subject, scale=scale)
        if any(signal.category == Category.LANGUAGE for signal in found):
            not_evaluated.append("language")
        signals += [s for s in found if not card or s.value >= LOWEST[s.scale]]
    seen = frozenset[Category]().union(*(c.categories for c, _ in asked))
    not_evaluated += sorted(f"learned:{c.value}" for c in JUDGED_TEXT if c not in seen)
    return Collected(
        signals=tuple(signals),
        evaluated=("blocklist", "minor_reference", *(f"{c.name} {c.version}" for c, _ in asked)),
        not_evaluated=tuple(dict.fromkeys(not_evaluated)),
        details={"minor_reference": minors},
    )


def rule_signals(text: str, subject: str = "prompt") -> tuple[list[Signal], bool]:
    """(signals of lists and rules, whether somebody under 18 is referred to). No model, no network."""
    hits = gate.matcher().find(text)
    minors = bool(gate.minor_references(text, hits))
    strongest: dict[Category, float] = {}
    for name, level in hits.rules:
        category = Category(name)
        strongest[category] = max(strongest.get(category, 0.0), _LEVELS.get(level, 0.9))
    if not strongest and language_hint(text) == "other":
        strongest[Category.LANGUAGE] = 0.9
    return [
        Signal("blocklist", lists_version(), category, value, scale="rule", subject=subject)
        for category, value in strongest.items()
    ], minors


@lru_cache(maxsize=1)
def lists_version() -> str:
    """Changes with the version of any list."""
    listed = sorted((b.name, b.version) for b in gate.matcher().blocklists)
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:10]


def collect_joint(inputs: Inputs, checks: Checks) -> Collected:
    """What reviewers of prompt, rewritten text, uploads and frames together say."""
    frames = [frame for _, frame in inputs.frames]
    signals: list[Signal] = []
    for reviewer in checks.joint:
        scores = ask(
            reviewer.name,
            lambda r=reviewer: r.review(  # type: ignore[misc]
                inputs.prompt,
                inputs.prompt if inputs.rewritten is None else inputs.rewritten,
                inputs.uploads,
                frames,
            ),
        )
        signals += signals_of(scores, reviewer, subject="job", scale="probability")
    # A category without an opinion was not judged: the answer was none, and none is never "safe".
    wanted = frozenset().union(*(reviewer.categories for reviewer in checks.joint))
    silent = sorted(wanted - {signal.category for signal in signals})
    return Collected(
        signals=tuple(signals),
        evaluated=tuple(f"{r.name} {r.version}" for r in checks.joint),
        not_evaluated=tuple(f"joint:{c.value}" for c in silent) if checks.joint else ("joint",),
    )


def signals_of(scores: Iterable[Score], check: Any, *, subject: str, scale: Scale) -> list[Signal]:
    """Scores of one classifier as signals; a value that is no number counts as the worst."""
    return [
        Signal(
            provider=check.name,
            version=check.version,
            category=score.category,
            value=score.value if math.isfinite(score.value) else 1.0,
            scale=scale,
            subject=subject,
        )
        for score in scores
    ]


def ask(name: str, question: Callable[[], Sequence[Score]]) -> Sequence[Score]:
    """The answer of one check. Raises ScreeningUnavailable for whatever goes wrong in it."""
    try:
        return question()
    except ScreeningUnavailable:
        raise
    except Exception as error:
        raise ScreeningUnavailable(f"{name} failed: {error}") from error


def _text_classifiers(checks: Checks) -> list[tuple[Any, Scale]]:
    return [
        *((classifier, "share") for classifier in checks.texts),
        *((provider, "probability") for provider in checks.text_providers),
    ]
