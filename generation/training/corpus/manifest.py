"""What is known of every clip: one JSON object a line, checked on reading.

A line describes a scene of a video file, or a clip that the renderer draws from a seed:

    {"id": "harbour#0", "source": "partner", "origin": "Example Archive, reel 12", "licence": "CC-BY-4.0",
     "path": "harbour.mp4", "sha256": "9f…", "start": 0.0, "end": 4.2, "shows_people": true,
     "consent": {"who": "A. Example", "when": "2026-03-01", "scope": "training"},
     "media": {"width": 640, "height": 360, "fps": 24.0, "frames": 100, "seconds": 4.2},
     "short": {"text": "a boat leaves a harbour", "origin": "human"},
     "long": {"text": "…", "origin": "model"},
     "fingerprint": [[0, "1c…"], [250, "1c…"]], "status": "kept", "reason": ""}

A line that can't be used is left out, counted and listed; it never stops the reading.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

SOURCES = ("public", "partner", "own", "synthetic")
CAPTION_ORIGINS = ("renderer", "human", "model")
PROJECT_LICENCE = "LicenseRef-this-repository"  # of what the renderer draws
MAX_CAPTION = 1500  # characters; what is longer is no caption
MAX_LINE = 1_000_000

_LICENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+() -]{1,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_HASH = re.compile(r"[0-9a-f]{64}")  # 256 bits of PDQ
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class ManifestError(Exception):
    """A whole file that can't be used: it is missing or unreadable. Names the file."""


class Refused(Exception):
    """Why one item is left out. `code` is counted, `detail` is for the list."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code, self.detail = code, detail


@dataclass(frozen=True)
class Consent:
    """Whose agreement it is, when it was given (YYYY-MM-DD), and to what."""

    who: str
    when: str
    scope: str


@dataclass(frozen=True)
class Media:
    """Facts of the scene: pixels, frames a second, frames and seconds of the scene alone."""

    width: int
    height: int
    fps: float
    frames: int
    seconds: float


@dataclass(frozen=True)
class Caption:
    """A text and who wrote it: the renderer's grammar, a human or a model."""

    text: str
    origin: str


