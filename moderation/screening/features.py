"""Hashed n-gram features of a normalised text: numpy only, the same in training and at run time."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

WORD_BITS = 17
CHAR_BITS = 17
WORD_BUCKETS = 1 << WORD_BITS
CHAR_BUCKETS = 1 << CHAR_BITS
BUCKETS = WORD_BUCKETS + CHAR_BUCKETS
CHAR_NGRAMS = (3, 4, 5)

_MULTIPLIER = np.uint32(0x01000193)
_MIX = np.uint32(0x85EBCA6B)


def word_buckets(text: str) -> NDArray[np.int64]:
    """Distinct bucket numbers of the words and word pairs of `text`, ascending."""
    words = text.split()
    grams = words + [f"{a} {b}" for a, b in pairwise(words)]
    return np.unique(
        np.fromiter((crc32(g.encode()) & (WORD_BUCKETS - 1) for g in grams), np.int64, len(grams))
    )


def char_buckets(text: str) -> NDArray[np.int64]:
    """Distinct bucket numbers of the 3- to 5-grams inside words, edges included, ascending.

    Numbers start at WORD_BUCKETS. The hash is FNV-like over code points, vectorised.
    """
    points = np.array([ord(c) for c in f" {' '.join(text.split())} "], dtype=np.uint32)
    spaces = points == 32
    found: list[NDArray[np.int64]] = []
    for n in CHAR_NGRAMS:
        count = len(points) - n + 1
        if count <= 0:
            continue
        value = np.full(count, 0x811C9DC5 + n, dtype=np.uint32)
        inner_space = np.zeros(count, dtype=bool)
        for offset in range(n):
            value = (value ^ points[offset : offset + count]) * _MULTIPLIER
            if 0 < offset < n - 1:
                inner_space |= spaces[offset : offset + count]
        value ^= value >> np.uint32(15)
        value *= _MIX
        value ^= value >> np.uint32(13)
        kept = value[~inner_space] & np.uint32(CHAR_BUCKETS - 1)
        found.append(kept.astype(np.int64) + WORD_BUCKETS)
    return np.unique(np.concatenate(found)) if found else np.empty(0, np.int64)


def vector(text: str, idf: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """(bucket numbers, weights) of a normalised text: binary tf-idf, words and characters each of
    length 1, so that neither drowns the other. Empty arrays for an empty text."""
    indices: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float32]] = []
    for block in (word_buckets(text), char_buckets(text)):
        if block.size:
            weights = idf[block]
            indices.append(block)
            values.append(weights / max(float(np.sqrt(weights @ weights)), 1e-6))
    if not indices:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    return np.concatenate(indices), np.concatenate(values).astype(np.float32)
