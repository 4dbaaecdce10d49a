"""What actors do: a pose for every moment, as closed formulas of the scene and of seconds."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

MOTIONS = (
    "rises",
    "falls",
    "moves left",
    "moves right",
    "bounces",
    "floats",
    "spins",
    "grows",
    "shrinks",
    "orbits",
    "drifts",
    "swings",
    "zigzags",
    "rolls left",
    "rolls right",
    "jumps",
    "stands",
)
TURNING = ("spins", "drifts", "swings", "rolls left", "rolls right")
THEN_AT = 1.75  # seconds: when a scene's second motion begins


@dataclass(frozen=True)
class Pose:
    """Where an actor is; all [T, 1, 1]: centre, turn in radians, radius, height over width."""

    x: Tensor
    y: Tensor
    angle: Tensor
    radius: Tensor
    squash: Tensor


@dataclass(frozen=True)
class Start:
    """Where an actor begins and how it moves: drawn once per actor from the scene's seed."""

    x: float
    y: float
    radius: float
    floor: float  # y of the centre when the actor stands on the ground
    grounded: bool
    speed: float
    side: int  # -1 or 1: which way it drifts or zigzags
    phase: float
    aspect: float


@dataclass
class _Change:
    """What a motion adds to the start, at each time."""

    x: Tensor
    y: Tensor
    angle: Tensor
    scale: Tensor
    squash: Tensor


def _change(motion: str, t: Tensor, lead: float, s: Start) -> _Change:
    """`lead`: seconds until the motion passes the start position (it begins before it)."""
    still = torch.zeros_like(t)
    c = _Change(still, still, still, still + 1, still + 1)
    later = t - lead
    slide = s.speed * 1.12 * s.aspect
    match motion:
        case "rises":
            c.y = -s.speed * later
        case "falls":
            c.y = s.speed * later * (1 + 0.06 * later.abs())
        case "moves left" | "moves right":
            c.x = (-slide if motion == "moves left" else slide) * later
            if s.grounded:
                c.y = -0.012 * torch.sin(7 * t + s.phase).abs()
        case "rolls left" | "rolls right":
            c.x = (-slide if motion == "rolls left" else slide) * later
            c.y = still + (s.floor - s.y)
            c.angle = c.x / s.radius
        case "bounces":
            height = 0.16 if s.grounded else 0.32
            beat = torch.frac(t / 1.3 + s.phase / 6.3)
            up = 4 * beat * (1 - beat)
            c.y = (s.floor - s.y) - height * up
            c.squash = 1 - 0.20 * torch.exp(-12 * up) + 0.05 * up
        case "jumps":
            beat = torch.frac(t / 1.7 + s.phase / 6.3) * 1.7
            crouch = torch.exp(-(((beat - 0.42) / 0.16) ** 2)) + 0.8 * torch.exp(
                -(((beat - 1.42) / 0.12) ** 2)
            )
            air = ((beat - 0.55) / 0.8).clamp(0, 1)
            c.y = (s.floor - s.y) - 0.30 * 4 * air * (1 - air) + 0.1 * s.radius * crouch
            c.squash = 1 - 0.15 * crouch
        case "floats":
            c.y = (0.010 if s.grounded else 0.035) * torch.sin(1.6 * t + s.phase)
            c.x = 0.03 * torch.sin(1.1 * t + 2 * s.phase)
        case "stands":
            c.squash = 1 + 0.015 * torch.sin(2 * t + s.phase)
        case "spins":
            c.angle = 1.5 * t + s.phase
        case "grows":
            c.scale = 0.70 + 0.14 * t
        case "shrinks":
            c.scale = 1.26 - 0.14 * t
        case "orbits":
            wide = 0.21 * min(s.aspect, 1.3)
            c.x = wide * torch.cos(1.7 * s.side * t + s.phase)
            c.y = 0.16 * torch.sin(1.7 * s.side * t + s.phase)
        case "drifts":
            c.x = s.side * 0.05 * s.aspect * later
            c.y = -0.05 * later + 0.03 * torch.sin(1.7 * t + s.phase)
            c.angle = 0.20 * torch.sin(1.3 * t + s.phase)
        case "swings":
            swing = 0.62 * torch.sin(2.3 * t + s.phase)
            c.x = 0.42 * min(1.0, s.aspect) * torch.sin(swing)
            c.y = 0.42 * (torch.cos(swing) - 1) + 0.06
            c.angle = -swing
        case "zigzags":
            c.x = s.side * 0.75 * slide * later
            c.y = 0.34 * ((torch.frac(t / 1.1 + s.phase / 6.3) - 0.5).abs() - 0.25) * 2
        case _:
            raise ValueError(f"unknown motion {motion!r}: one of {', '.join(MOTIONS)}")
    return c


