"""How sure a figure is: 95 % intervals of shares and of means."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

Interval = tuple[float, float]
Z = 1.959964  # 97.5 % point of the normal distribution


def share_interval(hits: int, of: int) -> Interval:
    """Wilson's interval of a share; (0, 1) when nothing was asked.

    Source: Wilson 1927, "Probable Inference", JASA 22; never leaves [0, 1] and is right for few clips.
    """
    if of == 0:
        return 0.0, 1.0
    p = hits / of
    spread = Z * math.sqrt(p * (1 - p) / of + Z * Z / (4 * of * of))
    middle, size = p + Z * Z / (2 * of), 1 + Z * Z / of
    low = 0.0 if hits == 0 else (middle - spread) / size  # exactly, whatever the rounding
    high = 1.0 if hits == of else (middle + spread) / size
    return low, high


def mean_interval(values: Sequence[float], draws: int = 2000) -> Interval:
    """Bootstrap interval of a mean, the same at every call."""
    if not values:
        return math.nan, math.nan
    rng = random.Random(0)
    means = sorted(sum(rng.choices(values, k=len(values))) / len(values) for _ in range(draws))
    return means[int(0.025 * draws)], means[int(0.975 * draws)]