@dataclass(frozen=True)
class Item:
    """One clip. Either `path` (with `sha256`) or `seed` says where its pixels come from.

    id: unique in its manifest.
    source: public, partner, own or synthetic.
    licence: an SPDX id, or a name of the operator's own ("LicenseRef-…").
    origin: address or name of where it was got.
    path: the file, relative to the manifest's folder, or absolute.
    seed: for `corpus.rendered`.
    start, end: seconds within the file; end 0 means up to its end.
    shows_people: None is unknown, and treated as yes.
    fingerprint: (milliseconds from `start`, PDQ hash in hex) of whole frames with structure.
    status: kept or left_out, with a `reason` ("code" or "code: detail").
    """

    id: str
    source: str
    licence: str
    origin: str
    path: str = ""
    seed: str = ""
    sha256: str = ""
    start: float = 0.0
    end: float = 0.0
    shows_people: bool | None = None
    consent: Consent | None = None
    media: Media | None = None
    short: Caption | None = None
    long: Caption | None = None
    fingerprint: tuple[tuple[int, str], ...] = ()
    status: str = "kept"
    reason: str = ""

    @property
    def kept(self) -> bool:
        return self.status == "kept"

    @property
    def captions(self) -> tuple[Caption, ...]:
        return tuple(c for c in (self.short, self.long) if c is not None)

    def left_out(self, why: Refused) -> Item:
        return replace(self, status="left_out", reason=str(why))

    def file(self, root: Path) -> Path:
        """Where the pixels lie. `root` is the manifest's folder."""
        return root / self.path

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, the empty ones left out."""
        return {k: v for k, v in asdict(self).items() if v is False or v not in (None, "", (), 0.0)}


@dataclass(frozen=True)
class LeftOut:
    """A line without a usable item. `id` is empty where the line gives none."""

    line: int
    id: str
    code: str
    detail: str


@dataclass
class Reading:
    """A manifest as read: usable items (kept or, by an earlier build, left out) and bad lines."""

    items: list[Item] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def kept(self) -> list[Item]:
        return [item for item in self.items if item.kept]

    @property
    def counts(self) -> Counter[str]:
        """Bad lines by code."""
        return Counter(bad.code for bad in self.left_out)


def read_manifest(
    path: Path | str, *, licences: Sequence[str] = (), defaults: dict[str, Any] | None = None
) -> Reading:
    """All usable lines of a manifest. Raises ManifestError if the file itself can't be read.

    licences: patterns of which one must fit ("CC-BY-*"); empty allows every named licence.
    defaults: fields for lines that lack them.
    Files are not opened here; `check_file` does that for one item.
    """
    path = Path(path)
    reading, seen = Reading(), set[str]()
    try:
        with open(path, "rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                name = ""
                try:
                    data = _object(line)
                    name = data["id"] if isinstance(data.get("id"), str) else ""
                    item = parse_item({**(defaults or {}), **data}, licences=licences)
                    if item.id in seen:
                        raise Refused("duplicate id", item.id)
                except Refused as why:
                    reading.left_out.append(LeftOut(number, name[:200], why.code, why.detail))
                else:
                    seen.add(item.id)
                    reading.items.append(item)
    except OSError as error:
        raise ManifestError(f"The manifest {path} can't be read: {error.strerror}.") from error
    return reading


def write_manifest(path: Path, items: Iterable[Item]) -> None:
    """Write all at once: readers see the old file or the new one."""
    part = path.with_suffix(path.suffix + ".part")
    with open(part, "w", encoding="utf-8") as file:
        for item in items:
            file.write(json.dumps(item.to_json(), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def parse_item(data: dict[str, Any], *, licences: Sequence[str] = ()) -> Item:
    """An item from the values of one line. Raises Refused for what makes it unusable."""
    known = Item.__dataclass_fields__
    if unknown := sorted(set(data) - set(known)):
        raise Refused("unreadable line", f"unknown fields {', '.join(unknown)[:200]}")
    item = Item(
        id=_text(data, "id", required=True, limit=200),
        source=_text(data, "source", required=False),
        licence=_text(data, "licence"),
        origin=_text(data, "origin", limit=2000),
        path=_text(data, "path", limit=4000),
        seed=_text(data, "seed", limit=200),
        sha256=_text(data, "sha256").lower(),
        start=_number(data, "start"),
        end=_number(data, "end"),
        shows_people=_boolean(data, "shows_people"),
        consent=_consent(data.get("consent")),
        media=_media(data.get("media")),
        short=_caption(data, "short"),
        long=_caption(data, "long"),
        fingerprint=_fingerprint(data.get("fingerprint", ())),
        status=_text(data, "status") or "kept",
        reason=_text(data, "reason", limit=2000),
    )
    _check_rights(item, licences)
    if bool(item.path) == bool(item.seed):
        raise Refused("unreadable line", "exactly one of path and seed must be given")
    if item.path and item.sha256 and not _SHA256.fullmatch(item.sha256):
        raise Refused("bad hash", "sha256 must be 64 hexadecimal digits")
    if item.status not in ("kept", "left_out"):
        raise Refused("unreadable line", f"status {item.status!r} is neither kept nor left_out")
    if item.end and item.end <= item.start:
        raise Refused("unreadable line", "end must lie after start")
    return item


def check_file(item: Item, root: Path) -> str:
    """The SHA-256 of the item's file. Raises Refused if it is absent, empty or not the one named."""
    path = item.file(root)
    try:
        if not path.stat().st_size:
            raise Refused("corrupt file", f"{item.path} is empty")
        found = file_sha256(path)
    except OSError as error:
        raise Refused("missing file", f"{item.path}: {error.strerror}") from error
    if item.sha256 and found != item.sha256:
        raise Refused("bad hash", f"{item.path} is not the file with sha256 {item.sha256[:12]}…")
    return found


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clean_text(text: str) -> str:
    """One line without control characters or doubled spaces: a caption is data, never markup."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _object(line: bytes) -> dict[str, Any]:
    if len(line) > MAX_LINE:
        raise Refused("unreadable line", f"longer than {MAX_LINE} bytes")
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Refused("unreadable line", "not JSON") from error
    if not isinstance(data, dict):
        raise Refused("unreadable line", "not a JSON object")
    return data


def _check_rights(item: Item, licences: Sequence[str]) -> None:
    if item.source not in SOURCES:
        raise Refused("unknown source", f"{item.source!r} is none of {', '.join(SOURCES)}")
    if not item.licence:
        raise Refused("no licence", "give an SPDX id or the name of an agreement")
    if not _LICENCE.fullmatch(item.licence):
        raise Refused("no licence", f"{item.licence[:60]!r} is no name of a licence")
    if licences and not any(fnmatchcase(item.licence, pattern) for pattern in licences):
        raise Refused("licence not allowed", item.licence)
    if not item.origin:
        raise Refused("no origin", "give the address or the name of where it was got")
    if item.source in ("partner", "own") and item.shows_people is not False and not item.consent:
        raise Refused("no consent", "footage that may show people needs who, when and scope")


def _text(data: dict[str, Any], key: str, *, required: bool = False, limit: int = 500) -> str:
    value = data.get(key, "")
    if value is None:
        value = ""
    if not isinstance(value, str) or len(value) > limit or "\x00" in value:
        raise Refused("unreadable line", f"{key} must be a text of at most {limit} characters")
    if required and not value:
        raise Refused("unreadable line", f"{key} is missing")
    return value


def _number(data: dict[str, Any], key: str) -> float:
    value = data.get(key) or 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused("unreadable line", f"{key} must be a number")
    if not math.isfinite(value) or value < 0:
        raise Refused("unreadable line", f"{key} must not be negative")
    return float(value)


def _boolean(data: dict[str, Any], key: str) -> bool | None:
    value = data.get(key)
    if value is not None and not isinstance(value, bool):
        raise Refused("unreadable line", f"{key} must be true, false or absent")
    return value


def _consent(data: Any) -> Consent | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise Refused("no consent", "consent must be an object with who, when and scope")
    consent = Consent(*(_text(data, key) for key in ("who", "when", "scope")))
    if not (consent.who.strip() and consent.scope.strip()):
        raise Refused("no consent", "consent must name who and scope")
    try:
        date.fromisoformat(consent.when)
    except ValueError as error:
        raise Refused("no consent", "consent needs when, as YYYY-MM-DD") from error
    return consent


def _media(data: Any) -> Media | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise Refused("unreadable line", "media must be an object")
    values = {key: _number(data, key) for key in Media.__dataclass_fields__}
    if min(values.values()) <= 0:
        raise Refused("unreadable line", "media needs width, height, fps, frames and seconds")
    return Media(
        int(values["width"]),
        int(values["height"]),
        values["fps"],
        int(values["frames"]),
        values["seconds"],
    )


def _caption(data: dict[str, Any], key: str) -> Caption | None:
    """Given as {"text", "origin"}, or as plain text, which then counts as a human's."""
    value = data.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        value = {"text": value, "origin": "human"}
    if not isinstance(value, dict) or not isinstance(value.get("text"), str):
        raise Refused("bad caption", f"{key} must be a text or an object with text and origin")
    text = clean_text(value["text"])
    if len(text) > MAX_CAPTION:
        raise Refused("bad caption", f"{key} is longer than {MAX_CAPTION} characters")
    origin = _text(value, "origin")
    if origin not in CAPTION_ORIGINS:
        raise Refused("bad caption", f"{key} must say its origin: {', '.join(CAPTION_ORIGINS)}")
    return Caption(text, origin) if text else None


def _fingerprint(data: Any) -> tuple[tuple[int, str], ...]:
    try:
        pairs = tuple((int(ms), str(value)) for ms, value in data)
    except (TypeError, ValueError) as error:
        raise Refused("unreadable line", "fingerprint must be pairs of ms and hash") from error
    if not all(ms >= 0 and _HASH.fullmatch(value) for ms, value in pairs):
        raise Refused("unreadable line", "fingerprint holds something that is no hash")
    return pairs
