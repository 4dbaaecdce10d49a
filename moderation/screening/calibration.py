"""From a model's margin to a score every threshold table understands.

A score is 1 - (share of ordinary prompts whose margin is at least this high), measured on prompts
the model was not trained on. 0.98 therefore means "2 % of ordinary prompts look this bad". Between
measured points the tail is interpolated linearly; beyond the last it approaches 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Shares of ordinary prompts at which margins are stored, from common to rare.
SHARES = np.array(
    [
        0.5,
        0.4,
        0.3,
        0.2,
        0.15,
        0.12,
        0.10,
        0.08,
        0.06,
        0.05,
        0.04,
        0.03,
        0.02,
        0.015,
        0.01,
        0.005,
        0.003,
    ]
)


DRIFT = 1.5
"""Prompts of another source hit a threshold this many times as often as the prompts it was measured
on (seen between pools of video prompts: 5, 2, 1 % became 7.5, 2.6, 1.5 %). The points are set as if
every share were that much larger, so that a budget holds where nobody measured it."""


def fit(margins: NDArray[np.floating], *, drift: float = DRIFT) -> NDArray[np.float32]:
    """The margins at SHARES, given the margins of ordinary prompts. Strictly ascending."""
    points = np.quantile(np.asarray(margins, dtype=np.float64), 1.0 - SHARES / drift)
    for index in range(1, len(points)):
        points[index] = max(points[index], points[index - 1] + 1e-4)
    return points.astype(np.float32)


def apply(points: NDArray[np.float32], margin: float) -> float:
    """Score in 0..1 of one margin. NaN scores 1.0: a broken model blocks."""
    if not np.isfinite(margin):
        return 1.0
    if margin <= points[0]:
        below = float(points[0]) - margin
        return 0.5 / (1.0 + below)
    if margin >= points[-1]:
        rest = float(SHARES[-1])
        scale = max(float(points[-1] - points[-4]), 1e-3)
        return 1.0 - rest / (1.0 + (margin - float(points[-1])) / scale)
    return float(np.interp(margin, points, 1.0 - SHARES))
