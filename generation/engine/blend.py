"""Mix two clips along a curve, as the source of a blend. No torch.

The mix is made of pixels and not of latents: a blend then is an ordinary spec that any engine with
per-frame redrawing makes, the same mix can be shown while the curve is drawn, and no engine needs to
know what a blend is. What a plain mix looks like, two pictures through each other, is redrawn: most
in the middle of the curve, where both show, and not at all where one of them is alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from generation.engine.frames import fit
from generation.engine.protocol import Frames


def mix(
    first: Frames, second: Frames, curve: Sequence[float], *, strength: float = 0.75
) -> tuple[Frames, tuple[float, ...]]:
    """(source, source_strength) of a VideoSpec.

    first, second: uint8 [n, h, w, 3]; a shorter clip holds its last frame, and the second is fitted
    to the size of the first. curve: influence of the second clip per frame of the result, 0 to 1.
    strength: how much is redrawn where both weigh the same.
    """
    height, width = first.shape[1:3]
    mixed = np.empty((len(curve), height, width, 3), np.uint8)
    levels = []
    for index, share in enumerate(curve):
        weight = min(1.0, max(0.0, share))
        a = first[min(index, len(first) - 1)].astype(np.float32)
        b = fit(second[min(index, len(second) - 1)], width, height).astype(np.float32)
        mixed[index] = np.rint(a + (b - a) * weight)
        levels.append(strength * 4 * weight * (1 - weight))
    return mixed, tuple(levels)
