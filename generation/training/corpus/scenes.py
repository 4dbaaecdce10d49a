"""Cut a video at its cuts: a training clip must not jump from one scene to another.

Two signs together: the picture changes much more than it did around that moment, and so does its
mixture of colours. A camera that pans fast moves pixels but keeps colours; a lamp that is switched
on changes both, and is rare enough to be cut at. Dissolves are not found.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

GRID = (18, 32)  # rows, columns of the small pictures that are compared
NEIGHBOURS = 3  # changes on either side that say what is usual
LEAST_CHANGE, TIMES_USUAL = 12.0, 3.0  # mean absolute difference, 0..255
LEAST_COLOUR, TIMES_USUAL_COLOUR = 0.1, 2.0  # share of the picture whose colour is another one


def small(frame: Pixels) -> Pixels:
    """uint8 [h, w, 3] to [18, 32, 3], every cell an average."""
    rows, columns = (np.linspace(0, n, k + 1).astype(int) for n, k in zip(frame.shape[:2], GRID))
    step = max(1, min(frame.shape[0] // (4 * GRID[0]), frame.shape[1] // (4 * GRID[1])))
    if step > 1:  # four samples a side and cell are enough
        return small(frame[::step, ::step])
    if min(np.diff(rows).min(), np.diff(columns).min()) < 1:  # smaller than the grid: repeat
        return frame[rows[:-1].clip(max=frame.shape[0] - 1)][:, columns[:-1]]
    sums = np.add.reduceat(frame.astype(np.float32), rows[:-1], axis=0)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    area = np.diff(rows)[:, None, None] * np.diff(columns)[None, :, None]
    return np.rint(sums / area).astype(np.uint8)


def find_cuts(pictures: Pixels) -> list[int]:
    """Numbers of the pictures, of `small` frames [n, 18, 32, 3] in order, that begin a new scene."""
    if len(pictures) < 2:
        return []
    values = pictures.astype(np.float32)
    change = np.abs(np.diff(values, axis=0)).mean((1, 2, 3))
    colour = _colour_change(pictures)
    moved = change >= np.maximum(LEAST_CHANGE, TIMES_USUAL * _usual(change))
    recoloured = colour >= np.maximum(LEAST_COLOUR, TIMES_USUAL_COLOUR * _usual(colour))
    return [int(k) + 1 for k in np.flatnonzero(moved & recoloured)]


def _usual(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each value, the median of its neighbours on both sides, itself left out."""
    padded = np.pad(values, NEIGHBOURS, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * NEIGHBOURS + 1)
    around = np.delete(windows, NEIGHBOURS, axis=1)
    if len(values) == 1:  # nothing around it
        return np.zeros(1, np.float32)
    return np.asarray(np.nanmedian(around, axis=1), np.float32)


def _colour_change(pictures: Pixels) -> NDArray[np.float32]:
    """For neighbours, half the difference of their histograms of 64 colours, 0..1, [n - 1]."""
    levels = (pictures >> 6).astype(np.int64)
    codes = (levels[..., 0] * 16 + levels[..., 1] * 4 + levels[..., 2]).reshape(len(pictures), -1)
    histograms = np.stack([np.bincount(row, minlength=64) for row in codes]) / codes.shape[1]
    return (0.5 * np.abs(np.diff(histograms, axis=0)).sum(1)).astype(np.float32)


def split(
    seconds: list[float], cuts: list[int], end: float, *, longest: float
) -> list[tuple[float, float]]:
    """Scenes as (start, end) seconds, in order, without gaps; longer ones in equal pieces.

    seconds: of every picture `find_cuts` was given. end: where the last picture ends.
    """
    edges = [seconds[0], *(seconds[k] for k in cuts), end]
    scenes: list[tuple[float, float]] = []
    for start, stop in pairwise(edges):
        pieces = max(1, int(np.ceil((stop - start) / longest - 1e-6)))
        marks = np.linspace(start, stop, pieces + 1)
        scenes += [(float(a), float(b)) for a, b in pairwise(marks)]
    return scenes
