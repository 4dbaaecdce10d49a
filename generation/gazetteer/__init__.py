"""Who and what the prompt rewriter replaces, and by which words. Written for this project.

Facts only: what a person is known for, what a thing is. Never a look-alike trait: a description must
lead the engine away from the one it stands for.

leaders, stage, sports, others: "role; gender; status = names, names". artists: "names = description".
characters: "names = description | traits to keep out". brands: "names = beside a noun | alone". Names
of one person are separated by "/". "~" marks a name that is a common word as well: it is matched only
as written. "+" marks somebody who died, in a line of the living. "#" opens a comment.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from generation.gazetteer import artists, brands, characters, leaders, others, sports, stage
from generation.gazetteer.brands import BESIDE
from generation.gazetteer.private_names import (
    HISTORIC_AND_LEGENDARY,
    MEN,
    SURNAMES,
    UNGENDERED,
    WOMEN,
)
from generation.gazetteer.scripts import SPELLINGS

__all__ = ["BESIDE", "MEN", "SPELLINGS", "SURNAMES", "UNGENDERED", "WOMEN", "Entry", "entries"]

VERSION = "2026-11-24.2"
"""Stored with every edit. Change it with every change of a table or a rule of the rewriter."""

EntryKind = Literal["public_figure", "artist_style", "character", "franchise", "brand"]

# Roles whose noun differs by gender.
_FEMININE = {"film actor": "film actress"}


@dataclass(frozen=True)
class Entry:
    """One spelling of one name. `exact`: a common word too, matched only as written.

    name: the first spelling on its line, the same for all of them. description: with its article.
    beside: for a brand, what stands before a product noun. avoid: for the negative prompt.
    """

    spelling: str
    name: str
    kind: EntryKind
    description: str
    gender: str = ""
    status: str = ""
    beside: str = ""
    avoid: str = ""
    exact: bool = False


def entries() -> Iterator[Entry]:
    """Every spelling of every table; the first one wins where two tables share it."""
    for table in (leaders.LEADERS, stage.STAGE, sports.SPORTS, others.OTHERS):
        yield from _people(table)
    for left, right in _lines(artists.LIVING):
        yield from _spellings(left.split("/"), "artist_style", right, status="living")
    for left, right in _lines(characters.CHARACTERS):
        description, _, avoid = right.partition(" | ")
        for spelling in left.split("/"):  # every one is a character of its own
            yield from _spellings([spelling], "character", description, avoid=avoid)
    for left, right in _lines(characters.FRANCHISES):
        for spelling in left.split("/"):
            yield from _spellings([spelling], "franchise", right)
    for left, right in _lines(brands.BRANDS):
        beside, _, alone = right.partition(" | ")
        for spelling in left.split("/"):
            yield from _spellings([spelling], "brand", alone, beside=beside)


def left_alone() -> Iterator[str]:
    """Dead artists, people of history, figures of legend, and places that look like people."""
    for block in (artists.DECEASED, HISTORIC_AND_LEGENDARY):
        for line in block.strip().splitlines():
            yield from line.split("/")


def other_scripts() -> Iterator[tuple[str, str]]:
    """(spelling in another script, the English name it stands for)."""
    for left, right in _lines(SPELLINGS):
        for spelling in left.split("/"):
            yield spelling, right


def _lines(block: str) -> Iterator[tuple[str, str]]:
    for line in block.strip().splitlines():
        if line and not line.startswith("#"):
            left, _, right = line.partition(" = ")
            yield left.strip(), right.strip()


def _people(table: str) -> Iterator[Entry]:
    for left, right in _lines(table):
        role, gender, status = (part.strip() for part in left.split(";"))
        noun = _FEMININE.get(role, role) if gender == "f" else role
        description = f"{'an' if noun[0] in 'aeioAEIO' else 'a'} {noun}"
        for person in right.split(", "):
            died = person.startswith("+")
            yield from _spellings(
                person.removeprefix("+").split("/"),
                "public_figure",
                description,
                gender=gender,
                status="past" if died else status,
            )


def _spellings(
    names: Iterable[str],
    kind: EntryKind,
    description: str,
    *,
    gender: str = "",
    status: str = "",
    beside: str = "",
    avoid: str = "",
) -> Iterator[Entry]:
    names = list(names)
    first = names[0].removeprefix("~")
    for spelling in names:
        yield Entry(
            spelling=spelling.removeprefix("~"),
            name=first,
            kind=kind,
            description=description,
            gender=gender,
            status=status,
            beside=beside,
            avoid=avoid,
            exact=spelling.startswith("~"),
        )
