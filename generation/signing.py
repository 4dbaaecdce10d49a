"""The site's signing identity: a configured certificate and key or callback, else the development CA."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from generation.editing.making import Making
from generation.engine.protocol import VideoEngine
from generation.models import Generation, Video
from generation.provenance.c2pa import (
    CredentialsReport,
    ManifestClaim,
    Parent,
    SigningError,
    SigningIdentity,
    load_signer,
    read_credentials,
    sign_file,
)
from generation.provenance.development_ca import CaFiles


def identity() -> SigningIdentity:
    """Who signs here. Read again for every job: a replaced or expired certificate counts at once.

    Raises SigningError.
    """
    if settings.SORA_SIGNING_CHAIN:
        return load_signer(
            certificate_chain=settings.SORA_SIGNING_CHAIN,
            private_key=settings.SORA_SIGNING_KEY or None,
            callback=settings.SORA_SIGNING_CALLBACK or None,
            trust_anchors=settings.SORA_TRUST_ANCHORS or None,
            timestamp_url=settings.SORA_TIMESTAMP_URL or None,
        )
    return _development_identity()


def _development_identity() -> SigningIdentity:
    return load_signer(
        development_ca=settings.SORA_DEVELOPMENT_CA_DIR,
        timestamp_url=settings.SORA_TIMESTAMP_URL or None,
    )


def trust_anchors() -> str:
    """PEM text of the roots readers here trust; empty when none is set up yet.

    The development root stays trusted beside configured ones: clips signed with it are still ours.
    """
    roots = [CaFiles.under(settings.SORA_DEVELOPMENT_CA_DIR).root]
    if settings.SORA_TRUST_ANCHORS:
        roots.append(Path(settings.SORA_TRUST_ANCHORS))
    return "\n".join(_read(path, path.stat().st_mtime) for path in roots if path.is_file())


@lru_cache(maxsize=4)
def _read(path: Path, modified: float) -> str:
    return path.read_text()


def claim_for(
    generation: Generation,
    video_id: UUID,
    engine: VideoEngine,
    *,
    rewritten: bool,
    making: Making,
    fingerprint: bytes | None = None,
) -> ManifestClaim:
    """What the manifest of one clip says. Never the prompt."""
    return ManifestClaim(
        title=f"Clip {str(video_id)[:8]}",
        model_name=engine.name,
        model_version=engine.version,
        software_name=settings.SITE_NAME,
        software_version=settings.VERSION,
        job_id=str(generation.pk),
        prompt_rewritten=rewritten,
        created_at=generation.created_at,
        watermark=settings.SORA_WATERMARK_TEXT,
        fingerprint=fingerprint or None,
        resampled=making.resampled,
        passes=making.passes,
    )


def claim_of(video: Video, title: str) -> ManifestClaim:
    """What the manifest of a file made from a delivered clip says: the same model, the same job."""
    name, _, version = video.generation.engine.rpartition(" ")
    return ManifestClaim(
        title=title,
        model_name=name or version,
        model_version=version,
        software_name=settings.SITE_NAME,
        software_version=settings.VERSION,
        job_id=str(video.generation_id),
        prompt_rewritten=bool(video.generation.prompt_edits),
        created_at=video.created_at,
        watermark=settings.SORA_WATERMARK_TEXT,
    )


def own_names() -> set[str]:
    """The issuers readers are shown for files signed here, with the site's or the development key."""
    names = set()
    for signer in (identity, _development_identity):
        with suppress(SigningError):
            names.add(signer().organization)
    return names


def is_ours(report: CredentialsReport) -> bool:
    """Whether a file is unaltered and signed by this site."""
    return report.state == "trusted" and report.issuer in own_names()


def sign(
    source: Path, destination: Path, claim: ManifestClaim, parents: Sequence[Parent] = ()
) -> bytes:
    """Raises SigningError; then nothing lies at `destination`."""
    return sign_file(source, destination, claim, parents, identity=identity())


def read(path: Path) -> CredentialsReport:
    return read_credentials(path, trust_anchors())
