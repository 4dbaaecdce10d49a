"""Lists of perceptual hashes: what must not appear (block) and what is mistaken for it (negative).

A frame matches when a block entry lies within the radius and no negative entry is at least as near.
An entry of a picture matches with one frame. Entries of a video (vPDQ) are many frames of one thing,
title cards and scenery among them, so a clip matches only with a share of them (`VideoTally`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from moderation.screening.hash_index import HASH_BYTES, RADIUS, HashIndex, Words, words_of

__all__ = ["HASH_BYTES", "RADIUS", "Bank", "BankRows", "KnownHashes", "Match", "VideoTally"]

PROVIDER = "known_hashes"
"""Name of a match with confirmed material of child abuse; other banks have names of their own."""

VIDEO_SHARE = 0.5
"""Of the clip's frames, or of the stored video's, that must match before it counts as that video."""


@dataclass(frozen=True)
class Bank:
    """One list, as far as matching goes. provider: its name in signals."""

    id: int = 0
    provider: str = PROVIDER
    negative: bool = False


@dataclass(frozen=True)
class BankRows:
    """The entries of one bank as columns of equal length.

    words: uint64 [n, 4]. entries: ids. quarantined: they match too much; a person decides.
    videos: number of the video a hash is a frame of, -1 for a picture of its own.
    """

    bank: Bank
    words: Words
    entries: NDArray[np.int64]
    quarantined: NDArray[np.bool_]
    videos: NDArray[np.int64]


@dataclass(frozen=True)
class Match:
    """One block entry near one frame."""

    distance: int
    provider: str = PROVIDER
    bank: int = 0
    entry: int = 0
    quarantined: bool = False
    video: int = -1


class KnownHashes:
    """Immutable, in memory. A million hashes take about 130 MB; see hash_index for the time."""

    def __init__(
        self,
        hashes: Iterable[bytes] = (),
        *,
        radius: int = RADIUS,
        banks: Sequence[BankRows] = (),
    ) -> None:
        """hashes: a plain block list beside the banks.

        Raises ValueError when one has not exactly 32 bytes.
        """
        plain = words_of(hashes)
        parts = [_plain(plain), *banks] if len(plain) else list(banks)
        self._banks = [part.bank for part in parts]
        self._bank = np.repeat(np.arange(len(parts)), [len(part.words) for part in parts])
        self._entries = _joined([part.entries for part in parts], np.int64)
        self._quarantined = _joined([part.quarantined for part in parts], np.bool_)
        self._videos = _joined([part.videos for part in parts], np.int64)
        words = np.concatenate([part.words for part in parts]) if parts else plain
        self._negative = np.array([bank.negative for bank in self._banks], np.bool_)
        self._index = HashIndex(words, radius=radius)
        numbers, counts = np.unique(self._videos[self._videos >= 0], return_counts=True)
        self._frames_of = dict(zip(numbers.tolist(), counts.tolist(), strict=True))

    def __len__(self) -> int:
        return len(self._index)

    def matches(self, frame_hash: bytes) -> list[Match]:
        """Every block entry near this hash, nearest first; none when a negative one is as near.

        Raises ValueError when `frame_hash` has not exactly 32 bytes.
        """
        if len(frame_hash) != HASH_BYTES:
            raise ValueError(f"a frame hash has {HASH_BYTES} bytes, not {len(frame_hash)}")
        if not len(self):
            return []
        rows, distances = self._index.search(frame_hash)
        if not len(rows):
            return []
        excepted = self._negative[self._bank[rows]]
        nearest_exception = int(distances[excepted].min()) if excepted.any() else RADIUS + 1
        return [
            Match(
                distance=distance,
                provider=self._banks[self._bank[row]].provider,
                bank=self._banks[self._bank[row]].id,
                entry=int(self._entries[row]),
                quarantined=bool(self._quarantined[row]),
                video=int(self._videos[row]),
            )
            for row, distance, skip in zip(
                rows.tolist(), distances.tolist(), excepted.tolist(), strict=True
            )
            if not skip and distance < nearest_exception
        ]

    def distance(self, frame_hash: bytes) -> int | None:
        """Bits to the nearest picture listed, or None. Frames of videos say nothing alone.

        Raises ValueError when `frame_hash` has not exactly 32 bytes.
        """
        near = [m.distance for m in self.matches(frame_hash) if m.video < 0 and not m.quarantined]
        return min(near, default=None)

    def video_frames(self, video: int) -> int:
        """How many frames are stored of a video."""
        return self._frames_of.get(video, 0)


class VideoTally:
    """Which stored videos the frames of one clip belong to."""

    def __init__(self, known: KnownHashes) -> None:
        self._known = known
        self._asked = 0
        self._found: dict[int, _VideoFound] = {}

    def add(self, matches: Sequence[Match]) -> None:
        """The matches of one frame; an empty list counts as a frame that did not match."""
        self._asked += 1
        for video in {match.video for match in matches if match.video >= 0}:
            mine = [match for match in matches if match.video == video]
            found = self._found.setdefault(video, _VideoFound(mine[0], set()))
            found.frames += 1
            found.entries.update(match.entry for match in mine)

    def results(self) -> list[tuple[Match, float]]:
        """(first match, share) of every stored video seen: the larger of the clip's frames that are
        of it, and of its frames that are in the clip."""
        return [
            (
                found.first,
                max(
                    found.frames / max(1, self._asked),
                    len(found.entries) / max(1, self._known.video_frames(video)),
                ),
            )
            for video, found in self._found.items()
        ]


@dataclass
class _VideoFound:
    first: Match
    entries: set[int]
    frames: int = 0


def _plain(words: Words) -> BankRows:
    n = len(words)
    return BankRows(
        Bank(), words, np.zeros(n, np.int64), np.zeros(n, np.bool_), np.full(n, -1, np.int64)
    )


def _joined(parts: Sequence[NDArray], kind: type) -> NDArray:
    return np.concatenate(parts) if parts else np.empty(0, kind)
