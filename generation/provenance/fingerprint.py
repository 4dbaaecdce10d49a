"""Perceptual fingerprints of clips: finds our own clips again after re-encoding, resizing, mirroring.

Every sampled frame becomes a 256-bit PDQ hash (bit order of the reference, so lists of other
parties can be compared). A stored clip has hashes of the whole frame and of two centre crops,
four times per second; a query has hashes of every frame given, mirrored too and without black
bars. Sixteen 16-bit bands of each hash are what a database indexes: two hashes within 15 bits
share a band for certain, within 31 bits in nine cases of ten.

Plain numpy and Pillow; no index, no database.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

HASH_BYTES = 32
BITS = 256
BANDS = 16
STORED_PER_SECOND = 4.0
RADIUS_OWN = 40  # "which of our clips": several frames on a consistent time line
RADIUS_KNOWN = 31  # "is it on a list": any single frame, then a human looks
MIN_QUALITY = 8  # below it the frame is as good as blank, and its bits are noise

FULL, CROP_90, CROP_80, MIRRORED, UNBOXED, UNBOXED_MIRRORED, MARKED = range(7)
_CROPS = {FULL: 1.0, CROP_90: 0.9, CROP_80: 0.8}

_SIDE = 64
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Rows 1..16 of the 64-point DCT-II; the constant row is left out. Source: Meta, "PDQ & TMK+PDQF".
_DCT = np.array(
    [
        [
            np.sqrt(2 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * row * (2 * column + 1))
            for column in range(_SIDE)
        ]
        for row in range(1, 17)
    ],
    np.float32,
)
# Mirroring a picture changes the sign of its odd horizontal frequencies and nothing else.
_MIRROR = np.array([-1.0 if row % 2 else 1.0 for row in range(1, 17)], np.float32)


@dataclass(frozen=True)
class FrameHash:
    """One hash of one frame. `quality` 0..100: how much structure the frame has."""

    seconds: float
    variant: int
    hash: bytes
    quality: int

    @property
    def at_ms(self) -> int:
        return round(self.seconds * 1000)

    @property
    def bands(self) -> list[int]:
        return bands(self.hash)


@dataclass(frozen=True)
class Candidate:
    """A stored hash that shares a band with the query."""

    clip: str
    seconds: float
    hash: bytes


@dataclass(frozen=True)
class ClipMatch:
    """A stored clip that the query resembles.

    distance: median of the matched frames' distances, 0..256 bits.
    share: of the query's usable frames that matched, 0..1.
    offset: seconds to add to query time to get stored time.
    """

    clip: str
    distance: float
    share: float
    offset: float
    frames: int

    @property
    def convincing(self) -> bool:
        """Simple drawings by the same hand resemble each other at 36 bits and more in some frames:
        a match beyond the radius of known lists must hold for half of the query."""
        return self.distance <= RADIUS_KNOWN or self.share >= 0.5


class FingerprintBuilder:
    """Collects the stored fingerprint of a clip while its frames stream by.

    Add every frame in order; only four a second (and the very first) are hashed. Each is hashed as
    it was drawn and, through `add_marked`, as it is delivered: on a smooth picture the visible mark
    alone changes more bits than a match allows.
    """

    def __init__(self, fps: float, *, per_second: float = STORED_PER_SECOND) -> None:
        self._fps, self._per_second = fps, per_second
        self._next = self._next_marked = 0
        self._hashes: list[FrameHash] = []

    def add(self, index: int, rgb: Pixels) -> None:
        """Frame `index` (from 0) of the clip, uint8 RGB [h, w, 3]."""
        if not self._due(index, self._next):
            return
        self._next = self._after(index)
        lumas = _lumas(rgb, [_centre(rgb, _CROPS[variant]) for variant in _CROPS])
        seconds = index / self._fps
        for variant, luma in zip(_CROPS, lumas, strict=True):
            self._hashes.append(
                FrameHash(seconds, variant, _bits(_coefficients(luma)), _quality(luma))
            )

    def add_marked(self, index: int, luma: Pixels) -> None:
        """Frame `index` with the visible mark on it, as uint8 luma [h, w]; see media.Encoder."""
        if not self._due(index, self._next_marked):
            return
        self._next_marked = self._after(index)
        small = np.asarray(
            Image.fromarray(np.ascontiguousarray(luma)).resize(
                (_SIDE, _SIDE), Image.Resampling.BOX
            ),
            np.float32,
        )
        self._hashes.append(
            FrameHash(index / self._fps, MARKED, _bits(_coefficients(small)), _quality(small))
        )

    def _due(self, index: int, number: int) -> bool:
        return index >= round(number * self._fps / self._per_second)

    def _after(self, index: int) -> int:
        return int(index * self._per_second / self._fps) + 1

    def hashes(self) -> list[FrameHash]:
        """What to store: hashes of frames with structure enough to recognise."""
        return [item for item in self._hashes if item.quality >= MIN_QUALITY]

    def digest(self, limit: int = 32) -> bytes:
        """At most `limit` whole-frame hashes, evenly spread, joined: the soft binding."""
        full = [item.hash for item in self.hashes() if item.variant == FULL]
        if len(full) > limit:
            full = [full[i * len(full) // limit] for i in range(limit)]
        return b"".join(full)


def hash_frames(frames: Iterable[Pixels]) -> list[bytes]:
    """The PDQ hash of each uint8 RGB frame [h, w, 3], 32 bytes each."""
    return [_bits(_coefficients(_lumas(frame, [None])[0])) for frame in frames]


def query_hashes(frames: Iterable[tuple[float, Pixels]]) -> list[FrameHash]:
    """All variants of each (seconds, frame) of a clip that is looked for. Blank frames give none.

    Frames that hardly differ from the one before are left out; they would vote twice.
    """
    found: list[FrameHash] = []
    last: bytes | None = None
    for seconds, frame in frames:
        boxes: list[tuple[float, float, float, float] | None] = [None]
        picture = _unboxed(frame)
        if picture is not None:
            boxes.append(picture)
        for number, luma in enumerate(_lumas(frame, boxes)):
            quality = _quality(luma)
            if quality < MIN_QUALITY:
                continue
            coefficients = _coefficients(luma)
            straight = _bits(coefficients)
            if number == 0:
                if last is not None and hamming(straight, last) <= 8:
                    break
                last = straight
            kinds = ((FULL, MIRRORED), (UNBOXED, UNBOXED_MIRRORED))[number]
            mirrored = _bits(coefficients * _MIRROR)
            found.append(FrameHash(seconds, kinds[0], straight, quality))
            found.append(FrameHash(seconds, kinds[1], mirrored, quality))
    return found


def hamming(a: bytes, b: bytes) -> int:
    """How many of 256 bits differ."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).bit_count()


