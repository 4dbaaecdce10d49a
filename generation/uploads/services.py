"""Every write on uploads that means something to a user, and what they are used for afterwards.

Bytes of a stranger go piece by piece into the quarantine area, where no link leads. A worker
(`checks`) makes our own form of them, or refuses. Only what is READY can be seen or used, by
its owner too.
"""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone
from numpy.typing import NDArray

from accounts import audit, restrictions
from accounts.models import User, Workspace
from generation.errors import (
    InvalidRequest,
    OffsetMismatch,
    StorageFull,
    TooManyOpen,
    UnsupportedFile,
    UploadAgreementRequired,
    UploadClosed,
    UploadInUse,
    UploadsOff,
    UploadTooLarge,
)
from generation.media import DecodeLimits, MediaError
from generation.models import Upload, UploadAgreement, Video
from generation.provenance import filetypes
from generation.provenance.c2pa import Parent, Relationship
from generation.reading import reader
from generation.reading.normalise import PICTURES, file_type
from generation.tasks import wake_upload_checks
from generation.uploads import agreement as upload_agreement
from sora_site.lib import storage

Status = Upload.Status

ABANDONED_AFTER = timedelta(days=1)
HEAD_BYTES = 64
MOST_NAME_CHARS = 200
OUR_LIMITS = DecodeLimits(bytes=2 * 10**9, seconds=600.0, frames=60 * 600, wall_seconds=600.0)
"""For files that we wrote ourselves: clips, and uploads in our form."""


# --- The agreement -------------------------------------------------------------------------------


def has_agreed(user: User) -> bool:
    return UploadAgreement.objects.filter(user=user, version=upload_agreement.VERSION).exists()


def agree(user: User, *, version: str, statements: Iterable[str]) -> UploadAgreement:
    """Keep that somebody ticked every box of the present text. Twice is once.

    Raises InvalidRequest for another version or a box that is not ticked.
    """
    if version != upload_agreement.VERSION:
        raise InvalidRequest(
            "This isn't the present text of the agreement.",
            param="version",
            remedy=f"Read it again and send version {upload_agreement.VERSION}.",
        )
    missing = sorted(upload_agreement.CODES - set(statements))
    if missing:
        raise InvalidRequest(
            f"Not agreed to: {', '.join(missing)}.",
            param="statements",
            remedy="Uploads need every statement of the agreement.",
        )
    with transaction.atomic():
        agreement, created = UploadAgreement.objects.get_or_create(user=user, version=version)
        if created:
            audit.record(
                audit.UPLOAD_AGREEMENT_ACCEPTED, actor=user, target=agreement, version=version
            )
    return agreement


# --- Receiving -----------------------------------------------------------------------------------


def start_upload(workspace: Workspace, *, by: User, name: str, size_bytes: int) -> Upload:
    """Open an upload of so many bytes.

    Raises UploadsOff, UploadAgreementRequired (403), InvalidRequest (400), UploadTooLarge (413),
    TooManyOpen, StorageFull (429).
    """
    if settings.SORA_UPLOADS == "off":
        raise UploadsOff()
    restrictions.check(by, "upload")
    if not has_agreed(by):
        raise UploadAgreementRequired()
    name = "".join(c for c in Path(name.replace("\\", "/")).name if c.isprintable()).strip()
    if not name or len(name) > MOST_NAME_CHARS:
        raise InvalidRequest(
            f"A file name has 1 to {MOST_NAME_CHARS} printable characters.", param="name"
        )
    if size_bytes < 1:
        raise InvalidRequest("The file is empty.", param="size_bytes", remedy="Choose another one.")
    if size_bytes > settings.SORA_MAX_UPLOAD_VIDEO_BYTES:
        raise _too_large(settings.SORA_MAX_UPLOAD_VIDEO_BYTES)
    with transaction.atomic():
        # The lock makes the two counts below exact for this workspace.
        Workspace.objects.select_for_update().get(pk=workspace.pk)
        mine = Upload.objects.filter(workspace=workspace)
        if mine.filter(status__in=OPEN).count() >= settings.SORA_MAX_OPEN_UPLOADS:
            raise TooManyOpen(
                f"A workspace may have {settings.SORA_MAX_OPEN_UPLOADS} uploads under way.",
                remedy="Wait until one has been checked, or cancel one.",
            )
        stored = mine.exclude(status=Status.REFUSED).aggregate(total=Sum("size_bytes"))["total"]
        if (stored or 0) + size_bytes > settings.SORA_UPLOAD_STORAGE_BYTES:
            raise StorageFull(
                f"The workspace's uploads may have {_megabytes(settings.SORA_UPLOAD_STORAGE_BYTES)} "
                "together."
            )
        upload = Upload.objects.create(
            workspace=workspace, uploaded_by=by, name=name, size_bytes=size_bytes
        )
        audit.record(
            audit.UPLOAD_STARTED,
            workspace=workspace,
            actor=by,
            target=upload,
            size_bytes=size_bytes,
        )
    return upload


