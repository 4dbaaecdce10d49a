"""The shape of an archive, its names and bounds, and its seal. Writing and reading agree here.

    library.json               the site, the workspace, folders, presets, drafts
    uploads.json               what was uploaded, without the files
    clips/<id>/clip.json       prompt, settings, plan, lineage, folder, marks, checks, fingerprints
    clips/<id>/clip.mp4        the file as it was delivered, signed
    clips/<id>/poster.webp     signed
    clips/<id>/manifest.c2pa   the clip's manifest alone
    SHA256SUMS                 every file above
    cover.jpg                  a signed picture that names the SHA-256 of SHA256SUMS: the seal

The seal makes the records as trustworthy as the clips: without it anybody could give a signed clip
another prompt. Whoever trusts this site's certificate can check both.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

FORMAT = 1
SUMS, COVER, LIBRARY, UPLOADS = "SHA256SUMS", "cover.jpg", "library.json", "uploads.json"
CLIP, POSTER, MANIFEST, RECORD = "clip.mp4", "poster.webp", "manifest.c2pa", "clip.json"
SEAL = "archive:"  # before the SHA-256, as the job that the cover's manifest names

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
NAME = re.compile(
    rf"(?:clips/({ID})/({re.escape(CLIP)}|{re.escape(POSTER)}|{re.escape(MANIFEST)}"
    rf"|{re.escape(RECORD)})|{SUMS}|{re.escape(COVER)}|{re.escape(LIBRARY)}|{re.escape(UPLOADS)})"
)
SUM_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")

# The most bytes a file of each name may unpack to.
MOST_BYTES = {
    CLIP: 2 * 1024**3,
    POSTER: 32 * 1024**2,
    MANIFEST: 64 * 1024**2,
    RECORD: 16 * 1024**2,
    LIBRARY: 64 * 1024**2,
    UPLOADS: 64 * 1024**2,
    SUMS: 64 * 1024**2,
    COVER: 16 * 1024**2,
}
MOST_CLIPS = 100_000


def encode(value: Any) -> bytes:
    """JSON, the same bytes for the same value."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1)
    return (text + "\n").encode()


@dataclass(frozen=True)
class Report:
    """What a reading did: clips taken in, already there, and left out with the reason."""

    taken_in: int
    already_there: int
    left_out: list[dict[str, str]]
    notes: list[str]

    def to_json(self) -> dict[str, Any]:
        return {
            "taken_in": self.taken_in,
            "already_there": self.already_there,
            "left_out": self.left_out[:500],
            "left_out_count": len(self.left_out),
            "notes": self.notes,
        }
