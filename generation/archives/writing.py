"""Write a workspace, or chosen clips, into one zip file.

Memory stays flat: files are copied in pieces, records are written one by one.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.utils.text import slugify
from PIL import Image

from accounts import audit
from accounts.models import Workspace
from generation import chores, hooks, signing
from generation.archives import format as form
from generation.chores import ChoreFailed, Lease
from generation.media import save_poster
from generation.models import Chore, Draft, Upload, Video, VideoQuerySet
from generation.provenance.c2pa import ManifestClaim
from sora_site.lib import storage

AT_A_TIME = 200  # rows of one query
COVER_PICTURES, COVER_COLUMNS, COVER_TILE = 12, 4, (320, 180)
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # zip's first day: the same content gives the same bytes

OnStep = Callable[[int, int], None]


def make_export(chore: Chore, lease: Lease) -> None:
    """The worker's door: the archive of the chore's workspace."""
    archive = lease.folder / "archive.zip"
    clips = write_archive(chore.workspace, archive, scratch=lease.folder, on_step=lease.step)
    _finish(chore, lease, archive, clips)


def make_download(chore: Chore, lease: Lease) -> None:
    """The worker's door: chosen clips as files with readable names, and a JSON beside them."""
    chosen = Video.objects.filter(workspace=chore.workspace, pk__in=chore.request["videos"])
    archive, records = lease.folder / "clips.zip", []
    ids: list[UUID] = []
    total = chosen.in_library().count()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED, allowZip64=True) as out:
        for video in _in_order(chosen.in_library()):
            lease.step(len(ids), total)
            words = slugify(video.generation.prompt)[:60].strip("-") or "clip"
            name = f"{video.created_at:%Y-%m-%d}-{words}-{str(video.pk)[:8]}.mp4"
            _copy(out, name, video.media_key, lease.folder)
            ids.append(video.pk)
            records.append(
                {
                    "file": name,
                    "id": str(video.pk),
                    "prompt": video.generation.prompt,
                    "seed": video.generation.seed,
                    "steps": video.generation.steps,
                    "width": video.width,
                    "height": video.height,
                    "seconds": video.seconds,
                    "sha256": video.sha256,
                }
            )
        out.writestr(_entry("clips.json"), form.encode(records))
    _finish(chore, lease, archive, ids)


def _finish(chore: Chore, lease: Lease, archive: Path, clips: list[UUID]) -> None:
    """Keep the file, unless one of its clips was taken down while it was written."""
    if Video.objects.filter(pk__in=clips, quarantined_at__isnull=False).exists():
        raise ChoreFailed("gone", "A clip was removed while the file was written. Start it again.")

    def note() -> None:
        audit.record(
            audit.WORKSPACE_EXPORTED,
            workspace=chore.workspace,
            actor=chore.requested_by,
            target=chore.workspace,
            clips=len(clips),
            kind=chore.kind,
        )

    key = f"{chore.workspace_id}/exports/{chore.pk}.zip"
    chores.finish(lease, archive, key, also=note, done=len(clips), total=len(clips))


