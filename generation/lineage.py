"""What a clip was made from and what became of it, as a tree the viewer may see.

One recursive query each way over the parent links, bounded in depth and number. A clip the viewer
may not see is a node without content: that there was one is no secret, which one is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser
from django.db import connection

from accounts.models import User
from generation.cards import card_of, with_cards
from generation.models import Video

MOST_STEPS = 8  # generations up or down
MOST_CLIPS = 200  # in one direction


@dataclass
class Node:
    """One clip of the tree. `card` is None for one that can't be shown; `says` tells why.

    `again`: it stands in the tree already (a blend of two descendants); what lies beyond is there.
    """

    card: dict[str, Any] | None
    says: str = ""
    again: bool = False
    nodes: list[Node] = field(default_factory=list)


@dataclass
class Lineage:
    """Both directions from one clip. `cut`: there is more than is shown."""

    ancestors: list[Node]
    descendants: list[Node]
    cut: bool

    @property
    def is_empty(self) -> bool:
        return not self.ancestors and not self.descendants


def lineage_of(video: Video, viewer: User | AnonymousUser) -> Lineage:
    """The tree around a clip that the viewer may see. Links are signed: check the clip first."""
    up, up_cut = _links(video.pk, upwards=True)
    down, down_cut = _links(video.pk, upwards=False)
    everybody = {clip for links in (up, down) for pair in links for clip in pair}
    seen = Video.objects.visible_to(viewer).filter(pk__in=everybody)  # type: ignore[arg-type]
    cards = {found.pk: card_of(found) for found in with_cards(seen)}
    # Descendants are other people's business unless they are shown: only ancestors leave a trace.
    said = _why_hidden(clip for pair in up for clip in pair if clip not in cards)
    return Lineage(
        ancestors=_tree(video.pk, up, cards, said),
        descendants=_prune(_tree(video.pk, down, cards, {})),
        cut=up_cut or down_cut,
    )


def _links(video: UUID, *, upwards: bool) -> tuple[list[tuple[UUID, UUID]], bool]:
    """(from, to) pairs away from the clip, nearest first, and whether a bound was met."""
    near, far = ("from_video_id", "to_video_id") if upwards else ("to_video_id", "from_video_id")
    table = connection.ops.quote_name(Video.parents.through._meta.db_table)
    with connection.cursor() as cursor:
        # Rows come level by level and only as many as are fetched, so a clip with a million remixes
        # costs no more than one with two hundred. UNION (not ALL) and the depth end circles.
        cursor.execute(
            f"""
            WITH RECURSIVE walk(near, far, depth) AS (
                SELECT {near}, {far}, 1 FROM {table} WHERE {near} = %s
                UNION
                SELECT link.{near}, link.{far}, walk.depth + 1
                  FROM {table} link JOIN walk ON link.{near} = walk.far
                 WHERE walk.depth <= %s
            )
            SELECT near, far, depth FROM walk LIMIT %s
            """,
            [video, MOST_STEPS, MOST_CLIPS + 1],
        )
        rows = cursor.fetchall()
    shown = [(near, far) for near, far, depth in rows[:MOST_CLIPS] if depth <= MOST_STEPS]
    known = set(shown)
    cut = len(rows) > MOST_CLIPS or any((near, far) not in known for near, far, _ in rows)
    return list(dict.fromkeys(shown)), cut


def _why_hidden(clips: Any) -> dict[UUID, str]:
    """What may be said of a parent nobody may see: never whose it is or what it showed."""
    rows = Video.objects.filter(pk__in=set(clips)).values_list(
        "pk", "quarantined_at", "deleted_at", "trashed_at"
    )
    return {
        clip: "Taken down" if down else "Deleted by its creator" if gone or binned else "Private"
        for clip, down, gone, binned in rows
    }


def _tree(
    root: UUID,
    links: list[tuple[UUID, UUID]],
    cards: dict[UUID, dict[str, Any]],
    said: dict[UUID, str],
) -> list[Node]:
    beyond: dict[UUID, list[UUID]] = {}
    for near, far in links:
        beyond.setdefault(near, []).append(far)
    told: set[UUID] = {root}

    def in_time(clips: Iterable[UUID]) -> list[UUID]:
        """Oldest first, then those that can't be shown."""
        return sorted(
            clips, key=lambda c: (c not in cards, cards[c]["created_at"] if c in cards else "")
        )

    def grow(clip: UUID) -> Node:
        node = Node(cards.get(clip), said.get(clip, "Private"), again=clip in told)
        if not node.again:
            told.add(clip)
            node.nodes = [grow(far) for far in in_time(beyond.get(clip, ()))]
        return node

    return [grow(far) for far in in_time(beyond.get(root, ()))]


def _prune(nodes: list[Node]) -> list[Node]:
    """Without what the viewer may not see; what was made of it moves up to its place."""
    kept: list[Node] = []
    for node in nodes:
        node.nodes = _prune(node.nodes)
        kept += [node] if node.card is not None else node.nodes
    return kept


def present(lineage: Lineage) -> dict[str, Any]:
    """As JSON."""
    return {
        "ancestors": [_present(node) for node in lineage.ancestors],
        "descendants": [_present(node) for node in lineage.descendants],
        "cut": lineage.cut,
    }


def _present(node: Node) -> dict[str, Any]:
    card = node.card
    return {
        "clip": card,
        "says": None if card else node.says,
        "again": node.again,
        "nodes": [_present(child) for child in node.nodes],
    }
