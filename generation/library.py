"""Writes of the library: folders, favourites, the trash, who may remix."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import audit
from accounts import services as accounts
from accounts.models import User, Workspace
from generation import hooks
from generation.errors import FolderNameTaken, InvalidRequest
from generation.models import (
    Favourite,
    Fingerprint,
    Folder,
    FolderEntry,
    StylePreset,
    Upload,
    Video,
    VideoQuerySet,
)
from generation.services import announce
from generation.uploads import services as uploads
from sora_site.lib import storage

logger = logging.getLogger(__name__)

MOST_FOLDERS = 500
MOST_PRESETS = 100
MOST_CHOSEN = 200  # clips of one request


# --- Folders -------------------------------------------------------------------------------------


def create_folder(workspace: Workspace, name: str, *, by: User) -> Folder:
    """Raises InvalidRequest for a name that can't be used, FolderNameTaken."""
    name = clean_name(name, longest=80)
    if workspace.folders.count() >= MOST_FOLDERS:
        raise InvalidRequest(
            f"A workspace has at most {MOST_FOLDERS} folders.",
            param="name",
            remedy="Delete a folder first; its clips stay in the library.",
        )
    try:
        with transaction.atomic():
            folder = Folder.objects.create(workspace=workspace, name=name)
            audit.record(audit.FOLDER_CREATED, workspace=workspace, actor=by, target=folder)
    except IntegrityError as error:
        raise FolderNameTaken() from error
    return folder


def rename_folder(folder: Folder, name: str) -> Folder:
    """Raises InvalidRequest, FolderNameTaken."""
    folder.name = clean_name(name, longest=80)
    try:
        with transaction.atomic():
            folder.save(update_fields=["name"])
    except IntegrityError as error:
        raise FolderNameTaken() from error
    return folder


def delete_folder(folder: Folder, *, by: User) -> None:
    """The folder goes, its clips fall out of it and stay in the library."""
    with transaction.atomic():
        audit.record(
            audit.FOLDER_DELETED,
            workspace=folder.workspace,
            actor=by,
            target=folder,
            clips=folder.entries.count(),
        )
        folder.delete()


def move_to_folder(videos: Sequence[Video], folder: Folder | None) -> None:
    """Put clips of one workspace into one of its folders; None takes them out."""
    with transaction.atomic():
        FolderEntry.objects.filter(video__in=videos).delete()
        if folder is not None:
            FolderEntry.objects.bulk_create(
                FolderEntry(workspace_id=folder.workspace_id, folder=folder, video=video)
                for video in videos
            )


def clean_name(name: str, *, longest: int) -> str:
    """Spaces made single. Raises InvalidRequest."""
    name = " ".join(name.split())
    if not name or len(name) > longest or not name.isprintable():
        raise InvalidRequest(f"A name has 1 to {longest} printable characters.", param="name")
    return name


# --- Favourites and remixing -----------------------------------------------------------------------


def mark_favourites(videos: Sequence[Video], *, by: User, on: bool) -> None:
    """Set or take off somebody's own mark; marking twice changes nothing."""
    if not on:
        Favourite.objects.filter(user=by, video__in=videos).delete()
        return
    Favourite.objects.bulk_create(
        (Favourite(workspace_id=video.workspace_id, user=by, video=video) for video in videos),
        ignore_conflicts=True,
    )


