"""What the apps above add to this one's work. They register in their AppConfig.ready, by name.

An import would point upwards; a list that stands here doesn't, and is read at one visible line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from generation.models import Video, VideoQuerySet

# Each takes out of deleted clips those whose files must stay for now: evidence, legal holds.
holds: list[Callable[[VideoQuerySet], VideoQuerySet]] = []


class Likes(Protocol):
    """What the archive of a workspace needs of likes: people by their id."""

    def of(self, videos: Iterable[UUID]) -> dict[UUID, list[int]]: ...

    def put_back(self, video: Video, people: Iterable[int]) -> None: ...


likes: list[Likes] = []
