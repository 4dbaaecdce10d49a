"""Frames between sizes and rates: uint8 RGB [height, width, 3], without torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image

from generation.engine.protocol import Frames


def fit(frame: Frames, width: int, height: int) -> Frames:
    """Cut to the aspect around the middle, then resample with Lanczos: uint8 [height, width, 3]."""
    have_h, have_w = frame.shape[:2]
    if (have_w, have_h) == (width, height):
        return frame
    scale = min(have_w / width, have_h / height)
    cut_w, cut_h = width * scale, height * scale
    left, top = (have_w - cut_w) / 2, (have_h - cut_h) / 2
    picture = Image.fromarray(frame).resize(
        (width, height), Image.Resampling.LANCZOS, box=(left, top, left + cut_w, top + cut_h)
    )
    return np.asarray(picture)


def fit_all(frames: Frames, width: int, height: int) -> Frames:
    """[n, h, w, 3] to [n, height, width, 3]."""
    if frames.shape[1:3] == (height, width):
        return frames
    return np.stack([fit(frame, width, height) for frame in frames])


def retime(frames: Iterable[Frames], have: float, want: float) -> Iterator[Frames]:
    """Another frame rate by repeating or leaving out: frame k shows what was at that moment."""
    shown = 0
    for index, frame in enumerate(frames):
        while shown / want < (index + 1) / have - 1e-9:
            yield frame
            shown += 1