def allow_remixing(video: Video, *, by: User, on: bool) -> Video:
    """Whether others may start from this clip once it is shared. What was made already stays."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.remixable != on:
            video.remixable = on
            video.save(update_fields=["remixable"])
            audit.record(
                audit.VIDEO_REMIXING_CHANGED,
                workspace=video.workspace,
                actor=by,
                target=video,
                allowed=on,
            )
    return video


def set_remixing(user: User, *, on: bool, also_made: bool = False) -> int:
    """What holds for the person's new clips; with `also_made` for those made already too.

    Returns how many of those changed.
    """
    with transaction.atomic():
        accounts.let_others_remix(user, on=on)
        if not also_made:
            return 0
        mine = Video.objects.filter(creator=user, remixable=not on, deleted_at=None)
        made = list(mine.filter(workspace__in=Workspace.objects.visible_to(user)))
        for video in made:
            allow_remixing(video, by=user, on=on)
    return len(made)


# --- The trash -------------------------------------------------------------------------------------


def trash(videos: Sequence[Video], *, by: User) -> int:
    """Move clips to the trash. They leave every public list and link in the same transaction."""
    with transaction.atomic():
        chosen = list(
            Video.objects.filter(pk__in=[video.pk for video in videos])
            .in_library()
            .select_for_update(of=("self",))
            .select_related("workspace", "generation")
            .defer("manifest")
        )
        for video in chosen:
            if video.shared_at is not None:
                audit.record(
                    audit.VIDEO_UNSHARED, workspace=video.workspace, actor=by, target=video
                )
            video.shared_at, video.trashed_at = None, timezone.now()
            video.save(update_fields=["shared_at", "trashed_at"])
            for withdraw in hooks.withdrawals:
                withdraw(video)
            audit.record(audit.VIDEO_TRASHED, workspace=video.workspace, actor=by, target=video)
            announce(video.generation)
    return len(chosen)


def take_from_trash(videos: Sequence[Video], *, by: User) -> int:
    """Back into the library and its folder; private, even if it was shared before."""
    with transaction.atomic():
        chosen = list(
            Video.objects.filter(pk__in=[video.pk for video in videos])
            .in_trash()
            .select_for_update(of=("self",))
            .select_related("workspace", "generation")
            .defer("manifest")
        )
        for video in chosen:
            video.trashed_at = None
            video.save(update_fields=["trashed_at"])
            audit.record(
                audit.VIDEO_TAKEN_FROM_TRASH, workspace=video.workspace, actor=by, target=video
            )
            announce(video.generation)
    return len(chosen)


def empty_trash(workspace: Workspace, *, by: User) -> int:
    """Delete what lies in the trash: gone for everybody now, files of clips with the next sweep.

    An upload that a clip was made from stays in the trash: it is part of that clip's record.
    Returns how many clips and uploads went.
    """
    gone = _delete(Video.objects.filter(workspace=workspace).in_trash(), by=by)
    unused = Upload.objects.filter(
        workspace=workspace,
        status=Upload.Status.READY,
        trashed_at__isnull=False,
        quarantined_at=None,
        used_by=None,
    )
    for upload in unused:
        uploads.delete_upload(upload, by=by)
        gone += 1
    return gone


def trash_uploads(chosen: Sequence[Upload], *, by: User) -> int:
    """Move uploads to the trash, all or none."""
    with transaction.atomic():
        for upload in chosen:
            uploads.trash_upload(upload, by=by)
    return len(chosen)


def take_uploads_from_trash(chosen: Sequence[Upload], *, by: User) -> int:
    """Back among the uploads, all or none."""
    with transaction.atomic():
        for upload in chosen:
            uploads.restore_upload(upload, by=by)
    return len(chosen)


def _delete(videos: VideoQuerySet, *, by: User | None) -> int:
    with transaction.atomic():
        chosen = list(
            videos.select_for_update(of=("self",))
            .select_related("workspace", "generation")
            .defer("manifest")
        )
        now = timezone.now()
        for video in chosen:
            video.deleted_at = now
            video.save(update_fields=["deleted_at"])
            audit.record(audit.VIDEO_DELETED, workspace=video.workspace, actor=by, target=video)
            announce(video.generation)
        FolderEntry.objects.filter(video__in=chosen).delete()
        Favourite.objects.filter(video__in=chosen).delete()
    return len(chosen)


def sweep_trash() -> int:
    """The worker's round: delete what has lain too long, and the files of what is deleted.

    Files that are evidence stay (hooks.holds, and whatever is in quarantine). The row stays as the
    place of the clip in the lineage of others, without prompt, manifest and fingerprints.
    Returns how many clips lost their files.
    """
    oldest = timezone.now() - timedelta(days=settings.SORA_TRASH_DAYS)
    _delete(Video.objects.in_trash().filter(trashed_at__lt=oldest)[:100], by=None)
    gone = Video.objects.filter(deleted_at__isnull=False, quarantined_at=None).exclude(media_key="")
    for hold in hooks.holds:
        gone = hold(gone)
    return sum(delete_files(video) for video in gone.select_related("workspace")[:50])


def delete_files(video: Video) -> bool:
    """Remove a deleted clip's files. False: another worker did, or it is in quarantine now."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if not video.media_key or video.deleted_at is None or video.quarantined_at is not None:
            return False
        folder = video.media_key.rpartition("/")[0]
        video.media_key = video.poster_key = video.under_key = ""
        video.manifest = b""
        video.credentials = {}
        video.save(
            update_fields=["media_key", "poster_key", "under_key", "manifest", "credentials"]
        )
        video.renditions.all().delete()
        Fingerprint.objects.filter(video=video).delete()
        _forget_words(video)
        audit.record(audit.VIDEO_FILES_DELETED, workspace=video.workspace, target=video)
        # In the transaction: if the store is away, the row keeps its key and the next round tries.
        storage.delete_tree(folder, area="private")
    return True


def _forget_words(video: Video) -> None:
    job = video.generation
    job.prompt = job.rewritten_prompt = ""
    job.prompt_edits, job.understood, job.unknown_words, job.plan = [], [], [], {}
    job.save(
        update_fields=[
            "prompt",
            "rewritten_prompt",
            "prompt_edits",
            "understood",
            "unknown_words",
            "plan",
        ]
    )


# --- Style presets ---------------------------------------------------------------------------------


def save_preset(
    workspace: Workspace, *, name: str, text: str, by: User, preset: StylePreset | None = None
) -> StylePreset:
    """A new preset, or a change of `preset`. Raises InvalidRequest; a preset is part of a prompt and
    is judged with it, so nothing is screened here."""
    name, text = clean_name(name, longest=40), " ".join(text.split())
    if not text or len(text) > 300 or not text.isprintable():
        raise InvalidRequest("A preset has 1 to 300 printable characters.", param="text")
    if preset is None:
        if workspace.style_presets.count() >= MOST_PRESETS:
            raise InvalidRequest(
                f"A workspace has at most {MOST_PRESETS} presets.",
                param="name",
                remedy="Delete one first.",
            )
        preset = StylePreset(workspace=workspace, created_by=by)
    preset.name, preset.text = name, text
    try:
        with transaction.atomic():
            preset.save()
    except IntegrityError as error:
        raise InvalidRequest(
            "There is a preset of this name.", param="name", remedy="Choose another name."
        ) from error
    return preset


def delete_preset(preset: StylePreset) -> None:
    """Clips made with it keep its words in their prompt."""
    preset.delete()
