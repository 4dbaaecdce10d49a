"""Pixels of one item at the size and rate a model wants, from a file or from the renderer."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.media import DecodeLimits, MediaError, sample_frames
from generation.training.corpus import rendered
from generation.training.corpus.manifest import Item, Refused, file_sha256

Pixels = NDArray[np.uint8]

EVERY_FRAME = 1000.0  # samples a second: more than any file has


def limits(*, seconds: float, megabytes: int) -> DecodeLimits:
    """What a corpus file may have. The clock is generous: nobody waits for the answer."""
    return DecodeLimits(
        bytes=megabytes * 1024**2,
        seconds=seconds,
        pixels=7680 * 4320,
        frames=int(seconds * 240),
        wall_seconds=max(60.0, 20 * seconds),
    )


WIDE = limits(seconds=4 * 3600, megabytes=1 << 20)  # for files that a build has already let in


def load_clip(
    item: Item,
    root: Path,
    *,
    frames: int,
    height: int,
    width: int,
    fps: float,
    rng: random.Random,
) -> Pixels:
    """uint8 [frames, height, width, 3] of an item, from a random moment of it.

    The picture is scaled and cut to fill the size; frames are the latest at each moment, so any
    rate becomes `fps`. Raises Refused (too short, missing file, bad hash, corrupt file).
    """
    length = frames / fps
    if item.seed:
        return rendered.draw(item.seed, frames=frames, height=height, width=width, fps=fps, rng=rng)
    if item.media is None:
        raise Refused("unreadable line", f"{item.id} has no media facts: build the corpus first")
    spare = item.media.seconds - length
    if spare < -0.5 / fps:
        raise Refused("too short", f"{item.media.seconds:.2f} s for a clip of {length:.2f} s")
    path = item.file(root)
    try:
        facts = path.stat()
    except OSError as error:
        raise Refused("missing file", f"{item.path}: {error.strerror}") from error
    if item.sha256 != _sha256(path, facts.st_size, facts.st_mtime_ns):
        raise Refused("bad hash", f"{item.path} has changed since the corpus was built")
    start = item.start + rng.uniform(0, max(0.0, spare))
    clip = np.empty((frames, height, width, 3), np.uint8)
    count, latest = 0, None
    try:
        for seconds, frame in sample_frames(path, EVERY_FRAME, start=start, limits=WIDE):
            while latest is not None and count < frames and seconds > start + count / fps + 1e-4:
                clip[count], count = latest, count + 1
            if count == frames:
                return clip
            latest = fill(frame, height, width)
    except MediaError as error:
        raise Refused("corrupt file", f"{item.path}: {error.message}") from error
    if latest is None or count < frames - max(2, round(0.25 * fps)):
        raise Refused(
            "corrupt file", f"{item.path} ends before {item.start + item.media.seconds:.1f} s"
        )
    clip[count:] = latest  # the last picture stays for its own duration
    return clip


@lru_cache(maxsize=1024)
def _sha256(path: Path, size: int, changed: int) -> str:
    """Of a file of many scenes once, as long as it stays as it is."""
    return file_sha256(path)


def fill(frame: Pixels, height: int, width: int) -> Pixels:
    """Scale and cut the middle of uint8 [h, w, 3] so that it fills the size."""
    have_height, have_width = frame.shape[:2]
    scale = min(have_height / height, have_width / width)
    h, w = scale * height, scale * width
    left, top = (have_width - w) / 2, (have_height - h) / 2
    picture = Image.fromarray(frame).resize(
        (width, height),
        Image.Resampling.LANCZOS,
        box=(left, top, left + w, top + h),
        reducing_gap=3,
    )
    return np.asarray(picture)


def shrink(frame: Pixels, side: int) -> Pixels:
    """uint8 [h, w, 3] with its longer side at most `side`; a copy."""
    picture = Image.fromarray(frame)
    picture.thumbnail((side, side))
    return np.array(picture)
