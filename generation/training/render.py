"""Render clips for the VAE into shards: `python -m generation.training.render runs/cpu.toml`.

A shard is one .npy of uint8 [clips, 3, frames, height, width]. Shards appear whole (written under a
temporary name first), so training may begin while later ones are still being drawn, and an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import numpy as np
import torch

from generation.training.config import run_from_argv
from generation.training.world import render, sample_scene

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
) -> None:
    """Draw scenes `first` to `first + clips - 1`, each from a random moment, into `path`."""
    shard = np.empty((clips, 3, frames, height, width), np.uint8)
    for k in range(clips):
        rng = random.Random(first + k)
        scene, start = sample_scene(rng), rng.uniform(0.0, 2.5)
        shard[k] = to_uint8(
            render(
                scene,
                frames=frames,
                height=height,
                width=width,
                fps=fps,
                start=start,
                device=device,
            )
        )
    part = path.with_suffix(".part")
    with open(part, "wb") as file:
        np.save(file, shard)
    os.replace(part, path)


def main() -> None:
    run = run_from_argv()
    c = run["clips"]
    size = {k: c[k] for k in ("frames", "height", "width", "fps")}
    folder = run.work / "clips"
    folder.mkdir(parents=True, exist_ok=True)
    render_shard(folder / "held_out.npy", HELD_OUT, 16, **size, device=run.device)
    for number in range(c["shards"]):
        path = folder / f"train-{number:05}.npy"
        if not path.exists():
            render_shard(path, number * c["per_shard"], c["per_shard"], **size, device=run.device)


if __name__ == "__main__":
    main()
