"""A frame classifier whose answers a test sets: eyes that see what they are told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moderation.screening.protocol import Category, Frame, Score

NAME = "tests.moderation.eyes.Eyes"


class Eyes:
    name = "eyes"
    version = "1"
    categories = frozenset(
        {Category.SEXUAL, Category.SEXUAL_MINORS, Category.CHILD, Category.LIKENESS}
    )
    says: dict[Category, float] = {}

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        one = [Score(c, self.says.get(c, 0.01), self.name) for c in sorted(self.categories)]
        return [list(one) for _ in frames]


def see(settings: Any, **values: float) -> None:
    """Set the eyes up on this site, and what they see in every frame from now on."""
    settings.SORA_FRAME_CLASSIFIER = NAME
    Eyes.says = {Category(name): value for name, value in values.items()}
