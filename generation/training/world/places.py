"""Where a clip plays: still planes from the sky to the ground, and what moves in them by itself.

Each place is an endless strip of world (its trees, peaks and houses come from hashed cells), so
that a camera may pan anywhere and a portrait picture is a part of the landscape one.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from generation.training.world.draw import (
    Canvas,
    box,
    capsule,
    circle,
    convex,
    cover,
    ellipse,
    hashed,
    paint,
    rgb,
    union,
)
from generation.training.world.palette import (
    CLOUD,
    LIGHT,
    MIDDLE_SKY,
    OVERCAST,
    SKY,
    SUN,
    Rgb,
    mix,
    times,
)
from generation.training.world.scene import Scene


@dataclass(frozen=True)
class Setting:
    """The layout of one scene's place. `aspect`: width of the picture in heights."""

    scene: Scene
    aspect: float
    horizon: float
    sun: tuple[float, float]
    seed: int

    def lit(self, colour: Rgb) -> Rgb:
        """A ground colour under this time's light, paler far away than `palette.LIGHT` says."""
        light = LIGHT[self.scene.time]
        if self.scene.weather in ("rain", "snow"):
            light = times(light, (0.88, 0.90, 0.94))
        return times(colour, light)

    @property
    def time(self) -> str:
        return self.scene.time


@dataclass(frozen=True)
class Plane:
    """A still picture at a depth (0 the sky, 1 the ground); `drift`: picture heights a second."""

    depth: float
    draw: Callable[[Canvas], None]
    drift: float = 0.0


FLOOR: dict[str, float] = {"room": 0.88, "underwater": 0.88, "ocean": 0.76}  # where things stand
SHADOW: dict[str, float] = {"ocean": 0.16, "underwater": 0.20, "space": 0.0}


def setting(scene: Scene, aspect: float) -> Setting:
    rng = random.Random(scene.seed)
    horizon = rng.uniform(0.60, 0.66)
    sun_x = rng.choice((rng.uniform(0.12, 0.30), rng.uniform(0.70, 0.88))) * aspect
    height = {"day": 0.15, "sunset": horizon - 0.06, "night": 0.16, "dawn": horizon - 0.15}
    return Setting(scene, aspect, horizon, (sun_x, height[scene.time]), scene.seed + 1)


def floor(scene: Scene) -> float:
    """y of the ground actors stand on and throw shadows at."""
    return FLOOR.get(scene.place, 0.84)


def planes(s: Setting) -> list[Plane]:
    """From back to front."""
    match s.scene.place:
        case "underwater":
            return _underwater(s)
        case "room":
            return _room(s)
        case "space":
            return _space(s)
    made = [Plane(0.0, lambda canvas: _sky(canvas, s))]
    if s.scene.weather == "clouds":
        made.append(Plane(0.1, lambda canvas: _clouds(canvas, s), drift=0.028))
    return made + _OUTSIDE[s.scene.place](s)


# ---- sky ----------------------------------------------------------------------------------------


def _gradient(canvas: Canvas, stops: list[tuple[float, Rgb]]) -> Tensor:
    """[3, H, 1]: colours at heights y, mixed in between."""
    y = canvas.y
    colour = rgb(stops[0][1], y).view(3, 1, 1).expand(3, canvas.height, 1)
    for (y0, _), (y1, c1) in zip(stops, stops[1:], strict=False):
        share = ((y - y0) / (y1 - y0)).clamp(0, 1)
        share = share * share * (3 - 2 * share)
        colour = colour + (rgb(c1, y).view(3, 1, 1) - colour) * share
    return colour


def _whole(x: Tensor, y: Tensor) -> Tensor:
    return torch.ones_like(x + y)


def _glow(canvas: Canvas, colour: Rgb, at: tuple[float, float], size: float, peak: float) -> None:
    x, y = at
    reach = 3 * size
    canvas.blend(
        colour,
        lambda px, py: peak * torch.exp(-((px - x) ** 2 + (py - y) ** 2) / (size * size)),
        (x - reach, y - reach, x + reach, y + reach),
    )


def _stars(canvas: Canvas, seed: int, bottom: float, step: float, share: float) -> None:
    for left, rng in canvas.cells(step, seed, 0.02):
        for row in range(-3, math.ceil(bottom / step)):
            if rng.random() > share:
                rng.random()
                continue
            x, y = left + rng.random() * step, (row + rng.random()) * step
            r = rng.choice((0.007, 0.009, 0.013))
            if y < bottom:
                canvas.fill(
                    rng.choice(((1.0, 0.98, 0.88), (0.86, 0.92, 1.0), (1.0, 1.0, 1.0))),
                    lambda px, py, x=x, y=y, r=r: circle(px, py, x, y, r),
                    (x - r, y - r, x + r, y + r),
                    0.92,
                )


