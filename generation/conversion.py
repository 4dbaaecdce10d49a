"""The worker's half of `renditions`: draw another format of a clip, sign it, read it back, keep it.

Everything is drawn from the delivered file, so it carries the visible mark; each is signed with the
clip as its parent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from accounts import audit
from generation import chores, media, signing
from generation.chores import ChoreFailed, Lease
from generation.models import Chore, Video
from generation.provenance.c2pa import Parent, SigningError
from generation.renditions import FORMATS
from sora_site.lib import storage

LONG_SIDE = 480  # pixels of a GIF or WebP: what messengers and documents take
RATE = 12.0
MOST_FRAMES = 360
SHEET_TILES, SHEET_COLUMNS, TILE_LONG_SIDE = 100, 10, 192
# Our own file: bounded when it was made, so these only end what hangs.
OWN_FILE = media.DecodeLimits(bytes=2**40, seconds=3600, frames=10**6, wall_seconds=1800)

Kind = Chore.Kind


def make(chore: Chore, lease: Lease) -> None:
    """Draw one format from the delivered file, sign it, read it back, keep it."""
    assert chore.video_id is not None  # chore_formats_have_a_clip
    video = Video.objects.select_related("generation").get(pk=chore.video_id)
    if video.quarantined_at is not None or video.deleted_at is not None:
        raise ChoreFailed("gone")
    clip = _clip_file(video, lease)
    suffix = FORMATS[chore.kind].suffix
    drawn, signed = lease.folder / f"drawn.{suffix}", lease.folder / f"signed.{suffix}"
    report = DRAW[chore.kind](video, clip, drawn, lease)
    title = f"{FORMATS[chore.kind].title} of clip {str(video.pk)[:8]}"
    signing.sign(drawn, signed, signing.claim_of(video, title), [Parent(clip, "parentOf", "Clip")])
    found = signing.read(signed)
    if found.state not in ("trusted", "valid"):
        raise SigningError("signing_failed", f"the signed file reads as {found.state}")
    key = f"{video.workspace_id}/{video.pk}/{chore.kind}.{suffix}"

    def note() -> None:
        audit.record(
            audit.VIDEO_RENDITION_MADE,
            workspace=chore.workspace,
            actor=chore.requested_by,
            target=video,
            format=chore.kind,
        )

    chores.finish(lease, signed, key, also=note, report=report)


def _clip_file(video: Video, lease: Lease) -> Path:
    try:
        return storage.fetch(video.media_key, lease.folder / "clip.mp4")
    except FileNotFoundError as error:
        raise ChoreFailed("gone") from error


def _frames(
    video: Video, clip: Path, lease: Lease, *, rate: float, long_side: int
) -> Iterator[media.Pixels]:
    width, height = _within(video.width, video.height, long_side)
    total = max(1, round(video.seconds * rate))
    pictures = media.sample_frames(clip, per_second=rate, limits=OWN_FILE, threads=1)
    for index, (_, frame) in enumerate(pictures):
        lease.step(min(index, total), total)
        image = Image.fromarray(frame).resize((width, height), Image.Resampling.LANCZOS)
        yield np.asarray(image)


def _within(width: int, height: int, long_side: int) -> tuple[int, int]:
    """The size with this long side at most, both sides even and the shape kept."""
    scale = min(1.0, long_side / max(width, height))
    return max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2)


def _rate(video: Video) -> float:
    return min(RATE, float(video.fps), MOST_FRAMES / video.seconds)


def _draw_gif(video: Video, clip: Path, target: Path, lease: Lease) -> dict[str, Any]:
    rate = _rate(video)
    frames = _frames(video, clip, lease, rate=rate, long_side=LONG_SIDE)
    media.save_gif(frames, target, fps=rate)
    return {}


def _draw_webp(video: Video, clip: Path, target: Path, lease: Lease) -> dict[str, Any]:
    rate = _rate(video)
    frames = _frames(video, clip, lease, rate=rate, long_side=LONG_SIDE)
    media.save_animation(frames, target, fps=rate)
    return {}


def _draw_sheet(video: Video, clip: Path, target: Path, lease: Lease) -> dict[str, Any]:
    """Pictures in rows, left to right; the report says how to cut it up again."""
    rate = min(float(video.fps), SHEET_TILES / video.seconds)
    tiles = list(_frames(video, clip, lease, rate=rate, long_side=TILE_LONG_SIDE))[:SHEET_TILES]
    height, width = tiles[0].shape[:2]
    columns = min(SHEET_COLUMNS, len(tiles))
    rows = math.ceil(len(tiles) / columns)
    sheet = np.zeros((rows * height, columns * width, 3), np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = tile
    media.save_poster(sheet, target, quality=85)
    return {
        "columns": columns,
        "rows": rows,
        "tiles": len(tiles),
        "tile_width": width,
        "tile_height": height,
        "seconds_per_tile": round(1 / rate, 4),
    }


DRAW: dict[str, Callable[[Video, Path, Path, Lease], dict[str, Any]]] = {
    Kind.GIF: _draw_gif,
    Kind.WEBP: _draw_webp,
    Kind.SPRITESHEET: _draw_sheet,
}
