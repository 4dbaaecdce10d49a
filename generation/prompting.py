"""Take names out of a prompt before it reaches the engine, and say what was changed.

Deterministic and without a model: public figures, private people, living artists, brands and
characters are replaced by a generic description; where asked for, people nobody described are
described, and words are mapped to ones the built-in model knows. `rewrite(rewrite(x).text)` changes
nothing more. The same code serves every engine; only `vocabulary` depends on one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from generation import name_rules
from generation.diversity import describe_people
from generation.gazetteer import VERSION
from generation.name_rules import Match
from generation.name_words import ADJECTIVES, ARTICLES, DETERMINERS, FUNCTION_WORDS
from generation.understanding import Meaning, phrases_of, stems, understood, words
from moderation.screening.normalise import is_invisible

Kind = Literal[
    "public_figure",
    "private_person",
    "artist_style",
    "brand",
    "character",
    "diversification",
    "vocabulary",
    "expansion",
]

REASONS: dict[Kind, str] = {
    "public_figure": "Real people are described by their role, not by name.",
    "private_person": "Private people are described without their name.",
    "artist_style": "A living artist's name is replaced by a description of the style.",
    "brand": "Brands are described generically.",
    "character": "Protected characters are described generically.",
    "diversification": "Nobody said who this is, so that not everybody looks the same.",
    "vocabulary": "The built-in model knows this word better.",
    "expansion": "What the prompt leaves open was filled in.",
}
NAMED: frozenset[Kind] = frozenset(
    {"public_figure", "private_person", "artist_style", "brand", "character"}
)
# Rules that need a listed name; every other one infers a name from what stands around.
BY_LIST = frozenset({"listed", "misspelt", "other_script", "handle", "beside_noun"})
REVERTIBLE: frozenset[Kind] = frozenset({"diversification", "vocabulary", "expansion"})
WHY_NOT = (
    "Names of people, artists, brands and characters stay out of what the engine gets; "
    "the rules page says why."
)


@dataclass(frozen=True)
class Edit:
    """One change. `before` and `after` are pieces of the two texts.

    span: where `before` lies in the text that was written, as [start, end) characters.
    rule: which one of the rewriter's rules saw it; version: of the tables and rules.
    avoid: what is kept out by the negative prompt as well. card: of a plan with several texts.
    """

    kind: Kind
    before: str
    after: str
    rule: str
    span: tuple[int, int]
    avoid: str = ""
    card: int = 0
    version: str = VERSION

    @property
    def reason(self) -> str:
        return REASONS[self.kind]

    @property
    def revertible(self) -> bool:
        return self.kind in REVERTIBLE

    @property
    def key(self) -> str:
        """What `keep` names it by, the same for each time this word is changed."""
        return key_of_edit(self.kind, self.before)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "span": list(self.span),
            "before": self.before,
            "after": self.after,
            "rule": self.rule,
            "version": self.version,
            "reason": self.reason,
            "avoid": self.avoid,
            "card": self.card,
            "key": self.key,
            "revertible": self.revertible,
            "why_not": "" if self.revertible else WHY_NOT,
        }


def key_of_edit(kind: str, before: str) -> str:
    return "expansion:" if kind == "expansion" else f"{kind}:{before.casefold()}"


@dataclass(frozen=True)
class Rewrite:
    """text: for the engine. understood: what its model takes from it, in the model's own words.
    unknown: content words the model has never seen, in order. Both are empty for big models.
    avoid: for the negative prompt, what would still lead to a character that was taken out."""

    text: str
    edits: tuple[Edit, ...]
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.edits)

    @property
    def guessed(self) -> bool:
        """Was anything taken for a name by what stands around it, and not because it is listed?"""
        return any(edit.kind in NAMED and edit.rule not in BY_LIST for edit in self.edits)

    @property
    def avoid(self) -> str:
        return ", ".join(dict.fromkeys(edit.avoid for edit in self.edits if edit.avoid))


@dataclass(frozen=True)
class ModelVocabulary:
    """The words a small model was trained with.

    known: single words, lower case. nearest: word -> known word or phrase that means nearly it.
    phrases: known phrase -> (attribute, canonical name).
    """

    known: frozenset[str]
    nearest: Mapping[str, str] = field(default_factory=dict)
    phrases: Mapping[str, Meaning] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> ModelVocabulary:
        """From vocabulary.json: lists of words, or objects of word -> synonyms, at any depth.

        Every word and synonym found is known: synonyms are wordings the model was trained with.
        An object under the key "nearest" holds word -> known word instead.
        Raises OSError or ValueError when the file can't be read.
        """
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError(f"{path.name} holds no object")
        nearest = data.pop("nearest", {})
        known: set[str] = set()
        for value in data.values():
            if isinstance(value, list | dict):
                known.update(w for phrase in _strings(value) for w in words(phrase))
        return cls(
            frozenset(known),
            {str(k).casefold(): str(v) for k, v in dict(nearest).items()},
            phrases_of(data),
        )


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)


def rewrite(
    prompt: str,
    *,
    vocabulary: ModelVocabulary | None = None,
    diversify: int | None = None,
    keep: Collection[str] = (),
) -> Rewrite:
    """The prompt an engine may get. Never empty when `prompt` is not.

    diversify: a seed for describing people nobody described; None leaves them as they are.
    keep: keys of edits not to be made again (Edit.key); those of names are not heeded.
    """
    text, places = _visible(prompt)
    text, edits, places = _replace_names(text, places)
    if diversify is not None and not edits_of_people(edits):
        text, more, places = _describe_people(text, places, diversify, keep)
        edits += more
    if vocabulary is None:
        return Rewrite(text, tuple(edits))
    text, more = _map_words(text, places, vocabulary, keep)
    return Rewrite(
        text,
        (*edits, *more),
        understood(text, vocabulary.phrases),
        _unknown_words(text, vocabulary),
    )


def edits_of_people(edits: Iterable[Edit]) -> bool:
    """Was somebody named? Then the people of the prompt are not anybody."""
    return any(edit.kind in ("public_figure", "private_person", "character") for edit in edits)


# --- Pieces of text, and where they came from --------------------------------------------------------

Places = list[tuple[int, int]]  # for every character: the piece of the written text it stands for


def _visible(prompt: str) -> tuple[str, Places]:
    kept = [(at, c) for at, c in enumerate(prompt) if c.isascii() or not is_invisible(c)]
    return "".join(c for _, c in kept), [(at, at + 1) for at, _ in kept]


def _span(places: Places, start: int, end: int) -> tuple[int, int]:
    if start < end:
        return places[start][0], places[end - 1][1]
    at = places[start][0] if start < len(places) else (places[-1][1] if places else 0)
    return at, at


def _put(text: str, places: Places, pieces: Iterable[tuple[int, int, str]]) -> tuple[str, Places]:
    """`text` with each [start, end) replaced; the new characters stand for the whole old piece."""
    out, found, position = list[str](), Places(), 0
    for start, end, new in pieces:
        out += [text[position:start], new]
        found += places[position:start]
        found += [_span(places, start, end)] * len(new)
        position = end
    return "".join(out) + text[position:], found + places[position:]


# --- Names -------------------------------------------------------------------------------------------


def _replace_names(text: str, places: Places) -> tuple[str, list[Edit], Places]:
    edits: list[Edit] = []
    pieces: list[tuple[int, int, str]] = []
    position = 0
    seen: dict[str, str] = {}
    for match in name_rules.find(text):
        start = match.start
        if match.drop:
            replacement = ""
            while start > position and text[start - 1] == " ":
                start -= 1
        else:
            start, replacement = _fit(text, match, position, seen)
        if text[start : match.end] == replacement:
            continue
        pieces.append((start, match.end, replacement))
        before = text[start : match.end].strip()
        span = _span(places, start + text[start : match.end].index(before), match.end)
        edits.append(Edit(match.kind, before, replacement, match.rule, span, match.avoid))
        position = match.end
    text, places = _put(text, places, pieces)
    return text, edits, places


_WORD_BEFORE = re.compile(r"([^\W_]+)(['’]s)?([ \-]|, )$")


def _fit(text: str, match: Match, position: int, seen: dict[str, str]) -> tuple[int, str]:
    """(where the replaced piece starts, the replacement) so that articles and capitals agree."""
    start, phrase = match.start, match.description
    article, _, noun = phrase.partition(" ")
    has_article = article in ARTICLES
    initial = not text[:start].strip() or bool(re.search(r"[.!?]\s+$", text[:start]))
    before = _WORD_BEFORE.search(text, max(position, start - 40), start)
    close = before is not None and before.group(3) == " "
    if before is not None and close and before.group(1).casefold() in ARTICLES:
        core = noun if has_article else phrase
        fitted = f"{_article(core)} {core}"
        start, initial = before.start(), before.group(1)[0].isupper()
    elif has_article and _has_determiner(text, start, position):
        fitted = noun
    elif has_article and match.identity in seen:
        fitted = f"the {noun}"
    elif has_article and phrase in seen.values():
        fitted = f"another {noun}"
    else:
        fitted = phrase
    seen.setdefault(match.identity, phrase)
    if match.with_by and not fitted.startswith("in "):
        fitted = f"in the style of {fitted}"
    if (initial and match.start == start) or (initial and before is not None):
        fitted = fitted[0].upper() + fitted[1:]
    return start, fitted


def _article(noun: str) -> str:
    return "an" if noun[0] in "aeioAEIO" else "a"


_QUALITY = re.compile(r".{2,}(?:y|al|ic|ed|ful|ous|ish|less|ive|ant|ent|ern)|\d+")


def _has_determiner(text: str, start: int, position: int) -> bool:
    """Does "the", "my", "a sleek", "young" stand in front, in the same noun phrase?"""
    for distance in range(5):
        before = _WORD_BEFORE.search(text, max(position, start - 40), start)
        if before is None:
            return False
        word = before.group(1).casefold()
        if word in DETERMINERS or word in ARTICLES or before.group(2):
            return True
        if distance == 0 and before.group(3) == ", ":
            return False
        if word not in ADJECTIVES and (word in FUNCTION_WORDS or not _QUALITY.fullmatch(word)):
            return False
        if word in ADJECTIVES and distance == 0 and before.start() == 0:
            return True  # "young Tom Hanks smiles"
        start = before.start()
    return False


# --- People nobody described -------------------------------------------------------------------------


def _describe_people(
    text: str, places: Places, seed: int, keep: Collection[str]
) -> tuple[str, list[Edit], Places]:
    edits, pieces = list[Edit](), list[tuple[int, int, str]]()
    for start, end, after in describe_people(text, seed):
        before = text[start:end]
        if key_of_edit("diversification", before) in keep:
            continue
        pieces.append((start, end, after))
        span = _span(places, start, end)
        edits.append(Edit("diversification", before, after, "seeded_table", span))
    text, places = _put(text, places, pieces)
    return text, edits, places


# --- Vocabulary --------------------------------------------------------------------------------------

# Everyday words -> a word for nearly the same thing. Used only towards words the model knows.
NEAREST = {
    "yacht": "boat", "ship": "boat", "sailboat": "boat", "ferry": "boat", "canoe": "boat",
    "seagull": "bird", "gull": "bird", "pigeon": "bird", "dove": "bird", "eagle": "bird",
    "parrot": "bird", "swan": "bird", "sparrow": "bird", "crow": "bird", "raven": "bird",
    "box": "cube", "block": "cube", "dice": "cube", "sphere": "ball", "orb": "ball",
    "globe": "ball", "football": "ball", "basketball": "ball", "marble": "ball", "hoop": "ring",
    "donut": "ring", "doughnut": "ring", "crimson": "red", "scarlet": "red", "ruby": "red",
    "maroon": "red", "violet": "purple", "lavender": "purple", "lilac": "purple",
    "magenta": "pink", "rose": "pink", "turquoise": "blue", "navy": "blue", "azure": "blue",
    "cyan": "blue", "teal": "green", "emerald": "green", "lime": "green", "olive": "green",
    "golden": "yellow", "gold": "yellow", "amber": "orange", "ivory": "white", "sea": "ocean",
    "shore": "beach", "seashore": "beach", "seaside": "beach", "coast": "beach",
    "woods": "forest", "woodland": "forest", "jungle": "forest", "peak": "mountain",
    "peaks": "mountains", "dunes": "desert", "sahara": "desert", "prairie": "meadow",
    "grassland": "meadow", "downtown": "city", "metropolis": "city", "skyline": "city",
    "dusk": "sunset", "twilight": "sunset", "evening": "sunset", "dawn": "sunrise",
    "daybreak": "sunrise", "midnight": "night", "nighttime": "night", "midday": "day",
    "noon": "day", "afternoon": "day", "daytime": "day", "drizzle": "rain", "downpour": "rain",
    "shower": "rain", "snowfall": "snow", "blizzard": "snow", "overcast": "cloudy",
    "mist": "fog", "misty": "foggy", "ascends": "rises", "ascending": "rising",
    "soars": "rises", "floats": "drifts", "floating": "drifting", "descends": "falls",
    "descending": "falling", "drops": "falls", "rotates": "spins", "rotating": "spinning",
    "twirls": "spins", "kitten": "cat", "kitty": "cat", "puppy": "dog", "hound": "dog",
    "automobile": "car", "sedan": "car", "lorry": "truck", "cottage": "house", "cabin": "house",
    "hut": "house", "blossom": "flower", "rocketship": "rocket", "spaceship": "rocket",
    "jet": "airplane", "airliner": "airplane", "aeroplane": "airplane", "parasol": "umbrella",
    "tulip": "flower", "oak": "tree", "pine": "tree", "tortoise": "turtle", "tiara": "crown",
    "ukulele": "guitar", "violin": "guitar", "moth": "butterfly", "toadstool": "mushroom",
    "crate": "cube", "taxi": "car", "shuttle": "rocket", "galaxy": "space", "cosmos": "space",
    "kitchen": "room", "bathroom": "room", "seabed": "underwater", "tundra": "snowy field",
    "arctic": "snowy field", "alps": "mountains", "sundown": "sunset", "haze": "fog",
    "monochrome": "film noir", "pixelated": "pixel art", "vintage": "archival footage",
}  # fmt: skip

_PLAIN_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "and",
        "or",
        "but",
        "of",
        "in",
        "on",
        "at",
        "over",
        "under",
        "above",
        "below",
        "into",
        "onto",
        "from",
        "to",
        "toward",
        "towards",
        "with",
        "without",
        "by",
        "for",
        "as",
        "is",
        "are",
        "was",
        "were",
        "be",
        "being",
        "been",
        "it",
        "its",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "him",
        "them",
        "this",
        "that",
        "these",
        "those",
        "there",
        "here",
        "while",
        "when",
        "then",
        "first",
        "next",
        "after",
        "before",
        "during",
        "through",
        "across",
        "around",
        "along",
        "between",
        "behind",
        "beside",
        "near",
        "past",
        "up",
        "down",
        "out",
        "off",
        "away",
        "slowly",
        "quickly",
        "gently",
        "very",
        "just",
        "so",
        "more",
        "most",
        "some",
        "any",
        "each",
        "every",
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
        "many",
        "few",
        "several",
        "all",
        "both",
        "not",
        "no",
        "who",
        "which",
        "what",
        "where",
        "how",
        "i",
        "you",
        "we",
        "my",
        "your",
        "our",
        "me",
        "us",
        "can",
        "could",
        "will",
        "would",
        "may",
        "might",
        "must",
        "shall",
        "should",
        "do",
        "does",
        "did",
        "has",
        "have",
        "had",
        "like",
        "against",
        "video",
        "clip",
        "footage",
        "scene",
        "shot",
        "show",
        "shows",
        "showing",
        "showed",
        "generate",
        "create",
        "make",
        "animation",
        "animated",
        "cinematic",
        "realistic",
        "photo",
        "image",
        "picture",
        "style",
        "film",
        "movie",
        "camera",
        "view",
        "close",
        "closeup",
        "detailed",
        "high",
        "quality",
        "hd",
        "uhd",
        "k",
        "d",
        "fps",
        "seconds",
        "second",
        "minute",
        "minutes",
        "beautiful",
        "stunning",
        "another",
        "other",
        "s",
        "t",
    ]
)
_MAX_UNKNOWN = 12


def _map_words(
    text: str, places: Places, vocabulary: ModelVocabulary, keep: Collection[str]
) -> tuple[str, list[Edit]]:
    edits: list[Edit] = []
    pieces: list[tuple[int, int, str]] = []
    for match in re.finditer(r"[^\W\d_]+", text):
        word = match.group()
        lower = word.casefold()
        if lower in vocabulary.known or lower in _PLAIN_WORDS:
            continue
        target = vocabulary.nearest.get(lower) or NEAREST.get(lower, "")
        if not target or not all(w in vocabulary.known for w in words(target)):
            continue
        if key_of_edit("vocabulary", word) in keep:
            continue
        after = target[0].upper() + target[1:] if word[0].isupper() else target
        pieces.append((match.start(), match.end(), after))
        span = _span(places, match.start(), match.end())
        edits.append(Edit("vocabulary", word, after, "nearest_word", span))
    text, _ = _put(text, places, pieces)
    if edits:
        text = _agree_articles(text, {edit.after.casefold() for edit in edits})
    return text, edits


def _agree_articles(text: str, words: set[str]) -> str:
    def fix(match: re.Match[str]) -> str:
        article, gap, word = match.groups()
        if word.casefold() not in words:
            return match.group()
        fitted = "an" if word[0].casefold() in "aeiou" else "a"
        return (fitted.capitalize() if article[0].isupper() else fitted) + gap + word

    return re.sub(r"\b([Aa]n?)(\s+)([^\W\d_]+)", fix, text)


def _unknown_words(text: str, vocabulary: ModelVocabulary) -> tuple[str, ...]:
    unknown: dict[str, None] = {}
    for word in re.findall(r"[^\W\d_]{2,}", text.casefold()):
        if word in _PLAIN_WORDS:
            continue
        if not any(stem in vocabulary.known for stem in stems(word)):
            unknown.setdefault(word)
    return tuple(unknown)[:_MAX_UNKNOWN]