def _sky(canvas: Canvas, s: Setting) -> None:
    top, low = SKY[s.time]
    middle = MIDDLE_SKY[s.time]
    if s.scene.weather in ("rain", "snow", "fog"):
        grey = OVERCAST[s.time]
        pull = 0.35 if s.scene.weather == "fog" else 0.68
        top, middle, low = mix(top, grey, pull), mix(middle, grey, pull), mix(low, grey, 0.8 * pull)
    stops = [(-0.1, top), (0.62 * s.horizon, middle), (s.horizon + 0.03, low)]
    if s.scene.style == "paper cut-out":  # sheets instead of a gradient
        bands = 5
        for k in range(bands):
            share = k / (bands - 1)
            colour = mix(top, middle, 2 * share) if share < 0.5 else mix(middle, low, 2 * share - 1)
            edge = -0.02 + s.horizon * k / bands
            canvas.fill(
                colour,
                lambda x, y, edge=edge, k=k: (
                    (edge + 0.02 * torch.sin(4 * x + 2.1 * k + s.seed % 7)) - y
                    if k
                    else -_whole(x, y)
                ),
            )
    else:
        canvas.blend(_gradient(canvas, stops), _whole)
    if s.time == "night" and s.scene.weather != "fog":
        _stars(canvas, s.seed + 11, s.horizon - 0.1, 0.15, 0.42)
    wet = s.scene.weather in ("rain", "snow")
    if wet and s.time in ("day", "night"):
        return  # the sky is closed
    x, y = s.sun
    r = {"day": 0.068, "sunset": 0.088, "night": 0.066, "dawn": 0.060}[s.time]
    area = (x - r, y - r, x + r, y + r)
    if s.time == "night":  # a crescent
        _glow(canvas, (0.55, 0.60, 0.85), (x, y), 0.17, 0.30)
        canvas.fill(
            SUN["night"],
            lambda px, py: torch.maximum(
                circle(px, py, x, y, r), -circle(px, py, x + 0.035, y - 0.012, 0.055)
            ),
            area,
        )
        return
    _glow(canvas, SUN[s.time], (x, y), 0.34 if s.time == "sunset" else 0.22, 0.42)
    _glow(canvas, SUN[s.time], (x, y), 0.13, 0.45)
    canvas.fill(mix(SUN[s.time], (1, 1, 1), 0.25), lambda px, py: circle(px, py, x, y, r), area)


def _clouds(canvas: Canvas, s: Setting) -> None:
    """Puffs with flat feet, two tones each."""
    light = CLOUD[s.time]
    shade = mix(light, MIDDLE_SKY[s.time], 0.35)
    size = 0.78 + 0.22 * min(1.0, s.aspect)
    for left, rng in canvas.cells(0.40 * size, s.seed + 23, 0.4):
        x, y = left + rng.uniform(0.05, 0.30) * size, rng.uniform(0.09, 0.31)
        w = rng.uniform(0.13, 0.19) * size
        lumps = [(-0.95, 0.10, 0.42), (-0.38, -0.16, 0.58), (0.30, -0.26, 0.66), (0.95, 0.08, 0.46)]
        area = (x - 1.6 * w, y - w, x + 1.6 * w, y + 0.5 * w)

        def puff(px: Tensor, py: Tensor, dy: float = 0.0, x=x, y=y, w=w, lumps=lumps) -> Tensor:
            parts = [circle(px, py, x + a * w, y + (b + dy) * w, r * w) for a, b, r in lumps]
            return torch.maximum(union(*parts), py - y - 0.34 * w)

        canvas.fill(shade, puff, area, 0.96)
        canvas.fill(
            light, lambda px, py, p=puff: torch.maximum(p(px, py), p(px, py, -0.16)), area, 0.96
        )


# ---- shapes of the land -------------------------------------------------------------------------


def _ridge(x: Tensor, base: float, height: float, stretch: float, phase: float) -> Tensor:
    """y of a smooth hill line above `base`."""
    wave = torch.sin(stretch * x + phase) + 0.45 * torch.sin(2.1 * stretch * x + 1.7 * phase)
    return base - height * (0.5 + 0.35 * wave)


def _phase(s: Setting) -> float:
    return hashed(s.seed, 5).uniform(0, 6.28)


def _land(
    canvas: Canvas, s: Setting, top: Rgb, bottom: Rgb, line: Callable[[Tensor], Tensor], deep: float
) -> None:
    """Ground below `line`: `top` colour at its edge, `bottom` colour `deep` below it."""
    y = canvas.y
    edge = line(canvas.x)
    share = ((y - edge) / deep).clamp(0, 1)
    a, b = (rgb(s.lit(c), y).view(3, 1, 1) for c in (top, bottom))
    colour = a + (b - a) * share
    canvas.blend(colour, lambda px, py: cover(line(px) - py, canvas.pixel))


def _hilly(s: Setting, far: tuple[Rgb, Rgb], near: tuple[Rgb, Rgb], stretch: float, height: float) -> list[Plane]:
    phase = _phase(s)

    def back(canvas: Canvas) -> None:
        _land(canvas, s, *far, lambda x: _ridge(x, s.horizon + 0.04, height, stretch, phase), 0.22)

    def front(canvas: Canvas) -> None:
        _land(
            canvas,
            s,
            *near,
            lambda x: _ridge(x, s.horizon + 0.20, 0.75 * height, 0.8 * stretch, phase + 2.3),
            0.30,
        )

    return [Plane(0.35, back), Plane(1.0, front)]


def _pine(canvas: Canvas, s: Setting, cx: float, foot: float, size: float, green: Rgb) -> None:
    def at(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(cx + px * size, foot + py * size) for px, py in points]

    low = at([(0, -0.85), (0.42, -0.05), (-0.42, -0.05)])
    high = at([(0, -1.25), (0.30, -0.50), (-0.30, -0.50)])
    area = (cx - 0.45 * size, foot - 1.3 * size, cx + 0.45 * size, foot + 0.12 * size)
    canvas.fill(
        s.lit(times(green, (0.75, 0.6, 0.6))),
        lambda x, y: box(x, y, cx, foot, 0.07 * size, 0.10 * size),
        area,
    )
    tree = lambda x, y: union(convex(x, y, low), convex(x, y, high))  # noqa: E731
    canvas.fill(s.lit(green), tree, area)
    canvas.fill(
        s.lit(times(green, (0.80, 0.82, 0.86))),
        lambda x, y: torch.maximum(tree(x, y), cx + 0.02 * size - x),
        area,
    )


