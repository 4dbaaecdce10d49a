"""How alike two pictures are, and how restless a clip is. Clips are uint8 [frames, h, w, 3]."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Clip = NDArray  # uint8 [frames, h, w, 3]
LUMA = (0.2126, 0.7152, 0.0722)  # BT.709


def luma(clip: Clip) -> Tensor:
    """float [frames, h, w], 0 to 255."""
    return torch.from_numpy(clip.astype("float32")) @ torch.tensor(LUMA)


def psnr(a: Clip, b: Clip) -> float:
    """Peak signal to noise ratio in dB over all values; 99 for equal pictures."""
    error = float(((a.astype("float32") - b.astype("float32")) ** 2).mean())
    return min(99.0, 10 * math.log10(255**2 / max(error, 1e-9)))


def ssim(a: Clip, b: Clip) -> float:
    """Structural similarity of luma, mean over frames; 1 for equal pictures.

    Source: Wang et al. 2004, "Image Quality Assessment", IEEE TIP 13: 11x11 Gaussian window of
    sigma 1.5, K1 = 0.01, K2 = 0.03.
    """
    x, y = luma(a)[:, None], luma(b)[:, None]
    line = torch.exp(-((torch.arange(11.0) - 5) ** 2) / (2 * 1.5**2))
    window = (line[:, None] * line[None, :] / line.sum() ** 2)[None, None]

    def smooth(values: Tensor) -> Tensor:
        return F.conv2d(values, window)

    mx, my = smooth(x), smooth(y)
    vx, vy, both = smooth(x * x) - mx * mx, smooth(y * y) - my * my, smooth(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    value = (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    return float(value.mean())


def flicker(clip: Clip) -> float:
    """Mean size of luma's second difference in time, in levels of 255: steady motion has little."""
    y = luma(clip)
    return float((y[2:] - 2 * y[1:-1] + y[:-2]).abs().mean()) if len(y) > 2 else 0.0
