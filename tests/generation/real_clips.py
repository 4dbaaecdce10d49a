"""A delivered clip with real files: drawn here, marked, signed, handed over as the worker does."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings

from accounts.models import User, Workspace
from generation import media, services, signing
from generation.models import Generation, Video
from generation.provenance.c2pa import ManifestClaim, sign_file
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark
from sora_site.lib import storage
from tests.factories import make_generation

WIDTH, HEIGHT, FPS = 256, 144, 12


def make_clip(
    workspace: Workspace,
    *,
    by: User | None = None,
    prompt: str = "a red balloon rises over the ocean at sunset",
    seconds: int = 1,
    parents: tuple[Video, ...] = (),
    identity: Any = None,
    **fields: Any,
) -> Video:
    """`identity`: another signer than this site's."""
    job = make_generation(
        workspace,
        by=by,
        prompt=prompt,
        status=Generation.Status.RUNNING,
        lease_expires_at="2100-01-01T00:00:00Z",
        width=WIDTH,
        height=HEIGHT,
        seconds=seconds,
        **fields,
    )
    services.billing.reserve_credits(workspace, job.cost_credits, str(job.pk))
    video_id = uuid.uuid4()
    folder = Path(settings.SORA_STATE_DIR) / "drawn" / str(video_id)
    folder.mkdir(parents=True)
    unsigned, clip, poster = folder / "a.mp4", folder / "clip.mp4", folder / "poster.webp"
    fingerprint = FingerprintBuilder(fps=FPS)
    mark = VisibleMark(WIDTH, HEIGHT, text=settings.SORA_WATERMARK_TEXT, seed=7, fps=FPS)
    colour = np.random.default_rng(video_id.int % 2**32).integers(40, 200, 3)
    rows, columns = np.indices((HEIGHT, WIDTH))
    with media.Encoder(
        unsigned, width=WIDTH, height=HEIGHT, fps=FPS, mark=mark, on_luma=fingerprint.add_marked
    ) as encoder:
        for index in range(seconds * FPS):
            wave = 40 * np.sin((rows + 2 * columns + 9 * index) / 17)
            frame = np.clip(colour + wave[..., None], 0, 255).astype(np.uint8)
            fingerprint.add(index, frame)
            encoder.write(frame)
    claim = ManifestClaim(
        title=f"Clip {str(video_id)[:8]}",
        model_name="test engine",
        model_version="1",
        software_name=settings.SITE_NAME,
        software_version=settings.VERSION,
        job_id=str(job.pk),
        prompt_rewritten=False,
        created_at=job.created_at,
        watermark=settings.SORA_WATERMARK_TEXT,
        fingerprint=fingerprint.digest(),
    )
    signer = identity or signing.identity()
    manifest = sign_file(unsigned, clip, claim, identity=signer)
    media.save_poster(next(media.sample_frames(unsigned))[1], folder / "p.webp")
    sign_file(folder / "p.webp", poster, claim, identity=signer)
    key = f"{workspace.pk}/{video_id}"
    finished = services.FinishedClip(
        video_id=video_id,
        media_key=f"{key}/clip.mp4",
        poster_key=f"{key}/poster.webp",
        under_key="",
        mark_moves=[],
        width=WIDTH,
        height=HEIGHT,
        frames=seconds * FPS,
        fps=FPS,
        bytes=clip.stat().st_size,
        sha256=storage.sha256_of(clip),
        manifest=manifest,
        credentials=signing.read(clip).to_json(),
        hashes=fingerprint.hashes(),
        engine="test engine 1",
        publish=False,
    )
    storage.store_private(clip, finished.media_key)
    storage.store_private(poster, finished.poster_key)
    video = services.deliver(job, finished)
    assert video is not None
    video.parents.add(*parents)
    return video


def file_of(key: str) -> Path:
    path = storage.local_path(key)
    assert path is not None
    return path