# ---- places under the sky -----------------------------------------------------------------------


def _ocean(s: Setting) -> list[Plane]:
    near, far = s.lit((0.05, 0.34, 0.64)), s.lit((0.16, 0.56, 0.80))
    if s.time == "sunset":
        near, far = (0.26, 0.16, 0.40), (0.80, 0.42, 0.36)
    if s.time == "dawn":
        near, far = (0.24, 0.40, 0.62), (0.80, 0.74, 0.80)

    def water(canvas: Canvas) -> None:
        colour = _gradient(canvas, [(s.horizon, far), (s.horizon + 0.32, near)])
        canvas.blend(colour, lambda x, y: cover(s.horizon - y + 0 * x, canvas.pixel))

    return [Plane(1.0, water)]


def _hills(s: Setting) -> list[Plane]:
    return _hilly(
        s,
        ((0.60, 0.82, 0.42), (0.44, 0.70, 0.32)),
        ((0.42, 0.70, 0.26), (0.24, 0.52, 0.18)),
        2.6,
        0.20,
    )


def _desert(s: Setting) -> list[Plane]:
    back, front = _hilly(
        s,
        ((0.97, 0.83, 0.55), (0.92, 0.72, 0.44)),
        ((0.93, 0.73, 0.42), (0.80, 0.56, 0.30)),
        1.9,
        0.14,
    )
    green = s.lit((0.20, 0.50, 0.25))

    def cacti(canvas: Canvas) -> None:
        front.draw(canvas)
        side = hashed(s.seed, 9).choice((0.13, 0.87)) * s.aspect
        start, end = canvas.span
        step = 1.3 * max(s.aspect, 1.0)
        for k in range(math.floor((start - side) / step), math.ceil((end - side) / step) + 1):
            cx, y0 = side + k * step, s.horizon

            def cactus(x: Tensor, y: Tensor, cx: float = cx, y0: float = y0) -> Tensor:
                return union(
                    capsule(x, y, cx, y0, cx, y0 + 0.24, 0.027),
                    capsule(x, y, cx - 0.065, y0 + 0.04, cx - 0.065, y0 + 0.12, 0.020),
                    capsule(x, y, cx - 0.065, y0 + 0.125, cx, y0 + 0.13, 0.020),
                    capsule(x, y, cx + 0.065, y0 + 0.00, cx + 0.065, y0 + 0.08, 0.020),
                    capsule(x, y, cx + 0.065, y0 + 0.085, cx, y0 + 0.09, 0.020),
                )

            area = (cx - 0.1, y0 - 0.05, cx + 0.1, y0 + 0.28)
            canvas.fill(green, cactus, area)
            canvas.fill(
                times(green, (0.78, 0.80, 0.82)),
                lambda x, y, c=cactus, cx=cx: torch.maximum(c(x, y), cx + 0.006 - x),
                area,
            )

    return [back, Plane(1.0, cacti)]


def _snowfield(s: Setting) -> list[Plane]:
    back, front = _hilly(
        s,
        ((0.86, 0.92, 0.99), (0.78, 0.86, 0.96)),
        ((0.98, 0.99, 1.0), (0.86, 0.92, 0.99)),
        2.0,
        0.13,
    )

    def trees(canvas: Canvas) -> None:
        front.draw(canvas)
        for left, rng in canvas.cells(0.76 * max(0.7, s.aspect / 1.667), s.seed + 31, 0.3):
            cx = left + 0.20 + rng.uniform(-0.06, 0.06)
            size = rng.uniform(0.16, 0.22)
            _pine(canvas, s, cx, s.horizon + 0.13, size, (0.30, 0.50, 0.48))
            cap = [(cx, s.horizon + 0.13 - 1.27 * size)]
            cap += [(cx + 0.15 * size, cap[0][1] + 0.42 * size), (cx - 0.15 * size, cap[0][1] + 0.42 * size)]
            canvas.fill(s.lit((0.95, 0.97, 1.0)), lambda x, y, cap=cap: convex(x, y, cap))

    return [back, Plane(1.0, trees)]


