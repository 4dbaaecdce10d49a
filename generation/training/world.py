"""Draw captioned training clips: one object in one place, at one time of day, doing one thing.

Everything is a closed formula of the scene and of time in seconds, so a clip can be drawn at any
size, rate and length, on CPU or GPU, and two calls with the same `Scene` give the same pixels.
Shapes are large, flat and outlined: a model of a few million parameters learns them on one CPU.

Coordinates: y runs down from 0 to 1, x from 0 to width/height (the unit is the picture height).
Object shapes live in local coordinates where the object's radius is 1.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Rgb = tuple[float, float, float]

COLOURS: dict[str, Rgb] = {
    "red": (0.88, 0.12, 0.14),
    "orange": (0.98, 0.52, 0.08),
    "yellow": (0.99, 0.86, 0.12),
    "green": (0.12, 0.66, 0.24),
    "blue": (0.13, 0.32, 0.90),
    "purple": (0.55, 0.18, 0.76),
    "pink": (0.98, 0.48, 0.72),
    "white": (0.96, 0.96, 0.96),
    "black": (0.09, 0.09, 0.11),
}
TIMES = ("day", "sunset", "night")
WEATHERS = ("clear", "clouds", "rain", "snow")
PLACES = ("ocean", "hills", "desert", "snowfield", "city", "forest", "mountains")
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
)
SIZES = ("small", "large")

_ANY = ("rises", "falls", "moves left", "moves right", "bounces", "floats", "grows", "shrinks")
OBJECT_MOTIONS: dict[str, tuple[str, ...]] = {
    "ball": _ANY,
    "balloon": ("rises", "rises", "falls", "moves left", "moves right", "floats", "grows"),
    "cube": (*_ANY, "spins"),
    "star": (*_ANY, "spins"),
    "heart": (*_ANY, "spins"),
    "ring": _ANY,
    "pyramid": (*_ANY, "spins"),
    "kite": ("rises", "falls", "moves left", "moves right", "floats"),
    "bird": ("rises", "falls", "moves left", "moves right", "floats"),
    "boat": ("moves left", "moves right", "floats"),
    "car": ("moves left", "moves right", "bounces"),
    "rocket": ("rises", "rises", "falls", "floats"),
}
OBJECTS = tuple(OBJECT_MOTIONS)

SKY: dict[str, tuple[Rgb, Rgb]] = {  # zenith, horizon
    "day": ((0.30, 0.60, 0.95), (0.74, 0.89, 0.99)),
    "sunset": ((0.40, 0.20, 0.50), (1.00, 0.58, 0.26)),
    "night": ((0.02, 0.03, 0.12), (0.10, 0.13, 0.32)),
}
LIGHT: dict[str, Rgb] = {  # multiplies the colours of the ground
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.84, 0.58, 0.52),
    "night": (0.34, 0.38, 0.54),
}
OBJECT_LIGHT: dict[str, Rgb] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.97, 0.91, 0.90),
    "night": (0.84, 0.85, 0.92),
}
SUN: dict[str, Rgb] = {
    "day": (1.0, 0.95, 0.62),
    "sunset": (1.0, 0.80, 0.36),
    "night": (0.95, 0.95, 0.86),
}


@dataclass(frozen=True)
class Scene:
    """What a clip shows. `seed` fixes the layout: horizon, hills, start position, speed."""

    place: str
    time: str
    weather: str
    object: str
    colour: str
    size: str
    motion: str
    seed: int


def sample_scene(rng: random.Random) -> Scene:
    """A random scene that makes sense: boats only on water, cars only on land."""
    place = rng.choice(PLACES)
    objects = [o for o in OBJECTS if o != ("car" if place == "ocean" else "boat")]
    if place == "ocean" and rng.random() < 0.12:
        objects = ["boat"]
    kind = rng.choice(objects)
    weather = rng.choices(WEATHERS, (0.58, 0.22, 0.10, 0.10))[0]
    return Scene(
        place=place,
        time=rng.choice(TIMES),
        weather=weather,
        object=kind,
        colour=rng.choice(tuple(COLOURS)),
        size=rng.choices(SIZES, (0.3, 0.7))[0],
        motion=rng.choice(OBJECT_MOTIONS[kind]),
        seed=rng.randrange(1 << 30),
    )


# ---- small drawing tools: distances in, coverage out -------------------------------------------


@dataclass(frozen=True)
class Layer:
    """A filled shape: distance to its edge (negative inside) and its colour.

    `tint` multiplies the object's own colour; `rgb` replaces it.
    """

    distance: Tensor
    tint: float = 1.0
    rgb: Rgb | None = None


def _rgb(colour: Rgb, like: Tensor) -> Tensor:
    return torch.tensor(colour, device=like.device).view(3, 1, 1, 1)


def _paint(image: Tensor, colour: Tensor, coverage: Tensor) -> Tensor:
    """Mix `colour` over `image` [3,T,H,W] where `coverage` [T,H,W] is 1."""
    return image + (colour - image) * coverage.unsqueeze(0)


def _cover(distance: Tensor, soft: Tensor | float) -> Tensor:
    return (0.5 - distance / soft).clamp(0, 1)


def _circle(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> Tensor:
    return torch.hypot(x - cx, y - cy) - r


def _ellipse(x: Tensor, y: Tensor, cx: float, cy: float, rx: float, ry: float) -> Tensor:
    """Near the edge a good enough distance for outlines."""
    return (torch.hypot((x - cx) / rx, (y - cy) / ry) - 1) * min(rx, ry)


def _box(x: Tensor, y: Tensor, cx: float, cy: float, hx: float, hy: float) -> Tensor:
    return torch.maximum((x - cx).abs() - hx, (y - cy).abs() - hy)


def _polygon(x: Tensor, y: Tensor, points: list[tuple[float, float]]) -> Tensor:
    """Exact signed distance to a simple polygon (winding-number form, after I. Quilez)."""
    best: Tensor | None = None
    sign = torch.ones_like(x)
    for (ax, ay), (bx, by) in zip(points, points[-1:] + points[:-1], strict=True):
        ex, ey = bx - ax, by - ay
        wx, wy = x - ax, y - ay
        k = ((wx * ex + wy * ey) / (ex * ex + ey * ey)).clamp(0, 1)
        square = (wx - ex * k) ** 2 + (wy - ey * k) ** 2
        best = square if best is None else torch.minimum(best, square)
        above, below = y >= ay, y < by
        left = ex * wy > ey * wx
        flip = (above & below & left) | (~above & ~below & ~left)
        sign = torch.where(flip, -sign, sign)
    assert best is not None
    return sign * best.clamp(min=1e-12).sqrt()


# ---- objects: local coordinates and seconds in, layers out --------------------------------------


def _ball(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = _circle(x, y, 0, 0, 0.95)
    shadow = torch.maximum(body, -_circle(x, y, -0.22, -0.26, 0.98))
    return [
        Layer(body),
        Layer(shadow, 0.72),
        Layer(_circle(x, y, -0.36, -0.40, 0.20), rgb=(1, 1, 1)),
    ]


def _balloon(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    sway = x + 0.10 * torch.sin(3 * y + 1.5 * t)
    string = _box(sway, y, 0, 1.1, 0.045, 0.42)
    body = _ellipse(x, y, 0, -0.22, 0.76, 0.90)
    knot = _polygon(x, y, [(0.0, 0.62), (0.15, 0.82), (-0.15, 0.82)])
    shine = _ellipse(x, y, -0.28, -0.55, 0.13, 0.22)
    return [
        Layer(string, rgb=(0.93, 0.93, 0.9)),
        Layer(knot, 0.75),
        Layer(body),
        Layer(shine, rgb=(1, 1, 1)),
    ]


def _cube(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    top = _polygon(x, y, [(0, -0.98), (0.86, -0.5), (0, -0.02), (-0.86, -0.5)])
    left = _polygon(x, y, [(-0.86, -0.5), (0, -0.02), (0, 0.98), (-0.86, 0.5)])
    right = _polygon(x, y, [(0.86, -0.5), (0.86, 0.5), (0, 0.98), (0, -0.02)])
    return [Layer(left), Layer(right, 0.62), Layer(top, 1.28)]


def _star(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    points = []
    for k in range(10):
        r = 1.05 if k % 2 == 0 else 0.47
        points.append((r * math.sin(math.pi * k / 5), -r * math.cos(math.pi * k / 5)))
    return [Layer(_polygon(x, y, points))]


def _heart(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    lobes = torch.minimum(_circle(x, y, -0.43, -0.30, 0.50), _circle(x, y, 0.43, -0.30, 0.50))
    tip = _polygon(x, y, [(-0.86, -0.05), (0.0, -0.35), (0.86, -0.05), (0.0, 0.98)])
    shine = _ellipse(x, y, -0.52, -0.42, 0.15, 0.12)
    return [Layer(torch.minimum(lobes, tip)), Layer(shine, rgb=(1, 1, 1))]


def _ring(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    return [Layer((torch.hypot(x, y) - 0.70).abs() - 0.26)]


def _pyramid(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    left = _polygon(x, y, [(0, -0.95), (0.28, 0.88), (-1.0, 0.66)])
    right = _polygon(x, y, [(0, -0.95), (1.0, 0.60), (0.28, 0.88)])
    return [Layer(left), Layer(right, 0.60)]


def _kite(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    tail_x = x + 0.16 * torch.sin(5 * y - 3 * t)
    tail = _box(tail_x, y, 0, 1.15, 0.05, 0.45)
    bows = torch.minimum(_box(tail_x, y, 0, 1.12, 0.17, 0.07), _box(tail_x, y, 0, 1.5, 0.17, 0.07))
    body = _polygon(x, y, [(0, -1.05), (0.72, -0.25), (0, 0.82), (-0.72, -0.25)])
    half = torch.maximum(body, -x)
    return [Layer(tail, rgb=(0.95, 0.93, 0.88)), Layer(bows), Layer(body), Layer(half, 0.70)]


def _bird(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    flap = torch.sin(5.0 * t)
    body = _ellipse(x, y, -0.05, 0.10, 0.66, 0.36)
    head = _circle(x, y, 0.58, -0.16, 0.28)
    tail = _polygon(x, y, [(-0.55, 0.06), (-1.08, -0.18), (-1.02, 0.26)])
    beak = _polygon(x, y, [(0.80, -0.26), (1.12, -0.12), (0.80, -0.02)])
    # the wing is a triangle whose tip moves up and down: fold y around the shoulder instead
    wing = _polygon(
        x + 0.1,
        (y - 0.05) / torch.where(flap >= 0, flap + 0.25, flap - 0.25),
        [(-0.34, 0.0), (0.34, 0.0), (-0.22, -0.80)],
    )
    eye = _circle(x, y, 0.64, -0.22, 0.075)
    return [
        Layer(tail, 0.75),
        Layer(beak, rgb=(0.98, 0.70, 0.15)),
        Layer(torch.minimum(body, head)),
        Layer(wing, 0.68),
        Layer(eye, rgb=(0.98, 0.98, 0.98)),
    ]


def _boat(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    hull = _polygon(x, y, [(-1.1, 0.15), (1.1, 0.15), (0.72, 0.68), (-0.78, 0.68)])
    mast = _box(x, y, 0.02, -0.35, 0.05, 0.55)
    sail = _polygon(x, y, [(0.10, -1.0), (0.88, 0.02), (0.10, 0.02)])
    jib = _polygon(x, y, [(-0.06, -0.85), (-0.06, 0.02), (-0.66, 0.02)])
    cream = (0.98, 0.96, 0.88)
    return [
        Layer(mast, rgb=(0.45, 0.3, 0.2)),
        Layer(sail, rgb=cream),
        Layer(jib, rgb=cream),
        Layer(hull),
    ]


def _car(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    body = _polygon(x, y, [(-1.15, -0.05), (1.10, -0.02), (1.15, 0.42), (-1.15, 0.42)])
    cabin = _polygon(x, y, [(-0.72, -0.02), (-0.45, -0.56), (0.32, -0.56), (0.66, -0.02)])
    glass = _polygon(x, y, [(-0.50, -0.06), (-0.34, -0.42), (0.24, -0.42), (0.46, -0.06)])
    layers = [Layer(torch.minimum(body, cabin)), Layer(glass, rgb=(0.78, 0.92, 1.0))]
    for wheel in (-0.62, 0.62):
        layers.append(Layer(_circle(x, y, wheel, 0.44, 0.27), rgb=(0.13, 0.13, 0.15)))
        layers.append(Layer(_circle(x, y, wheel, 0.44, 0.11), rgb=(0.8, 0.8, 0.82)))
    return layers


def _rocket(x: Tensor, y: Tensor, t: Tensor) -> list[Layer]:
    flicker = 1.05 + 0.15 * torch.sin(9 * t)
    flame = _ellipse(x, (y - 0.72) / flicker, 0, 0.18, 0.20, 0.40)
    body = torch.maximum(_ellipse(x, y, 0, 0.05, 0.42, 1.15), y - 0.72)
    nose = torch.maximum(body, y + 0.50)
    left = _polygon(x, y, [(-0.30, 0.20), (-0.78, 0.85), (-0.28, 0.68)])
    right = _polygon(x, y, [(0.30, 0.20), (0.78, 0.85), (0.28, 0.68)])
    return [
        Layer(flame, rgb=(1.0, 0.72, 0.20)),
        Layer(torch.minimum(left, right), 0.65),
        Layer(body),
        Layer(nose, 0.65),
        Layer(_circle(x, y, 0, -0.12, 0.20), rgb=(0.80, 0.93, 1.0)),
    ]


_SHAPES: dict[str, Callable[[Tensor, Tensor, Tensor], list[Layer]]] = {
    "ball": _ball,
    "balloon": _balloon,
    "cube": _cube,
    "star": _star,
    "heart": _heart,
    "ring": _ring,
    "pyramid": _pyramid,
    "kite": _kite,
    "bird": _bird,
    "boat": _boat,
    "car": _car,
    "rocket": _rocket,
}


# ---- motion ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pose:
    """Where the object is at each time: centre, turn in radians, radius; all [T,1,1]."""

    x: Tensor
    y: Tensor
    angle: Tensor
    radius: Tensor


def _pose(scene: Scene, t: Tensor, aspect: float, horizon: float, rng: random.Random) -> Pose:
    short = min(1.0, aspect)
    base = {"small": rng.uniform(0.155, 0.18), "large": rng.uniform(0.22, 0.26)}[scene.size] * short
    x = torch.full_like(t, aspect * rng.uniform(0.40, 0.60))
    y = torch.full_like(t, rng.uniform(0.40, 0.47))
    angle, radius = torch.zeros_like(t), torch.full_like(t, base)
    rise, slide = rng.uniform(0.10, 0.14), rng.uniform(0.11, 0.16) * aspect
    phase = rng.uniform(0, 2 * math.pi)
    later = t - 2.0  # a four second clip passes the middle of the picture half-way
    if scene.object == "boat":
        y = torch.full_like(t, horizon + 0.04) + 0.012 * torch.sin(2 * t + phase)
    if scene.object == "car":
        y = torch.full_like(t, 0.80 - 0.6 * base)
    match scene.motion:
        case "rises":
            y = y - rise * later
        case "falls":
            y = y + rise * later
        case "moves left":
            x = aspect / 2 - slide * later
        case "moves right":
            x = aspect / 2 + slide * later
        case "bounces":
            height = 0.12 if scene.object == "car" else 0.30
            floor = y if scene.object == "car" else torch.full_like(t, 0.64)
            y = floor - height * torch.sin(math.pi * t / 1.5 + phase).abs()
        case "floats":
            y = y + (0.010 if scene.object == "boat" else 0.035) * torch.sin(1.6 * t + phase)
            x = x + 0.03 * torch.sin(1.1 * t + 2 * phase)
        case "spins":
            angle = 1.5 * t + phase
        case "grows":
            radius = base * (0.70 + 0.14 * t)
        case "shrinks":
            radius = base * (1.26 - 0.14 * t)
    return Pose(x, y, angle, radius.clamp(min=0.05))


# ---- the place ------------------------------------------------------------------------------------


def _ridge(x: Tensor, base: float, height: float, stretch: float, phase: float) -> Tensor:
    """y of a smooth hill line above `base`."""
    wave = torch.sin(stretch * x + phase) + 0.45 * torch.sin(2.1 * stretch * x + 1.7 * phase)
    return base - height * (0.5 + 0.35 * wave)


def _pine(x: Tensor, y: Tensor, cx: float, foot: float, size: float) -> Tensor:
    lx, ly = (x - cx) / size, (y - foot) / size
    low = _polygon(lx, ly, [(0, -0.85), (0.42, -0.05), (-0.42, -0.05)])
    high = _polygon(lx, ly, [(0, -1.25), (0.30, -0.50), (-0.30, -0.50)])
    trunk = _box(lx, ly, 0, 0.0, 0.07, 0.10)
    return torch.minimum(torch.minimum(low, high), trunk) * size


def _ground(
    image: Tensor,
    scene: Scene,
    x: Tensor,
    y: Tensor,
    horizon: float,
    sun_x: float,
    px: float,
    rng: random.Random,
) -> Tensor:
    """Paint the still part of the place over the sky [3,1,H,W]."""
    light = _rgb(LIGHT[scene.time], y)
    aspect = float(x.max())
    ph = rng.uniform(0, 6.28)

    def tone(rgb: Rgb) -> Tensor:
        return _rgb(rgb, y) * light

    def hills(far: Rgb, near: Rgb, stretch: float, height: float) -> Tensor:
        img = _paint(
            image, tone(far), _cover(_ridge(x, horizon + 0.04, height, stretch, ph) - y, px)
        )
        front = _ridge(x, horizon + 0.20, height * 0.75, 0.8 * stretch, ph + 2.3)
        return _paint(img, tone(near), _cover(front - y, px))

    match scene.place:
        case "ocean":
            depth = ((y - horizon) / (1 - horizon)).clamp(0, 1)
            near, far = tone((0.05, 0.34, 0.64)), tone((0.16, 0.56, 0.80))
            if scene.time == "sunset":
                far = _rgb((0.80, 0.42, 0.36), y)
            water = far + (near - far) * depth.unsqueeze(0) ** 0.7
            return _paint(image, water.expand(-1, -1, *image.shape[-2:]), _cover(horizon - y, px))
        case "hills":
            return hills((0.55, 0.78, 0.36), (0.33, 0.62, 0.22), 2.6, 0.20)
        case "desert":
            image = hills((0.95, 0.80, 0.52), (0.88, 0.66, 0.36), 1.9, 0.14)
            cx = rng.choice((0.14, 0.86)) * aspect
            cactus = _box(x, y, cx, horizon + 0.10, 0.022, 0.14)
            for side, up in ((-1, 0.04), (1, -0.01)):
                arm = _box(x, y, cx + side * 0.055, horizon + 0.08 + up, 0.016, 0.055)
                link = _box(x, y, cx + side * 0.03, horizon + 0.125 + up, 0.04, 0.016)
                cactus = torch.minimum(cactus, torch.minimum(arm, link))
            return _paint(image, tone((0.20, 0.50, 0.25)), _cover(cactus - 0.006, px))
        case "snowfield":
            image = hills((0.84, 0.90, 0.98), (0.97, 0.98, 1.0), 2.0, 0.13)
            for k in range(2):
                cx = (0.12 + 0.76 * k) * aspect + rng.uniform(-0.06, 0.06)
                tree = _pine(x, y, cx, horizon + 0.13, rng.uniform(0.16, 0.22))
                image = _paint(image, tone((0.30, 0.50, 0.48)), _cover(tree, px))
            return image
        case "city":
            edge, step, number = -0.02, 0.0, 0
            while edge < aspect:
                step = rng.uniform(0.15, 0.21)
                tall = rng.uniform(0.14, 0.38)
                cx, shade = edge + step / 2, 0.8 + 0.2 * (number % 3)
                wall = _box(x, y, cx, horizon + 0.12 - tall / 2, step / 2 - 0.008, tall / 2 + 0.12)
                grey = {
                    "day": (0.52, 0.57, 0.66),
                    "sunset": (0.50, 0.46, 0.60),
                    "night": (0.46, 0.48, 0.60),
                }
                image = _paint(image, tone(grey[scene.time]) * shade, _cover(wall, px))
                glow = (1.0, 0.86, 0.45) if scene.time != "day" else (0.80, 0.90, 0.98)
                for row in range(int((tall + 0.06) / 0.09)):
                    for col in (-1, 1):
                        if rng.random() < 0.30:
                            continue
                        pane = _box(
                            x,
                            y,
                            cx + col * step * 0.22,
                            horizon - tall + 0.17 + 0.09 * row,
                            0.020,
                            0.024,
                        )
                        image = _paint(image, _rgb(glow, y), _cover(pane, px) * 0.9)
                edge, number = edge + step, number + 1
            street = {
                "day": (0.40, 0.42, 0.46),
                "sunset": (0.48, 0.46, 0.52),
                "night": (0.36, 0.36, 0.42),
            }
            return _paint(image, tone(street[scene.time]), _cover(horizon + 0.20 - y, px))
        case "forest":
            for row, (green, low, size) in enumerate(
                (((0.28, 0.52, 0.36), 0.06, 0.30), ((0.13, 0.40, 0.22), 0.14, 0.36))
            ):
                cx = rng.uniform(-0.05, 0.05) + 0.09 * row
                while cx < aspect + 0.1:
                    tree = _pine(x, y, cx, horizon + low, size * rng.uniform(0.85, 1.15))
                    image = _paint(image, tone(green), _cover(tree, px))
                    cx += rng.uniform(0.18, 0.24)
            return _paint(image, tone((0.36, 0.56, 0.24)), _cover(horizon + 0.13 - y, px))
        case _:  # mountains
            cx = rng.uniform(-0.1, 0.15)
            while cx < aspect + 0.2:
                tall, wide = rng.uniform(0.30, 0.44), rng.uniform(0.34, 0.44)
                peak = _polygon(x, y, [(cx, horizon - tall), (cx + wide, 1.0), (cx - wide, 1.0)])
                image = _paint(image, tone((0.50, 0.52, 0.64)), _cover(peak, px))
                cap = torch.maximum(peak, y - horizon + 0.62 * tall)
                image = _paint(image, tone((0.96, 0.97, 1.0)), _cover(cap, px))
                cx += rng.uniform(0.38, 0.52)
            meadow = _ridge(x, horizon + 0.16, 0.06, 2.0, ph)
            return _paint(image, tone((0.40, 0.58, 0.34)), _cover(meadow - y, px))


def _sky(
    scene: Scene,
    x: Tensor,
    y: Tensor,
    horizon: float,
    sun: tuple[float, float],
    px: float,
    rng: random.Random,
) -> Tensor:
    top, low = (_rgb(c, y) for c in SKY[scene.time])
    if scene.weather in ("rain", "snow"):
        grey = _rgb(
            {"day": (0.62, 0.68, 0.76), "sunset": (0.62, 0.45, 0.48), "night": (0.12, 0.13, 0.20)}[
                scene.time
            ],
            y,
        )
        top, low = top + (grey - top) * 0.55, low + (grey - low) * 0.45
    image = top + (low - top) * (y / horizon).clamp(0, 1).unsqueeze(0) ** 1.2
    image = image.expand(3, 1, y.shape[-2], x.shape[-1])
    if scene.time == "night":
        for _ in range(16):
            sx, sy, r = (
                rng.uniform(0, float(x.max())),
                rng.uniform(0.03, horizon - 0.08),
                rng.uniform(0.008, 0.013),
            )
            image = _paint(
                image, _rgb((0.95, 0.95, 0.85), y), _cover(_circle(x, y, sx, sy, r), px) * 0.9
            )
    disc = _circle(x, y, sun[0], sun[1], 0.085 if scene.time == "sunset" else 0.065)
    if scene.time == "night":  # a crescent
        disc = torch.maximum(disc, -_circle(x, y, sun[0] + 0.035, sun[1] - 0.012, 0.055))
    else:
        glow = torch.exp(-disc.clamp(min=0) * 9) * 0.35
        image = _paint(image, _rgb(SUN[scene.time], y), glow)
    return _paint(image, _rgb(SUN[scene.time], y), _cover(disc, px))


def _clouds(
    scene: Scene, x: Tensor, y: Tensor, t: Tensor, px: float, rng: random.Random, aspect: float
) -> Tensor:
    """Coverage [T,H,W] of three slowly drifting puffs."""
    total: Tensor | None = None
    for k in range(3):
        cx, cy = (0.15 + 0.36 * k + rng.uniform(-0.05, 0.05)) * aspect, rng.uniform(0.10, 0.30)
        size, drift = rng.uniform(0.75, 1.1) * min(1.0, aspect), 0.025
        lx, ly = (x - cx - drift * t) / size, (y - cy) / size
        puff = torch.minimum(
            _ellipse(lx, ly, 0, 0, 0.13, 0.062), _ellipse(lx, ly, -0.12, 0.02, 0.10, 0.045)
        )
        puff = torch.minimum(puff, _ellipse(lx, ly, 0.12, 0.02, 0.11, 0.048)) * size
        cover = _cover(puff, 2 * px)
        total = cover if total is None else torch.maximum(total, cover)
    assert total is not None
    return total


def _waves(
    image: Tensor,
    scene: Scene,
    x: Tensor,
    y: Tensor,
    t: Tensor,
    horizon: float,
    sun_x: float,
    px: float,
) -> Tensor:
    """Slow light bands on the water and the path of the sun on them."""
    depth = ((y - horizon) / (1 - horizon)).clamp(0, 1)
    swell = torch.sin(15 * depth**0.7 + 0.8 * torch.sin(2.2 * x + 0.6 * t) - 1.2 * t)
    water = _cover(horizon - y, px)
    bright = _rgb(
        {"day": (0.62, 0.86, 0.95), "sunset": (1.0, 0.66, 0.42), "night": (0.30, 0.38, 0.62)}[
            scene.time
        ],
        y,
    )
    image = _paint(image, bright, water * (swell * 0.5 + 0.1).clamp(0, 1) * 0.45)
    path = torch.exp(-(((x - sun_x) / (0.07 + 0.10 * depth)) ** 2)) * (0.35 + 0.2 * swell)
    return _paint(image, _rgb(SUN[scene.time], y), water * path.clamp(0, 1))


def _falling(
    image: Tensor, scene: Scene, x: Tensor, y: Tensor, t: Tensor, rng: random.Random, aspect: float
) -> Tensor:
    """Rain streaks or snow flakes over everything."""
    rain = scene.weather == "rain"
    count = int((18 if rain else 15) * max(1.0, aspect))
    cover: Tensor | None = None
    for _ in range(count):
        x0, y0 = rng.uniform(-0.1, aspect + 0.1), rng.uniform(0, 1.2)
        speed = rng.uniform(0.65, 0.85) if rain else rng.uniform(0.09, 0.16)
        cy = torch.remainder(y0 + speed * t, 1.2) - 0.1
        if rain:
            lx, ly = x - x0 + 0.15 * (y - 0.5), y - cy
            drop = (
                (1 - lx.abs() / 0.012).clamp(0, 1) * (1 - ly.abs() / 0.06).clamp(0, 1).sqrt() * 0.65
            )
        else:
            lx, ly = x - x0 - 0.03 * torch.sin(1.5 * t + 9 * x0), y - cy
            drop = (1.4 - torch.hypot(lx, ly) / 0.018).clamp(0, 1) * 0.95
        cover = drop if cover is None else torch.maximum(cover, drop)
    assert cover is not None
    return _paint(image, _rgb((0.80, 0.88, 0.98) if rain else (1.0, 1.0, 1.0), y), cover)


def _draw_object(
    image: Tensor, scene: Scene, x: Tensor, y: Tensor, t: Tensor, pose: Pose, height: int
) -> Tensor:
    lx, ly = (x - pose.x) / pose.radius, (y - pose.y) / pose.radius
    soft = 1.5 / (height * pose.radius)
    if scene.motion == "spins":
        cos, sin = torch.cos(pose.angle), torch.sin(pose.angle)
        lx, ly = lx * cos + ly * sin, ly * cos - lx * sin
    if scene.motion == "moves left" and scene.object in ("bird", "car", "boat"):
        lx = -lx
    light = _rgb(OBJECT_LIGHT[scene.time], y)
    own = _rgb(COLOURS[scene.colour], y)
    layers = _SHAPES[scene.object](lx, ly, t)
    outline = layers[0].distance
    for layer in layers[1:]:
        outline = torch.minimum(outline, layer.distance)
    rim = (
        (0.55, 0.56, 0.62)
        if scene.colour == "black"
        else tuple(0.5 * c for c in COLOURS[scene.colour])
    )
    image = _paint(image, _rgb(rim, y) * light, _cover(outline - 0.075, soft))  # type: ignore[arg-type]
    for layer in layers:
        if layer.rgb is not None:
            colour = _rgb(layer.rgb, y)
        elif scene.colour == "black" and layer.tint != 1.0:
            colour = own + 0.16 * layer.tint
        else:
            colour = (own * layer.tint).clamp(0, 1)
        image = _paint(image, colour * light, _cover(layer.distance, soft))
    return image


def render(
    scene: Scene,
    *,
    frames: int,
    height: int,
    width: int,
    fps: float = 12.0,
    start: float = 0.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw a clip: float32 [3, frames, height, width] in [-1, 1], beginning `start` seconds in."""
    rng = random.Random(scene.seed)
    aspect, px = width / height, 1.5 / height
    t = (start + torch.arange(frames, device=device) / fps).view(frames, 1, 1)
    y = ((torch.arange(height, device=device) + 0.5) / height).view(1, height, 1)
    x = ((torch.arange(width, device=device) + 0.5) / height).view(1, 1, width)
    horizon = rng.uniform(0.60, 0.66)
    sun_x = rng.choice((rng.uniform(0.12, 0.30), rng.uniform(0.70, 0.88))) * aspect
    sun = (sun_x, {"day": 0.15, "sunset": horizon - 0.06, "night": 0.16}[scene.time])

    image = _sky(scene, x, y, horizon, sun, px, rng)
    layout = random.Random(scene.seed + 1)
    if scene.weather == "clouds":
        puffs = _clouds(scene, x, y, t, px, layout, aspect)
        white = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.76, 0.66), "night": (0.34, 0.37, 0.52)}
        image = _paint(image.expand(-1, frames, -1, -1), _rgb(white[scene.time], y), puffs)
    image = _ground(image, scene, x, y, horizon, sun_x, px, random.Random(scene.seed + 2))
    if scene.place == "ocean":
        image = _waves(image, scene, x, y, t, horizon, sun_x, px)
    pose = _pose(scene, t, aspect, horizon, random.Random(scene.seed + 3))
    image = _draw_object(image.expand(3, frames, height, width), scene, x, y, t, pose, height)
    if scene.weather in ("rain", "snow"):
        image = _falling(image, scene, x, y, t, random.Random(scene.seed + 4), aspect)
    return image.clamp(0, 1) * 2 - 1
