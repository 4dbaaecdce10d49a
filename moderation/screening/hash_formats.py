"""Read lists of perceptual hashes as exchanges hand them out. Plain Python; nothing is trusted.

`read(path)` gives a Row for every usable entry and a Bad for every other, with where it stands and
why it can't be used. A bad row never stops a list and never passes in silence.

    csv           a header with `hash`, and perhaps `id`, `type`, `video`, `seconds`, `quality`, `removed`
    lines         one PDQ hash of 64 hex digits a line, or a type and a value; # begins a comment
    vpdq          JSON: a list of "hex,quality,seconds", or {video id: such a list}
    threatexchange  JSON {"data": [{"id", "type", "indicator", "should_delete"}]} or one such object a line
    stopncii      JSON {"hashRecords": [{"signalType", "hashValue", "hashStatus", "caseNumbers"}]}
    ncmec         XML of the hash-sharing interface, images and videos with <fingerprints><pdq>

Only PDQ and vPDQ are used: MD5, PhotoDNA and TMK entries are named as not supported.
"""

from __future__ import annotations

import csv
import json
import math
import xml.parsers.expat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from moderation.screening.hash_index import HASH_BYTES

FORMATS = ("auto", "csv", "lines", "vpdq", "threatexchange", "stopncii", "ncmec")

LARGEST_DOCUMENT = 256 * 2**20  # of JSON and XML, which are read whole; lists by line may be longer
LONGEST_LINE = 4 * 2**20
MOST_ROWS = 20_000_000
MOST_FRAMES = 50_000  # of one video
LEAST_QUALITY = 50  # of a video's frame: below, it is as good as plain and matches everything plain
PLAIN_BITS = 16
"""A PDQ hash has about as many ones as zeros. One with so few of either is of a plain picture and
would match every other plain one."""
MOST_NAME = 200
_WITHDRAWN = {"withdrawn", "deleted"}
_PDQ_NAMES = {"pdq", "hash_pdq", "imagepdq", ""}
_VPDQ_NAMES = {"vpdq", "video_vpdq", "hash_video_vpdq"}


class UnreadableList(Exception):
    """The file is no list in any form we know. The message says what to do."""


@dataclass(frozen=True)
class Row:
    """One entry. reference: the exchange's id. video: id of the video the hash is a frame of, or "".
    removed: the exchange took it back; without a value everything of that reference."""

    value: bytes
    reference: str = ""
    video: str = ""
    seconds: float = 0.0
    removed: bool = False


@dataclass(frozen=True)
class Bad:
    """One entry that can't be used: where it stands, and why."""

    where: str
    why: str


Found = Iterator[Row | Bad]


def read(path: Path, form: str = "auto") -> Found:
    """Raises UnreadableList for a file that can't be read or is too large, or an unknown form."""
    try:
        if form == "auto":
            form = detect(path)
        if form in ("vpdq", "threatexchange", "stopncii", "ncmec") and not _is_by_line(path, form):
            if path.stat().st_size > LARGEST_DOCUMENT:
                raise UnreadableList(
                    f"{path.name} is larger than {LARGEST_DOCUMENT >> 20} MiB; split it."
                )
            yield from _bounded(_document(path, form))
            return
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            by_line = {"csv": _csv, "lines": _lines, "threatexchange": _descriptor_lines}
            if form not in by_line:
                raise UnreadableList(f"{form!r} is no form; use one of {', '.join(FORMATS)}.")
            yield from _bounded(by_line[form](file))
    except OSError as error:
        raise UnreadableList(f"{path.name} can't be read: {error.strerror}") from error


def detect(path: Path) -> str:
    """The form of a file by its beginning."""
    with path.open("rb") as file:
        head = file.read(4096)
    text = head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith("<"):
        return "ncmec"
    if text.startswith(("{", "[")):
        if '"hashRecords"' in text:
            return "stopncii"
        return "threatexchange" if '"indicator"' in text or '"data"' in text else "vpdq"
    first = text.partition("\n")[0].lower()
    names = {part.strip().strip('"') for part in first.split(",")}
    return "csv" if names & {"hash", "pdq", "value"} else "lines"


def _is_by_line(path: Path, form: str) -> bool:
    if form != "threatexchange":
        return False
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE).strip()
    try:
        return "indicator" in json.loads(first)
    except (ValueError, TypeError, RecursionError):
        return False


def _bounded(found: Found) -> Found:
    for number, item in enumerate(found):
        if number >= MOST_ROWS:
            raise UnreadableList(f"There are more than {MOST_ROWS:,} rows; split the file.")
        yield item


