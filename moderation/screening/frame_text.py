"""Text that can be read in frames. What is read is screened like a prompt (frame_scan.FrameScan).

The reader is the optional package `rapidocr` (requirements-text.lock), whose models come with it.
Without a reader the check is listed as not evaluated, and the rules page and /readyz say so. Only
frames in which large text is likely are read, a few of a clip: reading one takes a fifth of a second.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from moderation.screening.protocol import Frame, ScreeningUnavailable

PACKAGE = "rapidocr"
RUNTIME = "onnxruntime"
SIDE = 416
"""Long side a frame is read at, in pixels: letters of a twentieth of its height are legible."""
SURE = 0.6  # confidence from which a line counts

_COLUMNS, _ROWS = 16, 9
_EDGE = 44  # of 255: difference of neighbouring pixels that a letter's stroke makes
LIKELY = 0.2
"""Likeness from which a frame is worth reading; large letters on plain ground reach 0.4 and more."""
SAME = 0.12  # largest difference of any cell between two frames with the same text


@dataclass(frozen=True)
class Line:
    """One line of text in a frame; confidence 0..1."""

    text: str
    confidence: float


@runtime_checkable
class TextReader(Protocol):
    """Reads frames. Raises ScreeningUnavailable when it can't."""

    name: str
    version: str

    def read(self, frames: Sequence[Frame]) -> list[list[Line]]:
        """The lines of each frame, uint8 [h, w, 3] RGB, from top to bottom."""
        ...


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in (PACKAGE, RUNTIME))


class FrameText:
    """The packaged reader. Takes about two seconds and 200 MB on construction."""

    name = "frame_text"

    def __init__(self, *, threads: int = 1) -> None:
        """Raises ScreeningUnavailable when the package or its models can't be loaded."""
        try:
            module: Any = importlib.import_module(PACKAGE)
            self._engine = module.RapidOCR(
                params={
                    "Global.use_cls": False,
                    "Global.log_level": "error",
                    "Det.limit_side_len": SIDE,
                    "Det.limit_type": "max",
                    "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                    "EngineConfig.onnxruntime.inter_op_num_threads": threads,
                }
            )
            self.version = importlib.metadata.version(PACKAGE)
        except Exception as error:
            raise ScreeningUnavailable(f"{PACKAGE} can't be loaded: {error}") from error

    def read(self, frames: Sequence[Frame]) -> list[list[Line]]:
        found = []
        for frame in frames:
            try:
                answer = self._engine(np.ascontiguousarray(frame[..., ::-1]))  # it expects BGR
                texts, scores = answer.txts or (), answer.scores or ()
            except Exception as error:
                raise ScreeningUnavailable(f"{self.name} failed: {error}") from error
            found.append(
                [Line(str(t), float(s)) for t, s in zip(texts, scores, strict=True) if s >= SURE]
            )
        return found


def edge_cells(frame: Frame) -> NDArray[np.float32]:
    """Share of sharp edges in each cell of a 9 x 16 grid (fewer in tiny frames), 0..1."""
    step = max(1, max(frame.shape[:2]) // 512)
    luma = frame[::step, ::step, 1].astype(np.int16)  # green stands for brightness
    edges = np.abs(np.diff(luma, axis=1)) > _EDGE
    rows, columns = min(_ROWS, edges.shape[0]), min(_COLUMNS, edges.shape[1])
    if rows == 0 or columns == 0:
        return np.zeros((1, 1), np.float32)
    height, width = edges.shape[0] // rows, edges.shape[1] // columns
    cells = edges[: rows * height, : columns * width].reshape(rows, height, columns, width)
    return cells.mean(axis=(1, 3), dtype=np.float32)


def likeness_of_text(cells: NDArray[np.float32]) -> float:
    """0..1: how much of the most letter-like three neighbouring cells is sharp edges.

    Cheap and generous: fine texture reaches it too and is then read in vain.
    """
    if cells.shape[1] < 3:
        return float(cells.max())
    runs = np.minimum(np.minimum(cells[:, :-2], cells[:, 1:-1]), cells[:, 2:])
    return float(min(1.0, 4.0 * runs.max()))


def same_text(one: NDArray[np.float32], two: NDArray[np.float32]) -> bool:
    """Whether edges lie so alike that two frames say the same."""
    return one.shape == two.shape and float(np.abs(one - two).max()) < SAME


@dataclass(frozen=True)
class Page:
    """A frame worth reading."""

    seconds: float
    frame: Frame
    cells: NDArray[np.float32]
    likeness: float


class Pages:
    """The frames of a clip that are worth reading: at most `most`, each with another text, the likeliest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Page] = []

    def add(self, seconds: float, frame: Frame) -> None:
        """Look at one frame, which stays the caller's to keep unchanged."""
        cells = edge_cells(frame)
        likeness = likeness_of_text(cells)
        if likeness < LIKELY:
            return
        page = Page(seconds, frame, cells, likeness)
        for number, other in enumerate(self._kept):
            if same_text(other.cells, cells):
                if likeness > other.likeness:
                    self._kept[number] = page
                return
        self._kept.append(page)
        if len(self._kept) > self._most:
            self._kept.pop(min(range(len(self._kept)), key=lambda i: self._kept[i].likeness))

    def take(self) -> list[Page]:
        """What is kept, in the order of the clip; nothing is kept afterwards."""
        kept, self._kept = sorted(self._kept, key=lambda page: page.seconds), []
        return kept
