"""One page of a public list: the same facts for the HTML cards and for the JSON API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from feeds.models import with_likes
from generation.cards import card_of, with_cards
from generation.models import VideoQuerySet
from sora_site.lib.pages import keyset_page

PAGE_SIZE = 24


@dataclass(frozen=True)
class Page:
    """Cards, and the cursor of what follows; None at the end."""

    cards: list[dict[str, Any]]
    next_cursor: str | None


def read_page(
    videos: VideoQuerySet,
    viewer: User | AnonymousUser,
    cursor: str | None,
    *,
    size: int = PAGE_SIZE,
) -> Page:
    """The `size` clips after `cursor`, latest shared first, in one query at any depth.

    `videos` holds shared clips only. Raises InvalidCursor.
    """
    rows = with_likes(with_cards(videos), viewer)
    found, following = keyset_page(rows, ("shared_at", "id"), cursor, size=size)
    cards = [
        {
            **card_of(video),
            "likes": video.like_count,  # type: ignore[attr-defined]
            "liked": video.liked_count > 0,  # type: ignore[attr-defined]
        }
        for video in found
    ]
    return Page(cards, following)