def pose(motion: str, then: str, t: Tensor, start: Start) -> Pose:
    """The pose at seconds `t` [T, 1, 1]; after THEN_AT the actor goes on with motion `then`."""
    if not then:
        c = _change(motion, t, 2.0, start)  # a four second clip passes the middle half-way
    else:
        c = _change(motion, t.clamp(max=THEN_AT), 0.8, start)
        after = (t - THEN_AT).clamp(min=0)
        more, zero = _change(then, after, 0.0, start), torch.zeros(1, 1, 1, device=t.device)
        base = _change(then, zero, 0.0, start)
        c.x, c.y = c.x + more.x - base.x, c.y + more.y - base.y
        c.angle = c.angle + more.angle - base.angle
        c.scale = c.scale * more.scale / base.scale
        moving = (t > THEN_AT).float()
        c.squash = c.squash * (1 - moving) + more.squash * moving
    return Pose(
        start.x + c.x,
        start.y + c.y,
        c.angle,
        (start.radius * c.scale).clamp(min=0.05),
        c.squash,
    )


@dataclass(frozen=True)
class Slot:
    """A place in the picture for one of several actors: shares of width, of height, of radius."""

    x: float
    y: float
    scale: float


ALONE = (Slot(0.5, 0.435, 1.0),)
SLOTS: dict[tuple[str, int], tuple[Slot, ...]] = {
    ("left of", 2): (Slot(0.28, 0.46, 0.84), Slot(0.72, 0.46, 0.84)),
    ("right of", 2): (Slot(0.72, 0.46, 0.84), Slot(0.28, 0.46, 0.84)),
    ("behind", 2): (Slot(0.58, 0.36, 0.80), Slot(0.45, 0.52, 0.92)),
    ("above", 2): (Slot(0.5, 0.27, 0.80), Slot(0.5, 0.68, 0.80)),
    ("following", 2): (Slot(0.27, 0.45, 0.80), Slot(0.73, 0.45, 0.80)),
    ("left of", 3): (Slot(0.18, 0.46, 0.68), Slot(0.5, 0.46, 0.68), Slot(0.82, 0.46, 0.68)),
    ("right of", 3): (Slot(0.82, 0.46, 0.68), Slot(0.5, 0.46, 0.68), Slot(0.18, 0.46, 0.68)),
    ("following", 3): (Slot(0.18, 0.45, 0.68), Slot(0.5, 0.45, 0.68), Slot(0.82, 0.45, 0.68)),
}


def slots(relation: str, count: int, motion: str) -> tuple[Slot, ...]:
    """Where `count` actors begin. The last of those who follow each other leads the way."""
    if count == 1:
        return ALONE
    places = SLOTS[relation, count]
    if relation == "following" and motion.endswith("left"):
        return tuple(Slot(1 - p.x, p.y, p.scale) for p in places)
    return places


def direction(motion: str, rng: random.Random) -> int:
    """1 where an actor that has a front looks to the right, -1 to the left."""
    if motion.endswith(("left", "right")):
        return -1 if motion.endswith("left") else 1
    return rng.choice((-1, 1))


def turns(motion: str, then: str) -> bool:
    """Whether the actor's angle ever changes."""
    return motion in TURNING or then in TURNING
