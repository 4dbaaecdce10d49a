"""A workspace as one file, and back: the half of the web process. It asks and says how it stands.

`writing` and `reading` are the worker's. What an archive holds: docs/archive.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import User, Workspace
from generation.errors import CHORE_REASONS, TooManyChores
from generation.models import Chore, Video
from sora_site.lib import storage

Kind = Chore.Kind


def ask_for_export(workspace: Workspace, *, by: User) -> Chore:
    """Have the archive written; a second request joins the one under way."""
    return _ask(workspace, Kind.EXPORT, {}, by=by)


def ask_for_import(workspace: Workspace, archive: Path, *, by: User) -> Chore:
    """Have an uploaded archive read. The file moves where no link reaches it; it may be a stranger's.

    Raises TooManyChores while another import of the workspace runs.
    """
    key = f"{workspace.pk}/imports/{uuid4()}.zip"
    storage.store_quarantine(archive, key)
    chore = _ask(workspace, Kind.IMPORT, {"key": key}, by=by)
    if chore.request.get("key") != key:
        storage.delete_quarantine(key)
        raise TooManyChores("An import of this workspace is already running.")
    return chore


def ask_for_download(workspace: Workspace, videos: Sequence[Video], *, by: User) -> Chore:
    """Have chosen clips put into one zip. Raises TooManyChores."""
    mine = Chore.objects.filter(workspace=workspace, requested_by=by, kind=Kind.DOWNLOAD)
    if mine.open().count() >= 3:
        raise TooManyChores()
    request = {"videos": [str(video.pk) for video in videos]}
    return Chore.objects.create(
        workspace=workspace, requested_by=by, kind=Kind.DOWNLOAD, request=request
    )


def _ask(workspace: Workspace, kind: Chore.Kind, request: dict[str, Any], *, by: User) -> Chore:
    try:
        with transaction.atomic():
            return Chore.objects.create(
                workspace=workspace, requested_by=by, kind=kind, request=request
            )
    except IntegrityError:  # chore_one_archive_at_a_time
        running = Chore.objects.filter(workspace=workspace, kind=kind).open().first()
        if running is None:  # it ended in this moment
            return _ask(workspace, kind, request, by=by)
        return running


def present(chore: Chore) -> dict[str, Any]:
    """How it stands. The link is signed here: only after the permission check."""
    done = chore.status == Chore.Status.DONE
    problem = None
    if chore.status == Chore.Status.FAILED:
        problem = chore.report.get("message") or CHORE_REASONS.get(
            chore.reason_code, CHORE_REASONS["internal_error"]
        )
    day = timezone.localtime(chore.created_at).strftime("%Y-%m-%d")
    name = "clips" if chore.kind == Kind.DOWNLOAD else f"workspace-{chore.workspace_id}"
    return {
        "id": str(chore.pk),
        "kind": chore.kind,
        "status": chore.status,
        "done": chore.done,
        "total": chore.total,
        "created_at": chore.created_at.isoformat(),
        "finished_at": chore.finished_at.isoformat() if chore.finished_at else None,
        "bytes": chore.bytes or None,
        "url": storage.signed_url(chore.key, filename=f"{name}-{day}.zip", download=True)
        if done and chore.key
        else None,
        "report": chore.report if done else None,
        "problem": problem,
    }
