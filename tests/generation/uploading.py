"""Files as people bring them along, and the ways to send one."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from generation import upload_agreement, upload_checks, uploads
from generation.media import Encoder
from generation.models import Upload

Pixels = np.ndarray


def drawing(width: int = 640, height: int = 360, *, shift: int = 0) -> Image.Image:
    """A picture in flat colours: a field, a house, a sun; `shift` moves the sun."""
    picture = Image.new("RGB", (width, height), (120, 190, 240))
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, height * 2 // 3, width, height), fill=(60, 160, 70))
    left, top = width // 5, height // 3
    pen.rectangle((left, top, left + width // 4, height * 3 // 4), fill=(200, 90, 60))
    pen.polygon(
        [(left, top), (left + width // 4, top), (left + width // 8, top - height // 6)],
        fill=(90, 40, 30),
    )
    sun = width * 2 // 3 + shift
    pen.ellipse(
        (sun, height // 8, sun + height // 5, height // 8 + height // 5), fill=(250, 220, 60)
    )
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def photograph() -> Image.Image:
    """A real photograph, from scikit-learn's sample images."""
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image("china.jpg"))


def drawn_video(path: Path, *, width: int = 320, height: int = 192, frames: int = 24) -> Path:
    """A sun that moves over a drawing."""
    with Encoder(path, width=width, height=height, fps=12) as encoder:
        for index in range(frames):
            encoder.write(np.asarray(drawing(width, height, shift=index * 3)))
    return path


def agree(user: Any) -> None:
    uploads.agree(user, version=upload_agreement.VERSION, statements=sorted(upload_agreement.CODES))


def bring(
    workspace: Any,
    data: bytes,
    *,
    name: str = "picture.png",
    by: Any = None,
    piece: int = 4 * 2**20,
) -> Upload:
    """Announce and send a file through the services, all of it."""
    by = by or workspace.owner
    agree(by)
    upload = uploads.start_upload(workspace, by=by, name=name, size_bytes=len(data))
    for offset in range(0, len(data), piece):
        upload = uploads.append_bytes(
            upload, offset=offset, data=data[offset : offset + piece], by=by
        )
    return upload


def checked(workspace: Any, data: bytes, **options: Any) -> Upload:
    """The same, and the worker's check of it."""
    upload = bring(workspace, data, **options)
    upload_checks.drain()
    upload.refresh_from_db()
    return upload
