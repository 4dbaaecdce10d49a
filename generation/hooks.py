"""What the apps above add to this one's work. They register in their AppConfig.ready, by name.

An import would point upwards; a list that stands here doesn't, and is read at one visible line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from accounts.models import User, Workspace
    from generation.incidents import Incident
    from generation.models import Friction, Generation, Upload, Video, VideoQuerySet
    from moderation.screening.known_hashes import BankRows

# Each takes out of deleted clips those whose files must stay for now: evidence, legal holds.
holds: list[Callable[[VideoQuerySet], VideoQuerySet]] = []


class Likes(Protocol):
    """What the archive of a workspace needs of likes: people by their id."""

    def of(self, videos: Iterable[UUID]) -> dict[UUID, list[int]]: ...

    def put_back(self, video: Video, people: Iterable[int]) -> None: ...


likes: list[Likes] = []

# Each is told of new friction (generation.probing): a human may have to look at it.
probes: list[Callable[[Friction], None]] = []

# Each names the red-team campaign somebody tests for now, or gives "".
campaigns: list[Callable[[User], str]] = []

# Each takes what may be the abuse of a child: seals it, opens a case. In the caller's transaction.
incidents: list[Callable[[Incident], None]] = []

# What the worker's keeper also does: every second (returns at once), and every minute.
rounds: list[Callable[[], None]] = []
clearings: list[Callable[[], object]] = []

# Each is told of a clip that leaves everybody's sight (taken down, put into the trash), in that
# transaction.
withdrawals: list[Callable[[Video], None]] = []

# Each says which of many clips have something to withdraw, so that a takedown asks once for all.
placed: list[Callable[[Iterable[UUID]], set[UUID]]] = []


class HashBanks(Protocol):
    """Lists of known material kept in the database above (generation.vision makes one index of them)."""

    def state(self) -> object:
        """Changes whenever what `rows` gives changes. One cheap query."""
        ...

    def rows(self) -> Iterable[BankRows]: ...


hash_banks: list[HashBanks] = []

# Each is told which entries of banks matched: (workspace, subject, matches as stored in a decision).
hash_matches: list[Callable[[Workspace, str, list[dict[str, Any]]], None]] = []

# Each is told of a clip that is held until a person has looked: (video, policy code).
reviews: list[Callable[[Video, str], None]] = []


class Pilot(Protocol):
    """Who may use whose likeness (moderation.likeness); see generation.likeness."""

    def may_bring(self, person: User, workspace: Workspace, kind: str) -> UUID | None: ...

    def took(self, upload: Upload, grant: UUID) -> None:
        """An upload was taken under this grant; in the transaction that makes it ready."""
        ...

    def may_use(self, person: User, sources: Sequence[Upload | Video]) -> bool: ...

    def holds(self, generation: Generation, sources: Sequence[Upload | Video]) -> bool: ...

    def delivered(self, video: Video) -> None:
        """In the transaction that delivers: a consent may have ended a moment ago."""
        ...


pilots: list[Pilot] = []

# Each names the version of the screening policy a roll-out gives a workspace (its key), or gives None.
policy_rollouts: list[Callable[[int], int | None]] = []
