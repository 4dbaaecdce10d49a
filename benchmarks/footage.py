"""Natural-looking synthetic footage, drawn frame by frame: what benchmarks and tests encode."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def natural_frames(
    width: int, height: int, frames: int, *, seed: int = 0, grain: float = 2.0
) -> Iterator[NDArray[np.uint8]]:
    """Yield `frames` uint8 RGB frames [height, width, 3] in flat memory.

    A camera pans over a texture whose spectrum falls with 1/f, as that of photographs does; four
    textured discs cross the picture; grain of the given standard deviation lies on top.
    """
    rng = np.random.default_rng(seed)
    margin = max(32, width // 8)
    canvas = _texture(rng, height + 2 * margin, width + 2 * margin)
    discs = [_disc(rng, max(8, height // size)) for size in (4, 5, 6, 8)]
    paths = rng.uniform(0.2, 1.0, (len(discs), 4)) * 2 * np.pi
    noise = (rng.standard_normal((height + 64, width + 64, 1)) * grain).astype(np.int16)
    phase = rng.uniform(0, 2 * np.pi, 2)

    for index in range(frames):
        t = index / 24
        x = round(margin * (1 + 0.95 * np.sin(phase[0] + 0.31 * t)))
        y = round(margin * (1 + 0.95 * np.sin(phase[1] + 0.23 * t)))
        frame = canvas[y : y + height, x : x + width].copy()
        for (colour, mask), (a, b, c, d) in zip(discs, paths, strict=True):
            side = len(mask)
            left = round((0.5 + 0.45 * np.sin(a + 0.4 * b * t)) * (width - side))
            top = round((0.5 + 0.45 * np.sin(c + 0.4 * d * t)) * (height - side))
            frame[top : top + side, left : left + side][mask] = colour[mask]
        dy, dx = rng.integers(0, 64, 2)
        frame += noise[dy : dy + height, dx : dx + width]
        yield np.clip(frame, 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator, height: int, width: int) -> NDArray[np.int16]:
    """int16 RGB [height, width, 3], values about 0..255, spectrum 1/f."""
    rows = np.fft.fftfreq(height)[:, None] * height / max(height, width)
    columns = np.fft.rfftfreq(width)[None, :] * width / max(height, width)
    fall = 1 / np.maximum(np.hypot(rows, columns), 1 / max(height, width)) ** 1.25
    layers = []
    for _ in range(2):
        spectrum = np.fft.rfft2(rng.standard_normal((height, width))) * fall
        layer = np.fft.irfft2(spectrum, s=(height, width))
        layers.append((layer - layer.mean()) / layer.std())
    light, tint = layers
    base = rng.uniform(90, 150, 3)
    mix = rng.uniform(-14, 14, 3)
    picture = base + 42 * light[..., None] + mix * tint[..., None]
    levels: NDArray[np.int16] = np.clip(picture, 0, 255).astype(np.int16)
    return levels


def _disc(rng: np.random.Generator, side: int) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    grid = np.linspace(-1, 1, side)
    mask = np.hypot(grid[:, None], grid[None, :]) < 1
    colour = rng.integers(0, 128, 3).astype(np.int16)
    return (_texture(rng, side, side) // 2 + colour).astype(np.int16), mask
