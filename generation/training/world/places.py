"""Where a clip plays: still planes from the sky to the ground, and what moves in them by itself.

Each place is an endless strip of world (its trees, peaks and houses come from hashed cells), so
that a camera may pan anywhere and a portrait picture is a part of the landscape one.
"""

from __future__ import annotations

import itertools
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
        """A ground colour in this time's and this weather's light."""
        light = LIGHT[self.scene.time]
        if self.scene.weather in ("rain", "snow"):
            light = times(light, (0.88, 0.90, 0.94))
        shown = times(colour, light)
        return mix(shown, (0.10, 0.13, 0.32), 0.25) if self.scene.time == "night" else shown

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
    for (y0, _), (y1, c1) in itertools.pairwise(stops):
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
    """At most one in each square of width `step`, above `bottom`."""
    rows = range(-4, math.ceil(bottom / step))

    def column(rng: random.Random) -> tuple[float, ...]:
        values: list[float] = []
        for _ in rows:
            radius = rng.choice((0.007, 0.009, 0.013)) if rng.random() < share else -1.0
            values += [rng.uniform(0.1, 0.9), rng.uniform(0.1, 0.9), radius]
        return tuple(values)

    table = canvas.columns(step, seed, column)
    left, stars = table[0], table[1:].view(len(rows), 3, -1)
    row = (canvas.y / step).floor()
    inside = (row >= rows.start) & (row < rows.stop)
    index = (row[:, 0].long() - rows.start).clamp(0, len(rows) - 1)
    sx, sy, radius = stars[index].unbind(1)  # [H, W] each
    far = torch.hypot(canvas.x - left - sx * step, canvas.y - (row + sy) * step) - radius
    light = cover(far, canvas.pixel) * (radius > 0) * inside * (canvas.y < bottom)
    canvas.blend((0.97, 0.97, 0.92), lambda x, y: 0.92 * light)


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


def _hilly(
    s: Setting,
    far: tuple[Rgb, Rgb],
    near: tuple[Rgb, Rgb],
    stretch: float,
    height: float,
    speck: Rgb,
) -> list[Plane]:
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
        _specks(canvas, s, speck, s.horizon + 0.19, (0.024, 0.007), 13, 0.55)

    return [Plane(0.35, back), Plane(1.0, front)]


def _specks(
    canvas: Canvas,
    s: Setting,
    colour: Rgb,
    top: float,
    size: tuple[float, float],
    key: int,
    strength: float = 1.0,
) -> None:
    """Tufts, stones, little flowers: what makes one see the ground pass by."""
    for row, low in enumerate((top, top + 0.075, top + 0.15)):
        left, at, down, scale = canvas.columns(
            0.21,
            s.seed + key + row,
            lambda rng: (rng.uniform(0.2, 0.8), rng.uniform(0, 0.05), rng.uniform(0.7, 1.2)),
            shift=0.07 * row,
        )
        part = canvas.part((canvas.span[0], low - 0.02, canvas.span[1], low + 0.08))
        if part is None:
            continue
        columns = part.columns
        near = 0.8 + 0.25 * row
        dx = (part.x - left[:, columns] - 0.21 * at[:, columns]) / (size[0] * near)
        dy = (part.y - low - down[:, columns]) / (size[1] * near)
        away = (torch.hypot(dx, dy) / scale[:, columns] - 1) * min(size) * near
        part.mix(s.lit(colour), strength * cover(away, canvas.pixel))


