"""The sealed store: child-safety evidence at rest, apart from every other file.

Every piece has its own random key, which the master key (SORA_SEAL_KEY) wraps and the row keeps. To
delete the wrapped key is to delete the piece, whatever copies of the ciphertext lie in backups. No
link leads here and no view serves a file from it: callers read plaintext in process, chunk by chunk.

File: MAGIC, 7 random bytes, then chunks of at most CHUNK bytes, each sealed by AES-256-GCM with the
nonce random bytes | number of the chunk (4 bytes) | 1 for the last one, else 0, and the id of the
piece as associated data: chunks can't be dropped, swapped, or moved to another piece.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.files.storage import storages
from django.db import transaction
from django.utils import timezone

from moderation.childsafety_models import ChildSafetyCase, SealedEvidence
from sora_site.lib import storage

logger = logging.getLogger(__name__)

MAGIC = b"SORASEAL\x01"
CHUNK = 1 << 20
TAG = 16


class SealError(Exception):
    """The store can't be used, or a piece of it can't be opened. Nothing may go on without it."""


# --- The master key ------------------------------------------------------------------------------


def master_keys() -> dict[str, bytes]:
    """Key id -> key, the one for new pieces first. Raises SealError for a setting that is no key."""
    texts = [part.strip() for part in settings.SORA_SEAL_KEY.split(",") if part.strip()]
    keys = [_decoded(text) for text in texts] or [_own_key()]
    return {key_id(key): key for key in keys}


def key_id(key: bytes) -> str:
    return hashlib.sha256(b"sora seal key" + key).hexdigest()[:16]


def _decoded(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise SealError("SORA_SEAL_KEY must be the base64 form of 32 random bytes.")
    return key


def _own_key() -> bytes:
    """The state folder's key, made with the first piece."""
    path = Path(settings.SORA_STATE_DIR) / "secrets" / "seal_key"
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = base64.b64encode(os.urandom(32))
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".seal_key")
            with open(descriptor, "wb") as file:
                file.write(fresh)
            try:
                os.link(name, path)  # fails if another process was first; then its key counts
            except FileExistsError:
                pass
            finally:
                os.unlink(name)
        return _decoded(path.read_text().strip())
    except OSError as error:
        raise SealError(f"The key {path} can't be read or written: {error}") from error


# --- Sealing -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """What to seal. `label` is ours and neutral; names that people gave belong into a record."""

    kind: SealedEvidence.Kind
    label: str
    media_type: str
    data: Path | bytes
    seconds: float | None = None  # where in a clip a still was taken


def seal(case: ChildSafetyCase, source: Source) -> SealedEvidence:
    """Encrypt one piece into the store and add its row; held for SORA_PRESERVATION_DAYS.

    In the caller's transaction: when that rolls back, the ciphertext is an orphan nobody has the key
    of. Raises SealError.
    """
    evidence = SealedEvidence(
        id=uuid4(),
        workspace_id=case.workspace_id,
        case=case,
        kind=source.kind,
        label=source.label,
        media_type=source.media_type,
        seconds=source.seconds,
        hold_until=timezone.now() + timedelta(days=settings.SORA_PRESERVATION_DAYS),
    )
    evidence.key = f"{case.workspace_id}/{case.pk}/{evidence.pk}"
    data_key = AESGCM.generate_key(bit_length=256)
    evidence.key_id, master = next(iter(master_keys().items()))
    nonce = os.urandom(12)
    evidence.wrapped_key = nonce + AESGCM(master).encrypt(nonce, data_key, evidence.pk.bytes)
    try:
        _write(evidence, source.data, data_key)
    except OSError as error:
        raise SealError(f"A piece of evidence could not be stored: {error}") from error
    evidence.save(force_insert=True)
    return evidence


def _write(evidence: SealedEvidence, data: Path | bytes, data_key: bytes) -> None:
    folder = Path(settings.SORA_STATE_DIR) / "work" / "sealing"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, name = tempfile.mkstemp(dir=folder)
    target = Path(name)
    sha256, md5, size = hashlib.sha256(), hashlib.md5(), 0
    try:
        with open(descriptor, "wb") as out:
            prefix = os.urandom(7)
            out.write(MAGIC + prefix)
            for number, (chunk, last) in enumerate(_chunks(data)):
                sha256.update(chunk)
                md5.update(chunk)
                size += len(chunk)
                out.write(
                    AESGCM(data_key).encrypt(_nonce(prefix, number, last), chunk, evidence.pk.bytes)
                )
            out.flush()
            os.fsync(out.fileno())
        storage.store_sealed(target, evidence.key)
    finally:
        target.unlink(missing_ok=True)
    evidence.bytes, evidence.sha256, evidence.md5 = size, sha256.hexdigest(), md5.hexdigest()


