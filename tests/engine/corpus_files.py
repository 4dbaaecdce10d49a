"""Small real video files for the corpus tests, and the hooks that their run files name."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from generation.media import Encoder
from moderation.screening.protocol import Category, Frame, Score

WIDTH, HEIGHT = 256, 144


def picture(seed: int) -> np.ndarray:
    """A smooth pattern of colours, wider than a frame so that one can pan over it."""
    cells = np.random.default_rng(seed).integers(0, 255, (9, 20, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(cells).resize((WIDTH + 64, HEIGHT), Image.Resampling.BICUBIC))


def pan(seed: int, frames: int) -> list[np.ndarray]:
    wide = picture(seed)
    return [wide[:, k * 60 // frames :][:, :WIDTH] for k in range(frames)]


def write(path: Path, frames: Sequence[np.ndarray], *, fps: float = 24, crf: int = 20) -> Path:
    height, width = frames[0].shape[:2]
    path.parent.mkdir(parents=True, exist_ok=True)
    with Encoder(path, width=width, height=height, fps=fps, crf=crf) as encoder:
        for frame in frames:
            encoder.write(np.ascontiguousarray(frame))
    return path


class RedIsUnsafe:
    """A frame classifier that finds red pictures sexual."""

    name, version = "red", "1"
    categories = frozenset({Category.SEXUAL})

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        red = [f[..., 0].mean() > 200 and f[..., 1:].mean() < 60 for f in frames]
        return [[Score(Category.SEXUAL, 1.0 if r else 0.0, "red")] for r in red]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []


class NoKites:
    """A text classifier with a policy of its own."""

    name, version = "no_kites", "1"
    categories = frozenset({Category.ILLEGAL})

    def score(self, text: str) -> list[Score]:
        return [Score(Category.ILLEGAL, 1.0 if "kite" in text else 0.0, "no_kites")]

    def examples(self) -> list[tuple[str, Category, bool]]:
        return []


def greenness(pictures: list[np.ndarray]) -> float:
    return float(np.mean([p[..., 1].mean() for p in pictures]))


def broken_taste(pictures: list[np.ndarray]) -> float:
    raise RuntimeError("the weights are missing")


def killed_at_second(pictures: list[np.ndarray]) -> float:
    """Counts its calls in a file, and ends the process without goodbye at the second."""
    log = Path(os.environ["CORPUS_TEST_LOG"])
    with open(log, "a") as file:
        file.write("looked\n")
    if len(log.read_text().split()) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0
