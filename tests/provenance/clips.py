"""Clips of two kinds, and what happens to clips on their way through the world."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.footage import natural_frames
from generation.media import Encoder, sample_frames


def footage(kind: str, width: int, height: int, frames: int, seed: int) -> Iterator[np.ndarray]:
    """kind "natural": textures and grain; "drawn": flat colours, a moving ball, sometimes a title."""
    if kind == "natural":
        return natural_frames(width, height, frames, seed=seed)
    return drawn_frames(width, height, frames, seed)


def drawn_frames(width: int, height: int, frames: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    upper, lower, ground, ball = (rng.integers(0, 256, 3) for _ in range(4))
    horizon, radius = rng.uniform(0.55, 0.85) * height, rng.uniform(0.1, 0.22) * height
    start, speed, level = rng.uniform(0.1, 0.4), rng.uniform(0.05, 0.15), rng.uniform(0.3, 0.6)
    ramp = np.linspace(0, 1, height)[:, None, None]
    sky = np.broadcast_to(upper * (1 - ramp) + lower * ramp, (height, width, 3)).astype(np.uint8)
    font = ImageFont.load_default(size=height * 0.07)
    for index in range(frames):
        picture = sky.copy()
        picture[int(horizon) :] = ground
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        x, y = width * (start + speed * index / 24), height * level
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tuple(map(int, ball)))
        if seed % 2:
            draw.text((width * 0.1, height * 0.1), "Coming soon", font=font, fill=(255, 255, 255))
        yield np.asarray(image)


def encoded(
    frames: Iterable[np.ndarray],
    path: Path,
    *,
    crf: int = 20,
    scale: float = 1.0,
    fps: float = 24,
    mark: object = None,
) -> Path:
    """Encode, after resizing by `scale`."""
    encoder = None
    try:
        for frame in frames:
            if scale != 1:
                frame = resized(frame, scale)
            if encoder is None:
                height, width = frame.shape[:2]
                encoder = Encoder(
                    path, width=width, height=height, fps=fps, crf=crf, mark=mark, threads=1
                ).__enter__()
            encoder.write(frame)
    finally:
        assert encoder is not None
        encoder.__exit__(None, None, None)
    return path


def resized(frame: np.ndarray, scale: float) -> np.ndarray:
    height, width = frame.shape[:2]
    size = round(width * scale / 2) * 2, round(height * scale / 2) * 2
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.BICUBIC))


def passed_on(path: Path, *, crf: int, scale: float = 1.0, per_second: float = 4) -> Path:
    """What a site does to an upload: decode, resize, encode again, with fewer frames."""
    out = path.with_name(f"{path.stem}-crf{crf}-{scale:g}.mp4")
    frames = (frame for _, frame in sample_frames(path, per_second))
    return encoded(frames, out, crf=crf, scale=scale, fps=per_second)


def pictures(path: Path, per_second: float = 4) -> list[np.ndarray]:
    return [frame for _, frame in sample_frames(path, per_second)]
