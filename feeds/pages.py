"""One page of a list in one query: the same facts for the HTML cards and for the JSON API.

The page comes first, through its index; likes, the viewer's own state and the credit of remixes are
then looked up for its clips alone, still inside the database.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.urls import reverse

from feeds.listings import Listing, Viewer
from generation.models import Video, VideoQuerySet
from sora_site.lib.pages import after, decode_cursor, decode_number, encode_cursor
from sora_site.lib.storage import signed_url

PAGE_SIZE = 24
MOST_ON_A_PAGE = 50
MOST_TERMS = 3  # of a card's "why this"
MOST_CREDITS = 3

# Column of the page -> where the ORM finds it.
COLUMNS = {
    "id": "id",
    "media_key": "media_key",
    "poster_key": "poster_key",
    "width": "width",
    "height": "height",
    "frames": "frames",
    "fps": "fps",
    "created_at": "created_at",
    "shared_at": "shared_at",
    "remixable": "remixable",
    "alt_text": "alt_text",
    "flash_area": "flash_area",
    "creator_id": "creator_id",
    "handle": "creator__handle",
    "display_name": "creator__display_name",
    "prompt": "generation__prompt",
    "tool": "generation__tool",
}

LIKES = """
  LEFT JOIN (
       SELECT video_id, count(*) AS number, bool_or(user_id = %s) AS mine
         FROM feeds_like WHERE video_id = ANY(ARRAY(SELECT id FROM page)) GROUP BY video_id
  ) liked ON liked.video_id = page.id
"""
MINE = """
  LEFT JOIN (
       SELECT video_id FROM feeds_save
        WHERE user_id = %s AND video_id = ANY(ARRAY(SELECT id FROM page))
  ) kept ON kept.video_id = page.id
  LEFT JOIN (
       SELECT creator_id FROM feeds_follow
        WHERE follower_id = %s AND creator_id = ANY(ARRAY(SELECT creator_id FROM page))
  ) followed ON followed.creator_id = page.creator_id
"""
CREDIT = """
  LEFT JOIN LATERAL (
       SELECT array_agg(source.id) AS ids, array_agg(person.handle) AS handles,
              array_agg(person.display_name) AS names
         FROM generation_video_parents link
         JOIN generation_video source ON source.id = link.to_video_id
              AND source.shared_at IS NOT NULL AND source.quarantined_at IS NULL
         JOIN accounts_user person ON person.id = source.creator_id
        WHERE link.from_video_id = page.id AND source.creator_id <> page.creator_id
  ) credit ON page.tool <> 'text'
 ORDER BY page.sort_key DESC, page.id DESC
"""
OF_MEMBER = f"""
SELECT page.*, COALESCE(liked.number, 0) AS likes, COALESCE(liked.mine, FALSE) AS liked,
       kept.video_id IS NOT NULL AS saved, followed.creator_id IS NOT NULL AS following,
       credit.ids, credit.handles, credit.names
  FROM page {LIKES} {MINE} {CREDIT}
"""
OF_ANYBODY = f"""
SELECT page.*, COALESCE(liked.number, 0) AS likes, FALSE AS liked, FALSE AS saved,
       FALSE AS following, credit.ids, credit.handles, credit.names
  FROM page {LIKES} {CREDIT}
