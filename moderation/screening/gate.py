"""What a web request can afford: bad input, blocklists, references to minors. No torch, no network.

`clean_prompt` decides whether a text is a prompt at all, `screen_prompt` whether it may be queued.
Everything learned (text_linear.py, text_embedding.py) runs later, in the worker (panel.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from moderation.screening.normalise import fold, is_invisible, words_of
from moderation.screening.wordlists import Blocklist, BlocklistMatcher, Hits, read_blocklist

__all__ = [
    "BLOCKLISTS",
    "MAX_PROMPT_CHARS",
    "Blocklist",
    "BlocklistMatcher",
    "Hits",
    "InvalidPrompt",
    "clean_prompt",
    "matcher",
    "minor_references",
    "read_blocklist",
    "screen_prompt",
]

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
    r"|\bsweet (\d\d)\b|(\d{1,2}) ?(?:歳|岁|歲|살|лет|jaar oud|yaşında|jaar|lat\b|साल)"
    r"|\b(\d{1,2})(?:st|nd|rd|th) birthday\b"
    r"|\bturn(?:s|ed|ing) (\d{1,2})\b(?! (?:minutes|seconds|hours|degrees|times|pages))"
)
_INFANT = re.compile(
    r"\b(\d{1,2}|"
    + "|".join(("one", "two", "three", "four", "five", "six", "seven", "eight"))
    + r") (?:months?|weeks?|days?) old\b(?! (?:bread|milk|cheese|beard|pupp|kitten|news|stubble))"
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
_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth"),
    "seventeenth",
)
_SPELLED_AGE = re.compile(
    r"\b(?:(?:aged?) (" + "|".join(_NUMBER_WORDS) + r")|"
    r"(" + "|".join(_NUMBER_WORDS) + r") (?:years? old|year olds|years? of age)|"
    r"(" + "|".join(_ORDINALS) + r") birthday)\b"
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
    found.update(f"age {match.group(1)} months" for match in _INFANT.finditer(plain))
    for match in _SPELLED_AGE.finditer(plain):
        word = next(group for group in match.groups() if group)
        found.add(f"age {_NUMBER_WORDS.get(word) or _ORDINALS.index(word) + 1}")
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
