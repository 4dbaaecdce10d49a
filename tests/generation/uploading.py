"""Files as people bring them along, and the ways to send one."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, ImageDraw

from generation.media import Encoder
from generation.models import Upload
from generation.uploads import agreement as upload_agreement
from generation.uploads import checks as upload_checks
from generation.uploads import services as uploads

Pixels = np.ndarray
SUBTITLE_STYLE = b"""[Script Info]
ScriptType: v4.00+
[V4+ Styles]
Format: Name, Fontname, Fontsize
Style: Default,Arial,16
[Events]
Format: Layer, Start, End, Style, Text
"""


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


def write(
    path: Path,
    *,
    codec: str = "libx264",
    container: str = "mp4",
    size: tuple[int, int] = (320, 192),
    times: list[int] | None = None,
    rate: int = 12,
    audio: bool = False,
    subtitles: int = 0,
    streams: int = 1,
    aspect: Fraction | None = None,
    metadata: dict[str, str] | None = None,
) -> bytes:
    """A drawing in some container; `times` are the frames' moments in thousandths of a second."""
    width, height = size
    with av.open(str(path), "w", format=container) as output:
        output.metadata.update(metadata or {})
        made = [output.add_stream(codec, rate=rate) for _ in range(streams)]
        for stream in made:
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 1000)
            if aspect is not None:
                stream.codec_context.sample_aspect_ratio = aspect
        sound = output.add_stream("aac", rate=44100) if audio else None
        texts = [output.add_stream("mov_text") for _ in range(subtitles)]
        for text in texts:
            text.codec_context.subtitle_header = SUBTITLE_STYLE
        for stream in made:
            for index, at in enumerate(times or [round(1000 * i / rate) for i in range(12)]):
                picture = np.asarray(drawing(width, height, shift=4 * index))
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(
                    format="yuv420p"
                )
                frame.pts, frame.time_base = at, Fraction(1, 1000)
                for packet in stream.encode(frame):
                    output.mux(packet)
            for packet in stream.encode(None):
                output.mux(packet)
        if sound is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
            frame.sample_rate = 44100
            for packet in [*sound.encode(frame), *sound.encode(None)]:
                output.mux(packet)
        for text in texts:
            packet = av.Packet(b"\0\x05hello")
            packet.stream, packet.pts, packet.dts, packet.duration = text, 0, 0, 500
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    return path.read_bytes()


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
