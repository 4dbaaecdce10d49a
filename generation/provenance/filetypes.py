"""A file's type by its first bytes. Names and declared types of uploads are never believed."""

from __future__ import annotations

from pathlib import Path

MIME = {
    "mp4": "video/mp4",
    "matroska": "video/x-matroska",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
}
IMAGES = frozenset({"png", "jpeg", "webp"})

# ISO base media files that hold still pictures (HEIF, AVIF), not video.
_STILL_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis"})


def sniff(path: Path | str) -> str | None:
    """mp4 (MOV included), matroska (WebM included), png, jpeg, webp, gif, or None. Raises OSError."""
    with open(path, "rb") as file:
        return kind_of(file.read(32))


def kind_of(head: bytes) -> str | None:
    """The same answer from a file's first 32 bytes."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] not in _STILL_BRANDS:
        return "mp4"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    return None
