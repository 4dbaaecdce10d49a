"""Contact sheets of the world, to look at: `python -m generation.training.world.sheet OUT.png`.

`--of clips` (default) shows fifty scenes; objects, styles, places, motions, cameras and shapes show
every one of their kind. The captions are printed, not painted.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from generation.training.captions import plain
from generation.training.world.camera import CAMERAS
from generation.training.world.motion import MOTIONS
from generation.training.world.objects import KINDS, OBJECTS
from generation.training.world.palette import COLOURS, TIMES
from generation.training.world.render import render
from generation.training.world.scene import (
    PLACES,
    SHELTERED,
    STYLES,
    WEATHERS,
    Actor,
    Scene,
    sample_scene,
    suits,
)

GAP = 4  # pixels between pictures


def picture(scene: Scene, at: float = 1.4, height: int = 96, width: int = 160) -> Tensor:
    """One frame: uint8 [height, width, 3], `at` seconds in."""
    frame = render(scene, frames=1, height=height, width=width, start=at)[:, 0]
    return ((frame.permute(1, 2, 0) + 1) * 127.5).round().to(torch.uint8)


def arrange(pictures: list[Tensor], columns: int, enlarge: int = 1) -> Image.Image:
    """A grid of pictures of one size, row by row."""
    height, width = pictures[0].shape[0] * enlarge, pictures[0].shape[1] * enlarge
    rows = -(-len(pictures) // columns)
    sheet = Image.new(
        "RGB", (columns * (width + GAP) + GAP, rows * (height + GAP) + GAP), (245, 245, 246)
    )
    for number, pixels in enumerate(pictures):
        tile = Image.fromarray(pixels.numpy()).resize((width, height), Image.Resampling.NEAREST)
        row, column = divmod(number, columns)
        sheet.paste(tile, (GAP + column * (width + GAP), GAP + row * (height + GAP)))
    return sheet


def _scenes(count: int, seed: int) -> list[Scene]:
    rng = random.Random(seed)
    return [sample_scene(rng) for _ in range(count)]


def clips(seed: int) -> Image.Image:
    scenes = _scenes(50, seed)
    for scene in scenes:
        print(plain(scene))
    return arrange([picture(scene) for scene in scenes], 5, 2)


def objects(seed: int) -> Image.Image:
    """Every object large and small, three times enlarged."""
    made = []
    for number, name in enumerate(OBJECTS):
        place = next(p for p in ("hills", "ocean", "underwater", "space") if suits(name, p))
        motion = KINDS[name].motions[-1] if KINDS[name].grounded else "floats"
        for size in ("large", "small"):
            colour = tuple(COLOURS)[(number * 4 + seed) % len(COLOURS)]
            actor = Actor(name, colour, size, motion)
            made.append(picture(Scene(place, "day", "clear", (actor,), seed=seed)))
    return arrange(made, 6, 3)


def styles(seed: int) -> Image.Image:
    """Each row one scene in every style."""
    plain_scenes = [replace(s, style="plain") for s in _scenes(8, seed)]
    made = [picture(replace(s, style=style)) for s in plain_scenes for style in STYLES]
    return arrange(made, len(STYLES), 2)


def places(seed: int) -> Image.Image:
    """Each row one place: every time of day, then every other weather."""
    made = []
    for number, place in enumerate(PLACES):
        usual = {"space": "rocket", "underwater": "fish", "ocean": "boat"}.get(place, "ball")
        motion = "floats"
        actor = Actor(usual, tuple(COLOURS)[number % 9], "large", motion)
        looks = [(time, "clear") for time in TIMES] + [("day", w) for w in WEATHERS[1:]]
        for time, weather in looks:
            time = "night" if place == "space" else time
            weather = "clear" if place in SHELTERED else weather
            made.append(picture(Scene(place, time, weather, (actor,), seed=seed + number)))
    return arrange(made, 8)


def _strip(scene: Scene) -> list[Tensor]:
    return [picture(scene, at) for at in (0.0, 0.6, 1.2, 1.8, 2.4, 3.0, 3.6)]


def motions(seed: int) -> Image.Image:
    """Each row one motion over four seconds."""
    made = []
    for motion in MOTIONS:
        name = next(o for o in OBJECTS if motion in KINDS[o].motions and suits(o, "hills"))
        scene = Scene("hills", "day", "clear", (Actor(name, "red", "large", motion),), seed=seed)
        made += _strip(scene)
    return arrange(made, 7)


def cameras(seed: int) -> Image.Image:
    """Each row one camera over four seconds."""
    made = []
    for number, camera in enumerate(CAMERAS):
        place = ("city", "mountains", "forest")[number % 3]
        actor = Actor("heart", "red", "large", "floats")
        made += _strip(Scene(place, "day", "clouds", (actor,), camera=camera, seed=seed))
    return arrange(made, 7)


def shapes(seed: int) -> Image.Image:
    """The same scenes 16:9, square and 9:16, on canvases of one size."""
    made = []
    for scene in _scenes(12, seed):
        for height, width in ((96, 160), (128, 128), (160, 96)):
            canvas = torch.full((160, 160, 3), 245, dtype=torch.uint8)
            top, left = (160 - height) // 2, (160 - width) // 2
            canvas[top : top + height, left : left + width] = picture(scene, 1.4, height, width)
            made.append(canvas)
    return arrange(made, 6)


SHEETS: dict[str, Callable[[int], Image.Image]] = {
    "clips": clips,
    "objects": objects,
    "styles": styles,
    "places": places,
    "motions": motions,
    "cameras": cameras,
    "shapes": shapes,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Write a contact sheet of the painted world.")
    parser.add_argument("out", type=Path, help="a .png file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--of", choices=tuple(SHEETS), default="clips")
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    SHEETS[options.of](options.seed).save(options.out)


if __name__ == "__main__":
    main()