def _pines(
    canvas: Canvas,
    s: Setting,
    green: Rgb,
    foot: float,
    size: tuple[float, float],
    step: float,
    key: int,
    *,
    snowy: bool = False,
) -> None:
    """Two interleaved rows of fir trees, one tree in every `step` of each, standing at `foot`."""
    for half in (0, 1):
        left, place, tall = canvas.columns(
            step,
            s.seed + key + half,
            lambda rng: (rng.uniform(0.42, 0.58), rng.uniform(*size)),
            shift=half * step / 2,
        )
        top = foot - 1.3 * size[1]
        area = (canvas.span[0], top, canvas.span[1], foot + 0.1 * size[1])
        part = canvas.part(area)
        if part is None:
            return
        x, y, columns = part.x, part.y, part.columns
        tall = tall[:, columns]
        lx = (x - left[:, columns] - place[:, columns] * step) / tall
        ly = (y - foot) / tall
        side = lx.abs()
        low = torch.maximum(0.885 * side - 0.465 * (ly + 0.85), ly + 0.05)
        high = torch.maximum(0.928 * side - 0.371 * (ly + 1.25), ly + 0.50)
        tree = torch.minimum(low, high) * tall
        trunk = torch.maximum(side - 0.07, (ly + 0.0).abs() - 0.10) * tall
        part.mix(s.lit(times(green, (0.75, 0.6, 0.6))), cover(trunk, canvas.pixel))
        part.mix(s.lit(green), cover(tree, canvas.pixel))
        shade = torch.maximum(tree, (0.02 - lx) * tall)
        part.mix(s.lit(times(green, (0.80, 0.82, 0.86))), cover(shade, canvas.pixel))
        if snowy:
            cap = torch.maximum(high, ly + 0.86) * tall
            part.mix(s.lit((0.95, 0.97, 1.0)), cover(cap, canvas.pixel))


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
    back, front = _hilly(
        s,
        ((0.60, 0.82, 0.42), (0.44, 0.70, 0.32)),
        ((0.42, 0.70, 0.26), (0.24, 0.52, 0.18)),
        2.6,
        0.20,
        (0.17, 0.42, 0.14),
    )

    def flowers(canvas: Canvas) -> None:
        front.draw(canvas)
        _specks(canvas, s, (1.0, 0.96, 0.80), s.horizon + 0.205, (0.009, 0.009), 17, 0.9)

    return [back, Plane(1.0, flowers)]


def _desert(s: Setting) -> list[Plane]:
    back, front = _hilly(
        s,
        ((0.97, 0.83, 0.55), (0.92, 0.72, 0.44)),
        ((0.93, 0.73, 0.42), (0.80, 0.56, 0.30)),
        1.9,
        0.14,
        (0.70, 0.47, 0.24),
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
        (0.70, 0.80, 0.94),
    )

    def trees(canvas: Canvas) -> None:
        front.draw(canvas)
        step = 1.3 * max(0.7, s.aspect / 1.667)
        _pines(canvas, s, (0.30, 0.50, 0.48), s.horizon + 0.13, (0.16, 0.23), step, 31, snowy=True)

    return [back, Plane(1.0, trees)]