def _city(s: Setting) -> list[Plane]:
    grey: Rgb = {
        "day": (0.52, 0.57, 0.66),
        "sunset": (0.50, 0.46, 0.60),
        "night": (0.46, 0.48, 0.60),
        "dawn": (0.56, 0.56, 0.66),
    }[s.time]
    tints: tuple[Rgb, ...] = ((0.86, 0.84, 0.90), (1.0, 1.0, 1.0), (1.16, 1.08, 1.04), (0.9, 1.0, 1.06))
    bright = s.time in ("sunset", "night")
    glow: Rgb = (1.0, 0.86, 0.45) if bright else (0.80, 0.90, 0.98)

    def row(canvas: Canvas, step: float, low: float, high: float, tone: float, panes: bool) -> None:
        for left, rng in canvas.cells(step, s.seed + int(100 * step), 0.05):
            tall = rng.uniform(low, high)
            width = step * rng.uniform(0.90, 1.0) - 0.008
            top, right = s.horizon - tall, left + width
            colour = times(mix(grey, SKY[s.time][1], tone), rng.choice(tints))
            colour = s.lit(colour) if not tone else mix(s.lit(colour), SKY[s.time][1], 0.25)
            area = (left, top - 0.06, right, s.horizon + 0.3)
            cx, cy = left + width / 2, (top + s.horizon + 0.3) / 2
            canvas.fill(
                colour,
                lambda x, y, cx=cx, cy=cy, w=width, top=top: box(
                    x, y, cx, cy, w / 2, s.horizon + 0.3 - cy
                ),
                area,
            )
            if rng.random() < 0.35:
                canvas.fill(
                    colour,
                    lambda x, y, cx=cx, top=top: box(x, y, cx, top - 0.02, 0.006, 0.035),
                    area,
                )
            if not panes:
                continue
            canvas.fill(
                times(colour, (0.82, 0.82, 0.86)),
                lambda x, y, r=right, cy=cy: box(x, y, r - 0.014, cy, 0.014, s.horizon + 0.3 - cy),
                (right - 0.03, top, right, s.horizon + 0.3),
            )
            rows = int((tall + 0.06) / 0.09)
            lit = torch.tensor(
                [[float(rng.random() > 0.30) for _ in range(2)] for _ in range(max(rows, 1))],
                device=canvas.image.device,
            )

            def windows(x: Tensor, y: Tensor, left=left, w=width, top=top, lit=lit) -> Tensor:
                u, v = (x - left) / (0.44 * w) - 0.06, (y - top - 0.03) / 0.09
                col, line = u.floor(), v.floor()
                hx, hy = ((u - col) - 0.5).abs() * 0.44 * w, ((v - line) - 0.5).abs() * 0.09
                pane = cover(torch.maximum(hx - 0.020, hy - 0.024), canvas.pixel)
                inside = (col >= 0) & (col < 2) & (line >= 0) & (line < lit.shape[0])
                on = lit[line.clamp(0, lit.shape[0] - 1).long(), col.clamp(0, 1).long()]
                return pane * inside * on * 0.92

            canvas.blend(glow if bright else s.lit(glow), windows, (left, top, right, s.horizon + 0.1))

    street: Rgb = {
        "day": (0.40, 0.42, 0.46),
        "sunset": (0.48, 0.46, 0.52),
        "night": (0.36, 0.36, 0.42),
        "dawn": (0.44, 0.45, 0.50),
    }[s.time]

    def far(canvas: Canvas) -> None:
        row(canvas, 0.13, 0.22, 0.46, 0.55, False)

    def near(canvas: Canvas) -> None:
        row(canvas, 0.18, 0.12, 0.36, 0.0, True)
        kerb = s.horizon + 0.12
        canvas.fill(s.lit((0.62, 0.62, 0.66)), lambda x, y: kerb - y + 0 * x)
        canvas.fill(s.lit(street), lambda x, y: kerb + 0.035 - y + 0 * x)
        canvas.fill(
            s.lit((0.86, 0.82, 0.66)),
            lambda x, y: torch.maximum(
                (torch.remainder(x, 0.22) - 0.11).abs() - 0.06, (y - 0.915).abs() - 0.009
            ),
        )

    return [Plane(0.3, far), Plane(1.0, near)]


def _forest(s: Setting) -> list[Plane]:
    def row(canvas: Canvas, green: Rgb, low: float, size: float, key: int) -> None:
        for left, rng in canvas.cells(0.19, s.seed + key, 0.25):
            cx = left + rng.uniform(0.0, 0.06)
            _pine(canvas, s, cx, s.horizon + low, size * rng.uniform(0.85, 1.2), green)

    def far(canvas: Canvas) -> None:
        haze = mix((0.40, 0.60, 0.50), SKY["day"][1], 0.25)
        row(canvas, haze, 0.03, 0.34, 41)
        canvas.fill(s.lit(haze), lambda x, y: s.horizon + 0.01 - y + 0 * x)

    def middle(canvas: Canvas) -> None:
        row(canvas, (0.24, 0.50, 0.32), 0.07, 0.33, 42)

    def near(canvas: Canvas) -> None:
        row(canvas, (0.12, 0.38, 0.22), 0.14, 0.36, 43)
        _land(
            canvas,
            s,
            (0.40, 0.60, 0.26),
            (0.24, 0.42, 0.18),
            lambda x: _ridge(x, s.horizon + 0.135, 0.02, 5.0, _phase(s)),
            0.24,
        )

    return [Plane(0.25, far), Plane(0.5, middle), Plane(1.0, near)]


def _mountains(s: Setting) -> list[Plane]:
    def peaks(canvas: Canvas, step: float, low: float, high: float, stone: Rgb, key: int) -> None:
        for left, rng in canvas.cells(step, s.seed + key, 0.5):
            cx, tall = left + rng.uniform(0, 0.4) * step, rng.uniform(low, high)
            wide = rng.uniform(0.80, 1.0) * tall
            top, foot = s.horizon - tall, s.horizon + 0.34
            spread = wide * (foot - top) / tall
            peak = [(cx, top), (cx + spread, foot), (cx - spread, foot)]
            area = (cx - spread, top, cx + spread, foot)
            whole = lambda x, y, p=peak: convex(x, y, p)  # noqa: E731
            canvas.fill(stone, whole, area)
            canvas.fill(
                times(stone, (0.80, 0.80, 0.86)),
                lambda x, y, w=whole, cx=cx, top=top: torch.maximum(
                    w(x, y), cx + 0.35 * (y - top) - x + 0.02 * torch.sin(30 * y)
                ),
                area,
            )
            snow = lambda x, y, w=whole, top=top, tall=tall, cx=cx: torch.maximum(  # noqa: E731
                w(x, y), y - top - tall * (0.34 + 0.07 * (torch.frac(6 * (x - cx) + 20) - 0.5).abs() * 4)
            )
            canvas.fill(s.lit((0.97, 0.98, 1.0)), snow, area)
            canvas.fill(
                s.lit((0.82, 0.87, 0.97)),
                lambda x, y, n=snow, cx=cx, top=top: torch.maximum(
                    n(x, y), cx + 0.35 * (y - top) - x
                ),
                area,
            )

    def far(canvas: Canvas) -> None:
        stone = mix(s.lit((0.56, 0.60, 0.74)), SKY[s.time][1], 0.35)
        peaks(canvas, 0.42, 0.24, 0.36, stone, 51)

    def near(canvas: Canvas) -> None:
        peaks(canvas, 0.52, 0.28, 0.44, s.lit((0.50, 0.52, 0.64)), 52)

    def meadow(canvas: Canvas) -> None:
        _land(
            canvas,
            s,
            (0.46, 0.66, 0.38),
            (0.28, 0.46, 0.26),
            lambda x: _ridge(x, s.horizon + 0.16, 0.06, 2.0, _phase(s)),
            0.24,
        )

    return [Plane(0.25, far), Plane(0.45, near), Plane(1.0, meadow)]


