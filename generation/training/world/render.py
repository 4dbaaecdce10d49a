"""Draw a scene: planes through the camera, actors with their shadows, weather, style.

Everything is a closed formula of the scene and of time in seconds, so a clip can be drawn at any
size, rate and length, on CPU or GPU, and two calls with the same `Scene` give the same pixels.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from generation.training.world.camera import actor_view, view
from generation.training.world.draw import Canvas, paint, rgb
from generation.training.world.draw import cover as coverage
from generation.training.world.motion import Pose, Start, direction, pose, slots, turns
from generation.training.world.objects import KINDS, Layer
from generation.training.world.palette import COLOURS, FOG, OBJECT_LIGHT, Rgb, times
from generation.training.world.places import SHADOW, Plane, Setting, animate, floor, planes, setting
from generation.training.world.places import weather as fall
from generation.training.world.scene import Actor, Scene
from generation.training.world.styles import apply_style, paper_halo

DETAIL = 1.5  # canvas pixels per picture pixel where the camera moves


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
    stage = _Stage.set_up(scene, frames, height, width, fps, start, device)
    image = stage.behind()
    for number in stage.order():
        image, _ = stage.act(image, number)
    if scene.weather == "fog":
        image = stage.fog(image, 0.16)
    image = fall(image, stage.setting, stage.x, stage.y, stage.t)
    image = apply_style(scene.style, image.clamp(0, 1), stage.t, scene.seed)
    return image.clamp(0, 1) * 2 - 1


def cover(
    scene: Scene,
    *,
    frames: int,
    height: int,
    width: int,
    fps: float = 12.0,
    start: float = 0.0,
    device: torch.device | str = "cpu",
) -> Tensor:
    """The share of each pixel that actors cover: float32 [frames, height, width] in [0, 1]."""
    stage = _Stage.set_up(scene, frames, height, width, fps, start, device)
    open_share = torch.ones(frames, height, width, device=device)
    for number in stage.order():
        blank = torch.zeros(3, frames, height, width, device=device)
        open_share = open_share * (1 - stage.act(blank, number)[1])
    return 1 - open_share


@dataclass(frozen=True)
class _Stage:
    scene: Scene
    setting: Setting
    aspect: float
    height: int
    width: int
    device: torch.device | str
    t: Tensor  # [T, 1, 1] seconds
    x: Tensor  # [1, 1, W] pixel centres in picture heights
    y: Tensor  # [1, H, 1]

    @classmethod
    def set_up(
        cls,
        scene: Scene,
        frames: int,
        height: int,
        width: int,
        fps: float,
        start: float,
        device: torch.device | str,
    ) -> _Stage:
        if min(frames, height, width) < 1 or fps <= 0:
            raise ValueError(
                f"a clip has at least one frame and pixel and a positive rate, not "
                f"{frames} x {height} x {width} at {fps} fps"
            )
        return cls(
            scene,
            setting(scene, width / height),
            width / height,
            height,
            width,
            device,
            (start + torch.arange(frames, device=device) / fps).view(frames, 1, 1),
            ((torch.arange(width, device=device) + 0.5) / height).view(1, 1, width),
            ((torch.arange(height, device=device) + 0.5) / height).view(1, height, 1),
        )

    # ---- what is behind the actors --------------------------------------------------------------

    def behind(self) -> Tensor:
        """The place as the camera sees it: [3, T, H, W]."""
        paper = self.scene.style == "paper cut-out"
        still = self.scene.camera == "static"
        image: Tensor | None = None
        flat: Canvas | None = None  # still planes of a still camera share one canvas
        for plane in planes(self.setting):
            if still and not plane.drift and not paper:
                if flat is None:
                    flat = self._canvas(self.height)
                plane.draw(flat)
                continue
            image, flat = self._over(image, flat), None
            colours, alpha = self._through_camera(plane)
            image = self._lay(image, colours, alpha, paper)
        image = self._over(image, flat)
        assert image is not None
        image = image.expand(3, len(self.t), self.height, self.width)
        ground = view(self.scene.camera, 1.0, self.t, self.aspect)
        wx, wy = ground.to_world(self.x, self.y)
        image = animate(image, self.setting, wx, wy, self.t)
        return self.fog(image, 0.72) if self.scene.weather == "fog" else image

    def fog(self, image: Tensor, strength: float) -> Tensor:
        """Thickest at the horizon, in slow banks."""
        bank = 0.80 + 0.20 * torch.sin(3.1 * self.x + 0.25 * self.t + 9 * self.y)
        thick = torch.exp(-(((self.y - self.setting.horizon) / 0.55) ** 2))
        share = strength * (0.45 + 0.55 * thick) * bank
        return paint(image, rgb(FOG[self.scene.time], image), share)

    def _canvas(self, scale: float) -> Canvas:
        return Canvas(0, 0, self.width, self.height, scale, self.device)

    def _over(self, image: Tensor | None, canvas: Canvas | None) -> Tensor | None:
        if canvas is None:
            return image
        colours, alpha = canvas.image.unsqueeze(1), canvas.alpha.unsqueeze(0)
        return colours if image is None else image * (1 - alpha) + colours

    def _lay(self, image: Tensor | None, colours: Tensor, alpha: Tensor, paper: bool) -> Tensor:
        if image is None:
            return colours
        if paper:
            shadow, edge = paper_halo(alpha)
            image = image * (1 - shadow)
            colours = colours + 0.30 * edge * (alpha - colours)
        return image * (1 - alpha) + colours

    def _through_camera(self, plane: Plane) -> tuple[Tensor, Tensor]:
        """Draw the part of the plane that is ever seen once, then look at it through the camera."""
        seen = view(self.scene.camera, plane.depth, self.t, self.aspect)
        if self.scene.camera == "static" and not plane.drift:
            canvas = self._canvas(self.height)
            plane.draw(canvas)
            return canvas.image.unsqueeze(1), canvas.alpha.unsqueeze(0)
        still = self.scene.camera == "static"
        scale = self.height * (1.0 if still else DETAIL)
        wx, wy = seen.to_world(self.x, self.y)
        wx = wx - plane.drift * self.t
        left, right = (
            math.floor(float(wx.min()) * scale) - 2,
            math.ceil(float(wx.max()) * scale) + 3,
        )
        top, bottom = (
            math.floor(float(wy.min()) * scale) - 2,
            math.ceil(float(wy.max()) * scale) + 3,
        )
        canvas = Canvas(left, top, right - left, bottom - top, scale, self.device)
        plane.draw(canvas)
        # column c of the canvas has its centre at (left + c + 0.5) / scale, and -1 ... 1 is its width
        gx = ((wx * scale - left) / canvas.width * 2 - 1).expand(-1, self.height, -1)
        gy = ((wy * scale - top) / canvas.height * 2 - 1).expand(len(self.t), -1, self.width)
        source = torch.cat([canvas.image, canvas.alpha.unsqueeze(0)]).unsqueeze(0)
        looked = grid_sample(
            source.expand(len(self.t), -1, -1, -1),
            torch.stack([gx, gy], dim=-1),
            padding_mode="border",
            align_corners=False,
        ).transpose(0, 1)
        return looked[:3], looked[3]

    # ---- actors ---------------------------------------------------------------------------------

    def order(self) -> list[int]:
        """Who is drawn first: the first actor where it is behind the others, else the others."""
        numbers = list(range(len(self.scene.actors)))
        return numbers if self.scene.relation == "behind" else numbers[::-1]

    def _start(self, number: int) -> tuple[Start, int]:
        """Where the actor begins, and which way it looks."""
        scene, actor = self.scene, self.scene.actors[number]
        kind, rng = KINDS[actor.object], random.Random(scene.seed * 8 + 3 + number)
        alone = len(scene.actors) == 1
        slot = slots(scene.relation, len(scene.actors), actor.motion)[number]
        base = {"small": rng.uniform(0.155, 0.18), "large": rng.uniform(0.22, 0.26)}[actor.size]
        if not alone:
            base = 0.24  # one size, so that nobody is hidden or cut
        radius = base * slot.scale * min(1.0, self.aspect)
        jitter = rng.uniform(-0.08, 0.08) if alone else 0.0
        lift = rng.uniform(-0.035, 0.035) if alone else 0.0
        stand = floor(scene) - kind.foot * radius
        if scene.place == "ocean" and actor.object == "boat":
            stand = self.setting.horizon + 0.04 + (slot.y - 0.46 if not alone else 0.0) * 0.3
        if scene.relation == "behind" and number == 0 and kind.grounded:
            stand -= 0.10
        grounded = kind.grounded and not (scene.relation == "above" and number == 0)
        if scene.relation == "above" and number == 1 and not grounded:
            stand = max(stand, slot.y)
        # bigger things start a little lower, so that the ones with strings stay in the picture
        y = stand if grounded else slot.y + lift - max(0.0, kind.foot - 1.1) * 0.3 * radius
        start = Start(
            x=self.aspect * (slot.x + jitter),
            y=y,
            radius=radius,
            floor=stand,
            grounded=grounded,
            speed=rng.uniform(0.10, 0.135) * (1.0 if alone else 0.6),
            side=rng.choice((-1, 1)),
            phase=rng.uniform(0, 2 * math.pi),
            aspect=self.aspect,
        )
        facing = direction(actor.motion, rng)
        if actor.motion in ("drifts", "zigzags"):
            facing = start.side
        return start, facing

    def act(self, image: Tensor, number: int) -> tuple[Tensor, Tensor]:
        """`image` with the actor drawn over it, and its coverage [T, H, W]."""
        scene, actor = self.scene, self.scene.actors[number]
        start, facing = self._start(number)
        then = scene.then if number == 0 else ""
        p = pose(actor.motion, then, self.t, start)
        lens = actor_view(scene.camera, self.t, self.aspect)
        ground = start.floor + KINDS[actor.object].foot * start.radius
        sx, sy = lens.to_picture(p.x, p.y)
        _, floor_y = lens.to_picture(p.x, torch.full_like(p.y, ground))
        p = Pose(sx, sy, p.angle, p.radius * lens.zoom, p.squash)
        image = self._shadow(image, p, floor_y, actor)
        patch, alpha, corners = self._patch(actor, p, facing, then, turns(actor.motion, then))
        return self._paste(image, patch, alpha, corners)

    def _shadow(self, image: Tensor, p: Pose, floor_y: Tensor, actor: Actor) -> Tensor:
        """A soft ellipse on the ground, smaller and paler the higher the actor is."""
        strength = SHADOW.get(self.scene.place, 0.34)
        if self.scene.time == "night":
            strength *= 0.8
        if not strength:
            return image
        kind = KINDS[actor.object]
        high = ((floor_y - p.y - kind.foot * p.radius) / 0.7).clamp(0, 1)
        wide, flat = p.radius * (0.95 - 0.30 * high), p.radius * (0.20 - 0.05 * high)
        rows = slice(
            max(0, int((float((floor_y - 3 * flat).min())) * self.height)),
            min(self.height, int((float((floor_y + 3 * flat).max())) * self.height) + 1),
        )
        if rows.start >= rows.stop:
            return image
        away = ((self.x - p.x) / wide) ** 2 + ((self.y[:, rows] - floor_y) / flat) ** 2
        dark = strength * (1 - 0.55 * high) * torch.exp(-(away**1.5))
        image = image.clone()
        tone = times((0.10, 0.10, 0.22), OBJECT_LIGHT[self.scene.time])
        image[:, :, rows] = paint(image[:, :, rows], rgb(tone, image), dark)
        return image

    def _patch(
        self, actor: Actor, p: Pose, facing: int, then: str, turning: bool
    ) -> tuple[Tensor, Tensor, list[tuple[int, int]]]:
        """The actor in a square around it: colours times alpha [3, T, s, s], alpha [T, s, s], and
        the square's top row and left column for every frame."""
        kind = KINDS[actor.object]
        half = math.ceil(float(p.radius.max()) * kind.reach * self.height) + 2
        half = min(half, max(self.height, self.width) + 2)
        left = torch.floor(p.x * self.height).long() - half
        top = torch.floor(p.y * self.height).long() - half
        steps = torch.arange(2 * half + 1, device=p.x.device) + 0.5
        lx = ((left + steps.view(1, 1, -1)) / self.height - p.x) / p.radius
        ly = ((top + steps.view(1, -1, 1)) / self.height - p.y) / p.radius
        lx, ly = torch.broadcast_tensors(lx, ly)
        if bool((p.squash != 1).any()):  # flat things get wider and keep their feet on the ground
            ly = kind.foot - (kind.foot - ly) / p.squash
            lx = lx * p.squash
        if turning:
            cos, sin = torch.cos(p.angle), torch.sin(p.angle)
            lx, ly = lx * cos + ly * sin, ly * cos - lx * sin
        if (
            kind.faces
            and then.endswith(("left", "right"))
            and not actor.motion.endswith(("left", "right"))
        ):
            facing = -1 if then.endswith("left") else 1
        if kind.faces and facing < 0:
            lx = -lx
        layers = kind.draw(lx, ly, self.t)
        soft = 1.5 / (self.height * p.radius)
        patch, alpha = self._fill(layers, actor.colour, soft)
        corners = list(zip(top.flatten().tolist(), left.flatten().tolist(), strict=True))
        return patch, alpha, corners

    def _fill(self, layers: list[Layer], colour: str, soft: Tensor) -> tuple[Tensor, Tensor]:
        """Outline, then layers from back to front."""
        light = OBJECT_LIGHT[self.scene.time]
        own = COLOURS[colour]
        outline = layers[0].distance
        for layer in layers[1:]:
            outline = torch.minimum(outline, layer.distance)
        paper = self.scene.style == "paper cut-out"
        rim: Rgb = (0.55, 0.56, 0.62) if colour == "black" else times(own, (0.5, 0.5, 0.5))
        if paper:
            rim = (0.98, 0.97, 0.94)
        alpha = coverage(outline - (0.13 if paper else 0.075), soft)
        patch = rgb(times(rim, light), alpha) * alpha
        for layer in layers:
            if layer.rgb is not None:
                tone = layer.rgb
            elif colour == "black" and layer.tint != 1.0:
                lift = 0.16 * layer.tint
                tone = (own[0] + lift, own[1] + lift, own[2] + lift)
            else:
                tone = times(own, (layer.tint,) * 3)
            r, g, b = (min(1.0, c) for c in tone)
            share = coverage(layer.distance, soft)
            patch = patch + (rgb(times((r, g, b), light), alpha) - patch) * share
            alpha = torch.maximum(alpha, share)
        return patch, alpha

    def _paste(
        self, image: Tensor, patch: Tensor, alpha: Tensor, corners: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        size = alpha.shape[-1]
        image = image.clone()
        covered = torch.zeros(len(corners), self.height, self.width, device=alpha.device)
        fallen = paper_halo(alpha)[0] if self.scene.style == "paper cut-out" else None
        for k, (top, left) in enumerate(corners):
            y0, y1 = max(0, top), min(self.height, top + size)
            x0, x1 = max(0, left), min(self.width, left + size)
            if y0 >= y1 or x0 >= x1:
                continue
            here = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
            there = image[:, k, y0:y1, x0:x1]
            if fallen is not None:
                there *= 1 - fallen[k][here]
            share = alpha[k][here]
            there *= 1 - share
            there += patch[:, k][:, here[0], here[1]]
            covered[k, y0:y1, x0:x1] = share
        return image, covered