"""


@dataclass(frozen=True)
class Page:
    """Cards, and the cursor of what follows; None at the end."""

    cards: list[dict[str, Any]]
    next_cursor: str | None


def read_page(
    listing: Listing | VideoQuerySet,
    viewer: Viewer,
    cursor: str | None,
    *,
    size: int = PAGE_SIZE,
) -> Page:
    """The `size` clips after `cursor` in one query at any depth.

    Links to files are signed here: a listing holds only what its reader may see.
    Raises InvalidCursor.
    """
    if not isinstance(listing, Listing):
        listing = Listing(listing)
    rows = _rows(listing, viewer, cursor, size + 1)
    following = None
    if len(rows) > size:
        rows = rows[:size]
        last = rows[-1]
        following = encode_cursor(last["sort_key"], last["id"])
    return Page([_card(row) for row in rows], following)


def page_sql(
    listing: Listing | VideoQuerySet, viewer: Viewer, cursor: str | None, limit: int
) -> tuple[str, Sequence[Any]]:
    """The one query of a page and its parameters. Raises InvalidCursor or EmptyResultSet."""
    if not isinstance(listing, Listing):
        listing = Listing(listing)
    videos = listing.videos
    if cursor:
        decode = decode_cursor if listing.of is datetime else decode_number
        videos = after(videos, (listing.key, "id"), *decode(cursor))
    wanted = [*COLUMNS.values(), listing.key, *listing.extra]
    ordered = videos.order_by(f"-{listing.key}", "-id")[:limit]
    sql, params = ordered.values_list(*dict.fromkeys(wanted)).query.sql_with_params()
    own = [] if listing.key in COLUMNS else [listing.key]
    columns = ", ".join([*COLUMNS, *own, *listing.extra])
    state, mine = (OF_MEMBER, 3) if viewer.pk else (OF_ANYBODY, 1)
    return (
        f"WITH found({columns}) AS MATERIALIZED ({sql}),"
        f" page AS MATERIALIZED (SELECT *, {listing.key} AS sort_key FROM found) {state}",
        [*params, *[viewer.pk or 0] * mine],
    )


def _rows(listing: Listing, viewer: Viewer, cursor: str | None, limit: int) -> list[dict[str, Any]]:
    try:
        sql, params = page_sql(listing, viewer, cursor, limit)
    except EmptyResultSet:
        return []
    with connection.cursor() as db:
        db.execute(sql, params)
        found = [column.name for column in db.description]
        return [dict(zip(found, row)) for row in db.fetchall()]


def _card(row: dict[str, Any]) -> dict[str, Any]:
    number: UUID = row["id"]
    prompt: str = row["prompt"]
    flashes: float | None = row["flash_area"]
    poster: str = row["poster_key"]
    return {
        "id": str(number),
        "page_url": clip_path(number),
        "media_url": signed_url(row["media_key"], filename=f"clip-{str(number)[:8]}.mp4"),
        "poster_url": signed_url(poster, filename=f"poster.{poster.rpartition('.')[2]}"),
        "prompt": prompt,
        "alt": row["alt_text"] or alt_of(prompt),
        "autoplay": flashes is not None and flashes < Video.CALM_AREA,
        "width": row["width"],
        "height": row["height"],
        "seconds": round(row["frames"] / row["fps"], 4),
        "created_at": row["created_at"],
        "shared_at": row["shared_at"],
        "remixable": row["remixable"],
        "creator": {
            "handle": row["handle"],
            "name": row["display_name"] or row["handle"],
            "following": row["following"],
        },
        "likes": row["likes"],
        "liked": row["liked"],
        "saved": row["saved"],
        "credits": [
            {"page_url": clip_path(source), "handle": handle, "name": name or handle}
            for source, handle, name in zip(
                row["ids"] or (), row["handles"] or (), row["names"] or ()
            )
        ][:MOST_CREDITS],
        "why": (row.get("why") or [])[:MOST_TERMS],
        "note": row.get("note") or "",
    }


def alt_of(prompt: str) -> str:
    """What stands in for a clip nobody described."""
    return f"AI-generated clip: {' '.join(prompt.split())}"[:500]


def clip_path(number: UUID) -> str:
    """The address of a clip's page, without asking the URL resolver for every card."""
    before, behind = _clip_frame()
    return f"{before}{number}{behind}"


@cache
def _clip_frame() -> tuple[str, str]:
    nobody = UUID(int=0)
    before, _, behind = reverse("generation:clip", args=[nobody]).partition(str(nobody))
    return before, behind