def distances(a: Sequence[bytes], b: Sequence[bytes]) -> NDArray[np.uint16]:
    """Hamming distances of every pair, uint16 [len(a), len(b)]."""
    rows = np.frombuffer(b"".join(a), np.uint64).reshape(-1, 1, 4)
    columns = np.frombuffer(b"".join(b), np.uint64).reshape(1, -1, 4)
    out = np.zeros((len(a), len(b)), np.uint16)
    for word in range(4):
        out += np.bitwise_count(rows[..., word] ^ columns[..., word])
    return out


def bands(value: bytes) -> list[int]:
    """Sixteen integers, band number << 16 | its 16 bits, for an index on "has one in common"."""
    if len(value) != HASH_BYTES:
        raise ValueError(f"a hash has {HASH_BYTES} bytes, not {len(value)}")
    return [
        (band << 16) | int.from_bytes(value[2 * band : 2 * band + 2], "big")
        for band in range(BANDS)
    ]


def match_clips(
    query: Sequence[FrameHash],
    candidates: Sequence[Candidate],
    *,
    radius: int = RADIUS_OWN,
    min_frames: int = 3,
    offset_tolerance: float = 1.0,
) -> list[ClipMatch]:
    """Vote which stored clips a query comes from, best first.

    A query frame votes for a clip at the time offset of its nearest hash there, if that lies
    within `radius`. A clip matches when `min_frames` frames (all, of a shorter query) vote for
    offsets within `offset_tolerance` seconds of each other.
    """
    moments = sorted({item.seconds for item in query})
    if not moments or not candidates:
        return []
    table = distances([item.hash for item in query], [item.hash for item in candidates])
    rows, columns = np.nonzero(table <= radius)
    clips = np.array([candidate.clip for candidate in candidates])[columns]
    here = np.array([item.seconds for item in query])[rows]
    there = np.array([candidate.seconds for candidate in candidates])[columns]
    near = table[rows, columns]
    matches = []
    for clip in np.unique(clips):
        mine = clips == clip
        offset, agreeing = _vote(here[mine], there[mine], near[mine], offset_tolerance)
        match = ClipMatch(
            clip=str(clip),
            distance=float(np.median(agreeing)),
            share=len(agreeing) / len(moments),
            offset=offset,
            frames=len(agreeing),
        )
        if match.frames >= min(min_frames, len(moments)) and match.convincing:
            matches.append(match)
    return sorted(matches, key=lambda match: (-match.frames, match.distance, match.clip))