# --- One value -----------------------------------------------------------------------------------


def pdq(text: str) -> bytes:
    """32 bytes of 64 hex digits. Raises ValueError saying what is wrong."""
    text = text.strip()
    if len(text) != 2 * HASH_BYTES:
        raise ValueError(f"a PDQ hash has 64 hex digits, this has {len(text)} characters")
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise ValueError("a PDQ hash is written in hex digits") from None
    ones = int.from_bytes(value, "big").bit_count()
    if min(ones, 8 * HASH_BYTES - ones) < PLAIN_BITS:
        raise ValueError("the hash is of a plain picture and would match every plain one")
    return value


def _one(where: str, text: str, **known: Any) -> Row | Bad:
    try:
        return Row(pdq(text), **known)
    except ValueError as error:
        return Bad(where, str(error))


def _video(where: str, features: Any, *, video: str, removed: bool = False) -> Found:
    """The frames of one video from a list of "hex,quality,seconds"."""
    if not isinstance(features, list) or not features:
        yield Bad(where, 'a vPDQ entry is a list of "hex,quality,seconds"')
        return
    if len(features) > MOST_FRAMES:
        yield Bad(where, f"a video has at most {MOST_FRAMES:,} frames")
        return
    seen: set[bytes] = set()
    for number, feature in enumerate(features, 1):
        place = f"{where}, frame {number}"
        try:
            text, quality, seconds = str(feature).split(",")
            value, good, at = pdq(text), int(quality), float(seconds)
            if not 0 <= good <= 100 or not math.isfinite(at) or at < 0:
                raise ValueError("quality is 0 to 100, seconds are not negative")
        except ValueError as error:
            yield Bad(place, str(error))
            continue
        if good < LEAST_QUALITY:
            yield Bad(place, f"the frame is nearly plain (quality {good})")
        elif value not in seen:
            seen.add(value)
            yield Row(value, reference=video, video=video, seconds=at, removed=removed)


def _typed(where: str, kind: str, text: str, *, reference: str, removed: bool) -> Found:
    """An entry of an exchange, by the name it gives the kind of hash."""
    name = kind.strip().lower()
    if name in _PDQ_NAMES:
        yield _one(where, text, reference=reference, removed=removed)
    elif name in _VPDQ_NAMES:
        try:
            features = json.loads(text)
        except (ValueError, RecursionError):
            features = None
        yield from _video(where, features, video=reference or where, removed=removed)
    else:
        yield Bad(where, f"{kind[:40]} is not supported; PDQ and vPDQ are")


# --- By line -------------------------------------------------------------------------------------


def _lines(file: IO[str]) -> Found:
    for number, line in _short_lines(file):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        where = f"line {number}"
        if text.startswith(("[", "{")):
            yield from _typed(where, "vpdq", text, reference=f"line {number}", removed=False)
            continue
        kind, _, value = text.partition(" ")
        if value:
            yield from _typed(where, kind, value, reference="", removed=False)
        else:
            yield _one(where, text)


def _csv(file: IO[str]) -> Found:
    lines = (line for _, line in _short_lines(file))
    rows = csv.DictReader(lines, skipinitialspace=True)
    try:
        for row in rows:
            where = f"line {rows.line_num}"
            values = {
                str(name or "").strip().lower().lstrip("\ufeff"): value.strip()
                for name, value in row.items()
                if isinstance(value, str)
            }
            text = values.get("hash") or values.get("pdq") or values.get("value") or ""
            kind = values.get("type") or values.get("signal_type") or ""
            reference = (values.get("id") or values.get("reference") or "")[:MOST_NAME]
            removed = values.get("removed", "").lower() in ("1", "true", "yes")
            video = values.get("video", "")[:MOST_NAME]
            if removed and not text and reference:
                yield Row(b"", reference=reference, removed=True)
            elif video:
                feature = f"{text},{values.get('quality') or 100},{values.get('seconds') or 0}"
                for item in _video(where, [feature], video=video, removed=removed):
                    yield Bad(where, item.why) if isinstance(item, Bad) else item
            else:
                yield from _typed(where, kind, text, reference=reference, removed=removed)
    except csv.Error as error:
        yield Bad(f"line {rows.line_num}", f"no CSV from here on: {error}")


def _descriptor_lines(file: IO[str]) -> Found:
    for number, line in _short_lines(file):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        yield from _descriptor(f"line {number}", item)


