"""Other formats of a clip: GIF, animated WebP, spritesheet. Made once, on the first request, by a worker.

This is the half of the web process: ask, and say how it stands; `conversion` is the worker's. MP4
and poster exist with the clip itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User
from generation.errors import CHORE_REASONS, InvalidRequest, TooManyChores
from generation.models import Chore, Video
from sora_site.lib import storage

MOST_WAITING = 20  # of one person


@dataclass(frozen=True)
class Format:
    """One entry of the download menu."""

    code: str
    title: str
    suffix: str


FORMATS = {
    found.code: found
    for found in (
        Format("mp4", "MP4 video", "mp4"),
        Format("gif", "GIF", "gif"),
        Format("webp", "Animated WebP", "webp"),
        Format("poster", "Poster", "webp"),
        Format("spritesheet", "Spritesheet", "jpg"),
    )
}


def request_rendition(video: Video, code: str, *, by: User) -> dict[str, Any]:
    """Have a format made, unless it is there or under way; how it stands. The caller checked that
    `by` may see the clip. Raises InvalidRequest, TooManyChores."""
    if code not in FORMATS:
        raise InvalidRequest(f"Formats are {', '.join(FORMATS)}.", param="format")
    if code not in Chore.FORMATS:
        return present(video, code, None)
    chore = video.renditions.filter(kind=code).first()
    if chore is None:
        if Chore.objects.filter(requested_by=by).open().count() >= MOST_WAITING:
            raise TooManyChores()
        try:
            with transaction.atomic():
                chore = Chore.objects.create(
                    workspace_id=video.workspace_id, requested_by=by, kind=code, video=video
                )
        except IntegrityError:  # somebody asked in the same moment
            chore = video.renditions.get(kind=code)
    elif chore.status == Chore.Status.FAILED:
        video.renditions.filter(pk=chore.pk, status=Chore.Status.FAILED).update(
            status=Chore.Status.WAITING, attempts=0, finished_at=None, created_at=timezone.now()
        )
        chore.refresh_from_db()
    return present(video, code, chore)


def present_all(video: Video) -> list[dict[str, Any]]:
    """Every format and how it stands. Links are signed here: only after the permission check."""
    made = {chore.kind: chore for chore in video.renditions.all()}
    return [present(video, code, made.get(code)) for code in FORMATS]


def present(video: Video, code: str, chore: Chore | None) -> dict[str, Any]:
    found = FORMATS[code]
    key = {"mp4": video.media_key, "poster": video.poster_key}.get(code, "")
    size: int | None = video.bytes if code == "mp4" else None
    status = "ready" if key else "none"
    if chore is not None:
        status = {"done": "ready", "running": "making"}.get(chore.status, chore.status)
        key, size = chore.key, chore.bytes or None
    name = f"{video.download_name.removesuffix('.mp4')}.{found.suffix}"
    if code in ("poster", "spritesheet"):
        name = f"{video.download_name.removesuffix('.mp4')}-{code}.{found.suffix}"
    ready = status == "ready"
    return {
        "format": code,
        "title": found.title,
        "status": status,
        "url": storage.signed_url(key, filename=name, download=True) if ready else None,
        "bytes": size,
        "layout": (chore.report or None) if chore is not None and ready else None,
        "problem": CHORE_REASONS.get(chore.reason_code, chore.reason_code)
        if chore is not None and status == "failed"
        else None,
    }
