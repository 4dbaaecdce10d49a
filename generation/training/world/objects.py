"""The things that act: bold flat shapes with an outline, made for a radius of 16 to 25 pixels.

Every shape is a function of local coordinates (radius 1, y down) and seconds that gives layers
from back to front. What moves by itself (wings, wheels, flames) is part of the shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from generation.training.world.draw import (
    box,
    capsule,
    circle,
    convex,
    ellipse,
    polygon,
    union,
)
from generation.training.world.palette import Rgb


@dataclass(frozen=True)
class Layer:
    """A filled shape: distance to its edge (negative inside) and its colour.

    `tint` multiplies the object's own colour; `rgb` replaces it.
    """

    distance: Tensor
    tint: float = 1.0
    rgb: Rgb | None = None


Draw = Callable[[Tensor, Tensor, Tensor], list[Layer]]

WHITE: Rgb = (1.0, 1.0, 1.0)
CREAM: Rgb = (0.98, 0.95, 0.86)
GLASS: Rgb = (0.78, 0.92, 1.0)
DARK: Rgb = (0.13, 0.13, 0.16)
GREY: Rgb = (0.78, 0.79, 0.82)
BROWN: Rgb = (0.46, 0.30, 0.19)
GOLD: Rgb = (1.0, 0.80, 0.26)


def _ball(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = circle(x, y, 0, 0, 0.95)
    shade = torch.maximum(body, -circle(x, y, -0.22, -0.26, 0.98))
    return [Layer(body), Layer(shade, 0.72), Layer(circle(x, y, -0.36, -0.40, 0.20), rgb=WHITE)]


def _balloon(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    sway = x + 0.10 * torch.sin(3 * y + 1.5 * t)
    string = box(sway, y, 0, 1.1, 0.045, 0.42)
    body = ellipse(x, y, 0, -0.22, 0.76, 0.90)
    shade = torch.maximum(body, -ellipse(x, y, -0.16, -0.34, 0.78, 0.92))
    knot = convex(x, y, [(0.0, 0.62), (0.15, 0.82), (-0.15, 0.82)])
    shine = ellipse(x, y, -0.28, -0.55, 0.13, 0.22)
    return [
        Layer(string, rgb=(0.93, 0.93, 0.9)),
        Layer(knot, 0.75),
        Layer(body),
        Layer(shade, 0.78),
        Layer(shine, rgb=WHITE),
    ]


def _cube(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    top = convex(x, y, [(0, -0.98), (0.86, -0.5), (0, -0.02), (-0.86, -0.5)])
    left = convex(x, y, [(-0.86, -0.5), (0, -0.02), (0, 0.98), (-0.86, 0.5)])
    right = convex(x, y, [(0.86, -0.5), (0.86, 0.5), (0, 0.98), (0, -0.02)])
    return [Layer(left), Layer(right, 0.62), Layer(top, 1.28)]


def _star(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    points, inner = [], []
    for k in range(10):
        r = 1.05 if k % 2 == 0 else 0.47
        at = math.sin(math.pi * k / 5), -math.cos(math.pi * k / 5)
        points.append((r * at[0], r * at[1]))
        inner.append((0.55 * r * at[0], 0.55 * r * at[1]))
    return [Layer(polygon(x, y, points)), Layer(polygon(x, y, inner), 1.18)]


def _heart(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    lobes = torch.minimum(circle(x, y, -0.43, -0.30, 0.50), circle(x, y, 0.43, -0.30, 0.50))
    tip = polygon(x, y, [(-0.86, -0.05), (0.0, -0.35), (0.86, -0.05), (0.0, 0.98)])
    shine = ellipse(x, y, -0.52, -0.42, 0.15, 0.12)
    return [Layer(torch.minimum(lobes, tip)), Layer(shine, rgb=WHITE)]


def _ring(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = (torch.hypot(x, y) - 0.70).abs() - 0.26
    glint = torch.maximum((torch.hypot(x, y) - 0.74).abs() - 0.08, torch.maximum(x, y) + 0.1)
    return [Layer(body), Layer(glint, 1.35)]


def _pyramid(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    left = polygon(x, y, [(0, -0.95), (0.28, 0.88), (-1.0, 0.66)])
    right = polygon(x, y, [(0, -0.95), (1.0, 0.60), (0.28, 0.88)])
    return [Layer(left), Layer(right, 0.60)]


def _kite(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    tail_x = x + 0.16 * torch.sin(5 * y - 3 * t)
    tail = box(tail_x, y, 0, 1.15, 0.05, 0.45)
    bows = torch.minimum(box(tail_x, y, 0, 1.12, 0.17, 0.07), box(tail_x, y, 0, 1.5, 0.17, 0.07))
    body = convex(x, y, [(0, -1.05), (0.72, -0.25), (0, 0.82), (-0.72, -0.25)])
    half = torch.maximum(body, -x)
    return [Layer(tail, rgb=(0.95, 0.93, 0.88)), Layer(bows), Layer(body), Layer(half, 0.70)]


def _bird(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    flap = torch.sin(5.0 * t)
    body = ellipse(x, y, -0.05, 0.10, 0.66, 0.36)
    head = circle(x, y, 0.58, -0.16, 0.28)
    tail = convex(x, y, [(-0.55, 0.06), (-1.02, 0.26), (-1.08, -0.18)])
    beak = convex(x, y, [(0.80, -0.26), (1.12, -0.12), (0.80, -0.02)])
    # the wing is a triangle whose tip moves up and down: fold y around the shoulder instead
    fold = torch.where(flap >= 0, flap + 0.25, flap - 0.25)
    wing = polygon(x + 0.1, (y - 0.05) / fold, [(-0.34, 0.0), (0.34, 0.0), (-0.22, -0.80)])
    return [
        Layer(tail, 0.75),
        Layer(beak, rgb=(0.98, 0.70, 0.15)),
        Layer(torch.minimum(body, head)),
        Layer(wing, 0.68),
        Layer(circle(x, y, 0.64, -0.22, 0.075), rgb=WHITE),
    ]


def _boat(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    hull = convex(x, y, [(-1.1, 0.15), (1.1, 0.15), (0.72, 0.68), (-0.78, 0.68)])
    mast = box(x, y, 0.02, -0.35, 0.05, 0.55)
    sail = convex(x, y, [(0.10, -1.0), (0.88, 0.02), (0.10, 0.02)])
    jib = convex(x, y, [(-0.06, -0.85), (-0.06, 0.02), (-0.66, 0.02)])
    return [
        Layer(mast, rgb=BROWN),
        Layer(sail, rgb=CREAM),
        Layer(jib, rgb=CREAM),
        Layer(hull),
        Layer(torch.maximum(hull, 0.46 - y), 0.72),
    ]


def _wheel(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> list[Layer]:
    return [
        Layer(circle(x, y, cx, cy, r), rgb=DARK),
        Layer(circle(x, y, cx, cy, 0.42 * r), rgb=GREY),
    ]


def _car(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = convex(x, y, [(-1.15, -0.05), (1.10, -0.02), (1.15, 0.42), (-1.15, 0.42)])
    cabin = convex(x, y, [(-0.45, -0.56), (0.32, -0.56), (0.66, 0.0), (-0.72, 0.0)])
    glass = convex(x, y, [(-0.34, -0.42), (0.24, -0.42), (0.46, -0.06), (-0.50, -0.06)])
    lamp = ellipse(x, y, 1.04, 0.12, 0.10, 0.09)
    return [
        Layer(torch.minimum(body, cabin)),
        Layer(torch.maximum(body, 0.26 - y), 0.74),
        Layer(glass, rgb=GLASS),
        Layer(lamp, rgb=(1.0, 0.93, 0.60)),
        *_wheel(x, y, -0.62, 0.44, 0.27),
        *_wheel(x, y, 0.62, 0.44, 0.27),
    ]


def _rocket(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    flicker = 1.05 + 0.15 * torch.sin(9 * t)
    flame = ellipse(x, (y - 0.72) / flicker, 0, 0.18, 0.20, 0.40)
    body = torch.maximum(ellipse(x, y, 0, 0.05, 0.42, 1.15), y - 0.72)
    nose = torch.maximum(body, y + 0.50)
    left = convex(x, y, [(-0.30, 0.20), (-0.28, 0.68), (-0.78, 0.85)])
    right = convex(x, y, [(0.30, 0.20), (0.78, 0.85), (0.28, 0.68)])
    return [
        Layer(flame, rgb=(1.0, 0.72, 0.20)),
        Layer(torch.minimum(left, right), 0.65),
        Layer(body),
        Layer(nose, 0.65),
        Layer(circle(x, y, 0, -0.12, 0.20), rgb=(0.80, 0.93, 1.0)),
    ]


# ---- beyond the first twelve --------------------------------------------------------------------


def _fish(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    wag = 1 + 0.22 * torch.sin(6 * t)
    tail = polygon(
        (x + 0.5) / wag - 0.5, y, [(-0.48, 0.0), (-1.15, -0.55), (-0.95, 0.0), (-1.15, 0.55)]
    )
    body = ellipse(x, y, 0.12, 0, 0.84, 0.56)
    fin = convex(x, y, [(-0.25, -0.80), (0.32, -0.44), (-0.25, -0.36)])
    belly = torch.maximum(body, 0.20 - y)
    side = ellipse(x, y, 0.02, 0.10, 0.22, 0.13, 0.3)
    return [
        Layer(union(tail, fin), 0.72),
        Layer(body),
        Layer(belly, 1.35),
        Layer(side, 0.72),
        Layer(circle(x, y, 0.58, -0.12, 0.17), rgb=WHITE),
        Layer(circle(x, y, 0.63, -0.12, 0.085), rgb=DARK),
    ]


def _butterfly(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    flap = 0.84 + 0.20 * torch.cos(7 * t)
    wx = x.abs() / flap
    upper = ellipse(wx, y, 0.58, -0.34, 0.58, 0.44, -0.6)
    lower = ellipse(wx, y, 0.46, 0.44, 0.42, 0.36, 0.6)
    spots = union(circle(wx, y, 0.68, -0.42, 0.20), circle(wx, y, 0.52, 0.48, 0.15))
    body = capsule(x, y, 0, -0.42, 0, 0.62, 0.09)
    feelers = capsule(x.abs(), y, 0.03, -0.45, 0.26, -0.88, 0.045)
    return [
        Layer(feelers, rgb=DARK),
        Layer(lower, 0.74),
        Layer(upper),
        Layer(spots, rgb=CREAM),
        Layer(body, rgb=DARK),
    ]


def _flower(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    sway = x - 0.05 * torch.sin(1.8 * t) * (1 - y)
    stem = capsule(sway, y, 0, 0, 0, 1.12, 0.085)
    leaves = union(
        ellipse(sway, y, 0.30, 0.74, 0.32, 0.14, -0.5),
        ellipse(sway, y, -0.30, 0.86, 0.30, 0.13, 0.5),
    )
    petals = [
        circle(
            sway,
            y,
            0.46 * math.sin(2 * math.pi * k / 5),
            -0.34 - 0.46 * math.cos(2 * math.pi * k / 5),
            0.34,
        )
        for k in range(5)
    ]
    heart = circle(sway, y, 0, -0.34, 0.26)
    return [
        Layer(stem, rgb=(0.22, 0.52, 0.22)),
        Layer(leaves, rgb=(0.30, 0.64, 0.28)),
        Layer(union(*petals)),
        Layer(heart, rgb=GOLD),
    ]


def _tree(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    trunk = convex(x, y, [(-0.13, 0.2), (0.13, 0.2), (0.21, 1.1), (-0.21, 1.1)])
    sway = x - 0.03 * torch.sin(1.6 * t)
    crown = union(
        circle(sway, y, 0, -0.55, 0.56),
        circle(sway, y, -0.48, -0.08, 0.46),
        circle(sway, y, 0.48, -0.08, 0.46),
        circle(sway, y, 0, 0.02, 0.46),
    )
    shade = torch.maximum(crown, 0.12 - y)
    light = union(circle(sway, y, -0.2, -0.7, 0.22), circle(sway, y, -0.55, -0.2, 0.16))
    return [Layer(trunk, rgb=BROWN), Layer(crown), Layer(shade, 0.76), Layer(light, 1.22)]


def _umbrella(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    dome = torch.maximum(ellipse(x, y, 0, 0.08, 1.06, 0.98), y - 0.08)
    scallops = union(*(circle(x, y, cx, 0.14, 0.27) for cx in (-0.78, -0.26, 0.26, 0.78)))
    canopy = torch.maximum(dome, -scallops)
    panel = torch.maximum(
        canopy, (x.abs() - 0.30 * (1 - ((y + 0.9) / 1.0 - 1).clamp(-1, 0) ** 2).clamp(0.02).sqrt())
    )
    pole = capsule(x, y, 0, -1.0, 0, 0.84, 0.065)
    hook = torch.maximum((torch.hypot(x - 0.19, y - 0.84) - 0.19).abs() - 0.065, 0.84 - y)
    return [Layer(union(pole, hook), rgb=BROWN), Layer(canopy), Layer(panel, 1.3)]


def _airplane(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = capsule(x, y, -0.78, 0.0, 0.82, 0.04, 0.25)
    tail = convex(x, y, [(-1.08, -0.66), (-0.80, -0.66), (-0.42, -0.08), (-0.92, -0.04)])
    far = convex(x, y, [(-0.06, -0.46), (0.10, -0.46), (0.40, -0.12), (0.02, -0.12)])
    near = convex(x, y, [(-0.02, 0.04), (0.46, 0.04), (-0.22, 0.74), (-0.52, 0.74)])
    panes = union(*(circle(x, y, cx, -0.06, 0.075) for cx in (-0.42, -0.16, 0.10, 0.36)))
    cockpit = ellipse(x, y, 0.84, -0.08, 0.14, 0.09)
    return [
        Layer(far, 0.62),
        Layer(tail, 0.72),
        Layer(body),
        Layer(torch.maximum(body, 0.10 - y), 0.82),
        Layer(union(panes, cockpit), rgb=GLASS),
        Layer(near, 0.70),
    ]


def _helicopter(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    spin = 0.25 + 0.75 * torch.cos(9 * t).abs()
    rotor = union(
        box(x / spin, y, 0.1, -0.72, 1.05, 0.05),
        box(x, y, 0.1, -0.55, 0.06, 0.20),
    )
    boom = convex(x, y, [(-1.1, -0.16), (-0.1, -0.22), (-0.1, 0.14), (-1.1, -0.02)])
    fin = convex(x, y, [(-1.24, -0.46), (-1.02, -0.46), (-0.92, 0.0), (-1.10, 0.06)])
    body = ellipse(x, y, 0.26, 0.02, 0.70, 0.46)
    glass = torch.maximum(ellipse(x, y, 0.36, -0.02, 0.54, 0.34), 0.36 - x)
    skids = union(
        capsule(x, y, -0.30, 0.74, 0.86, 0.74, 0.055),
        box(x, y, 0.02, 0.58, 0.045, 0.16),
        box(x, y, 0.52, 0.58, 0.045, 0.16),
    )
    return [
        Layer(rotor, rgb=(0.30, 0.31, 0.36)),
        Layer(skids, rgb=(0.30, 0.31, 0.36)),
        Layer(union(boom, fin), 0.72),
        Layer(body),
        Layer(glass, rgb=GLASS),
    ]


def _train(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    boiler = box(x, y, 0.24, 0.02, 0.80, 0.34, 0.12)
    cabin = box(x, y, -0.72, -0.20, 0.40, 0.60, 0.04)
    roof = box(x, y, -0.72, -0.82, 0.52, 0.10, 0.05)
    chimney = convex(x, y, [(0.52, -0.82), (0.96, -0.82), (0.86, -0.28), (0.62, -0.28)])
    dome = circle(x, y, 0.12, -0.32, 0.18)
    band = box(x, y, 0.0, 0.44, 1.14, 0.09)
    catcher = convex(x, y, [(1.0, 0.36), (1.28, 0.72), (0.98, 0.72)])
    window = box(x, y, -0.72, -0.36, 0.22, 0.22, 0.04)
    return [
        Layer(union(chimney, dome), rgb=(0.26, 0.27, 0.32)),
        Layer(catcher, rgb=GREY),
        Layer(union(boiler, cabin)),
        Layer(torch.maximum(boiler, y + 0.14), 1.25),
        Layer(roof, 0.62),
        Layer(band, rgb=(0.26, 0.27, 0.32)),
        Layer(window, rgb=GLASS),
        *_wheel(x, y, -0.72, 0.58, 0.28),
        *_wheel(x, y, 0.0, 0.64, 0.22),
        *_wheel(x, y, 0.62, 0.64, 0.22),
    ]


def _house(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    wall = box(x, y, 0, 0.40, 0.78, 0.58)
    roof = convex(x, y, [(0, -1.05), (1.08, -0.08), (-1.08, -0.08)])
    chimney = box(x, y, 0.56, -0.72, 0.14, 0.30)
    door = box(x, y, -0.28, 0.62, 0.21, 0.36, 0.06)
    window = box(x, y, 0.34, 0.36, 0.21, 0.21)
    cross = union(box(x, y, 0.34, 0.36, 0.035, 0.21), box(x, y, 0.34, 0.36, 0.21, 0.035))
    return [
        Layer(chimney, rgb=(0.62, 0.36, 0.28)),
        Layer(wall),
        Layer(roof, 0.60),
        Layer(door, rgb=BROWN),
        Layer(window, rgb=(1.0, 0.92, 0.62)),
        Layer(cross, 0.60),
    ]


def _lantern(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = ellipse(x, y, 0, 0.0, 0.80, 0.74)
    glow = ellipse(x, y, 0, 0.05, 0.36, 0.56)
    ribs = union((ellipse(x, y, 0, 0, 0.46, 0.74).abs() - 0.03), box(x, y, 0, 0, 0.03, 0.72))
    caps = union(box(x, y, 0, -0.76, 0.34, 0.10), box(x, y, 0, 0.76, 0.34, 0.10))
    hook = capsule(x, y, 0, -0.82, 0, -1.12, 0.05)
    swing = x + 0.07 * torch.sin(2.2 * t) * (y - 0.8)
    tassel = convex(swing, y, [(-0.07, 0.84), (0.07, 0.84), (0.13, 1.24), (-0.13, 1.24)])
    return [
        Layer(union(hook, tassel), rgb=GOLD),
        Layer(body),
        Layer(glow, 1.45),
        Layer(torch.maximum(ribs, body), 0.70),
        Layer(caps, rgb=(0.36, 0.24, 0.16)),
    ]


def _leaf(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    # an almond (two circles' overlap) leaning to the right, with a vein and a stalk
    c, s = math.cos(0.7), math.sin(0.7)
    u, v = x * c + y * s, y * c - x * s
    almond = torch.maximum(circle(u, v, -0.62, -0.05, 1.16), circle(u, v, 0.62, -0.05, 1.16))
    half = torch.maximum(almond, -u)
    stalk = capsule(u, v, 0, 0.8, 0.08, 1.22, 0.075)
    vein = capsule(u, v, 0, -0.62, 0, 0.84, 0.045)
    ribs = union(
        capsule(u.abs(), v, 0.02, 0.45, 0.34, 0.12, 0.03),
        capsule(u.abs(), v, 0.02, 0.05, 0.36, -0.28, 0.03),
    )
    return [
        Layer(stalk, 0.55),
        Layer(almond),
        Layer(half, 0.80),
        Layer(torch.maximum(union(vein, ribs), almond), 0.55),
    ]


def _moon(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    crescent = torch.maximum(circle(x, y, 0, 0, 1.0), -circle(x, y, 0.48, -0.18, 0.78))
    shade = torch.maximum(crescent, -circle(x, y, 0.14, -0.10, 0.98))
    craters = union(
        circle(x, y, -0.58, -0.10, 0.13),
        circle(x, y, -0.32, 0.52, 0.15),
        circle(x, y, -0.52, -0.46, 0.08),
    )
    return [Layer(crescent), Layer(shade, 0.80), Layer(craters, 0.70)]


def _mushroom(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    stem = convex(x, y, [(-0.26, -0.05), (0.26, -0.05), (0.38, 0.98), (-0.38, 0.98)])
    cap = torch.maximum(ellipse(x, y, 0, 0.10, 1.05, 1.05), y - 0.12)
    under = ellipse(x, y, 0, 0.10, 0.96, 0.16)
    dots = union(
        circle(x, y, 0.05, -0.55, 0.19),
        circle(x, y, -0.56, -0.20, 0.16),
        circle(x, y, 0.60, -0.16, 0.15),
    )
    return [
        Layer(stem, rgb=CREAM),
        Layer(under, 0.66),
        Layer(cap),
        Layer(torch.maximum(dots, cap), rgb=WHITE),
    ]


def _cat(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    wag = 0.14 * torch.sin(2.5 * t)
    bend = x + wag * (0.5 - y)
    tail = union(
        capsule(bend, y, -0.62, 0.55, -1.02, 0.10, 0.12),
        capsule(bend, y, -1.02, 0.10, -0.92, -0.42, 0.11),
    )
    body = ellipse(x, y, -0.14, 0.42, 0.66, 0.50)
    head = ellipse(x, y, 0.44, -0.28, 0.50, 0.44)
    ears = union(
        convex(x, y, [(0.02, -1.0), (0.36, -0.58), (0.02, -0.34)]),
        convex(x, y, [(0.86, -1.0), (0.86, -0.34), (0.52, -0.58)]),
    )
    legs = union(box(x, y, -0.44, 0.82, 0.15, 0.20, 0.1), box(x, y, 0.28, 0.80, 0.15, 0.22, 0.1))
    eyes = union(ellipse(x, y, 0.28, -0.30, 0.085, 0.12), ellipse(x, y, 0.66, -0.30, 0.085, 0.12))
    muzzle = ellipse(x, y, 0.48, -0.06, 0.20, 0.13)
    nose = convex(x, y, [(0.40, -0.14), (0.56, -0.14), (0.48, -0.04)])
    return [
        Layer(tail, 0.80),
        Layer(union(body, legs)),
        Layer(union(head, ears), 1.0),
        Layer(torch.maximum(body, -ellipse(x, y, -0.14, 0.28, 0.72, 0.52)), 0.78),
        Layer(muzzle, rgb=CREAM),
        Layer(eyes, rgb=DARK),
        Layer(nose, rgb=(0.95, 0.50, 0.55)),
    ]


def _dog(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    step = 0.10 * torch.sin(6 * t)
    wag = 0.25 * torch.sin(8 * t)
    tail = capsule(x + wag * (0.1 - y).clamp(min=0), y, -0.72, 0.05, -1.08, -0.48, 0.11)
    body = box(x, y, -0.14, 0.18, 0.72, 0.34, 0.30)
    head = box(x, y, 0.62, -0.42, 0.38, 0.36, 0.24)
    snout = box(x, y, 1.00, -0.28, 0.24, 0.19, 0.14)
    ear = ellipse(x, y, 0.42, -0.34, 0.18, 0.40, 0.25)
    near = union(
        capsule(x + step * (y - 0.4), y, -0.62, 0.42, -0.62, 0.92, 0.14),
        capsule(x - step * (y - 0.4), y, 0.38, 0.42, 0.38, 0.92, 0.14),
    )
    far = union(
        capsule(x - step * (y - 0.4), y, -0.34, 0.42, -0.34, 0.90, 0.13),
        capsule(x + step * (y - 0.4), y, 0.12, 0.42, 0.12, 0.90, 0.13),
    )
    collar = box(x, y, 0.44, 0.02, 0.22, 0.07)
    return [
        Layer(union(tail, far), 0.72),
        Layer(union(body, head, snout, near)),
        Layer(collar, rgb=GOLD),
        Layer(ear, 0.62),
        Layer(circle(x, y, 1.18, -0.36, 0.11), rgb=DARK),
        Layer(circle(x, y, 0.72, -0.50, 0.085), rgb=DARK),
    ]


def _turtle(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    paddle = 0.12 * torch.sin(4 * t)
    skin: Rgb = (0.62, 0.74, 0.40)
    shell = torch.maximum(ellipse(x, y, -0.12, 0.30, 0.84, 0.92), y - 0.32)
    rim = box(x, y, -0.12, 0.36, 0.92, 0.11, 0.1)
    head = ellipse(x, y, 0.94, 0.08, 0.27, 0.23)
    neck = capsule(x, y, 0.6, 0.36, 0.86, 0.16, 0.13)
    feet = union(
        ellipse(x + paddle, y, -0.62, 0.58, 0.20, 0.22),
        ellipse(x - paddle, y, 0.42, 0.58, 0.20, 0.22),
    )
    tail = convex(x, y, [(-0.96, 0.30), (-0.90, 0.48), (-1.26, 0.50)])
    plates = union(
        ellipse(x, y, -0.12, -0.14, 0.26, 0.24),
        ellipse(x, y, -0.64, 0.08, 0.17, 0.19),
        ellipse(x, y, 0.40, 0.08, 0.17, 0.19),
    )
    return [
        Layer(union(head, neck, feet, tail), rgb=skin),
        Layer(shell),
        Layer(torch.maximum(plates, shell), 0.70),
        Layer(rim, 1.25),
        Layer(circle(x, y, 1.02, 0.02, 0.075), rgb=DARK),
    ]


def _hot_air_balloon(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    bag = union(
        circle(x, y, 0, -0.36, 0.82),
        convex(x, y, [(-0.74, -0.02), (0.74, -0.02), (0.24, 0.62), (-0.24, 0.62)]),
    )
    arch = (1 - ((y + 0.36) / 0.98) ** 2).clamp(min=0.03).sqrt()
    stripes = union(x.abs() - 0.17 * arch, ((x.abs() - 0.56 * arch).abs() - 0.12 * arch))
    ropes = union(
        capsule(x.abs(), y, 0.22, 0.58, 0.20, 0.86, 0.035),
    )
    basket = box(x, y, 0, 1.02, 0.26, 0.20, 0.06)
    return [
        Layer(ropes, rgb=BROWN),
        Layer(basket, rgb=(0.66, 0.44, 0.24)),
        Layer(bag),
        Layer(torch.maximum(stripes, bag), rgb=CREAM),
    ]


def _crown(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = polygon(
        x,
        y,
        [
            (-0.86, 0.66), (-1.0, -0.46), (-0.46, 0.06), (0.0, -0.80),
            (0.46, 0.06), (1.0, -0.46), (0.86, 0.66),
        ],
    )  # fmt: skip
    band = box(x, y, 0, 0.62, 0.88, 0.16, 0.05)
    tips = union(
        circle(x, y, -1.0, -0.50, 0.15),
        circle(x, y, 0, -0.86, 0.16),
        circle(x, y, 1.0, -0.50, 0.15),
    )
    gems = union(*(circle(x, y, cx, 0.62, 0.095) for cx in (-0.5, 0.0, 0.5)))
    return [
        Layer(body),
        Layer(torch.maximum(body, -x), 0.82),
        Layer(tips, 1.3),
        Layer(band, 0.62),
        Layer(gems, rgb=WHITE),
    ]


def _guitar(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    c, s = math.cos(0.6), math.sin(0.6)  # leans to the right
    u, v = x * c + y * s, y * c - x * s
    body = union(circle(u, v, 0, 0.56, 0.56), circle(u, v, 0, -0.04, 0.42))
    neck = box(u, v, 0, -0.72, 0.095, 0.62)
    head = box(u, v, 0, -1.22, 0.18, 0.16, 0.05)
    bridge = box(u, v, 0, 0.74, 0.24, 0.055)
    strings = box(u, v, 0, -0.25, 0.03, 0.98)
    return [
        Layer(head, rgb=(0.30, 0.19, 0.13)),
        Layer(neck, rgb=(0.52, 0.34, 0.22)),
        Layer(body),
        Layer(torch.maximum(body, 0.22 - u), 0.80),
        Layer(circle(u, v, 0, 0.22, 0.21), rgb=DARK),
        Layer(bridge, rgb=DARK),
        Layer(strings, rgb=CREAM),
    ]


def _cup(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    wave = x + 0.10 * torch.sin(7 * y + 3 * t)
    steam = union(
        capsule(wave, y, -0.36, -1.12, -0.36, -0.72, 0.06),
        capsule(wave, y, 0.16, -1.12, 0.16, -0.72, 0.06),
    )
    body = convex(x, y, [(-0.82, -0.44), (0.60, -0.44), (0.42, 0.86), (-0.64, 0.86)])
    handle = (torch.hypot((x - 0.58) / 0.9, y - 0.10) - 0.38).abs() - 0.11
    rim = ellipse(x, y, -0.11, -0.44, 0.71, 0.19)
    drink = ellipse(x, y, -0.11, -0.42, 0.58, 0.12)
    return [
        Layer(steam, rgb=(0.96, 0.96, 0.97)),
        Layer(torch.maximum(handle, 0.46 - x), 0.80),
        Layer(body),
        Layer(torch.maximum(body, 0.16 - x), 0.80),
        Layer(rim, 1.2),
        Layer(drink, rgb=(0.40, 0.24, 0.15)),
    ]


def _bicycle(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    wheels = union(
        (torch.hypot(x + 0.64, y - 0.40) - 0.46).abs() - 0.085,
        (torch.hypot(x - 0.64, y - 0.40) - 0.46).abs() - 0.085,
    )
    hubs = union(circle(x, y, -0.64, 0.40, 0.11), circle(x, y, 0.64, 0.40, 0.11))
    frame = union(
        capsule(x, y, -0.64, 0.40, -0.02, 0.42, 0.10),
        capsule(x, y, -0.64, 0.40, -0.26, -0.24, 0.10),
        capsule(x, y, -0.26, -0.24, -0.02, 0.42, 0.10),
        capsule(x, y, -0.02, 0.42, 0.46, -0.22, 0.10),
        capsule(x, y, -0.26, -0.22, 0.46, -0.22, 0.10),
        capsule(x, y, 0.64, 0.40, 0.42, -0.50, 0.10),
    )
    saddle = capsule(x, y, -0.48, -0.48, -0.10, -0.46, 0.11)
    bar = union(
        capsule(x, y, 0.42, -0.52, 0.72, -0.62, 0.08), capsule(x, y, -0.27, -0.3, -0.3, -0.46, 0.07)
    )
    return [
        Layer(union(wheels, hubs), rgb=(0.20, 0.20, 0.24)),
        Layer(union(saddle, bar), rgb=BROWN),
        Layer(frame),
    ]


# ---- what each of them can do -------------------------------------------------------------------


@dataclass(frozen=True)
class Kind:
    """How to draw one object, and where it makes sense.

    foot: its lowest point below the centre, in radii; reach: radius of a circle around all of it;
    faces: it has a front, drawn to the right; grounded: it stands on the ground (or floats on
    water) unless it moves up; places: only these, empty for all that suit.
    """

    draw: Draw
    motions: tuple[str, ...]
    foot: float = 1.0
    reach: float = 1.3
    faces: bool = False
    grounded: bool = False
    places: tuple[str, ...] = ()


_LAND = ("hills", "desert", "snowfield", "city", "forest", "mountains", "beach")
_OUTSIDE = ("ocean", *_LAND)
_ABOVE_WATER = (*_OUTSIDE, "room")
_HOUSED = (*_LAND, "room")

_SIDEWAYS = ("moves left", "moves right")
_FLIGHT = ("rises", "falls", *_SIDEWAYS, "floats", "drifts", "orbits", "zigzags")
_ANY = (
    "rises", "falls", *_SIDEWAYS, "bounces", "floats", "grows", "shrinks", "orbits", "drifts",
    "swings", "zigzags",
)  # fmt: skip
_ROUND = (*_ANY, "rolls left", "rolls right")
_PLANTED = ("stands", "grows", "shrinks", "bounces", "jumps")
_WALKS = (*_SIDEWAYS, "stands", "jumps", "grows", "shrinks")

KINDS: dict[str, Kind] = {
    "ball": Kind(_ball, (*_ROUND, "jumps"), foot=0.95),
    "balloon": Kind(
        _balloon,
        ("rises", "rises", "falls", *_SIDEWAYS, "floats", "grows", "drifts", "swings"),
        foot=1.5,
        reach=1.6,
    ),
    "cube": Kind(_cube, (*_ANY, "spins", "jumps"), foot=0.9),
    "star": Kind(_star, (*_ANY, "spins", "spins"), foot=0.9),
    "heart": Kind(_heart, (*_ANY, "spins", "jumps")),
    "ring": Kind(_ring, _ROUND, foot=0.95),
    "pyramid": Kind(_pyramid, (*_ANY, "spins"), foot=0.8),
    "kite": Kind(
        _kite,
        ("rises", "falls", *_SIDEWAYS, "floats", "drifts", "swings", "zigzags"),
        foot=1.5,
        reach=1.7,
        places=_OUTSIDE,
    ),
    "bird": Kind(_bird, _FLIGHT, foot=0.5, faces=True, places=_ABOVE_WATER),
    "boat": Kind(
        _boat, (*_SIDEWAYS, "floats"), foot=0.68, faces=True, grounded=True, places=("ocean",)
    ),
    "car": Kind(
        _car, (*_SIDEWAYS, "bounces", "stands"), foot=0.71, faces=True, grounded=True, places=_LAND
    ),
    "rocket": Kind(
        _rocket,
        ("rises", "rises", "falls", "floats", "drifts", "orbits"),
        foot=1.2,
        reach=1.45,
        places=(*_OUTSIDE, "space"),
    ),
    "fish": Kind(
        _fish,
        ("rises", "falls", *_SIDEWAYS, *_SIDEWAYS, "floats", "drifts", "orbits", "zigzags", "grows"),
        foot=0.6,
        faces=True,
        places=("underwater", "underwater", "ocean"),
    ),
    "butterfly": Kind(_butterfly, (*_FLIGHT, "swings"), foot=0.8, places=_ABOVE_WATER),
    "flower": Kind(_flower, _PLANTED, foot=1.15, grounded=True, places=_HOUSED),
    "tree": Kind(_tree, _PLANTED, foot=1.08, grounded=True, places=_LAND),
    "umbrella": Kind(
        _umbrella,
        ("rises", "falls", *_SIDEWAYS, "floats", "drifts", "swings", "spins", "orbits"),
        foot=1.05,
        places=_ABOVE_WATER,
    ),
    "airplane": Kind(
        _airplane,
        ("rises", "falls", *_SIDEWAYS, *_SIDEWAYS, "floats", "orbits", "zigzags"),
        foot=0.75,
        reach=1.35,
        faces=True,
        places=_OUTSIDE,
    ),
    "helicopter": Kind(_helicopter, _FLIGHT, foot=0.8, reach=1.35, faces=True, places=_OUTSIDE),
    "train": Kind(
        _train, (*_SIDEWAYS, "stands"), foot=0.86, reach=1.45, faces=True, grounded=True,
        places=_LAND,
    ),
    "house": Kind(_house, _PLANTED, foot=0.98, reach=1.35, grounded=True, places=_LAND),
    "lantern": Kind(
        _lantern,
        ("rises", "rises", "falls", "floats", "drifts", "swings", "swings", *_SIDEWAYS, "orbits"),
        foot=1.2,
        reach=1.35,
        places=_ABOVE_WATER,
    ),
    "leaf": Kind(
        _leaf,
        ("falls", "falls", *_SIDEWAYS, "floats", "drifts", "drifts", "swings", "spins", "zigzags"),
        reach=1.35,
    ),
    "moon": Kind(
        _moon,
        ("rises", "rises", "falls", *_SIDEWAYS, "floats", "grows", "shrinks", "spins", "drifts"),
        places=(*_OUTSIDE, "space"),
    ),
    "mushroom": Kind(_mushroom, _PLANTED, grounded=True, places=_HOUSED),
    "cat": Kind(_cat, _WALKS, reach=1.35, faces=True, grounded=True, places=_HOUSED),
    "dog": Kind(_dog, _WALKS, foot=1.05, reach=1.4, faces=True, grounded=True, places=_HOUSED),
    "turtle": Kind(
        _turtle,
        (*_SIDEWAYS, "stands", "grows", "shrinks"),
        foot=0.78,
        reach=1.4,
        faces=True,
        grounded=True,
        places=("beach", "beach", "hills", "desert", "forest", "underwater", "room"),
    ),
    "hot air balloon": Kind(
        _hot_air_balloon,
        ("rises", "rises", "falls", *_SIDEWAYS, "floats", "drifts", "grows", "shrinks"),
        foot=1.2,
        reach=1.35,
        places=_OUTSIDE,
    ),
    "crown": Kind(_crown, (*_ANY, "spins", "jumps"), foot=0.78),
    "guitar": Kind(
        _guitar,
        ("rises", "falls", *_SIDEWAYS, "floats", "spins", "swings", "bounces", "grows", "shrinks"),
        reach=1.45,
    ),
    "cup": Kind(
        _cup, (*_ANY, "spins", "jumps"), foot=0.86, reach=1.35, places=(*_HOUSED, "ocean", "space")
    ),
    "bicycle": Kind(
        _bicycle, (*_SIDEWAYS, "stands", "bounces"), foot=0.94, reach=1.35, faces=True,
        grounded=True, places=_LAND,
    ),
}  # fmt: skip
OBJECTS = tuple(KINDS)
