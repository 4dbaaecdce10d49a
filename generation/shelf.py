"""Reads of the library: which clips a page of it holds, and what one clip's settings were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.urls import reverse

from accounts.models import User, Workspace
from generation.cards import card_of, with_cards
from generation.models import Favourite, Folder, Generation, Upload, Video, VideoQuerySet
from sora_site.lib.pages import keyset_page

SHOW = {
    "": "All",
    "shared": "Shared",
    "private": "Private",
    "favourites": "Favourites",
    "trash": "Trash",
}
PAGE = 24
RECENT_PROMPTS = 400  # rows looked through for the history's distinct prompts


@dataclass(frozen=True)
class Wanted:
    """What of the library is asked for. `folder` None: wherever it lies."""

    show: str = ""
    words: str = ""
    tool: str = ""
    folder: Folder | None = None

    @property
    def is_narrowed(self) -> bool:
        return bool(self.show or self.words or self.tool or self.folder)


def clips(workspace: Workspace, viewer: User, wanted: Wanted) -> VideoQuerySet:
    """The clips asked for, with `marked` (the viewer's favourite) and what cards read."""
    mine = Favourite.objects.filter(user=viewer, video=OuterRef("pk"))
    found = Video.objects.filter(workspace=workspace)
    found = found.in_trash() if wanted.show == "trash" else found.in_library()
    if wanted.show in ("shared", "private"):
        found = found.filter(shared_at__isnull=wanted.show == "private")
    if wanted.show == "favourites":
        found = found.filter(Exists(mine))
    if wanted.folder is not None:
        found = found.filter(folder_entry__folder=wanted.folder)
    if wanted.tool:
        found = found.filter(generation__tool=wanted.tool)
    if wanted.words:
        found = found.with_words(wanted.words)
    return with_cards(found).annotate(marked=Exists(mine))


def page(
    workspace: Workspace, viewer: User, wanted: Wanted, cursor: str | None, *, size: int = PAGE
) -> tuple[list[dict[str, Any]], str | None]:
    """Cards newest first, and the cursor of the next page. Raises InvalidCursor."""
    found, following = keyset_page(
        clips(workspace, viewer, wanted), ("created_at", "id"), cursor, size=size
    )
    return [{**card_of(video), "favourite": video.marked} for video in found], following  # type: ignore[attr-defined]


def trashed_uploads(workspace: Workspace, *, most: int = 200) -> list[Upload]:
    """What lies in the trash beside the clips, the last thrown away first."""
    found = Upload.objects.filter(
        workspace=workspace, trashed_at__isnull=False, quarantined_at=None
    )
    return list(found.filter(status=Upload.Status.READY).order_by("-trashed_at", "-id")[:most])


def settings_of(video: Video) -> dict[str, Any]:
    """What a composer needs to make such a clip again. The caller checked that it may be seen."""
    job = video.generation
    return {
        "prompt": job.prompt,
        "width": job.width,
        "height": job.height,
        "seconds": job.seconds,
        "seed": job.seed,
        "steps": job.steps,
        "tool": job.tool,
        "plan": job.plan,
        "composer_url": f"{reverse('generation:composer')}?{urlencode({'from': str(video.pk)})}",
    }


def prompt_history(
    workspace: Workspace, words: str = "", *, most: int = 50
) -> list[dict[str, Any]]:
    """The workspace's own last prompts, each once, newest first, with the settings they were used with."""
    rows = Generation.objects.filter(workspace=workspace).exclude(prompt="")
    for word in words.split()[:12]:
        rows = rows.filter(prompt__icontains=word)
    fields = ("id", "prompt", "width", "height", "seconds", "steps", "seed", "tool", "created_at")
    seen: dict[str, dict[str, Any]] = {}
    for row in rows.order_by("-created_at", "-id").values(*fields)[:RECENT_PROMPTS]:
        seen.setdefault(row["prompt"], row)
        if len(seen) == most:
            break
    return list(seen.values())


def folder_of(workspace: Workspace, number: str | None) -> Folder | None:
    """Folder of a query's number, None for none and for a stranger's."""
    if not number or not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    return workspace.folders.filter(pk=number).first()


def chosen_uploads(workspace: Workspace, ids: list[UUID]) -> list[Upload]:
    """Uploads of the workspace by id, those in quarantine left out."""
    return list(Upload.objects.filter(workspace=workspace, pk__in=ids, quarantined_at=None))


def chosen(workspace: Workspace, ids: list[UUID]) -> list[Video]:
    """Clips of the workspace by id, in quarantine or deleted ones left out."""
    found = Video.objects.filter(
        workspace=workspace, pk__in=ids, quarantined_at=None, deleted_at=None
    )
    return list(found.defer("manifest", "credentials"))
