"""Addresses under which a clip is shown outside: its share link, its page, its poster."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse

from generation.models import Video


def absolute(path: str) -> str:
    """A path of this site as other sites need it."""
    return f"{settings.PUBLIC_URL}{path}"


def link_of(video: Video) -> str | None:
    """The live share link; None when there is none."""
    link = video.share_links.filter(revoked_at=None).first()
    return absolute(reverse("feeds:linked", args=[link.token])) if link else None


def audience_of(video: Video) -> dict[str, Any]:
    """Who is shown the clip, for those who may change it."""
    return {"audience": video.audience, "shared_at": video.shared_at, "link": link_of(video)}
