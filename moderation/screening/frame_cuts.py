"""Cuts and inserted frames: what two samples a second would step over.

A single frame of something else between two like frames is seen by people and missed by a fixed
rhythm. Every change of scene therefore asks for a sample of its own, a bounded number a second.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from moderation.screening.protocol import Frame

CHANGE = 14.0
"""Mean difference of small pictures, 0..255, from which two frames show something else. Neighbouring
frames of filmed motion differ by 1 to 6, by up to 10 in a fast pan."""
MOST_PER_SECOND = 4
_SIDE = 24


class CutMeter:
    """Give every frame to `add`, in order; it answers whether this one must be looked at."""

    def __init__(self) -> None:
        self._last: NDArray[np.int16] | None = None
        self._before: NDArray[np.int16] | None = None
        self._recent: deque[NDArray[np.int16]] = deque(maxlen=MOST_PER_SECOND)
        self._extra: deque[float] = deque()
        self.cuts = 0
        self.inserted: list[float] = []  # seconds of single frames that are unlike both neighbours
        self.passed_over = 0  # changes beyond the number a second that is looked at

    def add(self, seconds: float, frame: Frame) -> bool:
        """True for a change of scene that was not looked at yet and is within the allowance."""
        small = _small(frame)
        last, before = self._last, self._before
        self._before, self._last = last, small
        if last is None or last.shape != small.shape:
            return False
        if _apart(small, last) < CHANGE:
            return False
        self.cuts += 1
        if before is not None and _apart(small, before) < CHANGE and len(self.inserted) < 100:
            self.inserted.append(round(seconds, 3))
        if any(_apart(small, seen) < CHANGE for seen in self._recent):
            return False
        while self._extra and self._extra[0] <= seconds - 1.0:
            self._extra.popleft()
        if len(self._extra) >= MOST_PER_SECOND:
            self.passed_over += 1
            return False
        self._extra.append(seconds)
        return True

    def sampled(self) -> None:
        """The latest frame is looked at."""
        if self._last is not None:
            self._recent.append(self._last)


def _small(frame: Frame) -> NDArray[np.int16]:
    rows = np.linspace(0, frame.shape[0] - 1, min(_SIDE, frame.shape[0])).astype(np.intp)
    columns = np.linspace(0, frame.shape[1] - 1, min(_SIDE, frame.shape[1])).astype(np.intp)
    return frame[np.ix_(rows, columns)].astype(np.int16)


def _apart(one: NDArray[np.int16], two: NDArray[np.int16]) -> float:
    return float(np.abs(one - two).mean()) if one.shape == two.shape else 255.0