def _beach(s: Setting) -> list[Plane]:
    sea_near, sea_far = s.lit((0.20, 0.72, 0.78)), s.lit((0.10, 0.46, 0.74))
    if s.time == "sunset":
        sea_near, sea_far = (0.70, 0.42, 0.44), (0.86, 0.46, 0.36)
    if s.time == "dawn":
        sea_near, sea_far = (0.56, 0.74, 0.80), (0.74, 0.74, 0.84)
    level, phase = s.horizon - 0.06, _phase(s)

    def sea(canvas: Canvas) -> None:
        colour = _gradient(canvas, [(level, sea_far), (level + 0.14, sea_near)])
        canvas.blend(colour, lambda x, y: cover(level - y + 0 * x, canvas.pixel))

    def sand(canvas: Canvas) -> None:
        shore = lambda x: _ridge(x, level + 0.155, 0.035, 2.4, phase)  # noqa: E731
        canvas.fill(s.lit((0.97, 0.99, 1.0)), lambda x, y: shore(x) - 0.016 - y)
        _land(canvas, s, (0.84, 0.72, 0.52), (0.97, 0.87, 0.63), shore, 0.05)
        _land(
            canvas, s, (0.97, 0.87, 0.63), (0.90, 0.76, 0.50), lambda x: shore(x) + 0.045, 0.30
        )
        side = hashed(s.seed, 9).choice((0.10, 0.90)) * s.aspect
        start, end = canvas.span
        step = 1.5 * max(s.aspect, 1.0)
        for k in range(math.floor((start - side) / step), math.ceil((end - side) / step) + 1):
            _palm(canvas, s, side + k * step, level + 0.28, 1 if side < s.aspect / 2 else -1)

    return [Plane(0.4, sea), Plane(1.0, sand)]


def _palm(canvas: Canvas, s: Setting, cx: float, foot: float, lean: int) -> None:
    top = foot - 0.44
    tip = cx + 0.07 * lean
    bend = lambda y: cx + 0.07 * lean * ((foot - y) / 0.44).clamp(0, 1.1) ** 2  # noqa: E731
    area = (cx - 0.32, top - 0.2, cx + 0.32, foot + 0.02)
    canvas.fill(
        s.lit((0.52, 0.36, 0.22)),
        lambda x, y: torch.maximum(
            (x - bend(y)).abs() - 0.014 - 0.010 * ((y - top) / 0.44), box(x, y, cx, (top + foot) / 2, 0.2, 0.22)
        ),
        area,
    )
    for turn, length, green in (
        (0.15, 0.19, (0.14, 0.44, 0.22)), (2.99, 0.19, (0.14, 0.44, 0.22)),
        (0.75, 0.16, (0.18, 0.52, 0.25)), (2.39, 0.16, (0.18, 0.52, 0.25)),
        (-0.55, 0.17, (0.24, 0.60, 0.28)), (3.69, 0.17, (0.24, 0.60, 0.28)),
    ):  # fmt: skip
        ex, ey = tip + 0.55 * length * math.cos(turn), top + 0.55 * length * math.sin(turn)
        canvas.fill(
            s.lit(green),
            lambda x, y, ex=ex, ey=ey, turn=turn, n=length: ellipse(
                x, y, ex, ey, 0.62 * n, 0.030, turn
            ),
            area,
        )
    canvas.fill(
        s.lit((0.42, 0.26, 0.16)),
        lambda x, y: union(circle(x, y, tip - 0.014, top + 0.02, 0.017), circle(x, y, tip + 0.018, top + 0.024, 0.017)),
        area,
    )


_OUTSIDE: dict[str, Callable[[Setting], list[Plane]]] = {
    "ocean": _ocean,
    "hills": _hills,
    "desert": _desert,
    "snowfield": _snowfield,
    "city": _city,
    "forest": _forest,
    "mountains": _mountains,
    "beach": _beach,
}


# ---- sheltered places ---------------------------------------------------------------------------


