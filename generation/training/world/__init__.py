"""A small painted world: captioned training clips, drawn by formulas, deterministic by seed.

`sample_scene` draws a `Scene` (what is to be seen, in names), `render` its pixels. The words for
them are in `generation.training.captions`.
"""

from generation.training.world.camera import CAMERAS
from generation.training.world.motion import MOTIONS, THEN_AT
from generation.training.world.objects import KINDS, OBJECTS
from generation.training.world.palette import COLOURS, TIMES
from generation.training.world.render import cover, render
from generation.training.world.scene import (
    MONOCHROME,
    PLACES,
    RELATIONS,
    SIZES,
    STYLES,
    WEATHERS,
    Actor,
    Scene,
    held_out,
    labels,
    sample_scene,
)

OBJECT_MOTIONS: dict[str, tuple[str, ...]] = {name: kind.motions for name, kind in KINDS.items()}

__all__ = [
    "CAMERAS",
    "COLOURS",
    "MONOCHROME",
    "MOTIONS",
    "OBJECTS",
    "OBJECT_MOTIONS",
    "PLACES",
    "RELATIONS",
    "SIZES",
    "STYLES",
    "THEN_AT",
    "TIMES",
    "WEATHERS",
    "Actor",
    "Scene",
    "cover",
    "held_out",
    "labels",
    "render",
    "sample_scene",
]