def write_archive(
    workspace: Workspace, target: Path, *, scratch: Path, on_step: OnStep = lambda done, total: None
) -> list[UUID]:
    """Write the archive of a workspace to `target`; what lies in the trash or in quarantine stays out.

    `scratch` is a folder for copies of single files. Returns the clips in it.
    Raises OSError, SigningError.
    """
    clips = Video.objects.filter(workspace=workspace).in_library()
    total = clips.count()
    sums: list[str] = []
    ids: list[UUID] = []
    posters: list[Image.Image] = []
    with zipfile.ZipFile(target, "w", allowZip64=True) as out:

        def add(name: str, content: bytes) -> None:
            out.writestr(_entry(name, zipfile.ZIP_DEFLATED), content)
            sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")

        add(form.LIBRARY, form.encode(_library(workspace)))
        add(form.UPLOADS, form.encode(list(_uploads(workspace))))
        for video in _in_order(clips):
            on_step(len(ids), total)
            at = f"clips/{archive_id(video)}"
            for name, key in ((form.CLIP, video.media_key), (form.POSTER, video.poster_key)):
                sums.append(f"{_copy(out, f'{at}/{name}', key, scratch)}  {at}/{name}\n")
            add(f"{at}/{form.MANIFEST}", bytes(video.manifest))
            add(f"{at}/{form.RECORD}", form.encode(record_of(video)))
            if len(posters) < COVER_PICTURES:
                posters.append(_small_poster(video, scratch))
            ids.append(video.pk)
        listed = "".join(sums).encode()
        out.writestr(_entry(form.SUMS, zipfile.ZIP_DEFLATED), listed)
        out.write(_seal(listed, posters, workspace, scratch), form.COVER)
    on_step(total, total)
    return ids


def archive_id(video: Video) -> str:
    """The clip's name in archives: the id it was made with, also after an import."""
    return str(video.origin_id or video.pk)


def _in_order(videos: VideoQuerySet) -> Iterator[Video]:
    """All of them, oldest first, some at a time; each is locked by nothing and read once."""
    ids = list(videos.order_by("created_at", "id").values_list("pk", flat=True))
    for start in range(0, len(ids), AT_A_TIME):
        found = (
            videos.filter(pk__in=ids[start : start + AT_A_TIME])
            .select_related("generation", "creator", "folder_entry__folder")
            .prefetch_related(
                "parents",
                "favourites",
                "fingerprints",
                "generation__safety_checks",
                "generation__sources__video",
            )
        )
        yield from sorted(found, key=lambda video: (video.created_at, video.pk))


def _copy(out: zipfile.ZipFile, name: str, key: str, scratch: Path) -> str:
    """Put a stored file into the zip as it is, a piece at a time; its SHA-256."""
    copy = scratch / "copy"
    digest = hashlib.sha256()
    try:
        with (
            storage.fetch(key, copy).open("rb") as source,
            out.open(_entry(name), "w", force_zip64=True) as target,
        ):
            while piece := source.read(storage.CHUNK_BYTES):
                digest.update(piece)
                target.write(piece)
    finally:
        copy.unlink(missing_ok=True)
    return digest.hexdigest()


def _entry(name: str, compression: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, LONG_AGO)
    entry.compress_type = compression
    entry.external_attr = 0o644 << 16
    return entry


# --- Records ---------------------------------------------------------------------------------------


def _library(workspace: Workspace) -> dict[str, Any]:
    return {
        "format": form.FORMAT,
        "site": settings.PUBLIC_URL,
        "site_name": settings.SITE_NAME,
        "workspace": workspace.name,
        "folders": [folder.name for folder in workspace.folders.all()],
        "presets": [
            {"name": preset.name, "text": preset.text} for preset in workspace.style_presets.all()
        ],
        "drafts": [
            {
                "title": draft.title,
                "plan": draft.plan,
                "created_at": _iso(draft.created_at),
                "updated_at": _iso(draft.updated_at),
            }
            for draft in Draft.objects.filter(workspace=workspace).order_by("created_at", "id")
        ],
    }


def _uploads(workspace: Workspace) -> Iterable[dict[str, Any]]:
    """What was brought along, in words: an upload's file would have to be checked anew anywhere."""
    ready = Upload.objects.filter(workspace=workspace).usable().order_by("created_at", "id")
    for upload in ready:
        yield {
            "id": str(upload.pk),
            "name": upload.name,
            "kind": upload.kind,
            "sha256": upload.sha256,
            "width": upload.width,
            "height": upload.height,
            "frames": upload.frames,
            "fps": upload.fps,
            "created_at": _iso(upload.created_at),
        }


