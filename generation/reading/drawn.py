"""Is this picture a flat drawing? Structure only; no model, and doubt counts as a photograph.

Three things are asked of the picture, made 256 pixels long by averaging:

colours   a few dozen colours cover nearly all of it
flat      most neighbours are equal or nearly so
thin      what is not flat is lines: no patch of texture is wide enough to show a face

Photographs of people fail the last one wherever a person is large enough to be recognised, also
blurred, enlarged, posterised or on an empty background; tests/media/test_drawn.py holds that
against real photographs. Paintings, pencil drawings and renderings with texture fail too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]

_SIDE = 256
_STEP = 5  # of 255: largest difference of neighbours that still counts as flat
_LEVELS = 5  # bits a channel keeps when colours are counted
_COLOURS = 40
_MOST = 0.90  # of the picture these colours cover
_FLAT = 0.70
_WIDEST = 5  # pixels of 256: lines and outlines are narrower, eyes and mouths of a face wider
_PATCHES = 0.0006  # share of the picture that may lie inside wider patches (a small letter, a star)


@dataclass(frozen=True)
class Drawn:
    """The three measures, as shares of the picture."""

    colours: float
    flat: float
    patches: float

    @property
    def flat_drawing(self) -> bool:
        return self.colours >= _MOST and self.flat >= _FLAT and self.patches <= _PATCHES


def measure(rgb: Pixels) -> Drawn:
    """Measure one uint8 RGB picture [h, w, 3]."""
    image = Image.fromarray(rgb)
    scale = _SIDE / max(image.size)
    size = (max(8, round(image.width * scale)), max(8, round(image.height * scale)))
    small = _stretched(np.asarray(image.resize(size, Image.Resampling.BOX), np.int16))
    bins = small >> (8 - _LEVELS)
    codes = (bins[..., 0] << (2 * _LEVELS)) | (bins[..., 1] << _LEVELS) | bins[..., 2]
    counts = np.sort(np.bincount(codes.reshape(-1).astype(np.int64)))[::-1]
    rough = _rough(small)
    # Half as large again: a face that fills the picture has its features in one patch there.
    half = small[: size[1] // 2 * 2, : size[0] // 2 * 2]
    half = (half[::2, ::2] + half[1::2, ::2] + half[::2, 1::2] + half[1::2, 1::2]) // 4
    return Drawn(
        colours=float(counts[:_COLOURS].sum() / codes.size),
        flat=float(1 - rough.mean()),
        patches=max(
            float(_opened(rough, _WIDEST).mean()), float(_opened(_rough(half), _WIDEST).mean())
        ),
    )


def _stretched(small: NDArray[np.int16]) -> NDArray[np.int16]:
    """The whole range of brightness used: a photograph made pale or dark is still one."""
    low, high = np.percentile(small, (1, 99))
    if high - low < 8:  # one flat colour
        return small
    stretched = (small - low) * (255 / (high - low))
    return np.clip(stretched, 0, 255).astype(np.int16)


def _rough(small: NDArray[np.int16]) -> NDArray[np.bool_]:
    """True where a pixel differs from its right or lower neighbour."""
    rough = np.zeros(small.shape[:2], bool)
    across = np.abs(np.diff(small, axis=1)).max(axis=2) > _STEP
    down = np.abs(np.diff(small, axis=0)).max(axis=2) > _STEP
    rough[:, :-1] |= across
    rough[:-1] |= down
    return rough


def _opened(mask: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """Morphological erosion with a square: what remains lies inside patches at least `side` wide."""
    out = mask
    for axis in (0, 1):
        shifted = [np.roll(out, step, axis) for step in range(side)]
        out = np.logical_and.reduce(shifted)
    out = out.copy()
    out[: side - 1], out[:, : side - 1] = False, False  # what np.roll carried around the edge
    return out
