"""Pictures of what a model draws, for the model card: a sheet of frames, a moving one, kept frames."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from generation.training.evaluate.pictures import Clip

LARGEST = 1_500_000  # bytes of all pictures together
CAPTION = 26  # pixels under a picture: two lines
COLUMNS = 4


def write_sheets(
    folder: Path, prompts: Sequence[str], clips: Sequence[Clip], kept: Sequence[Clip], fps: int
) -> list[Path]:
    """prompts.webp, clips.gif and kept.webp in `folder`, together at most LARGEST bytes.

    kept: a drawing and the clip made from parts of it, in turn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sheet = contact_sheet(prompts[:24], clips[:24])
    sheet.save(folder / "prompts.webp", quality=80, method=6)
    found = [folder / "prompts.webp"]
    if kept:
        strips(kept).save(folder / "kept.webp", quality=80, method=6)
        found.append(folder / "kept.webp")
    left = LARGEST - sum(path.stat().st_size for path in found)
    (folder / "clips.gif").write_bytes(moving_sheet(clips[:6], fps, left))
    return [*found, folder / "clips.gif"]


def contact_sheet(prompts: Sequence[str], clips: Sequence[Clip]) -> Image.Image:
    """The middle frame of every clip over its prompt, four in a row."""
    height, width = clips[0].shape[1:3]
    rows = -(-len(clips) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * width, rows * (height + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for number, (prompt, clip) in enumerate(zip(prompts, clips, strict=True)):
        x, y = number % COLUMNS * width, number // COLUMNS * (height + CAPTION)
        sheet.paste(Image.fromarray(clip[len(clip) // 2]), (x, y))
        for line, text in enumerate(_lines(prompt, width // 5)[:2]):
            pen.text((x + 3, y + height + 1 + 12 * line), text, fill="black", font_size=9)
    return sheet


def _lines(text: str, letters: int) -> list[str]:
    """Words put together into lines of at most so many letters."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def strips(clips: Sequence[Clip]) -> Image.Image:
    """Six moments of every clip, one clip a row."""
    height, width = clips[0].shape[1:3]
    sheet = Image.new("RGB", (6 * width, len(clips) * height), "white")
    for row, clip in enumerate(clips):
        for column, at in enumerate(np.linspace(0, len(clip) - 1, 6).round().astype(int)):
            sheet.paste(Image.fromarray(clip[at]), (column * width, row * height))
    return sheet


def moving_sheet(clips: Sequence[Clip], fps: int, most: int) -> bytes:
    """The clips side by side, three in a row, as a GIF of at most `most` bytes (fewer colours and
    frames until it fits)."""
    columns = min(3, len(clips))
    rows = [np.concatenate(clips[i : i + columns], 2) for i in range(0, len(clips), columns)]
    rows = [row for row in rows if row.shape == rows[0].shape]
    whole = np.concatenate(rows, 1)
    data = b""
    for colours, every in ((128, 1), (64, 1), (64, 2), (32, 2), (16, 3)):
        frames = [
            Image.fromarray(f).quantize(colours, dither=Image.Dither.NONE) for f in whole[::every]
        ]
        buffer = io.BytesIO()
        frames[0].save(
            buffer,
            "GIF",
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 * every / fps),
            loop=0,
            optimize=True,
        )
        data = buffer.getvalue()
        if len(data) <= most:
            break
    return data