def record_of(video: Video) -> dict[str, Any]:
    """Everything the database knows about a clip and an import needs. Billing is not part of it;
    neither is whether it is shared: an import publishes nothing."""
    job = video.generation
    likes: list[int] = []
    for source in hooks.likes:
        likes += source.of([video.pk]).get(video.pk, [])
    return {
        "id": archive_id(video),
        "sha256": video.sha256,
        "bytes": video.bytes,
        "width": video.width,
        "height": video.height,
        "frames": video.frames,
        "fps": video.fps,
        "created_at": _iso(video.created_at),
        "remixable": video.remixable,
        "creator": {
            "id": video.creator_id,
            "handle": video.creator.handle,
            "name": video.creator.public_name,
        },
        "credentials": video.credentials,
        "parents": sorted(archive_id(parent) for parent in video.parents.all()),
        "folder": video.folder_entry.folder.name if hasattr(video, "folder_entry") else None,
        "favourite_of": sorted(mark.user_id for mark in video.favourites.all()),
        "likes": likes,
        "fingerprints": sorted(
            [found.at_ms, found.variant, bytes(found.hash).hex()]
            for found in video.fingerprints.all()
        ),
        "job": {
            "prompt": job.prompt,
            "rewritten_prompt": job.rewritten_prompt,
            "prompt_edits": job.prompt_edits,
            "understood": job.understood,
            "unknown_words": job.unknown_words,
            "seconds": job.seconds,
            "width": job.width,
            "height": job.height,
            "seed": job.seed,
            "steps": job.steps,
            "tool": job.tool,
            "plan": job.plan,
            "batch": str(job.batch) if job.batch else None,
            "variation": job.variation,
            "engine": job.engine,
            "created_at": _iso(job.created_at),
            "started_at": _iso(job.started_at),
            "finished_at": _iso(job.finished_at),
            "sources": sorted(
                [
                    f"video:{archive_id(source.video)}"
                    if source.video
                    else f"upload:{source.upload_id}",
                    source.relationship,
                ]
                for source in job.sources.all()
            ),
        },
        "checks": [
            {
                "stage": check.stage,
                "attempt": check.attempt,
                "action": check.action,
                "profile": check.profile,
                "policy_version": check.policy_version,
                "verdict": check.verdict,
                "created_at": _iso(check.created_at),
            }
            for check in sorted(job.safety_checks.all(), key=lambda c: (c.created_at, c.pk))
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


# --- The seal --------------------------------------------------------------------------------------


def _small_poster(video: Video, scratch: Path) -> Image.Image:
    with Image.open(storage.fetch(video.poster_key, scratch / "copy"), formats=["WEBP"]) as poster:
        small = poster.convert("RGB")
    small.thumbnail(COVER_TILE)
    return small


def _seal(sums: bytes, posters: list[Image.Image], workspace: Workspace, scratch: Path) -> Path:
    """A sheet of the first clips' posters, signed, whose manifest names the sums."""
    width, height = COVER_TILE
    rows = max(1, -(-len(posters) // COVER_COLUMNS))
    sheet = Image.new("RGB", (COVER_COLUMNS * width, rows * height))
    for index, poster in enumerate(posters):
        left, top = index % COVER_COLUMNS * width, index // COVER_COLUMNS * height
        sheet.paste(poster, (left + (width - poster.width) // 2, top))
    plain, signed = scratch / "cover-unsigned.jpg", scratch / form.COVER
    save_poster(np.asarray(sheet), plain)
    claim = ManifestClaim(
        title=f"Archive of {workspace.name}",
        model_name=settings.SITE_NAME,
        model_version=settings.VERSION,
        software_name=settings.SITE_NAME,
        software_version=settings.VERSION,
        job_id=form.SEAL + hashlib.sha256(sums).hexdigest(),
        prompt_rewritten=False,
        created_at=workspace.created_at,
        watermark=settings.SORA_WATERMARK_TEXT if posters else None,
    )
    signing.sign(plain, signed, claim)
    return signed