OPEN = (Status.RECEIVING, Status.WAITING, Status.CHECKING)


def append_bytes(upload: Upload, *, offset: int, data: bytes, by: User) -> Upload:
    """Add the next piece. With the last one the upload is complete and waits for its check.

    The same piece again, or one after a gap, changes nothing: OffsetMismatch says where to go on.
    Raises also UploadClosed (409), InvalidRequest (400), UnsupportedFile (415), UploadTooLarge
    (413); after the last two the upload is refused for good.
    """
    if not data:
        raise InvalidRequest("The piece is empty.", param="body", remedy="Send at least one byte.")
    if len(data) > settings.UPLOAD_CHUNK_BYTES:
        raise InvalidRequest(
            f"A piece has at most {settings.UPLOAD_CHUNK_BYTES} bytes.", param="body"
        )
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.status != Status.RECEIVING:
            raise UploadClosed()
        if offset != upload.received_bytes:
            raise OffsetMismatch(offset=upload.received_bytes)
        if offset + len(data) > upload.size_bytes:
            raise InvalidRequest(
                f"The file was announced with {upload.size_bytes} bytes; this is more.",
                param="body",
                remedy="Start a new upload with the right size.",
            )
        refusal = _refusal_by_first_bytes(upload, data) if offset == 0 else None
        if refusal is None:
            _keep_piece(upload, offset, data)
            upload.received_bytes = offset + len(data)
            upload.save(update_fields=["received_bytes"])
            if upload.received_bytes == upload.size_bytes:
                _finish(upload, by)
        else:
            _refuse(upload, refusal[0])
    if refusal is not None:
        raise refusal[1]
    return upload


def _finish(upload: Upload, by: User) -> None:
    """All bytes are here: a worker looks at them next."""
    upload.status = Status.WAITING
    upload.save(update_fields=["status"])
    audit.record(audit.UPLOAD_RECEIVED, workspace=upload.workspace, actor=by, target=upload)
    transaction.on_commit(wake_upload_checks)


def _refusal_by_first_bytes(
    upload: Upload, data: bytes
) -> tuple[str, UnsupportedFile | UploadTooLarge] | None:
    """What is plainly not taken need not be sent to its end."""
    try:
        kind = file_type(data[:HEAD_BYTES])
    except MediaError as error:
        return error.code, UnsupportedFile(error.message, reason=error.code)
    limit = settings.SORA_MAX_UPLOAD_IMAGE_BYTES
    if kind in PICTURES and upload.size_bytes > limit:
        return "too_big", _too_large(limit, "picture")
    return None


def _keep_piece(upload: Upload, offset: int, data: bytes) -> None:
    """One object for each piece: an object store can't append, and a repeated piece is the same."""
    with tempfile.NamedTemporaryFile(dir=_incoming(), delete=False) as file:
        file.write(data)
    path = Path(file.name)
    try:
        storage.store_quarantine(path, piece_key(upload, offset))
    finally:
        path.unlink(missing_ok=True)


def _incoming() -> Path:
    folder = Path(settings.SORA_STATE_DIR) / "work" / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _refuse(upload: Upload, code: str) -> None:
    upload.status, upload.reason_code = Status.REFUSED, code
    upload.checked_at = timezone.now()
    upload.save(update_fields=["status", "reason_code", "checked_at"])
    audit.record(audit.UPLOAD_REFUSED, workspace=upload.workspace, target=upload, reason=code)
    transaction.on_commit(lambda: delete_received(upload))


def _too_large(limit: int, what: str = "file") -> UploadTooLarge:
    return UploadTooLarge(f"A {what} may have {_megabytes(limit)}.")


def _megabytes(count: int) -> str:
    return f"{count // 10**6} MB"


# --- The pieces ----------------------------------------------------------------------------------


def folder_of(upload: Upload) -> str:
    return f"{upload.workspace_id}/uploads/{upload.pk}"


def piece_key(upload: Upload, offset: int) -> str:
    return f"{folder_of(upload)}/received/{offset:012d}"


def join_pieces(upload: Upload, target: Path) -> None:
    """Write the whole file. Raises FileNotFoundError when a piece is missing."""
    with target.open("wb") as out, tempfile.TemporaryDirectory(dir=target.parent) as folder:
        while (offset := out.tell()) < upload.received_bytes:
            piece = storage.fetch(
                piece_key(upload, offset), Path(folder) / "piece", area="quarantine"
            )
            with piece.open("rb") as file:
                written = 0
                while block := file.read(1 << 20):
                    written += out.write(block)
            if not written:
                raise FileNotFoundError(piece_key(upload, offset))


def file_type_of(path: Path) -> str:
    """The media type by the first bytes; nothing else of the file is read."""
    kind = filetypes.sniff(path)
    return filetypes.MIME.get(kind or "", "application/octet-stream")


def delete_received(upload: Upload) -> None:
    """Remove the pieces of what came."""
    storage.delete_tree(f"{folder_of(upload)}/received", area="quarantine")


