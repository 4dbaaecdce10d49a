"""What every family of weights has in common: from a spec to latents, and from latents to pixels.

A family (ltx.py, ltx2.py, wan_vace.py) is the adapter around one pipeline class of diffusers. It turns
a spec into that pipeline's arguments; steps, attention, caching and offloading stay diffusers' own.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from generation.engine.capabilities import Capabilities
from generation.engine.frames import fit_all
from generation.engine.operations import first_frame
from generation.engine.protocol import Conditioning, Frames, VideoSpec

StepCallback = Callable[[Any, int, Tensor, dict[str, Tensor]], dict[str, Tensor]]


class Drawn(NamedTuple):
    """What is really drawn for a spec: a size and a length of the model's own."""

    width: int
    height: int
    frames: int


class Family(ABC):
    """One loaded pipeline. Not safe to call twice at once: the engine holds a lock."""

    pipelines: ClassVar[tuple[str, ...]]  # _class_name of the folders it runs

    def __init__(self, pipe: Any, capabilities: Capabilities, table: dict[str, Any]) -> None:
        """table: the folder's own table over its family's, for what only the adapter needs."""
        self.pipe, self.capabilities, self.table = pipe, capabilities, table
        self.ratio: int = self.temporal_ratio()
        self.tokens = min(int(table["text_tokens"]), int(pipe.tokenizer.model_max_length))

    # --- What a family says ----------------------------------------------------------------

    @classmethod
    @abstractmethod
    def load(cls, model_dir: Path, **arguments: Any) -> Any:
        """The pipeline of a folder."""

    @abstractmethod
    def temporal_ratio(self) -> int:
        """Frames to a latent frame."""

    @abstractmethod
    def spatial_ratio(self) -> int:
        """Pixels to a latent row or column."""

    @abstractmethod
    def draw(
        self, spec: VideoSpec, drawn: Drawn, generator: torch.Generator, on_step: StepCallback
    ) -> Tensor:
        """Latents of the clip as the autoencoder decodes them: [1, C, T, H, W]."""

    @abstractmethod
    def denormalise(self, latents: Tensor) -> Tensor:
        """From the transformer's scale to the autoencoder's."""

    @abstractmethod
    def normalise(self, latents: Tensor) -> Tensor:
        """From the autoencoder's scale to the transformer's."""

    @abstractmethod
    def unpack(self, state: Tensor, drawn: Drawn) -> Tensor:
        """What a step callback gets, as [1, C, T, H, W] without tokens of conditions."""

    # --- What follows ----------------------------------------------------------------------

    def grid(self, drawn: Drawn) -> tuple[int, int, int]:
        """Latent frames, rows and columns."""
        space = self.spatial_ratio()
        return (drawn.frames - 1) // self.ratio + 1, drawn.height // space, drawn.width // space

    def length(self, frames: int) -> int:
        """The model's own length for one that is asked for: ratio k + 1, rounded up."""
        return math.ceil((frames - 1) / self.ratio) * self.ratio + 1

    def vae_decode(self, latents: Tensor) -> Tensor:
        """[1, C, T, H, W] to pixels [1, 3, frames, height, width] in [-1, 1]."""
        vae = self.pipe.vae
        arguments = []
        if vae.config.get("timestep_conditioning"):
            arguments = [torch.full((1,), 0.05, device=latents.device, dtype=vae.dtype)]
        return Tensor(vae.decode(latents.to(vae.dtype), *arguments, return_dict=False)[0])

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Frames:
        """The autoencoder's latents to uint8 [n, height, width, 3]; one frame at a time, to save memory."""
        pixels = self.vae_decode(latents)[0]
        out = np.empty((pixels.shape[1], *pixels.shape[2:], 3), np.uint8)
        for index in range(pixels.shape[1]):
            frame = (pixels[:, index].float() * 0.5 + 0.5).clamp_(0, 1).mul_(255).round_().byte()
            out[index] = frame.permute(1, 2, 0).cpu().numpy()
        return out

    def encode(self, frames: Frames, drawn: Drawn) -> Tensor:
        """Pictures to normalised latents [1, C, T, H, W]; a shorter clip holds its last frame."""
        frames = fit_all(frames[: drawn.frames], drawn.width, drawn.height)
        missing = drawn.frames - len(frames)
        frames = np.concatenate([frames, np.repeat(frames[-1:], missing, 0)])
        vae = self.pipe.vae
        pixels = torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
        found = vae.encode(pixels.to(self.pipe._execution_device, vae.dtype)).latent_dist.mode()
        return self.normalise(found.float())

    def levels(self, spec: VideoSpec, drawn: Drawn) -> Tensor:
        """Noise level a source starts from per latent frame, [T]: the mean over its frames."""
        strength = spec.source_strength
        steps = self.grid(drawn)[0]
        if not isinstance(strength, tuple):
            return torch.full((steps,), float(strength))
        values = np.array([*strength, *[strength[-1]] * (drawn.frames - len(strength))])
        first, rest = values[:1], values[1 : drawn.frames].reshape(steps - 1, self.ratio)
        return torch.tensor([*first, *rest.mean(1)], dtype=torch.float32)


def held(
    condition: Conditioning, spec: VideoSpec, drawn: Drawn, *, pictures: bool = False
) -> Frames:
    """The frames of a condition; one that ends the clip holds to the end of what is drawn.

    The model's own length is a little longer than the clip's, and what comes after the clip would
    otherwise be drawn freely beside kept frames. `pictures`: single pictures are held, too.
    """
    frames = condition.frames
    beyond = drawn.frames - spec.frames
    ends = first_frame(condition, spec.fps) + len(frames) >= spec.frames
    if not ends or beyond <= 0 or (len(frames) == 1 and not pictures):
        return frames
    return np.concatenate([frames, np.repeat(frames[-1:], beyond, 0)])


def part_of_schedule(levels: np.ndarray[Any, Any], start: float, steps: int) -> list[float]:
    """The lower part of a schedule, from noise level `start` down, in the same number of steps.

    levels: falling noise levels of a whole run. The schedule keeps its shape: where it dwells, this
    does. diffusers' own `denoise_strength` leaves out steps instead, which on schedules that dwell
    near 1 turns a mild strength into almost nothing kept.
    """
    curve = np.append(levels, 0.0)
    at = np.interp(start, curve[::-1], np.linspace(1, 0, len(curve)))
    where = np.linspace(at, 1, steps + 1)[:-1]
    found = np.interp(where, np.linspace(0, 1, len(curve)), curve)
    found[0] = start
    return [float(level) for level in found]
