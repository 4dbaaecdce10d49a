"""What a web request can afford: bad input, blocklists, references to minors. No torch, no network.

`clean_prompt` decides whether a text is a prompt at all, `screen_prompt` whether it may be queued.
Everything learned (text_linear.py, text_embedding.py) runs later, in the worker (panel.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import ahocorasick

from moderation.screening.normalise import (
    Lexicon,
    fold,
    has_unspaced_script,
    is_invisible,
    language_hint,
    native,
    rot13,
    words_of,
)

if TYPE_CHECKING:
    from moderation.screening.decision import Decision

BLOCKLISTS = Path(__file__).parent / "blocklists"
MAX_PROMPT_CHARS = 2000

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufdd0-\ufdef]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")
_MAX_MARKS = 3

_AGE = re.compile(
    r"\b(\d{1,2}) ?(?:years? old|year olds|years? of age|yrs? old|yo\b|y o\b|jahre alt|ans\b|anos\b|anni\b)"
    r"|\b(?:age|aged|ages) (\d{1,2})\b|\b(?:boys?|girls?|pitcher|student|brothers|sisters) (\d{1,2})\b"
    r"|\bsweet (\d\d)\b|(\d{1,2}) ?(?:歳|岁|歲|살|лет)"
)
_NUMBER_WORDS = {
    word: number
    for number, word in enumerate(
        (
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
        )
    )
}
_SPELLED_AGE = re.compile(
    r"\b(?:(?:aged?) (" + "|".join(_NUMBER_WORDS) + r")|"
    r"(" + "|".join(_NUMBER_WORDS) + r") (?:years? old|year olds|years? of age))\b"
)
_ADULT = re.compile(
    r"\b(?:1[89]|[2-9]\d) ?(?:years? old|yo\b|y o\b)|\b(?:aged?) (?:1[89]|[2-9]\d)\b"
    r"|\b(?:adult|grown|elderly|middle aged) (?:girls?|boys?|wom[ae]n|m[ae]n|daughters?|sons?|niece|nephew)\b"
    r"|\bin (?:her|his|their) (?:early |mid |late )?(?:twenties|thirties|forties|fifties|sixties|seventies)\b"
)
# Words that may mean an adult. They count as a minor unless the text says otherwise.
_AMBIGUOUS = frozenset(
    {"girl", "girls", "boy", "boys", "daughter", "daughters", "niece", "nephew"}
    | {"and son", "and a son", "his son", "her son", "my son", "their son", "his sons", "her sons"}
)


class InvalidPrompt(ValueError):
    """The text is no prompt. `reason` is a stable code, `message` and `remedy` are for people."""

    def __init__(self, reason: str, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.remedy = remedy


def clean_prompt(text: str, *, max_chars: int = MAX_PROMPT_CHARS) -> str:
    """The prompt as it is stored and shown: NFC, one kind of line break, nothing invisible.

    Raises InvalidPrompt with the reason "prompt_too_long" (decided by len() alone, so ten
    megabytes cost nothing), "prompt_invalid_characters" (NUL, control characters, lone
    surrogates, noncharacters) or "prompt_empty" (nothing a person could read is left).
    """
    if len(text) > max_chars:
        raise InvalidPrompt(
            "prompt_too_long",
            f"The prompt has {len(text):,} characters; {max_chars:,} are allowed.",
            "Shorten the prompt.",
        )
    if _CONTROL.search(text) or any(ord(c) & 0xFFFE == 0xFFFE for c in text if c > "\ufdcf"):
        raise InvalidPrompt(
            "prompt_invalid_characters",
            "The prompt contains control characters or broken Unicode.",
            "Type the prompt again instead of pasting it.",
        )
    text = unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not text.isascii():
        text = "".join(_limit_marks(c for c in text if not is_invisible(c)))
    text = _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()
    if not any(unicodedata.category(c)[0] in "LN" or unicodedata.category(c) == "So" for c in text):
        raise InvalidPrompt(
            "prompt_empty", "The prompt is empty.", "Describe the video you want to see."
        )
    return text


def _limit_marks(characters: Iterable[str]) -> Iterable[str]:
    """At most three combining marks on one letter: no script needs more, floods have hundreds."""
    marks = 0
    for character in characters:
        marks = marks + 1 if unicodedata.category(character) in ("Mn", "Me") else 0
        if marks <= _MAX_MARKS:
            yield character


@dataclass(frozen=True)
class Blocklist:
    """One file of blocklists/: its header and its entries.

    level: "refuse", "guard", "note" (minors: changes the profile), "exception" (harmless phrases;
    what they cover is not searched by the other lists), "mention" (refuse, or only guard beside a
    word of the same category's "relief" list: "suicide" beside "hotline").
    entries: each a tuple of terms that must all occur; a term ending in * matches as a prefix.
    """

    name: str
    category: str
    level: str
    version: str
    entries: tuple[tuple[str, ...], ...]


def read_blocklist(path: Path) -> Blocklist:
    """Raises ValueError when the header lacks a field: an unlabelled list must not be used."""
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    fields = dict(part.strip().split(": ", 1) for part in header.removeprefix("#").split("|"))
    missing = {"category", "level", "source", "licence", "date", "version"} - fields.keys()
    if missing:
        raise ValueError(f"{path.name}: header lacks {', '.join(sorted(missing))}")
    entries = tuple(
        tuple(part.strip() for part in line.split(" + "))
        for line in lines
        if line.strip() and not line.startswith("#")
    )
    return Blocklist(path.stem, fields["category"], fields["level"], fields["version"], entries)


@dataclass(frozen=True)
class _Rule:
    """One blocklist entry at work: fires when all `terms` (indices) were found."""

    blocklist: Blocklist
    terms: frozenset[int]


@dataclass(frozen=True)
class Hits:
    """Which entries matched a text. `minors` holds the matched references to minors."""

    rules: tuple[tuple[str, str], ...]  # (category, level)
    minors: frozenset[str]


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
                self._unspaced.add_word(term, index)
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

    def _add(self, term: str) -> int:
        prefix = term.endswith("*")
        plain = native(term) if has_unspaced_script(term) else words_of(fold(term)).strip()
        plain += "*" if prefix else ""
        if plain not in self._index:
            self._index[plain] = len(self._terms)
            self._terms.append(plain)
        return self._index[plain]

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


@lru_cache(maxsize=1)
def matcher() -> BlocklistMatcher:
    """The shipped lists; built on first use (about 30 ms) and kept for the process."""
    return BlocklistMatcher(read_blocklist(path) for path in sorted(BLOCKLISTS.glob("*.txt")))


def minor_references(text: str, hits: Hits | None = None) -> frozenset[str]:
    """What in `text` may refer to someone under 18; empty when nothing does.

    Uncertain counts as yes: "girl" is a reference, unless the text gives an adult age.
    """
    hits = hits or matcher().find(text)
    found = set(hits.minors)
    plain = words_of(fold(text))
    for match in _AGE.finditer(plain):
        age = int(next(group for group in match.groups() if group))
        if age < 18:
            found.add(f"age {age}")
    for match in _SPELLED_AGE.finditer(plain):
        found.add(f"age {_NUMBER_WORDS[next(g for g in match.groups() if g)]}")
    if found and found <= _AMBIGUOUS and _ADULT.search(plain):
        return frozenset()
    return frozenset(found)


def screen_prompt(text: str, *, profile: str = "default") -> Decision:
    """Decide about a prompt by lists and rules alone. Pure; a few hundred microseconds.

    The decision's profile is "minor_referenced" when the text refers to someone under 18: guard-level
    hits for sexual content, violence and self-harm then refuse, and any sexual hit refuses with
    the code "sexual_minors".
    """
    # Late, since the decision asks this module's lists.
    from moderation.screening.decision import Checks, Inputs, decide, default_policy

    return decide(
        "prompt", Inputs(prompt=text), profile=profile, policy=default_policy(), checks=Checks()
    )
