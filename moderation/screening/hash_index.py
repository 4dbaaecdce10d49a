"""Exact radius search over many 256-bit hashes: sixteen tables of 16-bit bands, in plain numpy.

Two hashes that differ in at most 31 bits differ in at most one bit of some band (31 < 16 x 2), so
looking up every band and its sixteen one-bit neighbours finds every hash within the radius. Where
the bands of a list are so alike that this would be no shorter than reading all of it, all of it is
read: the time of a look-up is bounded by one scan. Source of the idea: Norouzi, Punjani & Fleet 2012,
"Fast Search in Hamming Space with Multi-Index Hashing".
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

HASH_BYTES = 32
RADIUS = 31
"""Bits of 256 that may differ: the distance the PDQ reference advises for "same picture"."""

_BANDS = 16
_KEYS = 1 << 16
_SCAN_BELOW = 20_000  # a scan of so many takes a fraction of a millisecond
_NEIGHBOURS = np.concatenate(
    [np.zeros(1, np.int64), np.left_shift(1, np.arange(16, dtype=np.int64))]
)

Words = NDArray[np.uint64]


class HashIndex:
    """Immutable. About 100 bytes a hash and 8 MiB; a million are indexed in about a second."""

    def __init__(self, hashes: Iterable[bytes] | Words, *, radius: int = RADIUS) -> None:
        """hashes: 32 bytes each, or uint64 [n, 4] of the same bytes.

        Raises ValueError for a hash of another length, or a radius the tables can't answer exactly.
        """
        if not 0 <= radius <= RADIUS:
            raise ValueError(f"the radius lies between 0 and {RADIUS} bits")
        self.radius = radius
        self.words: Words = hashes if isinstance(hashes, np.ndarray) else words_of(hashes)
        self._order: list[NDArray[np.uint32]] = []
        self._starts: list[NDArray[np.int64]] = []
        if len(self.words) > _SCAN_BELOW:
            bands = self.words.view(np.uint16)
            for band in range(_BANDS):
                column = np.ascontiguousarray(bands[:, band])
                self._order.append(np.argsort(column, kind="stable").astype(np.uint32))
                counts = np.bincount(column, minlength=_KEYS)
                self._starts.append(np.concatenate([[0], np.cumsum(counts)]))

    def __len__(self) -> int:
        return len(self.words)

    def search(self, value: bytes) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
        """(rows, distances) of every hash within the radius, nearest first.

        Raises ValueError when `value` has not exactly 32 bytes.
        """
        mine = words_of([value])[0]
        rows = self._candidates(mine)
        table = self.words if rows is None else self.words[rows]
        distances = np.bitwise_count(table ^ mine).sum(axis=1, dtype=np.int64)
        near = np.flatnonzero(distances <= self.radius)
        found, distances = (near if rows is None else rows[near]), distances[near]
        order = np.lexsort((found, distances))
        return found[order], distances[order]

    def _candidates(self, mine: Words) -> NDArray[np.intp] | None:
        """Rows that share a band up to one bit; None: read them all."""
        if not self._order:
            return None
        keys = mine.view(np.uint16).astype(np.int64)[:, None] ^ _NEIGHBOURS
        starts = [self._starts[band][keys[band]] for band in range(_BANDS)]
        ends = [self._starts[band][keys[band] + 1] for band in range(_BANDS)]
        if sum(int((e - s).sum()) for s, e in zip(starts, ends, strict=True)) > len(self) // 8:
            return None
        parts = [
            self._order[band][start:end]
            for band in range(_BANDS)
            for start, end in zip(starts[band].tolist(), ends[band].tolist(), strict=True)
            if end > start
        ]
        return np.unique(np.concatenate(parts)).astype(np.intp) if parts else np.empty(0, np.intp)


def words_of(hashes: Iterable[bytes]) -> Words:
    """uint64 [n, 4]. Raises ValueError when one has not exactly 32 bytes."""
    listed = list(hashes)
    if any(len(item) != HASH_BYTES for item in listed):
        raise ValueError(f"every hash has {HASH_BYTES} bytes")
    return np.frombuffer(b"".join(listed), np.uint64).reshape(len(listed), HASH_BYTES // 8)
