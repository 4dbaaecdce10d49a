"""An engine that paints stripes at once, and an eye that says what a test wants it to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from generation.engine.capabilities import read_capabilities
from generation.engine.protocol import Frames, Progress, VideoSpec
from moderation.screening.protocol import Category, Frame, Score

blank_seeds: set[int] = set()  # what these seeds paint is one flat colour
painted: list[int] = []  # the seeds asked for, in order
seen: dict[Category, float] = {}  # what the eye says about every frame


class Engine:
    name, version = "painted", "1"

    def __init__(self, model_dir: Path, **given: Any) -> None:
        self.capabilities = read_capabilities(Path(model_dir))

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        painted.append(spec.seed)
        on_progress(Progress("denoise", 1, 1))
        on_progress(Progress("decode", 1, 1))
        for index in range(spec.frames):
            frame = np.full((spec.height, spec.width, 3), 120, np.uint8)
            if spec.seed not in blank_seeds:
                left = (index * 8 + spec.seed) % (spec.width - 40)
                frame[:, left : left + 40] = (200, 40, 40)
            yield frame


class Eye:
    name, version = "eye", "1"
    categories = frozenset(
        {Category.SEXUAL, Category.SEXUAL_MINORS, Category.LIKENESS, Category.HARASSMENT}
    )

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        answer = [Score(c, seen.get(c, 0.0), self.name) for c in self.categories]
        return [answer for _ in frames]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []
