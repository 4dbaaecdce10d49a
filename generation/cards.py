"""A clip as a card in any list shows it: the feed, a profile, the library, a lineage."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from generation.models import Video, VideoQuerySet
from sora_site.lib.storage import signed_url

# The manifest and the stored report are large and never needed in a list.
CARD_FIELDS = (
    "id",
    "workspace_id",
    "media_key",
    "poster_key",
    "width",
    "height",
    "frames",
    "fps",
    "shared_at",
    "remixable",
    "alt_text",
    "flash_area",
    "created_at",
    "creator__handle",
    "creator__display_name",
    "generation__prompt",
)


def with_cards(videos: VideoQuerySet) -> VideoQuerySet:
    """The same clips with exactly the columns `card_of` reads, in one query."""
    return videos.select_related("creator", "generation").only(*CARD_FIELDS)


def card_of(video: Video) -> dict[str, Any]:
    """Links are signed here, so call this only after the permission check."""
    poster_name = f"poster.{video.poster_key.rsplit('.', 1)[-1]}"
    return {
        "id": str(video.pk),
        "page_url": reverse("generation:clip", args=[video.pk]),
        "media_url": signed_url(video.media_key, filename=video.download_name),
        "poster_url": signed_url(video.poster_key, filename=poster_name),
        "prompt": video.generation.prompt,
        "alt": video.alt_text or f"AI-generated clip: {video.generation.prompt}"[:500],
        "autoplay": video.plays_by_itself,
        "width": video.width,
        "height": video.height,
        "seconds": round(video.seconds, 4),  # as exact as a span of it is asked for
        "created_at": video.created_at,
        "shared_at": video.shared_at,
        "remixable": video.remixable,
        "creator": {"handle": video.creator.handle, "name": video.creator.public_name},
    }