def _nonce(prefix: bytes, number: int, last: bool) -> bytes:
    return prefix + number.to_bytes(4, "big") + bytes([last])


def _chunks(data: Path | bytes) -> Iterator[tuple[bytes, bool]]:
    """Chunks, and whether each is the last; an empty piece is one empty chunk."""
    if isinstance(data, bytes):
        yield from _marked(data[i : i + CHUNK] for i in range(0, max(1, len(data)), CHUNK))
        return
    with data.open("rb") as file:
        yield from _marked(iter(lambda: file.read(CHUNK), b""))


def _marked(chunks: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    held: bytes | None = None
    for chunk in chunks:
        if held is not None:
            yield held, False
        held = chunk
    yield held or b"", True


# --- Opening -------------------------------------------------------------------------------------


def open_chunks(evidence: SealedEvidence) -> Iterator[bytes]:
    """The plaintext, in process. The caller has checked the permission and logged the view.

    Raises SealError: cleared, lost, altered, or sealed with a key this site no longer has.
    """
    if evidence.cleared_at is not None:
        raise SealError("This piece was cleared when its preservation ended.")
    data_key = _data_key(evidence)
    try:
        with storages["sealed"].open(evidence.key) as file:
            yield from _decrypted(file, data_key, evidence)
    except OSError as error:
        raise SealError(f"The piece {evidence.pk} can't be read: {error}") from error


def read(evidence: SealedEvidence, *, most: int = 32 << 20) -> bytes:
    """A small piece as one. Raises SealError, also for one of more than `most` bytes."""
    if evidence.bytes > most:
        raise SealError(f"The piece {evidence.pk} is too large to be read at once.")
    return b"".join(open_chunks(evidence))


def _data_key(evidence: SealedEvidence) -> bytes:
    master = master_keys().get(evidence.key_id)
    if master is None:
        raise SealError(f"SORA_SEAL_KEY lacks the key {evidence.key_id}; add it after the new one.")
    wrapped = bytes(evidence.wrapped_key)
    try:
        return AESGCM(master).decrypt(wrapped[:12], wrapped[12:], evidence.pk.bytes)
    except (InvalidTag, ValueError) as error:
        raise SealError(f"The key of {evidence.pk} was altered.") from error


def _decrypted(file: IO[bytes], data_key: bytes, evidence: SealedEvidence) -> Iterator[bytes]:
    head = file.read(len(MAGIC) + 7)
    if head[: len(MAGIC)] != MAGIC:
        raise SealError(f"The piece {evidence.pk} is no sealed file.")
    prefix, cipher, number = head[len(MAGIC) :], AESGCM(data_key), 0
    block = file.read(CHUNK + TAG)
    while True:
        following = file.read(CHUNK + TAG)
        last = not following
        try:
            yield cipher.decrypt(_nonce(prefix, number, last), block, evidence.pk.bytes)
        except (InvalidTag, ValueError) as error:
            raise SealError(f"The piece {evidence.pk} was altered or cut.") from error
        if last:
            return
        block, number = following, number + 1


# --- Preservation --------------------------------------------------------------------------------


def extend_hold(case: ChildSafetyCase) -> None:
    """Keep everything of a case for SORA_PRESERVATION_DAYS from now: its report was filed."""
    until = timezone.now() + timedelta(days=settings.SORA_PRESERVATION_DAYS)
    case.evidence.filter(cleared_at=None, hold_until__lt=until).update(hold_until=until)


def clear(evidence: SealedEvidence) -> None:
    """Destroy one piece: its key in this transaction, its ciphertext after it. The row and the
    digests stay, so that the export can still say what there was."""
    changed = SealedEvidence.objects.filter(pk=evidence.pk, cleared_at=None).update(
        cleared_at=timezone.now(), wrapped_key=b""
    )
    if changed:
        transaction.on_commit(lambda: _forget(evidence.key))


def _forget(key: str) -> None:
    try:
        storages["sealed"].delete(key)
    except OSError:
        logger.warning("a cleared ciphertext stays behind; its key is gone", exc_info=True)