def _city(s: Setting) -> list[Plane]:
    grey: Rgb = {
        "day": (0.52, 0.57, 0.66),
        "sunset": (0.50, 0.46, 0.60),
        "night": (0.74, 0.76, 0.86),
        "dawn": (0.56, 0.56, 0.66),
    }[s.time]
    tints: tuple[Rgb, ...] = (
        (0.86, 0.84, 0.90),
        (1.0, 1.0, 1.0),
        (1.16, 1.08, 1.04),
        (0.9, 1.0, 1.06),
    )
    bright = s.time in ("sunset", "night")
    glow: Rgb = (1.0, 0.86, 0.45) if bright else (0.80, 0.90, 0.98)

    def row(canvas: Canvas, step: float, low: float, high: float, far: bool) -> None:
        lines = int((high + 0.06) / 0.09)

        def building(rng: random.Random) -> tuple[float, ...]:
            mast = 0.055 if rng.random() < 0.35 else 0.0
            size = (rng.uniform(0.86, 0.95) * step, rng.uniform(low, high), mast)
            return *size, *rng.choice(tints), *(float(rng.random() > 0.3) for _ in range(2 * lines))

        cells = canvas.columns(step, s.seed + int(100 * step), building)
        area = (canvas.span[0], s.horizon - high - 0.08, canvas.span[1], s.horizon + 0.2)
        part = canvas.part(area)
        if part is None:
            return
        left, width, tall, mast = cells[:4, :, part.columns]
        x, y = part.x - left, part.y - (s.horizon - tall)  # from the roof's left corner
        base = s.lit(grey)
        if far:
            base = mix(s.lit(mix(grey, SKY[s.time][1], 0.55)), SKY[s.time][1], 0.25)
        colour = rgb(base, x).view(3, 1, 1) * cells[4:7, :, part.columns]
        wall = torch.maximum((x - width / 2).abs() - width / 2, -y)
        pole = torch.maximum((x - width / 2).abs() - 0.006, (y + mast / 2).abs() - mast / 2)
        part.mix(colour, cover(torch.minimum(wall, pole), canvas.pixel))
        if far:
            return
        part.mix(colour * 0.82, cover(torch.maximum(wall, width - 0.028 - x), canvas.pixel))
        u, v = (x - 0.06 * width) / (0.40 * width), (y - 0.035) / 0.09
        column, line = u.floor(), v.floor()
        hx, hy = ((u - column) - 0.5).abs() * 0.40 * width, ((v - line) - 0.5).abs() * 0.09
        pane = cover(torch.maximum(hx - 0.020, hy - 0.024), canvas.pixel)
        real = (column >= 0) & (column < 2) & (line >= 0) & (line < lines) & (y < tall + 0.06)
        which = 7 + 2 * line.clamp(0, lines - 1).long() + column.clamp(0, 1).long()
        on = cells[:, 0, part.columns].gather(0, which)
        part.mix(glow if bright else s.lit(glow), 0.92 * pane * real * on)

    street: Rgb = {
        "day": (0.40, 0.42, 0.46),
        "sunset": (0.48, 0.46, 0.52),
        "night": (0.36, 0.36, 0.42),
        "dawn": (0.44, 0.45, 0.50),
    }[s.time]

    def far(canvas: Canvas) -> None:
        row(canvas, 0.13, 0.22, 0.46, True)

    def near(canvas: Canvas) -> None:
        row(canvas, 0.18, 0.12, 0.36, False)
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
    def far(canvas: Canvas) -> None:
        haze = mix((0.40, 0.60, 0.50), SKY["day"][1], 0.25)
        _pines(canvas, s, haze, s.horizon + 0.03, (0.29, 0.40), 0.36, 41)
        canvas.fill(s.lit(haze), lambda x, y: s.horizon + 0.01 - y + 0 * x)

    def middle(canvas: Canvas) -> None:
        _pines(canvas, s, (0.24, 0.50, 0.32), s.horizon + 0.07, (0.28, 0.39), 0.36, 43)

    def near(canvas: Canvas) -> None:
        _pines(canvas, s, (0.12, 0.38, 0.22), s.horizon + 0.14, (0.31, 0.42), 0.39, 45)
        _land(
            canvas,
            s,
            (0.40, 0.60, 0.26),
            (0.24, 0.42, 0.18),
            lambda x: _ridge(x, s.horizon + 0.135, 0.02, 5.0, _phase(s)),
            0.24,
        )
        _specks(canvas, s, (0.16, 0.32, 0.14), s.horizon + 0.17, (0.022, 0.007), 13, 0.6)

    return [Plane(0.25, far), Plane(0.5, middle), Plane(1.0, near)]


