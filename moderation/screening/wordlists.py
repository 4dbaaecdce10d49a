"""Blocklists: read from files, checked at load, matched all at once.

A list is a text file. Its first line says what it is:

    # category: sexual | level: refuse | source: … | licence: … | date: 2026-11-24 | version: 3

Every further line is one entry: terms joined by " + " must all occur; a term ending in * matches
as a prefix. Behind " | " an entry may name its own origin ("red team 2026-11", "usage 2026-12");
without, it comes from the source of the header.

An entry that would match nearly every prompt is refused at load: it is counted, named with its
line, and not used (`Blocklist.refused`), so that a slip in one line can't close the whole site.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import ahocorasick

from moderation.screening.normalise import (
    Lexicon,
    fold,
    has_unspaced_script,
    native,
    rot13,
    words_of,
)

LEVELS = frozenset({"refuse", "guard", "note", "exception", "mention", "relief"})
_REQUIRED = ("category", "level", "source", "licence", "date", "version")
MAX_LIST_BYTES = 2_000_000
MAX_ENTRY_CHARS = 200

# What an entry is tried on at load. Plain prompts that no list has any business with.
ORDINARY = (
    "a red balloon rises over the ocean at sunset, cinematic, 4k",
    "the camera pans slowly from left to right over a green valley in the morning",
    "an old man and his dog walk along the river in autumn",
    "two women drink coffee at a small table and talk about the weather",
    "create a video of a blue car that drives through the city at night in the rain",
    "close-up of a chef who cuts vegetables on a wooden board in the kitchen",
    "a lighthouse in a storm, waves crash against the rocks, drone shot",
    "children's drawing of a house with a garden, animated",
    "time lapse of clouds over the mountains with a lake in front",
    "a cat is sleeping on the sofa while snow falls outside the window",
    "make a short film about a robot on a farm, it has a hat",
    "people are dancing in the street to music with lights above them",
    "ein roter Ballon steigt über dem Meer auf und die Sonne geht unter",
    "un chat dort sur le canapé et la neige tombe dans la rue",
    "un perro corre por la playa con una pelota en la boca",
    "una donna cammina nella piazza con un ombrello rosso",
    "um barco pequeno no rio de manhã com muita luz",
    "een man met een fiets op de brug in de regen",
    "kobieta czyta książkę w parku i pije kawę na ławce",
    "bir kedi pencerede oturuyor ve dışarıda kar yağıyor",
    "женщина идёт по улице под дождём с красным зонтом",
    "一只猫在窗台上睡觉，外面下着雪",
    "夕日の海の上を赤い風船がゆっくり昇っていく",
    "빨간 풍선이 바다 위로 천천히 올라간다",
)
MAX_ORDINARY_SHARE = 0.05


@dataclass(frozen=True)
class Entry:
    """terms: each must occur. origin: who brought it in: the list's source, a red team, usage."""

    terms: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class RefusedEntry:
    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Blocklist:
    """One list: its header and its entries.

    level: "refuse", "guard", "note" (minors: changes the profile), "exception" (harmless phrases;
    what they cover is not searched by the other lists), "mention" (refuse, or only guard beside a
    word of the same category's "relief" list: "suicide" beside "hotline").
    refused: lines that were not taken, and why.
    """

    name: str
    category: str
    level: str
    version: str
    listed: tuple[Entry, ...]
    refused: tuple[RefusedEntry, ...] = ()

    @property
    def entries(self) -> tuple[tuple[str, ...], ...]:
        """The terms of each entry, without their origins."""
        return tuple(entry.terms for entry in self.listed)


def read_blocklist(path: Path) -> Blocklist:
    """Read one list.

    Raises ValueError when the file is too large, no UTF-8, or its header lacks a field: an
    unlabelled list must not be used. A bad entry is no error; see Blocklist.refused.
    """
    if path.stat().st_size > MAX_LIST_BYTES:
        raise ValueError(f"{path.name}: larger than {MAX_LIST_BYTES:,} bytes; split the list")
    header, *lines = path.read_text(encoding="utf-8").splitlines() or [""]
    parts = (part.strip().partition(": ") for part in header.removeprefix("#").split("|"))
    fields = {name: value.strip() for name, _, value in parts if value.strip()}
    missing = [name for name in _REQUIRED if name not in fields]
    if missing:
        raise ValueError(f"{path.name}: header lacks {', '.join(missing)}")
    if fields["level"] not in LEVELS:
        raise ValueError(f"{path.name}: level must be one of {', '.join(sorted(LEVELS))}")
    listed: list[Entry] = []
    refused: list[RefusedEntry] = []
    for number, line in enumerate(lines, start=2):
        if not line.strip() or line.startswith("#"):
            continue
        text, _, origin = line.partition(" | ")
        terms = tuple(part.strip() for part in text.split(" + "))
        reason = why_unusable(terms)
        if reason:
            refused.append(RefusedEntry(number, text.strip()[:80], reason))
        else:
            listed.append(Entry(terms, origin.strip() or fields["source"]))
    return Blocklist(
        path.stem,
        fields["category"],
        fields["level"],
        fields["version"],
        tuple(listed),
        tuple(refused),
    )


def why_unusable(terms: tuple[str, ...]) -> str:
    """Why an entry can't be used, or ""."""
    if sum(map(len, terms)) > MAX_ENTRY_CHARS:
        return f"longer than {MAX_ENTRY_CHARS} characters"
    for term in terms:
        bare = term.rstrip("*")
        letters = plain(bare).replace(" ", "")
        if not letters:
            return "nothing is left to search for"
        if "*" in bare:
            return "a * may only stand at the end"
        if not has_unspaced_script(term) and len(letters) < (3 if term.endswith("*") else 2):
            return "so short that it matches everything"
    hit = sum(all(_occurs(term, *text) for term in terms) for text in _ordinary())
    if hit > MAX_ORDINARY_SHARE * len(ORDINARY):
        return f"matches {hit} of {len(ORDINARY)} ordinary prompts"
    return ""