def _underwater(s: Setting) -> list[Plane]:
    top, low = {
        "day": ((0.30, 0.80, 0.90), (0.03, 0.30, 0.58)),
        "sunset": ((0.95, 0.66, 0.52), (0.22, 0.22, 0.48)),
        "night": ((0.08, 0.22, 0.42), (0.01, 0.05, 0.18)),
        "dawn": ((0.80, 0.86, 0.88), (0.14, 0.40, 0.62)),
    }[s.time]
    weed = times((0.16, 0.55, 0.42), LIGHT[s.time])

    def water(canvas: Canvas) -> None:
        canvas.blend(_gradient(canvas, [(-0.05, top), (0.80, low)]), _whole)

    def rocks(canvas: Canvas) -> None:
        _land_plain(canvas, mix(low, (0.2, 0.4, 0.5), 0.25), 0.80, 0.14, 3.1, _phase(s))

    def bottom(canvas: Canvas) -> None:
        for left, rng in canvas.cells(0.17, s.seed + 61, 0.2):
            if rng.random() < 0.45:
                continue
            for j in range(rng.choice((2, 3))):
                x0, tall = left + 0.035 * j + rng.uniform(0, 0.05), rng.uniform(0.10, 0.27)
                phase, green = rng.uniform(0, 6), times(weed, (1, rng.uniform(0.8, 1.2), 1))
                canvas.fill(
                    green,
                    lambda x, y, x0=x0, tall=tall, phase=phase: torch.maximum(
                        (x - x0 - 0.018 * torch.sin(18 * y + phase)).abs()
                        - 0.016 * ((y - 0.86 + tall) / tall).clamp(0.0, 1.0).sqrt(),
                        0.86 - tall - y,
                    ),
                    (x0 - 0.05, 0.85 - tall, x0 + 0.05, 0.90),
                )
        sand = mix((0.90, 0.80, 0.56), low, 0.42 if s.time != "night" else 0.72)
        _land_plain(canvas, sand, 0.87, 0.05, 2.2, _phase(s) + 1)
        for left, rng in canvas.cells(0.30, s.seed + 67, 0.1):
            if rng.random() < 0.5:
                continue
            x, r = left + rng.uniform(0, 0.2), rng.uniform(0.03, 0.05)
            coral = times(rng.choice(((0.95, 0.45, 0.42), (0.95, 0.65, 0.30), (0.80, 0.45, 0.75))), LIGHT[s.time])
            canvas.fill(
                coral,
                lambda px, py, x=x, r=r: union(
                    *(circle(px, py, x + dx * r, 0.90 - dy * r, 0.62 * r) for dx, dy in ((-0.9, 0.1), (0, 0.8), (0.9, 0.2)))
                ),
                (x - 2 * r, 0.90 - 2 * r, x + 2 * r, 0.95),
            )

    return [Plane(0.0, water), Plane(0.4, rocks), Plane(1.0, bottom)]


def _land_plain(
    canvas: Canvas, colour: Rgb, base: float, height: float, stretch: float, phase: float
) -> None:
    canvas.fill(colour, lambda x, y: _ridge(x, base, height, stretch, phase) - y)


def _room(s: Setting) -> list[Plane]:
    rng = hashed(s.seed, 71)
    wall = rng.choice(((0.93, 0.84, 0.70), (0.74, 0.84, 0.82), (0.88, 0.76, 0.76), (0.80, 0.80, 0.90)))
    light = {"day": (1.0, 1.0, 1.0), "sunset": (0.96, 0.78, 0.66), "night": (0.50, 0.48, 0.60), "dawn": (0.93, 0.88, 0.90)}[s.time]
    base = 0.70
    left_window = rng.random() < 0.5
    wx = (0.22 if left_window else 0.78) * s.aspect
    hx, hy, wy = 0.155 * min(1.0, 0.5 + s.aspect / 2), 0.17, 0.27
    sky = Setting(s.scene, s.aspect, 0.60, (wx + 0.04, 0.22), s.seed)
    rug = rng.choice(((0.70, 0.32, 0.32), (0.30, 0.46, 0.60), (0.56, 0.42, 0.64), (0.36, 0.52, 0.42)))

    def walls(canvas: Canvas) -> None:
        canvas.blend(
            _gradient(canvas, [(0.0, times(wall, light)), (base, times(wall, times(light, (0.88, 0.87, 0.87))))]),
            _whole,
        )
        stripe = times(times(wall, (0.965, 0.965, 0.965)), light)
        canvas.fill(stripe, lambda x, y: (torch.remainder(x, 0.16) - 0.08).abs() - 0.04 + 0 * y, None, 0.8)
        frame = times((0.98, 0.97, 0.93), light)
        area = (wx - hx - 0.06, wy - hy - 0.06, wx + hx + 0.06, wy + hy + 0.08)
        canvas.fill(frame, lambda x, y: box(x, y, wx, wy, hx + 0.025, hy + 0.025), area)
        pane = lambda x, y: cover(box(x, y, wx, wy, hx, hy), canvas.pixel)  # noqa: E731
        top, low = SKY[s.time]
        glass = _gradient(canvas, [(wy - hy, top), (wy + hy * 0.2, MIDDLE_SKY[s.time]), (wy + hy, low)])
        canvas.blend(glass, pane, area)
        if s.time == "night":
            for dx, dy in ((-0.08, -0.09), (-0.05, 0.02), (0.02, -0.12), (0.09, 0.05)):
                canvas.fill((1, 1, 0.9), lambda x, y, a=wx + dx, b=wy + dy: circle(x, y, a, b, 0.008), area)
        r = 0.045
        sx, sy = sky.sun[0], wy - 0.03 if s.time in ("day", "night") else wy + 0.09
        disc = lambda x, y: circle(x, y, sx, sy, r)  # noqa: E731
        if s.time == "night":
            canvas.fill(SUN["night"], lambda x, y: torch.maximum(disc(x, y), -circle(x, y, sx + 0.022, sy - 0.008, 0.036)), area)
        else:
            canvas.fill(SUN[s.time], disc, area)
        hill = times((0.46, 0.68, 0.36), LIGHT[s.time])
        canvas.blend(
            hill,
            lambda x, y: pane(x, y) * cover(wy + 0.11 - 0.02 * torch.sin(14 * x) - y, canvas.pixel),
            area,
        )
        canvas.fill(
            frame,
            lambda x, y: union(box(x, y, wx, wy, 0.010, hy), box(x, y, wx, wy, hx, 0.010)),
            area,
        )
        canvas.fill(frame, lambda x, y: box(x, y, wx, wy + hy + 0.04, hx + 0.05, 0.018), area)
        # a picture on the other side of the wall
        px = (0.78 if left_window else 0.22) * s.aspect
        spot = (px - 0.12, 0.12, px + 0.12, 0.42)
        canvas.fill(times((0.52, 0.36, 0.24), light), lambda x, y: box(x, y, px, 0.26, 0.095, 0.075), spot)
        canvas.fill(times((0.80, 0.88, 0.92), light), lambda x, y: box(x, y, px, 0.26, 0.078, 0.058), spot)
        canvas.fill(
            times((0.46, 0.62, 0.60), light),
            lambda x, y: torch.maximum(
                box(x, y, px, 0.26, 0.078, 0.058), 0.27 - 0.03 * torch.sin(30 * (x - px)) - y
            ),
            spot,
        )

    def ground(canvas: Canvas) -> None:
        wood = times((0.66, 0.45, 0.28), light)
        canvas.fill(wood, lambda x, y: base - y + 0 * x)
        for k, y0 in enumerate((0.745, 0.81, 0.895)):
            canvas.fill(
                times(wood, (0.84, 0.82, 0.82)),
                lambda x, y, y0=y0: (y - y0).abs() - 0.004 + 0 * x,
                (*canvas.span[:1], y0 - 0.01, canvas.span[1], y0 + 0.01),
                0.8,
            )
        canvas.fill(times((0.96, 0.95, 0.92), light), lambda x, y: (y - base).abs() - 0.018 + 0 * x)
        cx, wide = s.aspect / 2, 0.36 * s.aspect
        area = (cx - wide, 0.80, cx + wide, 0.98)
        canvas.fill(times(rug, light), lambda x, y: ellipse(x, y, cx, 0.885, wide, 0.075), area)
        canvas.fill(
            times(mix(rug, (1, 0.95, 0.85), 0.45), light),
            lambda x, y: (ellipse(x, y, cx, 0.885, 0.84 * wide, 0.056)).abs() - 0.006,
            area,
        )

    return [Plane(0.5, walls), Plane(1.0, ground)]


