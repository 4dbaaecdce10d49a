"""Find listed names in a text: whatever their case, accents, disguise, one slip of the pen, or script."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from generation import gazetteer
from generation.gazetteer import Entry
from moderation.screening.normalise import fold, native

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Token:
    """One word. key: folded and un-leeted, what names are compared by."""

    start: int
    end: int
    text: str
    key: str

    @property
    def capitalised(self) -> bool:
        return self.text[0].isupper()


_WORD = re.compile(r"[^\W_]+")
_SPELLED_OUT = re.compile(r"(?<![^\W_])(?:[^\W_][ .\-_*]){4,}[^\W_](?![^\W_])")
_LEET = str.maketrans("013457", "oieast")
_NUMBERED = frozenset(
    {"r2", "d2", "3po", "bb", "gt3", "s24", "cr7", "r2d2", "c3po", "bb8", "m3gan"}
)
_LEETISH = re.compile(r"[a-z]*[013457][a-z]+|[a-z]+[013457]+[a-z]*")
_JOINT = re.compile(r"[ \t\-'’.&_·]{0,3}")
_BEFORE_A_STOP = frozenset({"jr", "mr", "dr", "mrs", "st"})


def tokens_of(text: str) -> list[Token]:
    """The words of `text`; letters spelled out one by one ("T a y l o r") are one word."""
    found = []
    spelled = {m.start(): m for m in _SPELLED_OUT.finditer(text)}
    at = 0
    for match in _WORD.finditer(text):
        if match.start() < at:
            continue
        if (run := spelled.get(match.start())) is not None:
            key = fold("".join(c for c in run.group() if c.isalnum()))
            found.append(Token(run.start(), run.end(), run.group(), key))
            at = run.end()
            continue
        key = fold(match.group())
        if not key.isalpha() and key not in _NUMBERED and _LEETISH.fullmatch(key):
            key = key.translate(_LEET)
        found.append(Token(match.start(), match.end(), match.group(), key))
    return found


def key_of(name: str) -> Key:
    return tuple(token.key for token in tokens_of(name))


def joined(text: str, left: Token, right: Token) -> bool:
    """May the two words belong to one name? A full stop joins only after an initial or a title."""
    gap = text[left.end : right.start]
    if not _JOINT.fullmatch(gap):
        return False
    return "." not in gap or len(left.text) == 1 or left.key in _BEFORE_A_STOP


@dataclass(frozen=True)
class Names:
    """The gazetteer, ready to look up."""

    entries: dict[Key, Entry]
    glued: dict[str, Entry]  # "taylorswift"
    nearly: dict[Key, list[tuple[str, Entry]]]  # one word replaced by "" -> that word
    single: dict[str, list[tuple[str, Entry]]]  # a long single name without one letter
    untouchable: frozenset[Key]
    starts: frozenset[str]  # the first words of all of them
    longest: int
    given: dict[str, str]  # folded given name -> what replaces the person
    surnames: frozenset[str]
    scripts: re.Pattern[str]
    by_script: dict[str, Entry]

    def listed(self, key: Key) -> Entry | None:
        return self.entries.get(key)

    def misspelt(self, key: Key) -> Entry | None:
        """The name that `key` is one slip away from: only in a long word, its first letter right."""
        if len(key) == 1:
            word = key[0]
            if len(word) < 9:
                return None
            for shorter in (word, *_shorter(word)):
                for right, entry in self.single.get(shorter, ()):
                    if one_slip(word, right):
                        return entry
            return None
        for place, word in enumerate(key):
            if len(word) < 4:
                continue
            for right, entry in self.nearly.get((*key[:place], "", *key[place + 1 :]), ()):
                if max(len(word), len(right)) >= 5 and one_slip(word, right):
                    return entry
        return None

    def handle(self, word: str) -> Entry | None:
        """ "@realdonaldtrump", "#taylorswift13": the name written as one word."""
        bare = word.rstrip("0123456789")
        for part in (word, bare):
            for trimmed in (part, *(part.removeprefix(p) for p in _HANDLE_STARTS if part != p)):
                trimmed = trimmed.removesuffix("official").removesuffix("fan")
                entry = self.glued.get(trimmed) or self.entries.get((trimmed,))
                if entry is not None and len(trimmed) >= 4:
                    return entry
        return None


_HANDLE_STARTS = ("real", "the", "official", "iam", "its", "mr")


def one_slip(word: str, right: str) -> bool:
    """One letter too many, too few, another one, or two swapped; never the first one."""
    if word == right or word[:1] != right[:1] or abs(len(word) - len(right)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(word, right, strict=False)) if a != b), None)
    if first is None:
        return False  # a plural, or a word that a name grew out of
    return (
        word[first + 1 :] == right[first + 1 :]
        or word[first + 1 :] == right[first:]
        or word[first:] == right[first + 1 :]
        or (
            word[first : first + 2] == right[first : first + 2][::-1]
            and word[first + 2 :] == right[first + 2 :]
        )
    )


def _shorter(word: str) -> Iterable[str]:
    return (word[:i] + word[i + 1 :] for i in range(1, len(word)))


@lru_cache(maxsize=1)
def names() -> Names:
    """Read once a process; about 12,000 spellings, a quarter of a second."""
    entries: dict[Key, Entry] = {}
    glued: dict[str, Entry] = {}
    nearly: dict[Key, list[tuple[str, Entry]]] = {}
    single: dict[str, list[tuple[str, Entry]]] = {}
    untouchable = frozenset(key_of(name) for name in gazetteer.left_alone())
    english: dict[str, Entry] = {}
    for entry in gazetteer.entries():
        english.setdefault(entry.spelling, entry)
        key = key_of(entry.spelling)
        if key in entries or key in untouchable:
            continue
        entries[key] = entry
        if entry.exact:
            continue
        together = "".join(key)
        if len(key) > 1 and len(together) >= 8:
            glued.setdefault(together, entry)
        if entry.kind in ("brand", "franchise"):
            continue
        if len(key) > 1 and len(together) >= 9:
            for place, word in enumerate(key):
                if len(word) >= 4:
                    gap = (*key[:place], "", *key[place + 1 :])
                    nearly.setdefault(gap, []).append((word, entry))
        elif len(key) == 1 and len(together) >= 9 and together.isalpha():
            for shorter in (together, *_shorter(together)):
                single.setdefault(shorter, []).append((together, entry))
    given = {
        fold(name): person
        for block, person in (
            (gazetteer.WOMEN, "a woman"),
            (gazetteer.MEN, "a man"),
            (gazetteer.UNGENDERED, "a person"),
        )
        for name in block.replace("-", "").split()
    }
    by_script = {native(spelling): english[name] for spelling, name in gazetteer.other_scripts()}
    spellings = sorted(by_script, key=len, reverse=True)
    return Names(
        entries,
        glued,
        nearly,
        single,
        untouchable,
        frozenset(key[0] for key in (*entries, *untouchable) if key) | glued.keys(),
        max(len(key) for key in (*entries, *untouchable)),
        given,
        frozenset(key for name in gazetteer.SURNAMES.split() for key in key_of(name)),
        re.compile("|".join(re.escape(s) for s in spellings)),
        by_script,
    )


_ENDING = re.compile(r"[а-яё]{0,3}(?![а-яё])")


def in_other_scripts(text: str, names: Names) -> Iterable[tuple[int, int, Entry]]:
    """(start, end, entry) of names in scripts without Latin letters.

    Alphabets need a word's edge in front; Cyrillic endings of up to three letters belong to the name.
    """
    if text.isascii():
        return
    lower = text.casefold()
    if len(lower) != len(text):
        return
    for match in names.scripts.finditer(lower):
        start, end = match.span()
        first = match.group()[0]
        if (
            "\u0370" <= first <= "\u0dff"
        ):  # Greek, Cyrillic, Hebrew, Arabic, Indic: words with edges
            if start and lower[start - 1].isalpha() and not "\u0600" <= first <= "\u06ff":
                continue
            if "\u0400" <= first <= "\u04ff":
                ending = _ENDING.match(lower, end)
                if ending is None:
                    continue
                end = ending.end()
        yield start, end, names.by_script[match.group()]
