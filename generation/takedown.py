"""Taking many clips and uploads out of everybody's reach in one transaction, and bringing them back.

What is out of reach is so by its row: lists filter on it and links ask for it (sora_site.media), so
nothing waits for a thousand files to move. They are moved afterwards, by `move_files`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.utils import timezone

from accounts import audit
from accounts.models import User
from generation import hooks, progress
from generation.matching import near_copies
from generation.models import Chore, Upload, Video
from generation.services import forget_chore
from sora_site.lib import storage
from sora_site.lib.realtime import send_on_commit

MOST_CLIPS = 50_000
"""So many clips one takedown reaches. More is a mistake, or needs a person at the machine."""


class TooFarReaching(Exception):
    """More clips hang on this one than a takedown may take."""


@dataclass
class Reach:
    """What one takedown takes: ids of clips and uploads, their rows locked."""

    videos: set[UUID] = field(default_factory=set)
    uploads: set[UUID] = field(default_factory=set)


def reach_of(video: Video, *, lineage: bool = True, copies: bool = True) -> Reach:
    """The clip, what looks like it (copies), and everything made from any of these (lineage).

    In the caller's transaction: every row found is locked, and found again, until nothing new turns
    up. A clip that is delivered meanwhile waits for the lock and then sees that its source is gone
    (services.deliver). Raises TooFarReaching.
    """
    found = Reach({video.pk})
    if copies:
        clips, uploads = near_copies(video)
        found.videos |= clips
        found.uploads |= uploads
    return _grown(found, lineage=lineage)


def reach_of_upload(upload: Upload, *, lineage: bool = True) -> Reach:
    """The same for a picture or clip somebody brought: the upload, and what was made from it."""
    return _grown(Reach(uploads={upload.pk}), lineage=lineage)


def _grown(found: Reach, *, lineage: bool) -> Reach:
    while True:
        _lock(found)
        before = len(found.videos)
        if lineage:
            found.videos |= _made_from(found)
        if len(found.videos) == before:
            return found
        if len(found.videos) > MOST_CLIPS:
            raise TooFarReaching()


def _lock(found: Reach) -> None:
    for model, ids in ((Upload, found.uploads), (Video, found.videos)):
        if ids:
            rows = model.objects.filter(pk__in=ids).order_by("pk").select_for_update(of=("self",))  # type: ignore[attr-defined]
            list(rows.values_list("pk", flat=True))


def _made_from(found: Reach) -> set[UUID]:
    """Every clip below these clips and uploads, however deep. One recursive query."""
    table = connection.ops.quote_name(Video.parents.through._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE below(id) AS (
                SELECT unnest(%s::uuid[])
                UNION
                SELECT clip.id
                  FROM generation_source used
                  JOIN generation_video clip ON clip.generation_id = used.generation_id
                 WHERE used.upload_id = ANY(%s::uuid[])
                UNION
                SELECT link.from_video_id
                  FROM {table} link JOIN below ON link.to_video_id = below.id
            )
            SELECT id FROM below LIMIT %s
            """,
            [list(found.videos), list(found.uploads), MOST_CLIPS + 1],
        )
        return {row[0] for row in cursor.fetchall()}


def take_out(found: Reach, *, by: User | None, reason: str) -> Reach:
    """Take these out of reach now; says which of them were within it. Rows must be locked.

    A held clip was never delivered: its hold ends with it (services.end_hold comes first).
    """
    now = timezone.now()
    videos = list(
        Video.objects.filter(pk__in=found.videos, quarantined_at=None)
        .select_related("workspace")
        .only("pk", "workspace", "shared_at", "generation_id")
    )
    uploads = list(
        Upload.objects.filter(pk__in=found.uploads, quarantined_at=None)
        .select_related("workspace")
        .only("pk", "workspace")
    )
    taken = Reach({video.pk for video in videos}, {upload.pk for upload in uploads})
    Video.objects.filter(pk__in=taken.videos).update(quarantined_at=now)
    Upload.objects.filter(pk__in=taken.uploads).update(quarantined_at=now)
    for event, rows in (
        (audit.VIDEO_QUARANTINED, [(video, video.workspace) for video in videos]),
        (audit.UPLOAD_QUARANTINED, [(upload, upload.workspace) for upload in uploads]),
    ):
        audit.record_many(event, rows, actor=by, reason=reason)
    placed: set[UUID] = set().union(*(find(taken.videos) for find in hooks.placed))
    for video in videos:
        if video.pk in placed:
            for withdraw in hooks.withdrawals:
                withdraw(video)
    _forget_archives({video.workspace_id for video in videos})
    _announce(videos)
    return taken


