"""Where does this file come from? Credentials, visible mark, and our own clips it looks like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings

from generation import matching, signing
from generation.errors import InvalidFile
from generation.media import DEFAULT_LIMITS
from generation.provenance.fingerprint import FrameHash
from generation.reading import reader

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User


def verify_file(path: Path, *, viewer: User | AnonymousUser | None) -> dict[str, Any]:
    """What `./sora verify`, the verify page and the API say about a file.

    It is read in a confined process (generation.reading). Only clips the viewer may see are named
    as matches; None is the operator at the machine.

    Returns {"c2pa": {state, issuer, claims, failures}, "visible_watermark": bool or None for
    a file without pictures we can read, "matches": [{id, url, distance, share, offset_seconds}]}.
    Raises InvalidFile when it is neither a video nor an image we read.
    """
    try:
        seen = reader.ask(
            "look",
            path,
            seconds=DEFAULT_LIMITS.seconds,
            mark=settings.SORA_WATERMARK_TEXT,
            trust_anchors=signing.trust_anchors(),
            own_names=sorted(signing.own_names()),
        )
    except reader.Unreadable as error:
        raise InvalidFile(error.message) from error
    seen["c2pa"].pop("ours")
    return {
        "c2pa": seen["c2pa"],
        "visible_watermark": seen["mark"],
        "matches": matching.find_clips(hashes_of(seen["hashes"]), viewer=viewer),
    }


def hashes_of_file(path: Path) -> list[bytes]:
    """The hashes of a picture's or video's frames, turned every way, each once. Raises InvalidFile."""
    try:
        seen = reader.ask(
            "look",
            path,
            seconds=DEFAULT_LIMITS.seconds,
            mark=settings.SORA_WATERMARK_TEXT,
            trust_anchors=signing.trust_anchors(),
            own_names=sorted(signing.own_names()),
        )
    except reader.Unreadable as error:
        raise InvalidFile(error.message) from error
    return list(dict.fromkeys(item.hash for item in hashes_of(seen["hashes"])))


def hashes_of(rows: list[list[Any]]) -> list[FrameHash]:
    """What the reading process found, [seconds, variant, hex, quality] each."""
    return [
        FrameHash(seconds, variant, bytes.fromhex(value), quality)
        for seconds, variant, value, quality in rows
    ]
