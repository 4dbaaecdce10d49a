"""Clips without the visible mark, for edits and for downloads whose plan allows them.

A second, clean encode of every clip would double the cost of delivery. So only what lies under the
mark is kept: a tiny video of that rectangle, beside the clip and never delivered. Pasting it back
gives the clip as it was encoded, without the mark.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import TracebackType

from generation import media
from generation.provenance.watermark import VisibleMark

Moves = list[list[int]]  # [x, y, frames] of one resting place of the mark after the other
CRF = 16  # finer than the clip around it: the rectangle is coded a second time when it is used
SMALLEST = 16  # no encoder takes less: under a mark lower than that more is kept


class UnderMark:
    """Keeps the pixels under the mark while a clip is encoded; give it to Encoder as `before_mark`.

    with UnderMark(path, mark, fps) as under, media.Encoder(..., before_mark=under) as encoder: ...
    """

    def __init__(self, path: Path, mark: VisibleMark, fps: float | Fraction) -> None:
        self._mark = mark
        self._moves: Moves = []
        self._width = max(SMALLEST, mark.mark_width)
        self._height = max(SMALLEST, mark.mark_height)
        self._encoder = media.Encoder(
            path, width=self._width, height=self._height, fps=fps, crf=CRF, threads=1
        )

    def __call__(self, index: int, planes: media.Planes) -> None:
        x, y = self._mark.position(index)
        x = min(x, self._mark.width - self._width)
        y = min(y, self._mark.height - self._height)
        if self._moves and self._moves[-1][:2] == [x, y]:
            self._moves[-1][2] += 1
        else:
            self._moves.append([x, y, 1])
        self._encoder.write_planes(_cut(planes, x, y, self._width, self._height))

    @property
    def moves(self) -> Moves:
        """Where the mark was; needed to undo it."""
        return self._moves

    def __enter__(self) -> UnderMark:
        self._encoder.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._encoder.__exit__(kind, error, traceback)


def clean_planes(clip: Path, under: Path, moves: Moves) -> Iterator[media.Planes]:
    """The frames of a delivered clip without its mark. Raises MediaError when they don't belong together."""
    places = ((x, y) for x, y, count in moves for _ in range(count))
    try:
        for planes, below, (x, y) in zip(
            media.decode_planes(clip), media.decode_planes(under), places, strict=True
        ):
            height, width = below[0].shape
            for own, kept in zip(_cut(planes, x, y, width, height), below, strict=True):
                own[:] = kept
            yield planes
    except ValueError as error:
        raise media.MediaError(
            "unreadable", "The clip and what lay under its mark don't belong together."
        ) from error


def _cut(planes: media.Planes, x: int, y: int, width: int, height: int) -> media.Planes:
    """Views of a rectangle; all numbers even."""
    luma, *chroma = planes
    u, v = (plane[y // 2 : (y + height) // 2, x // 2 : (x + width) // 2] for plane in chroma)
    return luma[y : y + height, x : x + width], u, v
