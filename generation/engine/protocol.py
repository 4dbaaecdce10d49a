"""The border between the product and the model: a spec goes in, progress and frames come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from generation.engine.capabilities import Capabilities

Frames = NDArray[np.uint8]


class EngineError(Exception):
    """The engine can't make this. Final for the job."""


class EngineOutOfMemory(EngineError):
    """The device was full; worth another try."""


class ModelMissing(EngineError):
    """The model folder is not there or not complete. The message names the folder and setting."""


class ModelTooLarge(EngineError):
    """The model doesn't fit the device. The message says by how much, and which setting helps."""


@dataclass(frozen=True)
class PromptSegment:
    """What to show from `start` to `end` seconds; `end` None means to the end of the clip."""

    text: str
    start: float = 0.0
    end: float | None = None


@dataclass(frozen=True)
class Conditioning:
    """Pictures the clip must show: uint8 RGB [n, h, w, 3] from `at` seconds; n == 1 is an image.

    strength: 1.0 keeps them as they are, lower values let the model change them.
    """

    frames: Frames
    at: float = 0.0
    strength: float = 1.0


@dataclass(frozen=True)
class VideoSpec:
    """One clip, complete: the same spec, engine and version give the same frames.

    source: a clip to start from in place of pure noise, uint8 RGB [n, h, w, 3] from second 0; a
    shorter one holds its last frame. source_strength: how much noise replaces it, 0 keeps it and 1
    forgets it; one number (remix), or one per frame (blend: the source is then a mix of two clips,
    redrawn most where both show, see generation/engine/blend.py).
    """

    prompts: tuple[PromptSegment, ...]
    width: int
    height: int
    frames: int
    fps: int
    conditioning: tuple[Conditioning, ...] = ()
    seed: int = 0
    steps: int = 20
    guidance: float = 3.0
    negative_prompt: str = ""
    source: Frames | None = None
    source_strength: float | tuple[float, ...] = 0.6

    @property
    def seconds(self) -> float:
        return self.frames / self.fps


@dataclass(frozen=True)
class Progress:
    """Where the engine stands. `preview`: a small uint8 RGB [h, w, 3] look at the clip so far."""

    stage: Literal["load", "denoise", "decode"]
    step: int
    total: int
    preview: Frames | None = None


class VideoEngine(Protocol):
    """Turns a spec into pixels. Knows nothing of users, credits, policies or storage."""

    name: str
    version: str  # written into the C2PA manifest
    capabilities: Capabilities

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        """Yield exactly spec.frames uint8 RGB frames [spec.height, spec.width, 3], one by one.

        Calls on_progress after every denoising step, in the calling thread; what it raises stops
        the work there and propagates. EngineOutOfMemory is worth another try; any other exception
        is final.
        """
        ...