# --- Removing ------------------------------------------------------------------------------------


def trash_upload(upload: Upload, *, by: User) -> Upload | None:
    """Remove an upload from use. A ready one, and one that a rule refused, goes to the trash;
    everything else is gone at once.

    None: it is gone. Clips made from it stay, and so does what they say about their source.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.status == Status.READY or upload.verdict:
            if upload.trashed_at is None:
                upload.trashed_at = timezone.now()
                upload.save(update_fields=["trashed_at"])
                audit.record(
                    audit.UPLOAD_TRASHED, workspace=upload.workspace, actor=by, target=upload
                )
            return upload
        _delete(upload, by=by)
    return None


def restore_upload(upload: Upload, *, by: User) -> Upload:
    """Take an upload out of the trash again."""
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.trashed_at is not None:
            upload.trashed_at = None
            upload.save(update_fields=["trashed_at"])
            audit.record(audit.UPLOAD_RESTORED, workspace=upload.workspace, actor=by, target=upload)
    return upload


def delete_upload(upload: Upload, *, by: User | None) -> None:
    """Delete an upload for good, files and row. What a rule refused stays, as evidence.

    Raises UploadInUse while a job refers to it.
    """
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.used_by.exists():
            raise UploadInUse()
        if upload.status != Status.READY:
            return
        _delete(upload, by=by)


def _delete(upload: Upload, *, by: User | None) -> None:
    audit.record(
        audit.UPLOAD_DELETED,
        workspace=upload.workspace,
        actor=by,
        target=upload,
        was=upload.status,
    )
    keys = [key for key in (upload.media_key, upload.poster_key) if key]
    where = folder_of(upload)
    upload.delete()

    def remove_files() -> None:
        for key in keys:
            storage.delete_private(key)
        storage.delete_tree(where, area="quarantine")

    transaction.on_commit(remove_files)


def sweep_uploads() -> int:
    """Forget what nobody finished within a day, and trash older than SORA_TRASH_DAYS.

    An upload that a job refers to keeps its row and its files.
    """
    swept = 0
    unfinished = Upload.objects.filter(
        status=Status.RECEIVING, created_at__lt=timezone.now() - ABANDONED_AFTER
    )
    old = Upload.objects.filter(
        status=Status.READY,
        trashed_at__lt=timezone.now() - timedelta(days=settings.SORA_TRASH_DAYS),
        used_by=None,
    )
    for rows in (unfinished, old):
        for upload_id in rows.values_list("pk", flat=True)[:100]:
            with transaction.atomic():
                found = rows.select_for_update(skip_locked=True, of=("self",)).filter(pk=upload_id)
                upload = found.first()
                if upload is not None:
                    _delete(upload, by=None)
                    swept += 1
    return swept


def quarantine_upload(upload: Upload, *, by: User | None, reason: str) -> None:
    """Take an upload out of everybody's reach at once; what looks like it is refused from now on."""
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload.pk)
        if upload.quarantined_at is not None:
            return
        upload.quarantined_at = timezone.now()
        upload.save(update_fields=["quarantined_at"])
        audit.record(
            audit.UPLOAD_QUARANTINED,
            workspace=upload.workspace,
            actor=by,
            target=upload,
            reason=reason,
        )
        for key in (upload.media_key, upload.poster_key):
            if key:
                storage.quarantine(key)


# --- Use -----------------------------------------------------------------------------------------


def load_frames(
    media: Upload | Video,
    *,
    start: float = 0.0,
    end: float | None = None,
    fps: float = 24.0,
    width: int,
    height: int,
    fit: str = "crop",
) -> Iterator[NDArray[np.uint8]]:
    """Frames of an upload or a clip for a worker: uint8 RGB [height, width, 3], one at a time.

    Frames at start + k / fps before `end` (None: to the end); a picture gives one. `fit` is crop,
    pad or strict. Decoding happens in a confined process, which ends with the iterator.
    Raises reader.Unreadable, FileNotFoundError.
    """
    with media_file(media) as path:
        yield from reader.stream(
            path,
            start=start,
            end=end,
            fps=fps,
            width=width,
            height=height,
            fit=fit,
            limits=OUR_LIMITS,
        )


@contextmanager
def media_file(media: Upload | Video) -> Iterator[Path]:
    """A path to read the media from as long as the block runs. Raises FileNotFoundError."""
    with tempfile.TemporaryDirectory(dir=_incoming()) as folder:
        yield storage.fetch(media.media_key, Path(folder) / "media")


def ingredient(upload: Upload, path: Path, relationship: Relationship) -> Parent:
    """How a clip's manifest names this upload as its source: with its own credentials, if it had any.

    `path` is our form of it, from `media_file`.
    """
    title = f"Upload {str(upload.pk)[:8]}"
    kept = json.loads(bytes(upload.manifest)) if upload.manifest else {}
    if not kept:
        return Parent(path, relationship, title)
    archive = base64.b64decode(kept[relationship])
    return Parent(path, relationship, title, archive=archive, archive_id=kept["id"])
