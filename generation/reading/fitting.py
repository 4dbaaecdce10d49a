"""Pictures of a clip or an upload at the size, shape and rate an edit wants them."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from generation import media
from generation.media import DecodeLimits, MediaError, Pixels

ASPECT_TOLERANCE = 0.01  # shapes this alike count as the same


def fitted_frames(
    path: Path,
    *,
    start: float,
    end: float | None,
    fps: float,
    size: tuple[int, int],
    fit: str,
    limits: DecodeLimits,
) -> Iterator[Pixels]:
    """Frames at start + k / fps before `end` (None: to the end), uint8 RGB [height, width, 3].

    Each moment shows the frame on screen then. A picture gives one frame. Raises MediaError, also
    between frames; with fit "strict" when the shape differs.
    """
    if media.is_image(path):
        yield fit_frame(media.load_image(path, limits=limits), size, fit)
        return
    info = media.probe(path, limits=limits)
    half = 0.5 / max(info.fps, 1.0)
    step, index = 1 / float(Fraction(fps).limit_denominator(1001)), 0
    stop = info.duration if end is None else min(end, info.duration)
    shown: Pixels | None = None
    for seconds, frame in media.upright_frames(path, start=start, limits=limits):
        while shown is not None and start + index * step < min(seconds - half / 8, stop - 1e-6):
            yield fit_frame(shown, size, fit)
            index += 1
        if start + index * step >= stop - 1e-6:
            return
        shown = frame
    while shown is not None and start + index * step < stop - 1e-6:
        yield fit_frame(shown, size, fit)
        index += 1


def fit_frame(frame: Pixels, size: tuple[int, int], fit: str) -> Pixels:
    """One uint8 RGB frame at `size` (width, height): "crop" fills it, "pad" shows all on black,
    "strict" refuses another shape. Raises MediaError (aspect)."""
    height, width = frame.shape[:2]
    if (width, height) == size:
        return np.ascontiguousarray(frame)
    wanted, has = size[0] / size[1], width / height
    same = abs(has / wanted - 1) <= ASPECT_TOLERANCE
    if fit == "strict" and not same:
        raise MediaError(
            "aspect",
            f"The picture is {width}x{height}, the clip {size[0]}x{size[1]}. Choose crop or pad.",
        )
    image = Image.fromarray(frame)
    if fit != "pad" or same:
        return np.asarray(
            image.resize(size, Image.Resampling.LANCZOS, box=_centre(width, height, wanted))
        )
    inner = (
        (size[0], max(1, round(size[0] / has)))
        if has > wanted
        else (max(1, round(size[1] * has)), size[1])
    )
    canvas = Image.new("RGB", size)
    small = image.resize(inner, Image.Resampling.LANCZOS)
    canvas.paste(small, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2))
    return np.asarray(canvas)


def _centre(width: int, height: int, wanted: float) -> tuple[float, float, float, float]:
    """The largest middle part of a picture with the wanted shape: left, top, right, bottom."""
    if width / height > wanted:
        inner = height * wanted
        return ((width - inner) / 2, 0, (width + inner) / 2, height)
    inner = width / wanted
    return (0, (height - inner) / 2, width, (height + inner) / 2)
