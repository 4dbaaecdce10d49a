"""Real clips for the media tests, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.footage import natural_frames
from generation.media import Encoder

WIDTH, HEIGHT, FPS = 320, 192, 24


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    """Three seconds of natural-looking footage."""
    return list(natural_frames(WIDTH, HEIGHT, 3 * FPS, seed=5))


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory, frames: list[np.ndarray]) -> Path:
    path = tmp_path_factory.mktemp("media") / "clip.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS) as encoder:
        for frame in frames:
            encoder.write(frame)
    return path
