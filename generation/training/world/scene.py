"""What a clip shows, in names; and how scenes that make sense are drawn at random."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from generation.training.world.camera import CAMERAS
from generation.training.world.motion import MOTIONS
from generation.training.world.objects import KINDS, OBJECTS
from generation.training.world.palette import COLOURS, TIMES

PLACES = (
    "ocean",
    "hills",
    "desert",
    "snowfield",
    "city",
    "forest",
    "mountains",
    "beach",
    "underwater",
    "room",
    "space",
)
WEATHERS = ("clear", "clouds", "rain", "snow", "fog")
STYLES = ("plain", "film noir", "watercolour", "paper cut-out", "pixel", "archival")
MONOCHROME = ("film noir", "archival")  # styles that show no colours: don't judge them there
SIZES = ("small", "large")
RELATIONS = ("left of", "right of", "behind", "above", "following")
SHELTERED = ("underwater", "room", "space")  # no weather

Split = Literal["train", "held_out"]


@dataclass(frozen=True)
class Actor:
    object: str
    colour: str
    size: str
    motion: str


@dataclass(frozen=True)
class Scene:
    """What a clip shows. `seed` fixes the layout: horizon, hills, start position, speed.

    `actors`: one to three; `relation` says where the first is, seen from the others ("" for one).
    `then`: what the first actor does in the second half ("" when it just goes on).
    """

    place: str
    time: str
    weather: str
    actors: tuple[Actor, ...]
    relation: str = ""
    camera: str = "static"
    style: str = "plain"
    then: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, known in (
            ("place", self.place, PLACES),
            ("time", self.time, TIMES),
            ("weather", self.weather, WEATHERS),
            ("camera", self.camera, CAMERAS),
            ("style", self.style, STYLES),
            ("then", self.then, ("", *MOTIONS)),
            ("relation", self.relation, ("", *RELATIONS)),
            *(("object", a.object, OBJECTS) for a in self.actors),
            *(("colour", a.colour, tuple(COLOURS)) for a in self.actors),
            *(("size", a.size, SIZES) for a in self.actors),
            *(("motion", a.motion, MOTIONS) for a in self.actors),
        ):
            if value not in known:
                raise ValueError(f"scene: unknown {name} {value!r}: one of {', '.join(known)}")
        if not 1 <= len(self.actors) <= 3:
            raise ValueError(f"scene: one to three actors, not {len(self.actors)}")
        if (len(self.actors) == 1) == bool(self.relation):
            raise ValueError("scene: a relation is for two or three actors, and they need one")
        if len(self.actors) == 3 and self.relation in ("behind", "above"):
            raise ValueError(f"scene: three actors can't be {self.relation!r} each other")
        if self.place in SHELTERED and self.weather != "clear":
            raise ValueError(f"scene: there is no {self.weather!r} at {self.place!r}: use 'clear'")
        if self.place == "space" and self.time != "night":
            raise ValueError(f"scene: it is never {self.time!r} in space: use 'night'")

    @property
    def object(self) -> str:
        return self.actors[0].object

    @property
    def colour(self) -> str:
        return self.actors[0].colour

    @property
    def size(self) -> str:
        return self.actors[0].size

    @property
    def motion(self) -> str:
        return self.actors[0].motion


def labels(scene: Scene) -> dict[str, str]:
    """What a judge should see: attribute to canonical name, of the first actor."""
    return {
        "object": scene.object,
        "colour": scene.colour,
        "place": scene.place,
        "time_of_day": scene.time,
        "weather": scene.weather,
        "motion": scene.motion,
        "camera": scene.camera,
        "style": scene.style,
    }


def held_out(object: str, colour: str, place: str) -> bool:
    """Whether this combination is kept out of training: about one in ten, for ever the same."""
    digest = hashlib.sha256(f"{object}|{colour}|{place}".encode()).digest()
    return digest[0] < 26


def suits(object: str, place: str) -> bool:
    """Boats only on water, cars only on land, fish in it ..."""
    return not KINDS[object].places or place in KINDS[object].places


def sample_scene(
    rng: random.Random, *, split: Split = "train", objects: Collection[str] = ()
) -> Scene:
    """A random scene that makes sense. Held-out combinations of object, colour and place are never
    drawn for "train"; the first actor of a "held_out" scene is always one.

    objects: the only ones that may appear; all by default.
    """
    if split not in ("train", "held_out"):
        raise ValueError(f'split is "train" or "held_out", not {split!r}')
    if unknown := set(objects) - set(OBJECTS):
        raise ValueError(f"there is no object {min(unknown)!r}: one of {', '.join(OBJECTS)}")
    while True:
        scene = _draw(rng)
        if objects and any(a.object not in objects for a in scene.actors):
            continue
        kept = [held_out(a.object, a.colour, scene.place) for a in scene.actors]
        if (split == "train" and not any(kept)) or (split == "held_out" and kept[0]):
            return scene


_LATERAL = ("moves left", "moves right", "rolls left", "rolls right", "zigzags", "drifts")
_CALM = ("floats", "spins", "bounces", "jumps", "stands", "rises", "falls", "swings")


def _draw(rng: random.Random) -> Scene:
    place = rng.choice(PLACES)
    time = "night" if place == "space" else rng.choices(TIMES, (0.28, 0.26, 0.20, 0.26))[0]
    weather = _weather(place, rng)
    relation, actors = _actors(place, rng)
    camera = rng.choice(CAMERAS[1:]) if rng.random() < 0.46 else "static"
    if not _steady(camera, [a.motion for a in actors]) or (relation and "zoom" in camera):
        camera = "static"
    style = rng.choice(STYLES[1:]) if rng.random() < 0.40 else "plain"
    then = ""
    if len(actors) == 1 and camera == "static" and rng.random() < 0.16:
        others = [m for m in KINDS[actors[0].object].motions if m != actors[0].motion]
        then = rng.choice(others)
    return Scene(
        place, time, weather, actors, relation, camera, style, then, rng.randrange(1 << 30)
    )


def _weather(place: str, rng: random.Random) -> str:
    if place in SHELTERED:
        return "clear"
    dry = place in ("desert", "beach")
    return rng.choices(WEATHERS, (0.40, 0.22, 0.13, 0.0 if dry else 0.13, 0.12))[0]


def _object(place: str, rng: random.Random) -> str:
    """One that suits the place; things found in few places more often there."""
    usual = {"ocean": ("boat", 0.14), "underwater": ("fish", 0.22), "space": ("rocket", 0.14)}
    if place in usual and rng.random() < usual[place][1]:
        return usual[place][0]
    return rng.choice([o for o in OBJECTS if suits(o, place)])


# What few objects can do is drawn more often, what most can do less.
_FAVOUR = {"floats": 0.65, "moves left": 0.75, "moves right": 0.75, "spins": 1.4, "zigzags": 1.3}
_FAVOUR |= {"rolls left": 4.0, "rolls right": 4.0, "orbits": 1.2, "jumps": 1.2}


def _motion(kind: str, rng: random.Random) -> str:
    motions = KINDS[kind].motions
    return rng.choices(motions, [_FAVOUR.get(m, 1.0) for m in motions])[0]


def _actors(place: str, rng: random.Random) -> tuple[str, tuple[Actor, ...]]:
    """The relation and the actors."""
    count = rng.choices((1, 2, 3), (0.75, 0.19, 0.06))[0]
    if count == 1:
        kind = _object(place, rng)
        size = rng.choices(SIZES, (0.3, 0.7))[0]
        motion = _motion(kind, rng)
        return "", (Actor(kind, rng.choice(tuple(COLOURS)), size, motion),)
    relation = rng.choice(RELATIONS if count == 2 else ("left of", "right of", "following"))
    while True:
        kinds = [_object(place, rng) for _ in range(count)]
        if len(set(kinds)) < count:
            continue
        if relation == "above" and KINDS[kinds[0]].grounded:
            continue
        if relation == "following" and not all("moves left" in KINDS[k].motions for k in kinds):
            continue
        break
    colours = rng.sample(tuple(COLOURS), count)
    if relation == "following":
        motions = [rng.choice(("moves left", "moves right"))] * count
    else:
        motions = [rng.choice([m for m in KINDS[k].motions if m in _CALM]) for k in kinds]
        if relation in ("above", "behind"):
            steady = ("floats", "spins", "stands", "swings")
            motions = [
                m if m in steady else ("stands" if KINDS[k].grounded else "floats")
                for k, m in zip(kinds, motions, strict=True)
            ]
    actors = (Actor(k, c, "large", m) for k, c, m in zip(kinds, colours, motions, strict=True))
    return relation, tuple(actors)


def _steady(camera: str, motions: list[str]) -> bool:
    """Whether one can tell the camera's move from the actors'."""
    if camera.startswith("pan") or camera == "orbit":
        return not any(m in _LATERAL for m in motions)
    if camera.startswith("tilt"):
        return not any(m in ("rises", "falls", "drifts") for m in motions)
    if camera.startswith("zoom"):
        return not any(m in ("grows", "shrinks") for m in motions)
    return True
