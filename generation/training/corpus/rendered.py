"""The procedural world as one source among others: a seed in, a scene with captions and pixels out."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from generation.training.captions import caption
from generation.training.corpus.manifest import PROJECT_LICENCE, Caption, Item
from generation.training.world import Scene, render, sample_scene

ORIGIN = "generation.training.world"
LATEST = 2.5  # seconds into a scene at which a clip may begin


def scene_of(seed: str, objects: Collection[str] = ()) -> tuple[Scene, random.Random]:
    """The scene of a seed, and the generator that goes on to choose its moment and wording.

    objects: the only ones that may appear; all by default.
    """
    rng = random.Random(seed)
    return sample_scene(rng, objects=objects), rng


def items(count: int, name: str = "world") -> Iterator[Item]:
    """The first `count` scenes, named "world/0" and so on."""
    for number in range(count):
        seed = f"{name}/{number}"
        scene, rng = scene_of(seed)
        yield Item(
            id=seed,
            seed=seed,
            source="synthetic",
            licence=PROJECT_LICENCE,
            origin=ORIGIN,
            shows_people=False,
            short=Caption(caption(scene, rng, length="short"), "renderer"),
            long=Caption(caption(scene, rng, length="long"), "renderer"),
        )


def draw(
    seed: str, *, frames: int, height: int, width: int, fps: float, rng: random.Random
) -> NDArray[np.uint8]:
    """uint8 [frames, height, width, 3] from a moment that `rng` chooses."""
    scene, _ = scene_of(seed)
    start = rng.uniform(0.0, LATEST)
    video = render(scene, frames=frames, height=height, width=width, fps=fps, start=start)
    pixels = ((video + 1) * 127.5).round().clamp(0, 255).byte()
    return pixels.permute(1, 2, 3, 0).contiguous().cpu().numpy()