def _vote(
    here: NDArray[np.float64],
    there: NDArray[np.float64],
    near: NDArray[np.uint16],
    tolerance: float,
) -> tuple[float, NDArray[np.uint16]]:
    """(offset, nearest distance of each query moment that agrees with it), most agreement first.

    All arrays [pairs]: query second, stored second, distance.
    """
    offsets = there - here
    moments, index = np.unique(here, return_inverse=True)
    nothing = np.uint16(BITS + 1)
    best_score, best = (-1, 0), (0.0, np.empty(0, np.uint16))
    for centre in np.unique(np.round(offsets / tolerance)) * tolerance:
        agree = np.abs(offsets - centre) <= tolerance
        nearest = np.full(len(moments), nothing)
        np.minimum.at(nearest, index[agree], near[agree])
        found = nearest[nearest < nothing]
        score = (len(found), -int(found.sum()))
        if score > best_score:
            exact = agree & (near == nearest[index])
            best_score, best = score, (float(np.median(offsets[exact])), found)
    return best


# Pictures to bits


def _centre(rgb: Pixels, share: float) -> tuple[float, float, float, float] | None:
    """The middle of a frame as (left, top, right, bottom) fractions; None: the whole."""
    edge = (1 - share) / 2
    return None if share == 1 else (edge, edge, 1 - edge, 1 - edge)


def _lumas(rgb: Pixels, boxes: Sequence[tuple[float, float, float, float] | None]) -> list[Floats]:
    """float32 luma [64, 64] of each box of a frame, every pixel an average over its area."""
    image = Image.fromarray(rgb)
    # One cheap whole-number reduction first; averages of averages are the same averages.
    factor = max(1, min(image.size) // (4 * _SIDE))
    if factor > 1:
        image = image.reduce(factor)
    width, height = image.size
    lumas = []
    for box in boxes:
        left, top, right, bottom = box or (0.0, 0.0, 1.0, 1.0)
        area = (left * width, top * height, right * width, bottom * height)
        small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=area)
        lumas.append(np.asarray(small, np.float32) @ _LUMA)
    return lumas


def _coefficients(luma: Floats) -> Floats:
    """[64, 64] luma to the [16, 16] lowest DCT coefficients without the constant ones."""
    return np.asarray(_DCT @ luma @ _DCT.T, np.float32)


def _bits(coefficients: Floats) -> bytes:
    """1 where a coefficient lies above the lower median; last coefficient first."""
    flat = coefficients.reshape(BITS)
    middle = np.partition(flat, BITS // 2 - 1)[BITS // 2 - 1]
    return np.packbits((flat > middle)[::-1]).tobytes()


def _quality(luma: Floats) -> int:
    """PDQ's quality: the sum of gradients, 0 for a blank picture to 100."""
    whole = np.round(luma).astype(np.int32)
    gradients = sum(int((np.abs(np.diff(whole, axis=axis)) * 100 // 255).sum()) for axis in (0, 1))
    return min(100, gradients // 90)


def _unboxed(rgb: Pixels) -> tuple[float, float, float, float] | None:
    """The picture inside black bars as fractions of the frame; None: no bars worth removing."""
    small = rgb[:: max(1, rgb.shape[0] // 180), :: max(1, rgb.shape[1] // 180)]
    bright = small.max(axis=2) > 32
    rows = np.flatnonzero(bright.mean(axis=1) > 0.02)
    columns = np.flatnonzero(bright.mean(axis=0) > 0.02)
    if not len(rows) or not len(columns):
        return None
    height, width = bright.shape
    box = (
        columns[0] / width,
        rows[0] / height,
        (columns[-1] + 1) / width,
        (rows[-1] + 1) / height,
    )
    kept = (box[2] - box[0]) * (box[3] - box[1])
    return box if 0.2 < kept < 0.96 else None