def _space(s: Setting) -> list[Plane]:
    rng = hashed(s.seed, 81)
    planet = rng.choice(((0.90, 0.56, 0.36), (0.42, 0.66, 0.88), (0.78, 0.52, 0.82), (0.56, 0.80, 0.66)))
    cx = rng.choice((0.14, 0.86)) * s.aspect
    cy, r = rng.uniform(0.76, 0.84), 0.17 * min(1.0, 0.4 + 0.6 * s.aspect)
    tilt = rng.choice((-0.35, 0.35))
    mx, my = s.aspect - cx + rng.uniform(-0.05, 0.05), rng.uniform(0.13, 0.2)
    clouds = ((0.42, 0.16, 0.62), (0.10, 0.30, 0.62), (0.62, 0.18, 0.46))

    def deep(canvas: Canvas) -> None:
        canvas.blend(
            _gradient(canvas, [(-0.1, (0.03, 0.02, 0.10)), (0.5, (0.08, 0.05, 0.22)), (1.1, (0.03, 0.03, 0.12))]),
            _whole,
        )
        for left, cell in canvas.cells(0.5, s.seed + 83, 1.0):
            at = left + cell.random() * 0.5, cell.uniform(0.1, 0.9)
            _glow(canvas, cell.choice(clouds), at, cell.uniform(0.18, 0.30), 0.42)
        _stars(canvas, s.seed + 85, 1.4, 0.115, 0.5)

    def worlds(canvas: Canvas) -> None:
        area = (cx - 2.1 * r, cy - 2 * r, cx + 2.1 * r, cy + 2 * r)
        disc = lambda x, y: circle(x, y, cx, cy, r)  # noqa: E731
        ring = lambda x, y: ellipse(x, y, cx, cy, 1.72 * r, 0.42 * r, tilt).abs() - 0.035  # noqa: E731
        canvas.fill(mix(planet, (1, 0.95, 0.85), 0.45), ring, area, 0.9)
        canvas.fill(planet, disc, area)
        for k in (-0.45, 0.15):
            canvas.fill(
                mix(planet, (1, 1, 1), 0.22),
                lambda x, y, k=k: torch.maximum(
                    disc(x, y), (y - cy - k * r - tilt * (x - cx)).abs() - 0.13 * r
                ),
                area,
            )
        canvas.fill(
            times(planet, (0.55, 0.5, 0.62)),
            lambda x, y: torch.maximum(disc(x, y), -circle(x, y, cx - 0.3 * r, cy - 0.3 * r, 1.1 * r)),
            area,
        )
        c, n = math.cos(tilt), math.sin(tilt)
        canvas.fill(
            mix(planet, (1, 0.95, 0.85), 0.45),
            lambda x, y: torch.maximum(ring(x, y), (x - cx) * n - (y - cy) * c),
            area,
            0.9,
        )
        canvas.fill((0.80, 0.80, 0.86), lambda x, y: circle(x, y, mx, my, 0.052))
        canvas.fill(
            (0.52, 0.52, 0.62),
            lambda x, y: torch.maximum(circle(x, y, mx, my, 0.052), -circle(x, y, mx - 0.016, my - 0.014, 0.054)),
        )

    return [Plane(0.05, deep), Plane(0.45, worlds)]


# ---- what moves by itself -----------------------------------------------------------------------


def _rows(y: Tensor, top: float) -> slice:
    """Rows of y [T, H, 1] that are below `top` at any time."""
    seen = (y > top).any(0).view(-1).nonzero()
    return slice(int(seen[0]) if len(seen) else y.shape[1], y.shape[1])


