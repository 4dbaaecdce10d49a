"""Who can judge what, in which kind of material. A provider never silently covers what it can't see.

`coverage(provider)` is what one provider answers for: categories by modality. `Checked` holds it to
that: a category it claims and leaves out of an answer closes the check, one it doesn't claim is
never counted as judged. `table` is the map of everything set up, for pages and start-up checks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moderation.screening.protocol import (
    Category,
    Frame,
    FrameClassifier,
    Score,
    ScreeningUnavailable,
)
from moderation.screening.signals import Modality

MODALITIES: tuple[Modality, ...] = ("text", "image", "video")
Coverage = Mapping[Modality, frozenset[Category]]

# What each modality should be judged for. The rules (lists, meters, hashes) come on top.
WANTED: Coverage = {
    "text": frozenset(
        {
            Category.SEXUAL,
            Category.VIOLENCE_GORE,
            Category.SELF_HARM,
            Category.HATE,
            Category.HARASSMENT,
            Category.ILLEGAL,
            Category.DANGEROUS,
            Category.DECEPTIVE,
            Category.PRIVACY,
        }
    ),
    "image": frozenset(
        {
            Category.SEXUAL,
            Category.SEXUAL_MINORS,
            Category.CHILD,
            Category.VIOLENCE_GORE,
            Category.SELF_HARM,
            Category.HATE,
            Category.DECEPTIVE,
            Category.LIKENESS,
        }
    ),
    "video": frozenset(
        {
            Category.SEXUAL,
            Category.SEXUAL_MINORS,
            Category.CHILD,
            Category.VIOLENCE_GORE,
            Category.SELF_HARM,
            Category.HATE,
            Category.DECEPTIVE,
            Category.LIKENESS,
        }
    ),
}


def coverage(provider: Any) -> Coverage:
    """What one provider answers for. A frame classifier sees the frames of a video one by one."""
    stated = getattr(provider, "coverage", None)
    if stated is not None:
        return {m: frozenset(stated.get(m, ())) for m in MODALITIES}
    seen = frozenset(provider.categories)
    if hasattr(provider, "score_frames"):
        return {"text": frozenset(), "image": seen, "video": seen}
    return {"text": seen, "image": frozenset(), "video": frozenset()}


def table(providers: Iterable[Any]) -> dict[Modality, dict[Category, tuple[str, ...]]]:
    """Modality -> category -> names of who judges it; an empty tuple where nobody does."""
    listed = [(provider.name, coverage(provider)) for provider in providers]
    return {
        modality: {
            category: tuple(
                dict.fromkeys(n for n, covers in listed if category in covers[modality])
            )
            for category in Category
            if category in WANTED[modality]
            or any(category in covers[modality] for _, covers in listed)
        }
        for modality in MODALITIES
    }


class Checked:
    """A frame classifier held to its word.

    Raises ScreeningUnavailable when it fails, answers for another number of frames, or leaves out a
    category it claims. A value that is no number counts as the worst.
    """

    def __init__(self, classifier: FrameClassifier) -> None:
        self._classifier = classifier
        self.name, self.version = classifier.name, classifier.version
        self.coverage = coverage(classifier)
        self.categories = self.coverage["video"] & self.coverage["image"]

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        try:
            answers = self._classifier.score_frames(frames)
        except ScreeningUnavailable:
            raise
        except Exception as error:
            raise ScreeningUnavailable(f"{self.name} failed: {error}") from error
        if not isinstance(answers, list) or len(answers) != len(frames):
            raise ScreeningUnavailable(f"{self.name} did not answer for every frame")
        return [self._one(answer) for answer in answers]

    def _one(self, answer: Sequence[Score]) -> list[Score]:
        missing = self.categories - {score.category for score in answer}
        if missing:
            names = ", ".join(sorted(missing))
            raise ScreeningUnavailable(f"{self.name} answered nothing about {names}")
        return [
            score if math.isfinite(score.value) else Score(score.category, 1.0, score.source)
            for score in answer
        ]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return self._classifier.examples()


class Together:
    """Several frame classifiers as one: every one must answer, and a frame's scores come together."""

    name = "vision"

    def __init__(self, parts: Sequence[Checked]) -> None:
        self.parts = tuple(parts)
        self.version = " + ".join(f"{part.name} {part.version}" for part in self.parts)
        self.categories = frozenset[Category]().union(*(part.categories for part in self.parts))

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        answers: list[list[Score]] = [[] for _ in frames]
        for part in self.parts:
            for mine, scores in zip(answers, part.score_frames(frames), strict=True):
                mine.extend(scores)
        return answers

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return [example for part in self.parts for example in part.examples()]
