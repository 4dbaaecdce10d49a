"""What can be seen in frames without any model: nothing, a still, or dangerous flashing."""

from __future__ import annotations

from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from moderation.screening.protocol import Frame

_GRID_ROWS, _GRID_COLUMNS = 18, 32
_MAX_SAMPLES_PER_CELL = 4  # rows and columns read per cell; keeps the cost flat at any resolution

# sRGB code value -> linear light, IEC 61966-2-1.
_CODES = np.arange(256) / 255.0
_LINEAR = np.where(_CODES <= 0.04045, _CODES / 12.92, ((_CODES + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)


def grid(frame: Frame) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(relative luminance 0..1, saturated-red signal 0..320), float32 [18, 32] cell means.

    Frames smaller than the grid keep their own size. Source of both: WCAG 2.2, "relative
    luminance" and "general flash and red flash thresholds".
    """
    rows, per_row, columns, per_column, ys, xs = _samples(*frame.shape[:2])
    linear = _LINEAR[frame[ys][:, xs]]
    cells = linear.reshape(rows, per_row, columns, per_column, 3).mean(axis=(1, 3))
    r, g, b = cells[..., 0], cells[..., 1], cells[..., 2]
    luminance = 0.2126 * r + 0.7152 * g + 0.0722 * b
    total = r + g + b
    saturated = r >= 0.8 * np.maximum(total, 1e-6)
    red = np.where(saturated, np.maximum(r - g - b, 0.0) * 320.0, 0.0)
    return luminance.astype(np.float32), red.astype(np.float32)


@lru_cache(maxsize=8)
def _samples(
    height: int, width: int
) -> tuple[int, int, int, int, NDArray[np.intp], NDArray[np.intp]]:
    """(rows, samples per row, columns, samples per column, row indices, column indices)."""
    rows, columns = min(_GRID_ROWS, height), min(_GRID_COLUMNS, width)
    per_row = max(1, min(_MAX_SAMPLES_PER_CELL, height // rows))
    per_column = max(1, min(_MAX_SAMPLES_PER_CELL, width // columns))
    ys = np.linspace(0, height - 1, rows * per_row).round().astype(np.intp)
    xs = np.linspace(0, width - 1, columns * per_column).round().astype(np.intp)
    return rows, per_row, columns, per_column, ys, xs


class FlashMeter:
    """Counts flashes as WCAG 2.2 (2.3.1) and ITU-R BT.1702 define them.

    A flash is a pair of opposing changes: of relative luminance by 0.1 or more where the darker
    picture is below 0.8, or of the saturated-red signal by 20 or more. More than three flashes
    within one second over a quarter of the picture or more are dangerous. A quarter of the whole
    picture stands for "25 % of any 10 degrees of the visual field", since the viewing distance
    is unknown.
    """

    MAX_FLASHES_PER_SECOND = 3
    AREA = 0.25
    # Changes between samples further apart than this can't be counted as flashes.
    MAX_GAP_SECONDS = 0.15

    def __init__(self) -> None:
        self._luminance = _ChangeCounter(step=0.1, darker_below=0.8)
        self._red = _ChangeCounter(step=20.0, darker_below=float("inf"))
        self._last_seconds: float | None = None
        self.largest_gap = 0.0
        self.samples = 0
        self.peak = 0.0  # largest share of the picture with too many flashes in one second
        self.peak_seconds = 0.0

    @property
    def reliable(self) -> bool:
        """False when samples were too far apart to see four flashes in a second."""
        return self.samples >= 2 and self.largest_gap <= self.MAX_GAP_SECONDS

    @property
    def dangerous(self) -> bool:
        return self.peak >= self.AREA

    def add(self, seconds: float, frame: Frame) -> None:
        luminance, red = grid(frame)
        if self._last_seconds is not None:
            self.largest_gap = max(self.largest_gap, seconds - self._last_seconds)
        self._last_seconds = seconds
        self.samples += 1
        limit = 2 * self.MAX_FLASHES_PER_SECOND
        for counter, signal in ((self._luminance, luminance), (self._red, red)):
            share = float((counter.add(seconds, signal) > limit).mean())
            if share > self.peak:
                self.peak, self.peak_seconds = share, seconds


class _ChangeCounter:
    """For each cell, how many opposing changes of at least `step` the last second holds."""

    def __init__(self, *, step: float, darker_below: float) -> None:
        self._step = step
        self._darker_below = darker_below
        self._low: NDArray[np.float32] | None = None
        self._high: NDArray[np.float32] | None = None
        self._direction: NDArray[np.int8] | None = None
        self._recent: deque[tuple[float, NDArray[np.bool_]]] = deque()
        self._count: NDArray[np.int16] | None = None

    def add(self, seconds: float, value: NDArray[np.float32]) -> NDArray[np.int16]:
        if (
            self._low is None
            or self._high is None
            or self._direction is None
            or self._count is None
            or self._low.shape != value.shape
        ):
            self._low, self._high = value.copy(), value.copy()
            self._direction = np.zeros(value.shape, np.int8)
            self._count = np.zeros(value.shape, np.int16)
            self._recent.clear()
            return self._count
        self._low = np.minimum(self._low, value)
        self._high = np.maximum(self._high, value)
        rising = (value - self._low >= self._step) & (self._low < self._darker_below)
        falling = (self._high - value >= self._step) & (value < self._darker_below)
        up = rising & (self._direction != 1)
        down = falling & (self._direction != -1) & ~up
        changed = up | down
        self._direction = np.where(up, 1, np.where(down, -1, self._direction)).astype(np.int8)
        # From a change on, the opposite extreme is measured anew.
        rest = changed | (rising & (self._direction == 1)) | (falling & (self._direction == -1))
        self._low = np.where(rest, value, self._low)
        self._high = np.where(rest, value, self._high)
        self._recent.append((seconds, changed))
        self._count = (self._count + changed).astype(np.int16)
        while self._recent and self._recent[0][0] <= seconds - 1.0 + 1e-6:
            self._count = (self._count - self._recent.popleft()[1]).astype(np.int16)
        return self._count


class StillnessMeter:
    """Is there a picture at all, and does it ever change?"""

    BLANK_DEVIATION = 1.5  # in code values of 0..255: below it a frame shows one flat colour
    STILL_DIFFERENCE = 0.1  # mean absolute difference to the first frame

    def __init__(self) -> None:
        self._first: NDArray[np.int16] | None = None
        self.frames = 0
        self.blank_frames = 0
        self.largest_difference = 0.0

    def add(self, frame: Frame) -> None:
        step = max(1, min(frame.shape[0], frame.shape[1]) // 96)
        small = frame[::step, ::step].astype(np.int16)
        self.frames += 1
        if self._is_flat(small):
            self.blank_frames += 1
        if self._first is None:
            self._first = small
        elif self._first.shape == small.shape:
            difference = float(np.abs(small - self._first).mean())
            self.largest_difference = max(self.largest_difference, difference)

    def _is_flat(self, small: NDArray[np.int16]) -> bool:
        # A sixteenth of the pixels settles nearly every frame.
        rough = small[::4, ::4]
        if float(rough.std(axis=(0, 1)).max()) >= 4 * self.BLANK_DEVIATION:
            return False
        return float(small.std(axis=(0, 1)).max()) < self.BLANK_DEVIATION

    @property
    def blank(self) -> bool:
        """Every frame is one flat colour. A clip with one picture in it is not blank."""
        return self.frames > 0 and self.blank_frames == self.frames

    @property
    def still(self) -> bool:
        return self.frames > 1 and self.largest_difference < self.STILL_DIFFERENCE
