"""How the frames of an upload are watched: the upload profile, and what a person has decided before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from generation import screening
from generation.policies import active_policy
from moderation.screening.decision import Decision
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.panel import FrameReview
from moderation.screening.protocol import Category, Frame, FrameClassifier, Score


class Silenced:
    """A frame classifier with one category a person has already decided about; `highest` keeps what it
    would have said."""

    def __init__(self, classifier: FrameClassifier, category: Category) -> None:
        self._classifier, self._category = classifier, category
        self.name, self.version = classifier.name, classifier.version
        self.categories = classifier.categories
        self.highest = 0.0

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return self._classifier.examples()

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        return [
            [self._heard(score) for score in scores]
            for scores in self._classifier.score_frames(frames)
        ]

    def _heard(self, score: Score) -> Score:
        if score.category != self._category:
            return score
        # A value that is no number counts as the worst.
        self.highest = max(self.highest, score.value if score.value == score.value else 1.0)
        return replace(score, value=0.0)


class UploadWatch:
    """The review of one upload's frames.

    photographs: it may show real people. cleared: a person found no child-safety concern, so lists of
    known material and a suspicion are not asked again. consent: this account may bring people, so
    they are judged by the stricter profile people_upload instead of being refused for being there;
    `people` is then the highest value of a real person seen.
    Raises ScreeningUnavailable when it may show people and nothing here can see that.
    """

    def __init__(self, *, photographs: bool, cleared: bool = False, consent: bool = False) -> None:
        checks = screening.checks()
        people = [Silenced(c, Category.LIKENESS) for c in checks.frames] if consent else []
        frames: list[FrameClassifier] = [*people] if people else [*checks.frames]
        if cleared:
            frames = [Silenced(c, Category.SEXUAL_MINORS) for c in frames]
            checks = replace(checks, known_hashes=KnownHashes())
        self._people = people
        self.review = FrameReview(
            profile="people_upload" if consent else "upload",
            stage="upload",
            draws_people=photographs,
            photographs=photographs,
            checks=replace(checks, frames=tuple(frames)),
            policy=active_policy(),
        )

    def decision(self) -> Decision:
        """Call once, after the last frame. Raises ScreeningUnavailable."""
        return self.review.verdict()

    @property
    def people(self) -> float:
        return max((one.highest for one in self._people), default=0.0)