def plain(term: str) -> str:
    """A term as it is searched for: words between single spaces, or its own script."""
    return native(term) if has_unspaced_script(term) else words_of(fold(term)).strip()


@lru_cache(maxsize=1)
def _ordinary() -> tuple[tuple[str, str], ...]:
    """ORDINARY as it is searched: (words between single spaces, own script)."""
    return tuple((words_of(fold(text)), native(text)) for text in ORDINARY)


def _occurs(term: str, words: str, own_script: str) -> bool:
    searched = plain(term.rstrip("*"))
    if has_unspaced_script(term):
        return searched in own_script
    return f" {searched}" + ("" if term.endswith("*") else " ") in words


@dataclass(frozen=True)
class _Rule:
    """One entry of several terms at work: fires when all `terms` (indices) were found."""

    blocklist: Blocklist
    terms: frozenset[int]


@dataclass(frozen=True)
class Hits:
    """Which entries matched a text. `minors` holds the matched references to minors."""

    rules: tuple[tuple[str, str], ...]  # (category, level)
    minors: frozenset[str] = field(default_factory=frozenset)


_MENTION = {False: "refuse", True: "guard"}  # by whether a word of relief stands beside it


class BlocklistMatcher:
    """All blocklists in one Aho-Corasick automaton; time is linear in the text."""

    def __init__(self, blocklists: Iterable[Blocklist]) -> None:
        self.blocklists = tuple(blocklists)
        self._terms: list[str] = []
        self._index: dict[str, int] = {}
        self._rules: list[_Rule] = []
        self._exceptions: set[int] = set()
        self._minors: set[int] = set()
        singles: dict[int, list[tuple[str, str]]] = {}
        phrases: list[str] = []
        for blocklist in self.blocklists:
            for entry in blocklist.entries:
                indices = frozenset(self._add(term) for term in entry)
                phrases.extend(self._terms[i].removesuffix("*") for i in indices)
                if blocklist.level == "exception":
                    self._exceptions |= indices
                elif blocklist.level == "note":
                    self._minors |= indices
                elif len(indices) == 1:
                    (only,) = indices
                    singles.setdefault(only, []).append((blocklist.category, blocklist.level))
                else:
                    self._rules.append(_Rule(blocklist, indices))
        self._singles = singles
        latin = [p for p in phrases if not has_unspaced_script(p)]
        self.lexicon = Lexicon(latin)
        self._words = ahocorasick.Automaton()
        self._unspaced = ahocorasick.Automaton()
        self._glued = ahocorasick.Automaton()
        for index, term in enumerate(self._terms):
            if has_unspaced_script(term):
                self._unspaced.add_word(term.removesuffix("*"), index)
                continue
            bare = term.removesuffix("*")
            pattern = f" {bare}" if term.endswith("*") else f" {bare} "
            self._words.add_word(pattern, (index, len(bare)))
            letters = bare.replace(" ", "")
            if len(letters) >= 4 and letters.isascii() and letters not in self._glued:
                self._glued.add_word(letters, index)
        for automaton in (self._words, self._unspaced, self._glued):
            if len(automaton):
                automaton.make_automaton()

    @property
    def refused(self) -> int:
        """How many entries of all lists were not taken at load."""
        return sum(len(blocklist.refused) for blocklist in self.blocklists)

    def _add(self, term: str) -> int:
        searched = plain(term.rstrip("*")) + ("*" if term.endswith("*") else "")
        if searched not in self._index:
            self._index[searched] = len(self._terms)
            self._terms.append(searched)
        return self._index[searched]

    def find(self, text: str) -> Hits:
        """Every entry that matches some reading of `text` (see normalise.Lexicon.forms)."""
        found: set[int] = set()
        native_text = native(text)
        forms = self.lexicon.forms(text)
        if not native_text.isascii():
            forms.append(words_of(native_text))
            if len(self._unspaced):
                found.update(index for _, index in self._unspaced.iter(native_text))
        for form in forms:
            found |= self.search(form)
        for run in self.lexicon.spaced_runs(text):
            found.update(i for _, i in self._glued.iter(run) if i not in self._exceptions)
        hidden = self.search(words_of(rot13(fold(text))))
        found.update(i for i in hidden if len(self._terms[i]) >= 6)

        hits = {hit for index in found for hit in self._singles.get(index, ())}
        hits |= {
            (rule.blocklist.category, rule.blocklist.level)
            for rule in self._rules
            if rule.terms <= found
        }
        relieved = {category for category, level in hits if level == "relief"}
        hits = {
            (category, _MENTION[category in relieved] if level == "mention" else level)
            for category, level in hits
            if level != "relief"
        }
        return Hits(tuple(sorted(hits)), frozenset(self._terms[i] for i in found & self._minors))

    def search(self, form: str) -> set[int]:
        """Numbers of the terms in one form (words between single spaces), exceptions applied."""
        matches: list[tuple[int, int, int]] = []
        covered: list[tuple[int, int]] = []
        for end, (index, length) in self._words.iter(form):
            last = end if self._terms[index].endswith("*") else end - 1
            start = last - length + 1
            if index in self._exceptions:
                covered.append((start, last))
            else:
                matches.append((index, start, last))
        return {
            index
            for index, start, last in matches
            if not any(first <= start and last <= final for first, final in covered)
        }
