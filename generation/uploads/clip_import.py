"""Clips of another place with the prompts they were made from: MP4 files and a CSV or JSON beside them.

They go the way of every upload: read in the sandbox, screened, drawn anew, never signed as ours.
Each leaves a draft that starts from it with its prompt, so that it can be gone on with.
"""

from __future__ import annotations

import csv
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts.models import User, Workspace
from generation import drafts
from generation.errors import InvalidFile, TooManyOpen
from generation.screening import gate
from generation.uploads import services as uploads
from moderation.screening.gate import InvalidPrompt, clean_prompt
from sora_site.lib.errors import SoraError

MOST_ROWS = 2000
MOST_PAGE_ROWS = 200
MOST_TABLE_BYTES = 8 * 2**20
TABLE_REMEDY = "Send a CSV with the columns file and prompt, or a JSON list of such objects."


@dataclass(frozen=True)
class Row:
    """One line of the table: a file name beside it, and the prompt."""

    file: str
    prompt: str


@dataclass
class Result:
    """What was taken (now waiting for its check) and what was not, with the reason."""

    taken: list[str] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def read_table(path: Path) -> list[Row]:
    """Rows of a CSV with the columns `file` and `prompt`, or of a JSON list of such objects.

    Raises InvalidFile, naming the row.
    """
    if path.stat().st_size > MOST_TABLE_BYTES:
        raise InvalidFile("The table of prompts is larger than 8 MB.", remedy="Split it.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except ValueError as error:
        raise InvalidFile(f"{path.name} can't be read: {error}", remedy=TABLE_REMEDY) from error
    return read_rows(path.name, text)


def read_rows(name: str, text: str, *, most: int = MOST_ROWS) -> list[Row]:
    """The same of a table's text; the ending of `name` tells CSV from JSON. Raises InvalidFile."""
    try:
        found: Any = (
            json.loads(text)
            if name.lower().endswith(".json")
            else list(csv.DictReader(text.lstrip("\ufeff").splitlines()))
        )
    except (ValueError, csv.Error, RecursionError) as error:
        raise InvalidFile(f"{name} can't be read: {error}", remedy=TABLE_REMEDY) from error
    if not isinstance(found, list) or len(found) > most:
        raise InvalidFile(f"{name} is no list of at most {most} rows.", remedy="Split it.")
    return [_row(number, item) for number, item in enumerate(found, 1)]


def problem_of(row: Row) -> str:
    """Why its prompt can't be kept, "" when it can. The rules are asked when a clip is made of it."""
    try:
        clean_prompt(row.prompt, max_chars=settings.SORA_MAX_PROMPT_CHARS)
    except InvalidPrompt as error:
        return f"{error.message} {error.remedy or ''}".strip()
    return ""


def _row(number: int, item: Any) -> Row:
    file, prompt = (
        item.get(name) if isinstance(item, dict) else None for name in ("file", "prompt")
    )
    if not isinstance(file, str) or not isinstance(prompt, str) or not file.strip():
        raise InvalidFile(
            f"Row {number} of the table has no file or no prompt.",
            remedy="Every row needs the columns file and prompt.",
        )
    return Row(file.strip(), prompt)


def import_clips(
    folder: Path, rows: list[Row], workspace: Workspace, *, by: User, patience: float = 0.0
) -> Result:
    """Hand every file of the table to the upload check. One bad row costs only itself.

    A workspace may have few uploads under way; each row waits `patience` seconds for its turn.
    """
    result = Result()
    for row in rows:
        until = time.monotonic() + patience
        try:
            while True:
                try:
                    _import_one(folder, row, workspace, by)
                    break
                except TooManyOpen:
                    if time.monotonic() >= until:
                        raise
                    time.sleep(1)
        except SoraError as refusal:
            reason = f"{refusal.message} {refusal.remedy or ''}".strip()
            result.left_out.append((row.file, reason))
        else:
            result.taken.append(row.file)
    return result


def _import_one(folder: Path, row: Row, workspace: Workspace, by: User) -> None:
    path = (folder / row.file).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file():
        raise InvalidFile("There is no such file beside the table.", remedy="")
    try:
        prompt = clean_prompt(row.prompt, max_chars=settings.SORA_MAX_PROMPT_CHARS)
    except InvalidPrompt as error:
        raise InvalidFile(error.message, remedy=error.remedy or "") from error
    if not gate([prompt]).allowed:
        raise InvalidFile("Its prompt is against the rules.", remedy="")
    with transaction.atomic():  # a refused file leaves no draft behind
        upload = uploads.start_upload(
            workspace, by=by, name=path.name, size_bytes=path.stat().st_size
        )
        drafts.create_draft(
            workspace,
            by=by,
            title=prompt[: drafts.MOST_TITLE],
            plan={"tool": "remix", "source": f"upload:{upload.pk}", "prompt": prompt},
        )
        with path.open("rb") as file:
            while data := file.read(settings.UPLOAD_CHUNK_BYTES):
                upload = uploads.append_bytes(
                    upload, offset=file.tell() - len(data), data=data, by=by
                )
