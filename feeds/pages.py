"""One page of a public list: the same facts for the HTML cards and for the JSON API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser

from accounts.models import User
from feeds.models import Like, LikeCount
from generation.cards import card_of, with_cards
from generation.models import VideoQuerySet
from sora_site.lib.pages import keyset_page

PAGE_SIZE = 24
NO_LIKES = LikeCount(0, False)


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
    """The `size` clips after `cursor`, latest shared first, in two queries at any depth.

    `videos` holds shared clips only. Raises InvalidCursor.
    """
    found, following = keyset_page(with_cards(videos), ("shared_at", "id"), cursor, size=size)
    counts = Like.objects.counts_for(found, viewer) if found else {}
    cards = []
    for video in found:
        count = counts.get(video.pk, NO_LIKES)
        cards.append({**card_of(video), "likes": count.likes, "liked": count.liked})
    return Page(cards, following)
