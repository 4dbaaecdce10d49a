"""Four file areas and the signed, short-lived links into one of them.

quarantine  what is being made or was refused; never gets a link
private     finished renditions; a link only after a permission check
sealed      ciphertext of child-safety evidence (moderation/sealed.py); never gets a link
Keys are "<workspace>/<video>/<name>"; nothing a user types becomes part of a key.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core import signing
from django.core.files.storage import storages
from django.urls import reverse

LINK_SALT = "sora.media"
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class MediaLink:
    """What a link stands for: which object, under which file name, shown or downloaded."""

    key: str
    filename: str
    download: bool


def link_steps() -> int:
    """Seconds in which a link to the same object stays the same text: a sixth of its life."""
    return max(1, settings.SORA_MEDIA_LINK_SECONDS // 6)


class _SteadySigner(signing.TimestampSigner):
    """Signs with the beginning of the current step as its time, so that browsers keep what they have."""

    def timestamp(self) -> str:
        return signing.b62_encode(int(time.time()) // link_steps() * link_steps())


def signed_url(key: str, *, filename: str, download: bool = False) -> str:
    """A link that works for SORA_MEDIA_LINK_SECONDS or up to a sixth less. The caller has checked the
    permission."""
    steps = link_steps()
    step = int(time.time()) // steps
    return _signed_in(step, steps, settings.SECRET_KEY, key, filename, download)


@lru_cache(maxsize=16_384)
def _signed_in(step: int, steps: int, secret: str, key: str, filename: str, download: bool) -> str:
    """The text of a link during one step: a page of a feed has sixty, the same for all its readers."""
    token = _SteadySigner(salt=LINK_SALT).sign_object([key, filename, int(download)])
    return reverse("media", args=[token, filename])


def read_link(token: str) -> MediaLink:
    """Raises signing.BadSignature (expired or forged)."""
    key, filename, download = signing.loads(
        token, salt=LINK_SALT, max_age=settings.SORA_MEDIA_LINK_SECONDS
    )
    return MediaLink(key, filename, bool(download))


def store_private(source: Path, key: str) -> None:
    """Move a finished file into the private area; the key appears only when the file is whole."""
    _store("private", source, key)


def store_quarantine(source: Path, key: str) -> None:
    """Keep a refused file where no link can reach it."""
    _store("quarantine", source, key)


def store_sealed(source: Path, key: str) -> None:
    """Keep a ciphertext that only moderation/sealed.py can open."""
    _store("sealed", source, key)


def quarantine(key: str) -> None:
    """Take a delivered object out of reach at once; it stays for appeal and evidence."""
    _move("private", "quarantine", key)


def restore(key: str) -> None:
    """Bring a quarantined object back after a decision was reversed."""
    _move("quarantine", "private", key)


def delete_private(key: str) -> None:
    storages["private"].delete(key)


def delete_quarantine(key: str) -> None:
    storages["quarantine"].delete(key)


def delete_tree(prefix: str, area: str) -> None:
    """Delete every object below `prefix`. What isn't there is no error."""
    place = storages[area]
    folder = local_path(prefix, area)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        return
    try:
        folders, names = place.listdir(prefix)
    except FileNotFoundError:
        return
    for name in names:
        place.delete(f"{prefix}/{name}")
    for name in folders:
        delete_tree(f"{prefix}/{name}", area)


def fetch(key: str, target: Path, area: str = "private") -> Path:
    """A path to read the object from: its own, where the area lies on this disk, else a copy at
    `target`. Raises FileNotFoundError."""
    path = local_path(key, area)
    if path is not None:
        if not path.is_file():
            raise FileNotFoundError(key)
        return path
    with storages[area].open(key) as source, target.open("wb") as copy:
        shutil.copyfileobj(source, copy, CHUNK_BYTES)
    return target


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def local_path(key: str, area: str = "private") -> Path | None:
    """The object's path when the area lies on this disk, else None."""
    try:
        return Path(storages[area].path(key))
    except NotImplementedError:  # how Django's storages say that they have no paths
        return None


def _store(area: str, source: Path, key: str) -> None:
    target = local_path(key, area)
    if target is None:
        with source.open("rb") as file:
            storages[area].save(key, file)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(source, target)


def _move(origin: str, destination: str, key: str) -> None:
    source = local_path(key, origin)
    if source is not None:
        if source.exists():
            _store(destination, source, key)
        return
    if storages[origin].exists(key):
        with storages[origin].open(key) as file:
            storages[destination].save(key, file)
        storages[origin].delete(key)
