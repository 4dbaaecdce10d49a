"""Looks at a clip while it is drawn, at most two a second and a hundredth of the time.

The clean picture is estimated from two consecutive states for free: with x = x0 + s v the velocity
is (x_before - x_after) / (s_before - s_after), so x0 = x_after - s_after v.

A small autoencoder decodes one latent frame of it. A big one would take longer than the step itself:
its latents are projected to RGB instead, by a matrix that is fitted by least squares to the first
clip this checkpoint decodes, and kept in the state folder.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from generation.engine.family import Drawn, Family
from generation.engine.protocol import Frames, Progress

SECONDS_BETWEEN = 0.5
MOST_SHARE = 0.01  # of the processor's time: after a look that costs 0.05 s none comes for 5 s
SMALL_VAE = 50e6  # parameters; up to here a latent frame is decoded
ENLARGED = 8
RIDGE = 1e-3  # keeps channels that never moved in the one clip from getting wild weights


class Projection:
    """latents [C] -> RGB, an affine map per checkpoint. None until the first clip was decoded."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.weights: NDArray[np.float32] | None = None  # [C + 1, 3], RGB in 0 to 1
        if file is not None and file.is_file():
            try:
                self.weights = np.load(file, allow_pickle=False)
            except (OSError, ValueError):
                self.weights = None  # a torn file: fitted again from the next clip

    def fit(self, latents: Tensor, frames: Frames) -> None:
        """latents: normalised [1, C, T, h, w]; frames: what they decode to, uint8 [n, H, W, 3]."""
        _, channels, steps, rows, columns = latents.shape
        ratio = (len(frames) - 1) // max(1, steps - 1) if steps > 1 else 1
        tall, wide = frames.shape[1] // rows, frames.shape[2] // columns
        cells = []
        for step in range(steps):
            shown = frames[max(0, (step - 1) * ratio + 1) : step * ratio + 1]
            cut = shown[:, : rows * tall, : columns * wide].astype(np.float64)
            cells.append(cut.reshape(-1, rows, tall, columns, wide, 3).mean((0, 2, 4)) / 255)
        x = latents[0].permute(1, 2, 3, 0).reshape(-1, channels).double().cpu().numpy()
        x = np.concatenate([x, np.ones((len(x), 1))], 1)
        y = np.stack(cells).reshape(-1, 3)
        penalty = RIDGE * len(x) * np.eye(channels + 1)
        penalty[-1, -1] = 0
        self.weights = np.linalg.solve(x.T @ x + penalty, x.T @ y).astype(np.float32)
        self._save()

    def show(self, latents: Tensor) -> Frames | None:
        """The first latent frame of [1, C, T, h, w], enlarged: uint8 [8 h, 8 w, 3]."""
        if self.weights is None:
            return None
        x = latents[0, :, 0].float().permute(1, 2, 0).cpu().numpy()
        if x.shape[-1] + 1 != len(self.weights):
            return None  # of another checkpoint
        rgb = x @ self.weights[:-1] + self.weights[-1]
        small = Image.fromarray((rgb.clip(0, 1) * 255).round().astype(np.uint8))
        larger = (small.width * ENLARGED, small.height * ENLARGED)
        return np.asarray(small.resize(larger, Image.Resampling.BICUBIC))

    def _save(self) -> None:
        if self.file is None or self.weights is None:
            return
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            part = self.file.with_suffix(f".{os.getpid()}.part")
            with open(part, "wb") as file:
                np.save(file, self.weights)
            os.replace(part, self.file)
        except OSError:
            pass  # it serves this process, and the next one fits it again


def projection_file(model_dir: Path, state_dir: Path | None) -> Path | None:
    """Where the projection of a checkpoint is kept. The name follows its autoencoder's files."""
    if state_dir is None:
        return None
    digest = hashlib.sha256()
    for path in sorted((model_dir / "vae").glob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                digest.update(f"{path.name} {path.stat().st_size} ".encode() + file.read(1 << 16))
    return state_dir / "previews" / f"{model_dir.name}-{digest.hexdigest()[:16]}.npy"


class Previews:
    """How one loaded model is looked at. mode: "vae", "projection", "off", or "auto" by size."""

    def __init__(self, family: Family, file: Path | None, mode: str = "auto") -> None:
        if mode == "auto":
            size = sum(p.numel() for p in family.pipe.vae.parameters())
            mode = "vae" if size <= SMALL_VAE else "projection"
        self.family, self.mode = family, mode
        self.projection = Projection(file if mode == "projection" else None)

    def look(self, latents: Tensor) -> Frames | None:
        """A picture of normalised latents [1, C, T, h, w]: their first frame, which stands alone."""
        if self.mode == "vae":
            first = self.family.denormalise(latents[:, :, :1])
            return np.asarray(self.family.decode(first)[0])
        return self.projection.show(latents) if self.mode == "projection" else None

    def learn(self, latents: Tensor, frames: Frames) -> None:
        """Called with every decoded clip: the autoencoder's latents, and the frames."""
        if self.mode == "projection" and self.projection.weights is None:
            self.projection.fit(self.family.normalise(latents.float()), frames)


class Watch:
    """The pipeline's step callback: progress after every step, now and then with a preview."""

    def __init__(
        self,
        previews: Previews,
        steps: int,
        drawn: Drawn,
        tell: Callable[[Progress], None],
    ) -> None:
        self.previews, self.steps, self.drawn, self.tell = previews, steps, drawn, tell
        self.before: tuple[Tensor, float] | None = None
        self.next = self.next_busy = float("-inf")  # on the clock, and of the processor's time

    def __call__(
        self, pipe: Any, step: int, timestep: Tensor, values: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        latents = values["latents"]
        index = pipe.scheduler.step_index
        sigma = float(pipe.scheduler.sigmas[index]) if index is not None else 0.0
        preview, now, busy = None, time.monotonic(), time.process_time()
        if (
            self.previews.mode != "off"
            and now >= self.next
            and busy >= self.next_busy
            and (clean := self.clean(latents, sigma)) is not None
        ):
            preview = self.previews.look(self.previews.family.unpack(clean, self.drawn))
            if preview is not None:
                self.next = now + SECONDS_BETWEEN
                self.next_busy = busy + (time.process_time() - busy) / MOST_SHARE
        self.before = (latents.clone(), sigma)
        self.tell(Progress("denoise", step + 1, self.steps, preview))
        return values

    def clean(self, latents: Tensor, sigma: float) -> Tensor | None:
        """The estimate of the clean latents; None after the first step."""
        if self.before is None or self.before[1] <= sigma:
            return None
        state, level = self.before
        return latents - sigma * (state - latents) / (level - sigma)