def animate(image: Tensor, s: Setting, x: Tensor, y: Tensor, t: Tensor, aspect: float) -> Tensor:
    """Waves, light rays and bubbles over the planes; x [T, 1, W], y [T, H, 1]: the ground's world."""
    if s.scene.place == "ocean":
        rows = _rows(y, s.horizon)
        if rows.start < rows.stop:
            image = image.clone()
            image[:, :, rows] = _waves(image[:, :, rows], s, x, y[:, rows], t)
    elif s.scene.place == "beach":
        level = s.horizon - 0.06
        depth = ((y - level) / 0.13).clamp(0, 1)
        line = torch.sin(50 * torch.sqrt(depth) + 1.5 * torch.sin(2.2 * x + s.seed % 5) + 1.4 * t)
        crest = ((line - 0.55) / 0.45).clamp(0, 1) * ((y > level) & (y < level + 0.11))
        image = paint(image, rgb(mix(SKY[s.time][1], (1, 1, 1), 0.4), y), 0.45 * crest)
    elif s.scene.place == "underwater":
        image = _light_rays(image, s, x, y, t)
    return image


def _waves(image: Tensor, s: Setting, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """Stripes of sky on the water that run to the shore, and the sun's path in them."""
    depth = ((y - s.horizon) / (1 - s.horizon)).clamp(0.0, 1.2)
    below = (y > s.horizon).float()
    swell = torch.sin(26 * torch.sqrt(depth + 0.02) + 2.0 * torch.sin(2.3 * x + 0.4 * t) - 1.6 * t)
    crest = ((swell - 0.35) / 0.65).clamp(0, 1) * (0.20 + 0.35 * depth) * below
    image = paint(image, rgb(SKY[s.time][1], y), crest)
    if s.scene.weather in ("rain", "snow"):
        return image
    wide = 0.05 + 0.11 * depth
    path = torch.exp(-(((x - s.sun[0]) / wide) ** 2)) * (0.30 + 0.30 * swell).clamp(0, 1) * below
    return paint(image, rgb(SUN[s.time], y), path)


def _light_rays(image: Tensor, s: Setting, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    strength = {"day": 0.26, "sunset": 0.20, "night": 0.10, "dawn": 0.22}[s.time]
    lean = x + 0.42 * y
    beams = torch.sin(9 * lean + 0.5 * t + s.seed % 6) + torch.sin(5.3 * lean - 0.35 * t)
    rays = (beams / 2).clamp(0, 1) * (1 - y / 0.85).clamp(0, 1) * strength
    image = paint(image, rgb((0.92, 0.99, 1.0), y), rays)
    bubbles = particles(
        x, y, t, step=0.24, period=0.85, speed=(-0.16, -0.10), size=0.016, sway=0.02, seed=s.seed + 91
    )
    ring = (1 - (bubbles - 1).abs() / 0.42).clamp(0, 1) * 0.75 + (bubbles < 0.8).float() * 0.16
    return paint(image, rgb(mix((0.92, 0.99, 1.0), SKY[s.time][0], 0.2), y), ring)


def particles(
    x: Tensor,
    y: Tensor,
    t: Tensor,
    *,
    step: float,
    period: float,
    speed: tuple[float, float],
    size: float,
    sway: float,
    seed: int,
) -> Tensor:
    """Distance, in radii, to one falling (or rising) dot per column of width `step`, again every
    `period`. Columns differ in speed, start and size by a table of 64."""
    rng = random.Random(seed)
    table = torch.tensor(
        [[rng.random(), rng.uniform(*speed), rng.uniform(0.7, 1.15)] for _ in range(64)],
        device=x.device,
    )
    column = (x / step).floor()
    rows = table[torch.remainder(column, 64).long()]  # [T, 1, W, 3]
    start, rate, scale = rows.unbind(-1)
    dx = x - (column + 0.5) * step - sway * torch.sin(1.5 * t + 20 * start)
    dy = torch.remainder(y - period * start - rate * t, period) - period / 2
    return torch.hypot(dx, dy) / (size * scale)


def weather(image: Tensor, s: Setting, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
    """Rain streaks or snow flakes in front of everything; x [1, 1, W], y [1, H, 1]: the picture."""
    kind, seed = s.scene.weather, s.seed + 97
    if kind == "snow":
        for step, size, rate in ((0.13, 0.017, 0.17), (0.105, 0.011, 0.11)):
            dots = particles(
                x, y, t, step=step, period=0.36, speed=(0.8 * rate, 1.2 * rate), size=size,
                sway=0.028, seed=seed,
            )  # fmt: skip
            image = paint(image, rgb((1.0, 1.0, 1.0), y), (1.35 - dots).clamp(0, 1) * 0.95)
            seed += 1
    if kind == "rain":
        rng = random.Random(seed)
        table = torch.tensor(
            [[rng.random(), rng.uniform(0.75, 1.0)] for _ in range(64)], device=x.device
        )
        slanted = x + 0.16 * y
        for step, shift in ((0.075, 0.0), (0.118, 0.03)):
            column = ((slanted + shift) / step).floor()
            rows = table[torch.remainder(column * 7, 64).long()]
            start, rate = rows.unbind(-1)
            across = (slanted + shift - (column + 0.5) * step).abs()
            along = (torch.remainder(y - 0.62 * start - rate * t, 0.62) - 0.31).abs()
            drop = (1 - across / 0.011).clamp(0, 1) * (1 - along / 0.065).clamp(0, 1).sqrt()
            image = paint(image, rgb(mix((0.80, 0.88, 0.98), CLOUD[s.time], 0.2), y), 0.68 * drop)
    return image