def _short_lines(file: IO[str]) -> Iterator[tuple[int, str]]:
    """(number, line) with an end to how long a line may be."""
    number = 0
    while line := file.readline(LONGEST_LINE):
        number += 1
        if not line.endswith("\n") and len(line) == LONGEST_LINE:
            raise UnreadableList(f"Line {number} is longer than {LONGEST_LINE >> 20} MiB.")
        yield number, line


# --- Whole documents -----------------------------------------------------------------------------


def _document(path: Path, form: str) -> Found:
    if form == "ncmec":
        yield from _ncmec(path)
        return
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise UnreadableList(f"{path.name} is no JSON: {str(error)[:100]}") from error
    if form == "stopncii":
        for number, record in enumerate(_list(path, data, "hashRecords"), 1):
            yield from _stopncii(f"record {number}", record)
    elif form == "threatexchange":
        for number, item in enumerate(_list(path, data, "data"), 1):
            yield from _descriptor(f"entry {number}", item)
    elif isinstance(data, dict):
        for name, features in data.items():
            yield from _video(f"video {name[:60]}", features, video=name[:MOST_NAME])
    else:
        yield from _video("the list", data, video=path.stem[:MOST_NAME])


def _list(path: Path, data: Any, name: str) -> Iterable[Any]:
    found = data.get(name) if isinstance(data, dict) else data
    if not isinstance(found, list):
        raise UnreadableList(f"{path.name} holds no list {name!r}.")
    return found


def _descriptor(where: str, item: Any) -> Found:
    if not isinstance(item, dict) or not isinstance(item.get("indicator", ""), str):
        yield Bad(where, "an entry is an object with type and indicator")
        return
    reference = str(item.get("id", ""))[:MOST_NAME]
    removed = bool(item.get("should_delete")) or bool(item.get("is_expired"))
    text = item.get("indicator", "")
    if removed and not text and reference:
        yield Row(b"", reference=reference, removed=True)
        return
    yield from _typed(where, str(item.get("type", "")), text, reference=reference, removed=removed)


def _stopncii(where: str, record: Any) -> Found:
    if not isinstance(record, dict) or not isinstance(record.get("hashValue"), str):
        yield Bad(where, "a record is an object with signalType and hashValue")
        return
    cases = record.get("caseNumbers")
    reference = next(iter(cases), "") if isinstance(cases, dict) else ""
    removed = str(record.get("hashStatus", "")).lower() in _WITHDRAWN
    yield from _typed(
        where,
        str(record.get("signalType", "?")),
        record["hashValue"],
        reference=str(reference)[:MOST_NAME],
        removed=removed,
    )


def _ncmec(path: Path) -> Found:
    """Entries as they close. Document types and entities are refused: a list needs neither."""
    stack: list[str] = []
    entry: dict[str, str] = {}
    found: list[Row | Bad] = []
    state = {"number": 0}

    def start(name: str, attributes: dict[str, str]) -> None:
        stack.append(_local(name))
        if len(stack) > 32:
            raise UnreadableList(f"{path.name} is nested too deeply.")
        if stack[-1] in ("image", "video", "deletedimage", "deletedvideo"):
            entry.clear()

    def text(data: str) -> None:
        if len(stack) >= 2 and (stack[-2] == "fingerprints" or stack[-1] == "id"):
            entry[stack[-1]] = (entry.get(stack[-1], "") + data)[:LONGEST_LINE]

    def end(name: str) -> None:
        closed = stack.pop()
        if closed not in ("image", "video", "deletedimage", "deletedvideo"):
            return
        state["number"] += 1
        where = f"entry {state['number']}"
        reference = entry.get("id", "").strip()[:MOST_NAME]
        if closed.startswith("deleted"):
            found.append(
                Row(b"", reference=reference, removed=True)
                if reference
                else Bad(where, "a deleted entry without an id")
            )
        elif value := entry.get("pdq", "").strip():
            found.append(_one(where, value, reference=reference))
        else:
            found.append(Bad(where, "no PDQ among its fingerprints"))

    def refuse(*arguments: Any) -> None:
        raise UnreadableList(f"{path.name} has a document type or entities; that is not read.")

    parser = xml.parsers.expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    with path.open("rb") as file:
        while True:
            chunk = file.read(1 << 16)
            try:
                parser.Parse(chunk, not chunk)
            except xml.parsers.expat.ExpatError as error:
                yield from found
                yield Bad(f"line {error.lineno}", f"no XML from here on: {error}")
                return
            yield from found
            found.clear()
            if not chunk:
                return


def _local(name: str) -> str:
    return name.rpartition(":")[2].lower()
