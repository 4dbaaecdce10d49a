"""The visible mark: a small wordmark that wanders over the clip, and the detector that finds it.

The mark visits a random permutation of the nine zones of the picture (two seconds in each, half a
second of gliding), so that no fixed crop which keeps half of the picture removes it from every
frame. White letters with a dark outline stay legible on light, dark and busy ground. It is blended
into the YUV planes of a frame that is about to be encoded, which costs about 0.05 ms at 1080p.

The detector knows what the mark looks like and how large it is in a picture of given size, not
where it is: it correlates a high-passed picture with the high-passed mark at every position and
votes over the frames.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

MARK_HEIGHT = 0.085  # of the picture's shorter side
MAX_WIDTH = 0.6  # of the picture's width: long names shrink
MARGIN = 0.03  # of each side
DWELL_SECONDS, GLIDE_SECONDS = 2.0, 0.5

# The detector's decision. Twenty marked and twenty unmarked clips of 3 s, textured and drawn, wide
# and tall, 512x288: as delivered (crf 20), again at crf 28, and at crf 28 and half size, none
# missed and none false. Lowest marked 0.67, 0.67, 0.53; highest unmarked 0.22, 0.22, 0.32.
# tests/provenance/test_watermark.py repeats this on fewer clips.
THRESHOLD = 0.43
_DETECTION_SIDE = 360  # pictures are scaled to this shorter side first
_MAX_FRAMES = 16
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # BT.709
# Variance per pixel below which a window counts as flat: coding noise must not correlate by chance.
_FLOOR = 4.0
_GROUNDS = (0.15, 0.55, 1.0)  # lightness of what the mark may lie on

_DRAWN_HEIGHT = 192  # the wordmark is drawn once at this height and scaled down
_PAD, _BADGE = 0.16, 0.62  # of the mark's height: around the ring, the ring itself
_LETTERS_FROM = 2 * _PAD + _BADGE


class VisibleMark:
    """The mark of one clip; `blend` writes it into frame after frame.

    Args:
        width, height: of the clip, even.
        text: the site's name.
        seed: of the path over the nine zones; a clip's own, so that paths can't be guessed.
        fps: frames per second.
    """

    def __init__(self, width: int, height: int, *, text: str, seed: int, fps: float) -> None:
        self.width, self.height, self.text, self.fps = width, height, text, fps
        self._seed = seed
        light, alpha = _wordmark(text, *_mark_size(width, height, text))
        # BT.709 limited range. The mark is grey, so both chroma planes move towards 128.
        luma = np.round(16 + light * 219).astype(np.uint16)
        chroma_alpha = alpha.reshape(len(alpha) // 2, 2, -1, 2).mean((1, 3))
        self._alpha = np.round(alpha * 256).astype(np.uint16)
        self._chroma_alpha = np.round(chroma_alpha * 256).astype(np.uint16)
        self._luma = luma * self._alpha
        self._chroma = 128 * self._chroma_alpha
        self.mark_height, self.mark_width = alpha.shape

    def position(self, index: int) -> tuple[int, int]:
        """(x, y) of the mark's upper left corner in frame `index`; both even."""
        segment = DWELL_SECONDS + GLIDE_SECONDS
        stop, within = divmod(index / self.fps, segment)
        here, there = self._stop(int(stop)), self._stop(int(stop) + 1)
        ease = max(0.0, (within - DWELL_SECONDS) / GLIDE_SECONDS)
        ease = ease * ease * (3 - 2 * ease)
        left, top = self.width * MARGIN, self.height * MARGIN
        free_x = max(0.0, self.width - self.mark_width - 2 * left)
        free_y = max(0.0, self.height - self.mark_height - 2 * top)
        x = left + (here[0] + (there[0] - here[0]) * ease) * free_x
        y = top + (here[1] + (there[1] - here[1]) * ease) * free_y
        return (
            min(int(x) // 2 * 2, self.width - self.mark_width),
            min(int(y) // 2 * 2, self.height - self.mark_height),
        )

    def blend(self, y: Pixels, u: Pixels, v: Pixels, index: int) -> None:
        """Write the mark of frame `index` into the planes of a yuv420p picture, in place.

        y [height, width], u and v [height / 2, width / 2], writable. Never pass the planes of a
        decoded frame: they are the decoder's references, and later frames would change too.
        """
        left, top = self.position(index)
        _mix(y, left, top, self._alpha, self._luma)
        for plane in (u, v):
            _mix(plane, left // 2, top // 2, self._chroma_alpha, self._chroma)

    def _stop(self, number: int) -> tuple[float, float]:
        """Resting place `number` as fractions of the free width and height."""
        lap, step = divmod(number, 9)
        zone = random.Random(f"{self._seed}/lap/{lap}").sample(range(9), 9)[step]
        jitter = random.Random(f"{self._seed}/stop/{number}")
        return (zone % 3 + jitter.random()) / 3, (zone // 3 + jitter.random()) / 3


@dataclass(frozen=True)
class MarkDetection:
    """`score` is the mean correlation of the better half of the frames with the mark, 0..1."""

    present: bool
    score: float
    frames: int


def detect_visible_mark(
    frames: Iterable[Pixels], *, text: str, threshold: float = THRESHOLD
) -> MarkDetection:
    """Look for the moving mark with `text` in uint8 RGB frames [h, w, 3] of one clip.

    Give a few frames per second of clip; at most 16, evenly spread, are looked at. Finds marks in
    re-encoded and resized clips; not in clips cropped so far that the mark's size no longer fits.
    """
    peaks = []
    for frame in _spread(frames, _MAX_FRAMES):
        height, width = frame.shape[:2]
        peaks.append(_peak(_detection_luma(frame), text, _DETECTION_SIDE / min(width, height)))
    if not peaks:
        return MarkDetection(present=False, score=0.0, frames=0)
    best = sorted(peaks, reverse=True)[: (len(peaks) + 1) // 2]
    score = float(np.mean(best))
    return MarkDetection(present=score >= threshold, score=score, frames=len(peaks))


# Drawing


def _mix(
    plane: Pixels, left: int, top: int, alpha: NDArray[np.uint16], ink: NDArray[np.uint16]
) -> None:
    height, width = alpha.shape
    area = plane[top : top + height, left : left + width]
    area[...] = (area.astype(np.uint16) * (256 - alpha) + ink) >> 8


def _mark_size(width: int, height: int, text: str) -> tuple[int, int]:
    """(width, height) of the mark in a picture, both even."""
    aspect = _drawn(text)[0].shape[1] / _DRAWN_HEIGHT
    tall = MARK_HEIGHT * min(width, height)
    tall = min(tall, MAX_WIDTH * width / aspect)
    return max(8, round(tall * aspect / 2) * 2), max(8, round(tall / 2) * 2)


def _wordmark(text: str, width: int, height: int) -> tuple[Floats, Floats]:
    """(lightness 0..1, opacity 0..1), both float32 [height, width]."""
    light, alpha = _drawn(text)
    inked = _resize(light * alpha, width, height)
    alpha = np.clip(_resize(alpha, width, height), 0, 1)
    return np.clip(inked / np.maximum(alpha, 1e-3), 0, 1), alpha


@lru_cache(maxsize=8)
def _drawn(text: str) -> tuple[Floats, Floats]:
    """The wordmark at full size: a ring with a dot, then the text; (lightness, opacity)."""
    tall = _DRAWN_HEIGHT
    font = ImageFont.load_default(size=tall * 0.62)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = probe.textbbox((0, 0), text, font=font)
    badge, pad = tall * _BADGE, tall * _PAD
    wide = int(pad * 3 + badge + right - left)
    ink = Image.new("L", (wide, tall), 0)
    draw = ImageDraw.Draw(ink)
    ring = (pad, (tall - badge) / 2, pad + badge, (tall + badge) / 2)
    draw.ellipse(ring, outline=255, width=round(tall * 0.075))
    draw.ellipse(_inset(ring, badge * 0.34), fill=255)
    # The built-in typeface has one thin weight; the stroke thickens it.
    place = (2 * pad + badge - left, (tall - bottom - top) / 2)
    draw.text(place, text, font=font, fill=255, stroke_width=2, stroke_fill=255)
    shade = ink.filter(ImageFilter.MaxFilter(9)).filter(ImageFilter.GaussianBlur(tall * 0.03))
    letters = np.asarray(ink, np.float32) / 255
    shadow = np.minimum(1, np.asarray(shade, np.float32) / 255 * 1.5)
    # White letters over a black shadow, as one layer.
    letters_alpha, shadow_alpha = 0.84 * letters, 0.62 * shadow
    alpha = letters_alpha + shadow_alpha * (1 - letters_alpha)
    light = letters_alpha / np.maximum(alpha, 1e-3)
    return light.astype(np.float32), alpha.astype(np.float32)


def _inset(box: tuple[float, float, float, float], by: float) -> tuple[float, float, float, float]:
    return box[0] + by, box[1] + by, box[2] - by, box[3] - by


def _resize(
    values: Floats, width: int, height: int, how: Image.Resampling = Image.Resampling.BOX
) -> Floats:
    image = Image.fromarray(values).resize((width, height), how)
    return np.asarray(image, np.float32)


# Detecting


def _spread(frames: Iterable[Pixels], most: int) -> list[Pixels]:
    """At most `most` frames, evenly spread, holding fewer than 2 * most at any time."""
    kept: list[Pixels] = []
    stride = 1
    for number, frame in enumerate(frames):
        if number % stride:
            continue
        kept.append(frame)
        if len(kept) == 2 * most:
            kept, stride = kept[::2], stride * 2
    if len(kept) <= most:
        return kept
    return [kept[i * len(kept) // most] for i in range(most)]


def _detection_luma(frame: Pixels) -> Floats:
    """float32 luma, shorter side _DETECTION_SIDE."""
    height, width = frame.shape[:2]
    scale = _DETECTION_SIDE / min(width, height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(frame).resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    luma: Floats = np.asarray(small, np.float32) @ _LUMA
    return luma


def _peak(luma: Floats, text: str, scale: float) -> float:
    """How well the best place in the picture fits the mark, 0..1.

    The place is where the normalised cross-correlation with the whole mark is highest; there the
    letters alone must fit as well, because the ring before them is the same for every site. Both
    are high-passed, so that the brightness of the ground doesn't count. With template t of zero
    mean and norm one, and window w: sum(w t) / |w - mean w|, the numerator by FFT, the window's
    norm from running sums. Source: Lewis 1995, "Fast Normalized Cross-Correlation".
    """
    height, width = luma.shape
    template = _template(text, width, height, scale)
    tall, wide = template.size
    if tall >= height or wide >= width:
        return 0.0
    picture = _high_pass(luma)
    transformed = np.fft.rfft2(picture, s=template.shape)
    products = [np.fft.irfft2(transformed * s, s=template.shape) for s in template.spectra]
    numerator = np.maximum.reduce(products)[: height - tall + 1, : width - wide + 1]
    total = _window_sums(picture, tall, wide)
    squares = _window_sums(picture * picture, tall, wide)
    variance = squares - total * total / (tall * wide)
    fits = numerator / np.sqrt(np.maximum(variance, _FLOOR * tall * wide))
    top, left = np.unravel_index(int(np.argmax(fits)), fits.shape)
    found = picture[top : top + tall, left + template.letters_from : left + wide]
    found = found - found.mean()
    norm = max(float(np.linalg.norm(found)), (_FLOOR * found.size) ** 0.5)
    letters = max(float((found * letters).sum()) / norm for letters in template.letters)
    return float(max(0.0, min(float(fits[top, left]), letters)))


@dataclass(frozen=True)
class _Template:
    """The high-passed mark for pictures of one size, on each of `_GROUNDS`: on white the mark is
    its shadow, on black its letters."""

    size: tuple[int, int]  # rows, columns
    shape: tuple[int, int]  # of the FFT
    spectra: list[NDArray[np.complex64]]  # conjugate, of the whole mark
    letters: list[Floats]  # the part right of the ring, zero mean, norm one
    letters_from: int  # the column where that part begins


@lru_cache(maxsize=8)
def _template(text: str, width: int, height: int, scale: float) -> _Template:
    """The mark in a picture of `width` x `height` that was made by scaling another by `scale`."""
    wide, tall = _mark_size(width, height, text)
    light, alpha = _wordmark(text, wide, tall)
    if scale > 1:  # a small picture was enlarged, and its mark is as blurred as itself
        light, alpha = _wordmark(text, max(4, round(wide / scale)), max(4, round(tall / scale)))
        light, alpha = (_resize(v, wide, tall, Image.Resampling.BILINEAR) for v in (light, alpha))
    shape = (_fast_length(height), _fast_length(width))
    border = 2  # keeps the outline's outer edge
    letters_from = border + round(_LETTERS_FROM * len(alpha))
    spectra, letters = [], []
    for ground in _GROUNDS:
        change = _high_pass(np.pad(alpha * (light - ground), border))  # what blending changes
        spectra.append(np.conj(np.fft.rfft2(_normed(change), s=shape)).astype(np.complex64))
        letters.append(_normed(change[:, letters_from:]))
    size = (len(alpha) + 2 * border, alpha.shape[1] + 2 * border)
    return _Template(size, shape, spectra, letters, letters_from)


def _normed(values: Floats) -> Floats:
    """Zero mean, norm one; all zeros stay so."""
    centred = values - values.mean()
    norm = max(float(np.linalg.norm(centred)), 1e-6)
    return np.asarray(centred / norm, np.float32)


def _high_pass(values: Floats) -> Floats:
    """Values minus their 9x9 mean."""
    radius = 4
    padded = np.pad(values, radius, mode="edge")
    mean = _window_sums(padded, 2 * radius + 1, 2 * radius + 1) / (2 * radius + 1) ** 2
    return (values - mean).astype(np.float32)


def _window_sums(values: Floats, tall: int, wide: int) -> Floats:
    """Sum over every tall x wide window, [h - tall + 1, w - wide + 1]."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    np.cumsum(np.cumsum(values, axis=0, dtype=np.float64), axis=1, out=sums[1:, 1:])
    windows = sums[tall:, wide:] - sums[:-tall, wide:] - sums[tall:, :-wide] + sums[:-tall, :-wide]
    return windows.astype(np.float32)


def _fast_length(length: int) -> int:
    """The next length whose only prime factors are 2, 3 and 5."""
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 1