def bring_back(found: Reach, *, by: User | None, reason: str) -> Reach:
    """Undo `take_out`, files first: a link leads nowhere before the row allows it again."""
    videos = list(
        Video.objects.filter(pk__in=found.videos, held_at=None)
        .exclude(quarantined_at=None)
        .select_related("workspace")
        .only("pk", "workspace", "media_key", "poster_key", "under_key", "generation_id")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    uploads = list(
        Upload.objects.filter(pk__in=found.uploads)
        .exclude(quarantined_at=None)
        .select_related("workspace")
        .only("pk", "workspace", "media_key", "poster_key")
        .order_by("pk")
        .select_for_update(of=("self",))
    )
    back = Reach({video.pk for video in videos}, {upload.pk for upload in uploads})
    for key in files_of(back):
        storage.restore(key)
    Video.objects.filter(pk__in=back.videos).update(quarantined_at=None)
    Upload.objects.filter(pk__in=back.uploads).update(quarantined_at=None)
    for event, rows in (
        (audit.VIDEO_RESTORED, [(video, video.workspace) for video in videos]),
        (audit.UPLOAD_RESTORED, [(upload, upload.workspace) for upload in uploads]),
    ):
        audit.record_many(event, rows, actor=by, reason=reason)
    _announce(videos)
    return back


def move_files(found: Reach) -> None:
    """Put the files of what was taken out where no link leads. Twice is harmless."""
    for key in files_of(found):
        storage.quarantine(key)


def delete_files(found: Reach) -> None:
    """Delete what was removed for good: the files alone, the rows keep the lineage and the reasons."""
    for key in files_of(found):
        storage.delete_quarantine(key)


def files_of(found: Reach) -> list[str]:
    """Every stored file of these."""
    keys: list[str] = []
    of_videos = Video.objects.filter(pk__in=found.videos)
    for made in of_videos.values_list("media_key", "poster_key", "under_key"):
        keys += made
    keys += Chore.objects.filter(video__in=found.videos).values_list("key", flat=True)
    of_uploads = Upload.objects.filter(pk__in=found.uploads)
    for brought in of_uploads.values_list("media_key", "poster_key"):
        keys += brought
    return [key for key in keys if key]


def is_out_of_reach(key: str) -> bool:
    """Whether a file belongs to a clip or an upload that was taken out. One look-up by primary key.

    Held clips are not: only the staff who look at them ever get a link.
    """
    parts = key.split("/")
    try:
        owner = UUID(parts[2] if parts[1] == "uploads" else parts[1])
    except (IndexError, ValueError):
        return False
    if parts[1] == "uploads":
        return Upload.objects.filter(pk=owner).exclude(quarantined_at=None).exists()
    out = Q(held_at=None) & ~Q(quarantined_at=None)
    return Video.objects.filter(out, pk=owner).exists()


def _forget_archives(workspaces: Iterable[int]) -> None:
    """Archives that may hold one of the clips; they can be written again."""
    done = Chore.objects.filter(workspace__in=list(workspaces), video=None, status="done")
    for chore in done.exclude(key=""):
        forget_chore(chore)


def _announce(videos: list[Video]) -> None:
    """Open pages of a workspace read the new state of what they show."""
    by_workspace: dict[int, list[str]] = {}
    for video in videos:
        by_workspace.setdefault(video.workspace_id, []).append(str(video.generation_id))
    for workspace, jobs in by_workspace.items():
        for job in jobs[:20]:  # a page shows no more of them at once
            send_on_commit(progress.workspace_group(workspace), {"op": "changed", "id": job})
