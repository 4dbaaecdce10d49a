"""Is a scene long, large, bright and lively enough to learn from?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.training.corpus.clips import shrink
from generation.training.corpus.manifest import Media, Refused
from generation.training.corpus.scenes import small
from generation.training.corpus.settings import CorpusSettings

Pixels = NDArray[np.uint8]

DARK = 20.0  # mean grey, 0..255, below which a picture counts as black
STEP = 0.5  # seconds between pictures whose difference is called motion


class Meter:
    """Looks at the frames of one scene as they go by; keeps `wanted` small pictures of it."""

    def __init__(self, seconds: float, *, wanted: int, side: int) -> None:
        self._moments = [(k + 0.5) * seconds / wanted for k in range(wanted)]
        self._side = side
        self._last: NDArray[np.float32] | None = None
        self._next, self._greys, self._changes = 0.0, list[float](), list[float]()
        self.frames = 0
        self.pictures: list[Pixels] = []

    def add(self, seconds: float, frame: Pixels) -> None:
        """A frame, uint8 [h, w, 3], and its moment from the beginning of the scene."""
        self.frames += 1
        if len(self.pictures) < len(self._moments) and seconds >= self._moments[len(self.pictures)]:
            self.pictures.append(shrink(frame, self._side))
        if seconds + 1e-6 < self._next:
            return
        self._next += STEP
        grey = small(frame).astype(np.float32).mean(-1)
        self._greys.append(float(grey.mean()))
        if self._last is not None:
            self._changes.append(float(np.abs(grey - self._last).mean()))
        self._last = grey

    @property
    def dark_share(self) -> float:
        return float(np.mean(np.array(self._greys) < DARK)) if self._greys else 1.0

    @property
    def motion(self) -> float:
        """Mean change of grey, 0..255, over half a second."""
        return float(np.mean(self._changes)) if self._changes else 0.0


def check_size(media: Media, settings: CorpusSettings) -> None:
    """Raises Refused for a scene too short or too small; needs no pixels."""
    if media.seconds < settings.min_seconds - 1e-6:
        raise Refused("too short", f"{media.seconds:.2f} s, at least {settings.min_seconds:g}")
    if min(media.width, media.height) < settings.min_side:
        raise Refused("too small", f"{media.width}x{media.height}, at least {settings.min_side}")


def check_pictures(
    meter: Meter, settings: CorpusSettings, aesthetics: Callable[..., Any] | None
) -> None:
    """Raises Refused for a scene that is dark, still, or below what the aesthetics hook asks."""
    if meter.dark_share > settings.max_dark_share:
        raise Refused("black frames", f"{meter.dark_share:.0%} of it")
    if meter.motion < settings.min_motion:
        raise Refused("little motion", f"{meter.motion:.2f}, at least {settings.min_motion:g}")
    if aesthetics is not None:
        score = _score(aesthetics, meter.pictures)
        if not score >= settings.min_aesthetics:  # also for a score that is no number
            raise Refused("low aesthetics", f"{score:.2f}, at least {settings.min_aesthetics:g}")


def _score(aesthetics: Callable[..., Any], pictures: Sequence[Pixels]) -> float:
    try:
        return float(aesthetics(list(pictures)))
    except Exception as error:  # somebody's hook: whatever it raises costs one clip, not the build
        raise Refused("not judged", f"the aesthetics hook failed: {error}") from error
