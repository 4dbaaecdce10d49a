"""Render clips for the VAE into shards: `python -m generation.training.render runs/cpu.toml`.

A shard is one .npy of uint8 [clips, 3, frames, height, width], with the share of each pixel that actors
cover beside it, uint8 [clips, frames, height, width]. Files appear whole (written under a temporary
name first, the cover before its clips), so training may begin while later ones are still being drawn,
and an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import torch

from generation.training.config import RunConfig, run_from_argv
from generation.training.world import cover, render, sample_scene

HELD_OUT = 10_000_000  # scene numbers from here on are never trained on


def to_uint8(video: torch.Tensor) -> np.ndarray:
    """[-1, 1] floats to bytes."""
    return ((video + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy()


def render_shard(
    path: Path,
    first: int,
    clips: int,
    *,
    frames: int,
    height: int,
    width: int,
    fps: float,
    device: str = "cpu",
    held_out: bool = False,
) -> None:
    """Draw scenes `first` to `first + clips - 1`, each from a random moment, into `path`.

    held_out: draw combinations that are never trained on.
    """
    shard = np.empty((clips, 3, frames, height, width), np.uint8)
    covers = np.empty((clips, frames, height, width), np.uint8)
    for k in range(clips):
        rng = random.Random(first + k)
        scene = sample_scene(rng, split="held_out" if held_out else "train")
        how: dict[str, Any] = {
            "frames": frames,
            "height": height,
            "width": width,
            "fps": fps,
            "start": rng.uniform(0.0, 2.5),
            "device": device,
        }
        shard[k] = to_uint8(render(scene, **how))
        covers[k] = (cover(scene, **how) * 255).round().byte().cpu().numpy()
    _save(cover_path(path), covers)
    _save(path, shard)


def cover_path(path: Path) -> Path:
    """Where the cover of a shard lies."""
    return path.with_name(f"cover-{path.name}")


def _save(path: Path, array: np.ndarray) -> None:
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.save(file, array)
    os.replace(part, path)


def make(run: RunConfig, number: int) -> None:
    """Draw one shard of a run, and the held-out one, unless they are there."""
    c = run["clips"]
    size = {k: c[k] for k in ("frames", "height", "width", "fps")}
    folder = run.work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    if not (path := folder / "held_out.npy").exists():
        render_shard(path, HELD_OUT, 16, **size, device=run.device, held_out=True)
    if not (path := folder / f"train-{number:05}.npy").exists():
        render_shard(path, number * c["per_shard"], c["per_shard"], **size, device=run.device)


def main() -> None:
    run = run_from_argv()
    for number in range(run["clips"]["shards"]):
        make(run, number)


if __name__ == "__main__":
    main()
