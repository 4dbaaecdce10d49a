"""A flat drawing is told from a photograph, whatever was done to the photograph."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps
from sklearn.datasets import load_sample_image

from generation.reading.drawn import measure
from tests.generation.uploading import drawing

Change = Callable[[Image.Image], Image.Image]


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def on_a_wall(picture: Image.Image) -> Image.Image:
    """The photograph on an empty white wall, a sixth of the picture."""
    wall = Image.new("RGB", (1600, 900), "white")
    wall.paste(picture.resize((640, 420)), (700, 300))
    return wall


CHANGES: dict[str, Change] = {
    "as it is": lambda p: p,
    "blurred": lambda p: p.filter(ImageFilter.GaussianBlur(p.width / 128)),
    "enlarged": lambda p: p.resize((4 * p.width, 4 * p.height), Image.Resampling.BICUBIC),
    "low quality": lambda p: as_jpeg(p, 15),
    "posterised": lambda p: ImageOps.posterize(p, 2),
    "six colours": lambda p: p.quantize(6, dither=Image.Dither.NONE).convert("RGB"),
    "smoothed": lambda p: p.filter(ImageFilter.MedianFilter(9)),
    "darkened": lambda p: p.point(lambda v: v // 3),
    "paled": lambda p: p.point(lambda v: 100 + v // 4),
    "grey": lambda p: p.convert("L").convert("RGB"),
    "a detail": lambda p: p.crop((200, 100, 420, 300)),
    "on a wall": on_a_wall,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("name", ["china.jpg", "flower.jpg"])
def test_a_photograph_is_never_a_drawing(name: str, change: str) -> None:
    photograph = Image.fromarray(load_sample_image(name))
    found = measure(np.asarray(CHANGES[change](photograph)))
    assert not found.flat_drawing, found


@pytest.mark.parametrize(
    ("size", "quality"),
    [
        ((320, 180), 100),
        ((512, 512), 100),
        ((1280, 720), 100),
        ((720, 1280), 90),
        ((1280, 720), 90),
    ],
)
def test_a_flat_drawing_is_one(size: tuple[int, int], quality: int) -> None:
    picture = drawing(*size)
    found = measure(np.asarray(picture if quality == 100 else as_jpeg(picture, quality)))
    assert found.flat_drawing, found


def test_noise_and_texture_are_no_drawing() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (256, 256, 3), np.uint8)
    assert not measure(noise).flat_drawing
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    colours = np.stack(np.meshgrid(ramp, ramp), -1)
    assert not measure(np.dstack([colours, colours[..., :1]])).flat_drawing
