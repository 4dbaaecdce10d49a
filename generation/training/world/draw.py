"""Small drawing tools: distances to shapes' edges (negative inside), and a canvas to fill them on.

Coordinates: y runs down, one unit is the picture's height. Every pixel is computed from the
coordinates of its centre alone, so the same part of the world looks the same on every canvas.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from generation.training.world.palette import Rgb

Points = list[tuple[float, float]]
Box = tuple[float, float, float, float]  # left, top, right, bottom
Shape = Callable[[Tensor, Tensor], Tensor]


def circle(x: Tensor, y: Tensor, cx: float, cy: float, r: float) -> Tensor:
    return torch.hypot(x - cx, y - cy) - r


def ellipse(
    x: Tensor, y: Tensor, cx: float, cy: float, rx: float, ry: float, turn: float = 0.0
) -> Tensor:
    """Near the edge a good enough distance for outlines. `turn` in radians, clockwise."""
    x, y = x - cx, y - cy
    if turn:
        cos, sin = math.cos(turn), math.sin(turn)
        x, y = x * cos + y * sin, y * cos - x * sin
    return (torch.hypot(x / rx, y / ry) - 1) * min(rx, ry)


def box(
    x: Tensor, y: Tensor, cx: float, cy: float, hx: float, hy: float, round: float = 0.0
) -> Tensor:
    """Half sizes `hx`, `hy`, corners rounded by `round`."""
    if not round:
        return torch.maximum((x - cx).abs() - hx, (y - cy).abs() - hy)
    dx, dy = (x - cx).abs() - (hx - round), (y - cy).abs() - (hy - round)
    outside = torch.hypot(dx.clamp(min=0), dy.clamp(min=0))
    return outside + torch.maximum(dx, dy).clamp(max=0) - round


def capsule(x: Tensor, y: Tensor, ax: float, ay: float, bx: float, by: float, r: float) -> Tensor:
    """A thick line with round ends."""
    ex, ey = bx - ax, by - ay
    k = (((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey)).clamp(0, 1)
    return torch.hypot(x - ax - ex * k, y - ay - ey * k) - r


def convex(x: Tensor, y: Tensor, points: Points) -> Tensor:
    """A convex polygon, corners clockwise on the screen: the farthest of its half planes.

    Outlines around it have sharp corners; the farthest corner is blunted, so that no spike grows.
    """
    mx, my = (sum(p[k] for p in points) / len(points) for k in (0, 1))
    worst = torch.hypot(x - mx, y - my) - max(math.hypot(a - mx, b - my) for a, b in points)
    for (ax, ay), (bx, by) in zip(points, points[1:] + points[:1], strict=True):
        ex, ey = bx - ax, by - ay
        length = math.hypot(ex, ey)
        nx, ny = ey / length, -ex / length
        worst = torch.maximum(worst, x * nx + (y * ny - (ax * nx + ay * ny)))
    return worst


def polygon(x: Tensor, y: Tensor, points: Points) -> Tensor:
    """Exact signed distance to a simple polygon (winding-number form, after I. Quilez)."""
    best: Tensor | None = None
    sign = torch.ones_like(x + y)
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


def union(*distances: Tensor) -> Tensor:
    result = distances[0]
    for distance in distances[1:]:
        result = torch.minimum(result, distance)
    return result


def cover(distance: Tensor, soft: Tensor | float) -> Tensor:
    """Share of the pixel inside the shape; the edge is `soft` wide."""
    return (0.5 - distance / soft).clamp(0, 1)


def rgb(colour: Rgb, like: Tensor) -> Tensor:
    """[3, 1, 1, 1], to mix into a clip [3, T, H, W]."""
    return torch.tensor(colour, device=like.device).view(3, 1, 1, 1)


def paint(image: Tensor, colour: Tensor, coverage: Tensor) -> Tensor:
    """Mix `colour` over `image` [3, T, H, W] where `coverage` [T, H, W] is 1."""
    return image + (colour - image) * coverage.unsqueeze(0)


def hashed(*numbers: int) -> random.Random:
    """A generator of its own for every cell of the endless world."""
    value = 0
    for number in numbers:
        value = (value * 1_000_003 + number + 7) & 0x7FFF_FFFF_FFFF_FFFF
    return random.Random(value)


class Canvas:
    """A window onto an endless still picture, filled from back to front.

    `image` [3, H, W] holds colours times `alpha` [H, W] (as painted over black), so that canvases
    can be laid over each other. Pixel (row, column) has its centre at
    ((left + column + 0.5) / scale, (top + row + 0.5) / scale) in picture heights.
    """

    def __init__(
        self,
        left: int,
        top: int,
        width: int,
        height: int,
        scale: float,
        device: torch.device | str,
    ) -> None:
        self.left, self.top, self.width, self.height = left, top, width, height
        self.scale = scale
        self.image = torch.zeros(3, height, width, device=device)
        self.alpha = torch.zeros(height, width, device=device)
        columns, rows = torch.arange(width, device=device), torch.arange(height, device=device)
        self.x = ((left + columns + 0.5) / scale).view(1, width)
        self.y = ((top + rows + 0.5) / scale).view(height, 1)

    @property
    def pixel(self) -> float:
        """Width of a soft edge: one and a half pixels."""
        return 1.5 / self.scale

    @property
    def span(self) -> tuple[float, float]:
        """Left and right end in picture heights."""
        return self.left / self.scale, (self.left + self.width) / self.scale

    def cells(
        self, step: float, seed: int, margin: float = 0.0
    ) -> Iterator[tuple[float, random.Random]]:
        """Left edge and generator of every cell of width `step` that may reach the canvas."""
        start, end = self.span
        for k in range(math.floor((start - margin) / step), math.floor((end + margin) / step) + 1):
            yield k * step, hashed(seed, k)

    def columns(
        self,
        step: float,
        seed: int,
        things: Callable[[random.Random], tuple[float, ...]],
        shift: float = 0.0,
    ) -> Tensor:
        """Draw a row of things at once, one in each cell of width `step`: for every column of
        pixels the left edge of its cell and what `things` says of it, [1 + n, 1, W]."""
        start, end = self.span
        first = math.floor((start - shift) / step)
        last = math.floor((end - shift) / step)
        table = torch.tensor(
            [(k * step + shift, *things(hashed(seed, k))) for k in range(first, last + 1)],
            device=self.image.device,
        )
        index = ((self.x[0] - shift) / step).floor().long() - first
        return table[index.clamp(0, last - first)].T.unsqueeze(1)

    def fill(
        self, colour: Rgb | Tensor, shape: Shape, area: Box | None = None, strength: float = 1.0
    ) -> None:
        """Fill `shape` (given x [1, w], y [h, 1] it returns distances); `area` bounds it."""
        self.blend(colour, lambda x, y: cover(shape(x, y), self.pixel) * strength, area)

    def blend(self, colour: Rgb | Tensor, coverage: Shape, area: Box | None = None) -> None:
        """Mix `colour` (one, or [3, h, w] over the whole canvas) where `coverage` says."""
        part = self.part(area)
        if part is not None:
            if isinstance(colour, Tensor):
                whole = colour.expand(3, self.height, self.width)
                colour = whole[:, part.rows, part.columns]
            part.mix(colour, coverage(part.x, part.y))

    def part(self, area: Box | None) -> Part | None:
        """The pixels of `area` and a few around it; None where it is off the canvas."""
        rows, columns = slice(0, self.height), slice(0, self.width)
        if area is not None:
            left, top, right, bottom = (v * self.scale for v in area)
            columns = slice(
                max(0, math.floor(left) - self.left - 2),
                max(0, min(self.width, math.ceil(right) - self.left + 2)),
            )
            rows = slice(
                max(0, math.floor(top) - self.top - 2),
                max(0, min(self.height, math.ceil(bottom) - self.top + 2)),
            )
            if columns.start >= columns.stop or rows.start >= rows.stop:
                return None
        return Part(self, rows, columns)


class Part:
    """A rectangle of a canvas: coordinates x [1, w] and y [h, 1] of its pixels."""

    def __init__(self, canvas: Canvas, rows: slice, columns: slice) -> None:
        self.rows, self.columns = rows, columns
        self.x, self.y = canvas.x[:, columns], canvas.y[rows]
        self._image = canvas.image[:, rows, columns]
        self._alpha = canvas.alpha[rows, columns]

    def mix(self, colour: Rgb | Tensor, share: Tensor) -> None:
        """Mix `colour` (one, or [3, h, w]) over what is there, where `share` [h, w] is 1."""
        if not isinstance(colour, Tensor):
            colour = torch.tensor(colour, device=share.device).view(3, 1, 1)
        self._image += (colour - self._image) * share
        self._alpha += (1 - self._alpha) * share
