"""What the camera does: where each plane of the picture is seen, and how large."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CAMERAS = (
    "static",
    "pan left",
    "pan right",
    "tilt up",
    "tilt down",
    "zoom in",
    "zoom out",
    "orbit",
)
ACTOR = 0.12  # the camera follows actors loosely: they slide less than the ground they stand on


@dataclass(frozen=True)
class View:
    """World (wx, wy) is seen at (middle + (w - middle - offset) * zoom); tensors [T, 1, 1]."""

    middle: tuple[float, float]
    x: Tensor
    y: Tensor
    zoom: Tensor

    def to_picture(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        mx, my = self.middle
        return mx + (x - mx - self.x) * self.zoom, my + (y - my - self.y) * self.zoom

    def to_world(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        mx, my = self.middle
        return mx + (x - mx) / self.zoom + self.x, my + (y - my) / self.zoom + self.y


def view(camera: str, depth: float, t: Tensor, aspect: float) -> View:
    """The camera at seconds `t` [T, 1, 1], for a plane at `depth`: 0 is the sky, 1 the ground.

    All moves begin at rest in the layout a still camera shows, near things pass faster.
    """
    still = torch.zeros_like(t)
    x, y, zoom = still, still, still + 1
    match camera:
        case "pan left":
            x = -0.15 * aspect * (0.55 + 0.45 * depth) * t
        case "pan right":
            x = 0.15 * aspect * (0.55 + 0.45 * depth) * t
        case "tilt up":
            y = -0.075 * (0.6 + 0.4 * depth) * t
        case "tilt down":
            y = 0.075 * (0.6 + 0.4 * depth) * t
        case "zoom in":
            zoom = (1 + 0.13 * t) ** (0.4 + 0.6 * depth)
        case "zoom out":
            zoom = (1.5 / (1 + 0.14 * t)) ** (0.4 + 0.6 * depth)
        case "orbit":  # around the actors: what is far goes one way, what is near the other
            x = 0.32 * min(aspect, 1.2) * (0.62 - depth) * t
        case "static":
            pass
        case _:
            raise ValueError(f"unknown camera {camera!r}: one of {', '.join(CAMERAS)}")
    return View((aspect / 2, 0.5), x, y, zoom)


def actor_view(camera: str, t: Tensor, aspect: float) -> View:
    """As `view`, for what the clip is about."""
    if camera == "orbit":
        sway = torch.sin(0.9 * t)
        return View((aspect / 2, 0.5), 0.04 * sway, torch.zeros_like(t), 1 + 0.07 * sway)
    near = view(camera, 1.0, t, aspect)
    return View(near.middle, near.x * ACTOR, near.y * ACTOR, near.zoom)
