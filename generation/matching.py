"""Reverse video search: which of our clips does this picture or video come from?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse

from generation.models import Fingerprint, UploadFingerprint, Video
from generation.provenance.fingerprint import (
    RADIUS_KNOWN,
    Candidate,
    FrameHash,
    bands,
    match_clips,
)

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

MATCHES_SHOWN = 5
CANDIDATE_ROWS = 20_000


def is_removed(query: Sequence[FrameHash]) -> bool:
    """Whether these pictures show a clip or an upload that moderation took out of reach.

    A single frame is enough, as with lists of other parties.
    """
    wanted = _bands(query)
    for rows, name in (
        (Fingerprint.objects.exclude(video__quarantined_at=None), "video_id"),
        (UploadFingerprint.objects.exclude(upload__quarantined_at=None), "upload_id"),
    ):
        found = _candidates(rows.filter(bands__overlap=wanted), name) if wanted else []
        if match_clips(query, found, radius=RADIUS_KNOWN, min_frames=1):
            return True
    return False


def near_copies(video: Video) -> tuple[set[UUID], set[UUID]]:
    """Clips and uploads that show the same pictures as this clip: (ids of clips, ids of uploads).

    Uploads by the rule that refuses those of removed clips: a single frame is enough. Clips only when
    half of this one is in them: they are taken away from people who made them here.
    """
    rows = Fingerprint.objects.filter(video=video).values_list("at_ms", "variant", "hash")
    query = [FrameHash(at / 1000, variant, bytes(value), 100) for at, variant, value in rows]
    if not query:
        return set(), set()
    alike = {"bands__overlap": _bands(query)}
    clips = _candidates(Fingerprint.objects.exclude(video=video).filter(**alike), "video_id")
    uploads = _candidates(UploadFingerprint.objects.filter(**alike), "upload_id")
    same = match_clips(query, clips, radius=RADIUS_KNOWN)
    shown = match_clips(query, uploads, radius=RADIUS_KNOWN, min_frames=1)
    return (
        {UUID(match.clip) for match in same if match.share >= 0.5},
        {UUID(match.clip) for match in shown},
    )


def _bands(query: Sequence[FrameHash]) -> list[int]:
    return sorted({band for item in query for band in bands(item.hash)})


def _candidates(rows: QuerySet[Any], name: str) -> list[Candidate]:
    return [
        Candidate(str(owner), at_ms / 1000, bytes(value))
        for owner, at_ms, value in rows.values_list(name, "at_ms", "hash")[:CANDIDATE_ROWS]
    ]


def find_clips(
    query: Sequence[FrameHash], *, viewer: User | AnonymousUser | None
) -> list[dict[str, Any]]:
    """Best first: {id, url, distance in bits, share of frames, offset_seconds}.

    Rows that share one of sixteen 16-bit bands with a query hash are candidates: exact up to 15
    differing bits, nearly so beyond, and one index lookup. Only clips `viewer` may see are named;
    None is the operator at the machine, who may see all.
    """
    if not query:
        return []
    rows = Fingerprint.objects.filter(bands__overlap=_bands(query))
    if viewer is None:
        rows = rows.filter(video__quarantined_at=None, video__deleted_at=None)
    else:
        rows = rows.filter(video__in=Video.objects.visible_to(viewer))  # type: ignore[arg-type]
    candidates = _candidates(rows, "video_id")
    return [
        {
            "id": found.clip,
            "url": reverse("generation:clip", args=[found.clip]),
            "distance": found.distance,
            "share": round(found.share, 3),
            "offset_seconds": round(found.offset, 2),
        }
        for found in match_clips(query, candidates)
        if found.convincing
    ][:MATCHES_SHOWN]