def _mountains(s: Setting) -> list[Plane]:
    def peaks(canvas: Canvas, step: float, low: float, high: float, stone: Rgb, key: int) -> None:
        bright, shadow = s.lit((0.97, 0.98, 1.0)), s.lit((0.82, 0.87, 0.97))
        for left, rng in canvas.cells(step, s.seed + key, 0.75):
            cx, tall = left + rng.uniform(0, 0.4) * step, rng.uniform(low, high)
            wide = rng.uniform(0.80, 1.0) * tall
            top, foot = s.horizon - tall, s.horizon + 0.17
            spread = wide * (foot - top) / tall
            part = canvas.part((cx - spread, top, cx + spread, foot))
            if part is None:
                continue
            x, y = part.x - cx, part.y - top
            whole = convex(x, y, [(0, 0), (spread, foot - top), (-spread, foot - top)])
            lee = 0.35 * y - x + 0.015 * torch.sin(30 * y)
            line = tall * (0.34 + 0.28 * (torch.frac(6 * x + 20) - 0.5).abs())
            snow = torch.maximum(whole, y - line)
            part.mix(stone, cover(whole, canvas.pixel))
            part.mix(
                times(stone, (0.80, 0.80, 0.86)), cover(torch.maximum(whole, lee), canvas.pixel)
            )
            part.mix(bright, cover(snow, canvas.pixel))
            part.mix(shadow, cover(torch.maximum(snow, lee), canvas.pixel))

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
        _specks(canvas, s, (0.20, 0.36, 0.20), s.horizon + 0.18, (0.024, 0.007), 13, 0.6)

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
        _land(canvas, s, (0.97, 0.87, 0.63), (0.90, 0.76, 0.50), lambda x: shore(x) + 0.045, 0.30)
        _specks(canvas, s, (0.80, 0.62, 0.40), level + 0.23, (0.020, 0.006), 13, 0.6)
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
            (x - bend(y)).abs() - 0.014 - 0.010 * ((y - top) / 0.44),
            box(x, y, cx, (top + foot) / 2, 0.2, 0.22),
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
        lambda x, y: union(
            circle(x, y, tip - 0.014, top + 0.02, 0.017),
            circle(x, y, tip + 0.018, top + 0.024, 0.017),
        ),
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
            coral = times(
                rng.choice(((0.95, 0.45, 0.42), (0.95, 0.65, 0.30), (0.80, 0.45, 0.75))),
                LIGHT[s.time],
            )
            canvas.fill(
                coral,
                lambda px, py, x=x, r=r: union(
                    *(
                        circle(px, py, x + dx * r, 0.90 - dy * r, 0.62 * r)
                        for dx, dy in ((-0.9, 0.1), (0, 0.8), (0.9, 0.2))
                    )
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
    wall = rng.choice(
        ((0.93, 0.84, 0.70), (0.74, 0.84, 0.82), (0.88, 0.76, 0.76), (0.80, 0.80, 0.90))
    )
    light = {
        "day": (1.0, 1.0, 1.0),
        "sunset": (0.96, 0.78, 0.66),
        "night": (0.50, 0.48, 0.60),
        "dawn": (0.93, 0.88, 0.90),
    }[s.time]
    base = 0.70
    left_window = rng.random() < 0.5
    wx = (0.22 if left_window else 0.78) * s.aspect
    hx, hy, wy = 0.155 * min(1.0, 0.5 + s.aspect / 2), 0.17, 0.27
    sky = Setting(s.scene, s.aspect, 0.60, (wx + 0.04, 0.22), s.seed)
    rug = rng.choice(
        ((0.70, 0.32, 0.32), (0.30, 0.46, 0.60), (0.56, 0.42, 0.64), (0.36, 0.52, 0.42))
    )

    def walls(canvas: Canvas) -> None:
        canvas.blend(
            _gradient(
                canvas,
                [(0.0, times(wall, light)), (base, times(wall, times(light, (0.88, 0.87, 0.87))))],
            ),
            _whole,
        )
        stripe = times(times(wall, (0.965, 0.965, 0.965)), light)
        canvas.fill(
            stripe, lambda x, y: (torch.remainder(x, 0.16) - 0.08).abs() - 0.04 + 0 * y, None, 0.8
        )
        frame = times((0.98, 0.97, 0.93), light)
        area = (wx - hx - 0.06, wy - hy - 0.06, wx + hx + 0.06, wy + hy + 0.08)
        canvas.fill(frame, lambda x, y: box(x, y, wx, wy, hx + 0.025, hy + 0.025), area)
        pane = lambda x, y: cover(box(x, y, wx, wy, hx, hy), canvas.pixel)  # noqa: E731
        top, low = SKY[s.time]
        glass = _gradient(
            canvas, [(wy - hy, top), (wy + hy * 0.2, MIDDLE_SKY[s.time]), (wy + hy, low)]
        )
        canvas.blend(glass, pane, area)
        if s.time == "night":
            for dx, dy in ((-0.08, -0.09), (-0.05, 0.02), (0.02, -0.12), (0.09, 0.05)):
                canvas.fill(
                    (1, 1, 0.9), lambda x, y, a=wx + dx, b=wy + dy: circle(x, y, a, b, 0.008), area
                )
        r = 0.045
        sx, sy = sky.sun[0], wy - 0.03 if s.time in ("day", "night") else wy + 0.09
        disc = lambda x, y: circle(x, y, sx, sy, r)  # noqa: E731
        if s.time == "night":
            canvas.fill(
                SUN["night"],
                lambda x, y: torch.maximum(
                    disc(x, y), -circle(x, y, sx + 0.022, sy - 0.008, 0.036)
                ),
                area,
            )
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
        canvas.fill(
            times((0.52, 0.36, 0.24), light), lambda x, y: box(x, y, px, 0.26, 0.095, 0.075), spot
        )
        canvas.fill(
            times((0.80, 0.88, 0.92), light), lambda x, y: box(x, y, px, 0.26, 0.078, 0.058), spot
        )
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
        for _k, y0 in enumerate((0.745, 0.81, 0.895)):
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
    planet = rng.choice(
        ((0.90, 0.56, 0.36), (0.42, 0.66, 0.88), (0.78, 0.52, 0.82), (0.56, 0.80, 0.66))
    )
    cx = rng.choice((0.14, 0.86)) * s.aspect
    cy, r = rng.uniform(0.76, 0.84), 0.17 * min(1.0, 0.4 + 0.6 * s.aspect)
    tilt = rng.choice((-0.35, 0.35))
    mx, my = s.aspect - cx + rng.uniform(-0.05, 0.05), rng.uniform(0.13, 0.2)
    clouds = ((0.42, 0.16, 0.62), (0.10, 0.30, 0.62), (0.62, 0.18, 0.46))

    def deep(canvas: Canvas) -> None:
        canvas.blend(
            _gradient(
                canvas,
                [(-0.1, (0.03, 0.02, 0.10)), (0.5, (0.08, 0.05, 0.22)), (1.1, (0.03, 0.03, 0.12))],
            ),
            _whole,
        )
        for left, cell in canvas.cells(0.5, s.seed + 83, 1.0):
            at = left + cell.random() * 0.5, cell.uniform(0.1, 0.9)
            _glow(canvas, cell.choice(clouds), at, cell.uniform(0.18, 0.30), 0.42)
        _stars(canvas, s.seed + 85, 1.4, 0.115, 0.5)

    def worlds(canvas: Canvas) -> None:
        c, n = math.cos(tilt), math.sin(tilt)
        area = (cx - 2.1 * r, cy - 2 * r, cx + 2.1 * r, cy + 2 * r)
        disc = lambda x, y: circle(x, y, cx, cy, r)  # noqa: E731

        def ring(x: Tensor, y: Tensor) -> Tensor:
            u, v = (x - cx) * c + (y - cy) * n, (y - cy) * c - (x - cx) * n
            return ((torch.hypot(u / 1.85, v / 0.50) - 0.86 * r).abs() - 0.12 * r) * 0.6

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
            lambda x, y: torch.maximum(
                disc(x, y), -circle(x, y, cx - 0.3 * r, cy - 0.3 * r, 1.1 * r)
            ),
            area,
        )
        canvas.fill(
            mix(planet, (1, 0.95, 0.85), 0.45),
            lambda x, y: torch.maximum(ring(x, y), (x - cx) * n - (y - cy) * c),
            area,
            0.9,
        )
        canvas.fill((0.80, 0.80, 0.86), lambda x, y: circle(x, y, mx, my, 0.052))
        canvas.fill(
            (0.52, 0.52, 0.62),
            lambda x, y: torch.maximum(
                circle(x, y, mx, my, 0.052), -circle(x, y, mx - 0.016, my - 0.014, 0.054)
            ),
        )

    return [Plane(0.05, deep), Plane(0.45, worlds)]


# ---- what moves by itself -----------------------------------------------------------------------


def _rows(y: Tensor, top: float) -> slice:
    """Rows of y [T, H, 1] that are below `top` at any time."""
    seen = (y > top).any(0).view(-1).nonzero()
    return slice(int(seen[0]) if len(seen) else y.shape[1], y.shape[1])


def animate(image: Tensor, s: Setting, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
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
        x,
        y,
        t,
        step=0.24,
        period=0.85,
        speed=(-0.16, -0.10),
        size=0.016,
        sway=0.02,
        seed=s.seed + 91,
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
