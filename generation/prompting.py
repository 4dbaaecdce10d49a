"""Take names out of a prompt before it reaches the engine, and say what was changed.

Deterministic and without a model: public figures, private people with a full name, living artists,
brands and characters are replaced by a generic description; words are mapped to ones the built-in
model knows. `rewrite(rewrite(x).text)` changes nothing more. The same code serves every engine;
only `vocabulary` depends on one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from generation import gazetteer
from generation.understanding import Meaning, phrases_of, stems, understood, words
from moderation.screening.normalise import fold, strip_invisible

Kind = Literal[
    "public_figure", "private_person", "artist_style", "brand", "character", "vocabulary"
]

REASONS: dict[Kind, str] = {
    "public_figure": "Real people are described by their role, not by name.",
    "private_person": "Private people are described without their name.",
    "artist_style": "A living artist's name is replaced by a description of the style.",
    "brand": "Brands are described generically.",
    "character": "Protected characters are described generically.",
    "vocabulary": "The built-in model knows this word better.",
}


@dataclass(frozen=True)
class Edit:
    """One change. `original` and `replacement` are pieces of the two texts, `reason` a sentence."""

    kind: Kind
    original: str
    replacement: str
    reason: str

    def to_json(self) -> dict[str, str]:
        return {
            "kind": self.kind,
            "original": self.original,
            "replacement": self.replacement,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class Rewrite:
    """text: for the engine. understood: what its model takes from it, in the model's own words.
    unknown: content words the model has never seen, in order. Both are empty for big models."""

    text: str
    edits: tuple[Edit, ...]
    understood: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        return bool(self.edits)


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


def rewrite(prompt: str, *, vocabulary: ModelVocabulary | None = None) -> Rewrite:
    """The prompt an engine may get. Never empty when `prompt` is not."""
    text, edits = _replace_names(strip_invisible(prompt))
    if vocabulary is None:
        return Rewrite(text, tuple(edits))
    text, more = _map_words(text, vocabulary)
    return Rewrite(
        text,
        (*edits, *more),
        understood(text, vocabulary.phrases),
        _unknown_words(text, vocabulary),
    )


# --- Tokens ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    text: str
    key: str  # folded, un-leeted: what names are compared by

    @property
    def capitalised(self) -> bool:
        return self.text[0].isupper()


_LEET = str.maketrans("013457", "oieast")


def _tokens(text: str) -> list[_Token]:
    found = []
    for match in re.finditer(r"[^\W_]+", text):
        key = fold(match.group())
        if (
            any(c.isalpha() for c in key)
            and any(c in "013457" for c in key)
            and key not in _NUMBERED
        ):
            key = key.translate(_LEET)
        found.append(_Token(match.start(), match.end(), match.group(), key))
    return found


def _key_words(name: str) -> tuple[str, ...]:
    return tuple(token.key for token in _tokens(name))


_NUMBERED = frozenset({"r2", "d2", "c", "3po", "bb", "gt3", "s24", "cr7", "r2d2"})
_JOINT = re.compile(r"[\s\-'’.&]{0,3}")


def _joined(text: str, left: _Token, right: _Token) -> bool:
    """May the two tokens belong to one name? A full stop joins only after an initial or a title."""
    gap = text[left.end : right.start]
    if "\n" in gap or not _JOINT.fullmatch(gap):
        return False
    return "." not in gap or len(left.text) == 1 or left.key in {"jr", "mr", "dr", "mrs", "st"}


# --- The gazetteer, ready to look up -------------------------------------------------------------


@dataclass(frozen=True)
class _Entry:
    kind: Kind
    description: str  # with its article
    beside: str = ""  # stands before a product noun instead of the description
    written: str = ""  # ambiguous names: matched only in exactly this spelling


@dataclass(frozen=True)
class _Names:
    entries: dict[tuple[str, ...], _Entry]
    glued: dict[str, _Entry]  # "taylorswift"
    untouchable: frozenset[tuple[str, ...]]  # deceased artists, historic and legendary names
    longest: int
    given: dict[str, str]  # folded given name -> what replaces the person


@lru_cache(maxsize=1)
def _names() -> _Names:
    entries: dict[tuple[str, ...], _Entry] = {}
    glued: dict[str, _Entry] = {}

    def add(name: str, kind: Kind, description: str, beside: str = "") -> None:
        written = name[1:] if name.startswith("~") else ""
        name = name.removeprefix("~")
        key = _key_words(name)
        entry = _Entry(kind, description, beside, written)
        entries.setdefault(key, entry)
        if len(key) > 1 and not written and len("".join(key)) >= 8:
            glued.setdefault("".join(key), entry)

    tables: tuple[tuple[str, Kind], ...] = (
        (gazetteer.PUBLIC_FIGURES, "public_figure"),
        (gazetteer.LIVING_ARTISTS, "artist_style"),
        (gazetteer.CHARACTERS, "character"),
        (gazetteer.BRANDS, "brand"),
    )
    for table, kind in tables:
        for line in table.strip().splitlines():
            left, _, right = line.partition(" = ")
            beside, _, alone = right.rpartition(" | ")
            for name in left.split("/"):
                add(name, kind, alone.strip(), beside.strip())
    untouchable = frozenset(
        _key_words(name)
        for block in (gazetteer.DECEASED_ARTISTS, gazetteer.HISTORIC_AND_LEGENDARY)
        for line in block.strip().splitlines()
        for name in line.split("/")
    )
    given = {
        fold(name): person
        for block, person in (
            (gazetteer.WOMEN, "a woman"),
            (gazetteer.MEN, "a man"),
            (gazetteer.UNGENDERED, "a person"),
        )
        for name in block.split()
    }
    longest = max(len(key) for key in (*entries, *untouchable))
    return _Names(entries, glued, untouchable, longest, given)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# --- Names -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Match:
    first: int  # token numbers, inclusive
    last: int
    kind: Kind
    description: str
    identity: str  # the same for two mentions of one name
    with_by: bool = False  # the replaced piece includes a "by" in front
    drop: bool = False  # the name goes, nothing takes its place ("my friend NAME" -> "my friend")


_ARTICLES = frozenset({"a", "an"})
_DETERMINERS = _words(
    "the this that these those my your his her our their its another some any each every no two "
    "three four five several many"
)
_ADJECTIVES = _words(
    "young old older elderly tiny giant huge little big small tall happy sad angry famous real "
    "realistic animated photorealistic handsome beautiful smiling dancing singing evil good "
    "new vintage classic modern red blue green yellow black white orange pink purple golden silver "
    "shiny broken empty colorful colourful cute funny"
)
_PRODUCTS = _words(
    "shoe shoes sneaker sneakers trainers boot boots can cans bottle bottles cup cups mug glass "
    "laptop laptops phone phones tablet watch watches car cars coupe suv sedan truck van bus "
    "motorcycle motorbike scooter logo logos sign signs billboard store shop restaurant cafe bag "
    "bags handbag jacket shirt hoodie hat cap dress jeans t box boxes packet wrapper bar toy toys "
    "castle brick bricks set figure doll dolls controller console game games camera commercial ad "
    "advert app website video movie film films cartoon animation style character characters world "
    "castle park plane jet engine paper headquarters factory poster card cards truck advertisement "
    "product products perfume burger fries pizza drink coffee chocolate theme race racing"
)
_RELATIONS = _words(
    "friend friends neighbor neighbour colleague coworker boss teacher brother sister cousin uncle "
    "aunt mother father mom dad mum wife husband girlfriend boyfriend ex son daughter roommate "
    "landlord classmate partner fiance fiancee grandfather grandmother grandma grandpa employee "
    "manager client doctor nephew niece"
)
_TITLES = {
    "president": "a political leader", "senator": "a politician", "governor": "a politician",
    "mayor": "a town politician", "congressman": "a politician", "congresswoman": "a politician",
    "minister": "a politician", "chancellor": "a political leader", "candidate": "a candidate",
    "king": "a king", "queen": "a queen", "prince": "a prince", "princess": "a princess",
    "pope": "a religious leader in white robes", "judge": "a judge", "sheriff": "a sheriff",
    "mr": "a man", "mrs": "a woman", "ms": "a woman", "professor": "a professor",
}  # fmt: skip
_TITLE_PREFIXES = frozenset({"prime", "vice", "foreign", "deputy", "former", "first", "us"})
_NOT_SURNAMES = _words(
    "street avenue road square park lake river bridge tower falls beach bay island islands mountain "
    "mount hill hills valley castle palace cathedral church chapel museum hall house opera station "
    "airport university school college hospital hotel garden gardens forest desert ocean sea coast "
    "harbor harbour city town village county state day night morning evening christmas easter "
    "halloween january february march april may june july august september october november "
    "december monday tuesday wednesday thursday friday saturday sunday style art nouveau deco "
    "painting film movie video photo camera and or the of in on at with from by to for is are was "
    "terrier retriever shepherd cat dog horse bird collins yum tea oak tree cross cape point canyon "
    "glacier volcano reef peninsula republic kingdom empire war i ii iii iv v cup open grand prix "
    "stands walks runs sits plays looks dances smiles rides eats holds wearing standing walking "
    "running sitting playing looking dancing smiling riding eating holding"
)
_STYLE_CUES_BEFORE = re.compile(
    r"(?:in the (?:style|manner|spirit) of|(?:art|painting|painted|illustration|illustrated|drawing|drawn|"
    r"photo|photograph|photographed|artwork|film|movie|directed|animation|designed|sculpture|poster|mural)"
    r" by|painted like|drawn like|style of|inspired by|reminiscent of|(?:works?|paintings?|films?) of)"
    r"(?: the)?(?: artist| painter| illustrator| director)?\s*$",
    re.IGNORECASE,
)
_STYLE_WORDS = _words(
    "art deco nouveau pop op fine modern classic classical classicism abstract anime manga comic "
    "cartoon pixel vector retro vintage noir gothic baroque renaissance rococo impressionism "
    "impressionist expressionism expressionist cubism cubist surrealism surrealist realism realist "
    "romanticism minimalism minimalist futurism futurist constructivism symbolism fauvism dadaism "
    "pointillism ukiyo e japanese chinese korean indian persian greek roman egyptian celtic nordic "
    "viking medieval victorian edwardian soviet american british french italian dutch german russian "
    "african aztec mayan byzantine islamic time magazine national geographic documentary film black "
    "and white watercolor watercolour oil paint painting ink pencil charcoal pastel sketch drawing "
    "cyberpunk steampunk vaporwave synthwave fantasy science fiction sci fi western madhubani "
    "warli ndebele low poly 3d cg cgi claymation stop motion lego hollywood bollywood "
    "golden age old masters master the a an traditional contemporary folk street graffiti bauhaus "
    "photo photography photorealistic cinematic hyperrealistic emoji sticker origami paper cut"
)
_STYLE_FALLBACK = "a carefully drawn illustration"
_NOT_BEFORE: dict[tuple[str, ...], frozenset[str]] = {
    ("trump",): frozenset({"card", "cards", "suit", "suits"})
}


def _replace_names(text: str) -> tuple[str, list[Edit]]:
    tokens = _tokens(text)
    matches = _find_names(text, tokens)
    edits: list[Edit] = []
    out: list[str] = []
    position = 0
    seen: dict[str, str] = {}
    for match in sorted(matches, key=lambda m: m.first):
        start, end = tokens[match.first].start, tokens[match.last].end
        if start < position:
            continue
        if tokens[match.last].key in {"jr", "sr"} and text[end : end + 1] == ".":
            end += 1
        if match.drop:
            replacement = ""
            while start > position and text[start - 1] == " ":
                start -= 1
        else:
            start, replacement = _fit(text, tokens, match, position, seen)
        original = text[start:end]
        out.append(text[position:start] + replacement)
        position = end
        edits.append(Edit(match.kind, original.strip(), replacement, REASONS[match.kind]))
    out.append(text[position:])
    return "".join(out), edits


def _fit(
    text: str, tokens: list[_Token], match: _Match, position: int, seen: dict[str, str]
) -> tuple[int, str]:
    """(where the replaced piece starts, the replacement) so that articles and capitals agree."""
    start = tokens[match.first].start
    phrase = match.description
    article, _, noun = phrase.partition(" ")
    has_article = article in _ARTICLES
    before = tokens[match.first - 1] if match.first else None
    adjacent = (
        before is not None and text[before.end : start].strip(" ") == "" and before.end < start
    )
    initial = start == 0 or not text[:start].strip()
    if before is not None and adjacent and before.key in _ARTICLES and before.start >= position:
        core = noun if has_article else phrase
        fitted = f"{'an' if core[0] in 'aeiou' else 'a'} {core}"
        start, initial = before.start, before.text[0].isupper()
    elif (
        before is not None
        and adjacent
        and (before.key in _DETERMINERS or before.key in _ADJECTIVES)
    ):
        fitted = noun if has_article else phrase
    elif has_article and match.identity in seen:
        fitted = f"the {noun}"
    elif has_article and phrase in seen.values():
        fitted = f"another {noun}"
    else:
        fitted = phrase
    seen.setdefault(match.identity, phrase)
    if match.with_by and not fitted.startswith("in "):
        fitted = f"in the style of {fitted}"
    if initial:
        fitted = fitted[0].upper() + fitted[1:]
    return start, fitted


def _find_names(text: str, tokens: list[_Token]) -> list[_Match]:
    names = _names()
    found: list[_Match] = []
    title_case = _is_title_case(tokens)
    index = 0
    while index < len(tokens):
        match, taken = _known_name(text, tokens, index, names)
        if match is None and not taken:
            match, taken = _living_style(text, tokens, index, names, title_case)
        if match is None and not taken:
            match, taken = _by_cue(text, tokens, index, title_case)
        if match is None and not taken:
            match, taken = _private_person(text, tokens, index, names, title_case)
        if match is not None:
            found.append(match)
        index += max(taken, 1)
    return found


def _is_title_case(tokens: list[_Token]) -> bool:
    letters = [t for t in tokens if t.text.isalpha() and len(t.text) > 3]
    return len(letters) >= 5 and sum(t.capitalised for t in letters) > 0.8 * len(letters)


def _span(text: str, tokens: list[_Token], first: int, length: int) -> tuple[str, ...] | None:
    if first + length > len(tokens):
        return None
    for left, right in zip(
        tokens[first : first + length - 1], tokens[first + 1 : first + length], strict=True
    ):
        if not _joined(text, left, right):
            return None
    return tuple(token.key for token in tokens[first : first + length])


def _known_name(
    text: str, tokens: list[_Token], first: int, names: _Names
) -> tuple[_Match | None, int]:
    """(match or None, tokens consumed). A name that must stay is consumed without a match."""
    for length in range(min(names.longest, len(tokens) - first), 0, -1):
        key = _span(text, tokens, first, length)
        if key is None:
            continue
        if key in names.untouchable and (length > 1 or tokens[first].capitalised):
            return None, length
        entry = names.entries.get(key)
        if entry is None and length == 1:
            entry = names.glued.get(key[0])
        if entry is not None and _usable(text, tokens, first, length, key, entry):
            return _match_of(text, tokens, first, length, entry), length
    beside = gazetteer.BRANDS_BESIDE.get(tokens[first].key)
    if (
        beside
        and first + 1 < len(tokens)
        and tokens[first + 1].key in beside[1].split()
        and _joined(text, tokens[first], tokens[first + 1])
    ):
        return _Match(first, first, "brand", beside[0], tokens[first].key), 1
    return None, 0


def _usable(
    text: str, tokens: list[_Token], first: int, length: int, key: tuple[str, ...], entry: _Entry
) -> bool:
    if entry.written:
        written = text[tokens[first].start : tokens[first + length - 1].end]
        return written == entry.written and first > 0
    following = tokens[first + length].key if first + length < len(tokens) else ""
    return following not in _NOT_BEFORE.get(key, frozenset())


def _match_of(text: str, tokens: list[_Token], first: int, length: int, entry: _Entry) -> _Match:
    last = first + length - 1
    description = entry.description
    following = tokens[last + 1] if last + 1 < len(tokens) else None
    if (
        entry.beside
        and following is not None
        and following.key in _PRODUCTS
        and text[tokens[last].end : following.start] == " "
    ):
        description = entry.beside
    if entry.kind != "artist_style":
        return _Match(first, last, entry.kind, description, tokens[last].key)
    identity = " ".join(token.key for token in tokens[first : last + 1])
    if following is not None and following.key == description.rsplit(" ", 1)[-1]:
        description = description.rsplit(" ", 1)[0]
    if following is not None and following.key in {"style", "styled", "inspired"}:
        description = description.split(" ", 1)[1]
        return _Match(first, last, "artist_style", description, identity)
    by = first > 0 and tokens[first - 1].key == "by"
    return _Match(first - by, last, "artist_style", description, identity, with_by=by)


def _living_style(
    text: str, tokens: list[_Token], first: int, names: _Names, title_case: bool
) -> tuple[_Match | None, int]:
    """Unlisted artists: a capitalised name behind or before a style cue, not known to be dead.

    Denied unless known to be dead: a list of the living can't be complete.
    """
    length = _capitalised_run(text, tokens, first, limit=3)
    if length < 2 or title_case:
        return None, 0
    words = [token.key for token in tokens[first : first + length]]
    if any(word in _STYLE_WORDS or word in _NOT_SURNAMES for word in words):
        return None, 0
    before = text[: tokens[first].start]
    last = first + length - 1
    following = tokens[last + 1].key if last + 1 < len(tokens) else ""
    identity = " ".join(words)
    by = first > 0 and tokens[first - 1].key == "by"
    if _STYLE_CUES_BEFORE.search(before):
        return _Match(first - by, last, "artist_style", _STYLE_FALLBACK, identity, by), length
    if following == "style" and text[tokens[last].end : tokens[last + 1].start] == " ":
        return _Match(first, last, "artist_style", "illustrated", identity), length
    opens = by and (first == 1 or text[: tokens[first - 1].start].rstrip().endswith(","))
    if opens and (words[0] in names.given or length == 2):
        return _Match(first - 1, last, "artist_style", _STYLE_FALLBACK, identity, True), length
    return None, 0


_PORTRAIT_CUES = re.compile(
    r"(?:portrait|headshot|caricature|likeness|mugshot|biopic|deepfake|impersonation) of\s+$",
    re.IGNORECASE,
)


def _by_cue(
    text: str, tokens: list[_Token], first: int, title_case: bool
) -> tuple[_Match | None, int]:
    """Names nobody listed: "portrait of Firstname Lastname", "the Somebrand logo"."""
    if title_case:
        return None, 0
    length = _capitalised_run(text, tokens, first, limit=3)
    if not length:
        return None, 0
    words = [token.key for token in tokens[first : first + length]]
    if any(w in _STYLE_WORDS or w in _NOT_SURNAMES or w in _ADJECTIVES for w in words):
        return None, 0
    last = first + length - 1
    identity = " ".join(words)
    if length >= 2 and _PORTRAIT_CUES.search(text[: tokens[first].start]):
        return _Match(first, last, "public_figure", "a person", identity), length
    following = tokens[last + 1] if last + 1 < len(tokens) else None
    if (
        first > 0
        and following is not None
        and following.key in {"logo", "logos", "branded", "branding"}
        and text[tokens[last].end : following.start] in (" ", "-")
    ):
        description = "plain" if following.key == "branded" else "abstract"
        return _Match(first, last, "brand", description, identity), length
    return None, 0


def _capitalised_run(text: str, tokens: list[_Token], first: int, *, limit: int) -> int:
    length = 0
    while length < limit and first + length < len(tokens):
        token = tokens[first + length]
        if not token.capitalised or not token.text.isalpha():
            break
        if length and not _joined(text, tokens[first + length - 1], token):
            break
        length += 1
    return length


def _private_person(
    text: str, tokens: list[_Token], first: int, names: _Names, title_case: bool
) -> tuple[_Match | None, int]:
    """A full name with a common given name, a name behind "my friend", or a title with a name."""
    if title_case or not tokens[first].capitalised:
        return None, 0
    token = tokens[first]
    before = tokens[first - 1] if first else None
    adjacent = before is not None and text[before.end : token.start] in (" ", ". ")
    length = _capitalised_run(text, tokens, first, limit=3)
    while length > 1 and tokens[first + length - 1].key in _NOT_SURNAMES:
        return None, length
    surname = length >= 2 and len(tokens[first + 1].text) > 1
    person = names.given.get(token.key, "")
    last = first + length - 1
    if before is not None and adjacent and before.key in {"named", "called"} and person:
        return _Match(first - 1, last, "private_person", "", token.key, drop=True), length
    if before is not None and adjacent and before.key in _RELATIONS and person:
        return _Match(first, last, "private_person", "", token.key, drop=True), length
    if token.key in _TITLES and length >= 2 and tokens[first + 1].key not in _NOT_SURNAMES:
        known = (
            tokens[first + 1].key in names.given or length == 3 or token.key in {"mr", "mrs", "ms"}
        )
        if known:
            if before is not None and adjacent and before.key in _TITLE_PREFIXES:
                first -= 1
            return _Match(first, last, "private_person", _TITLES[token.key], token.key), length
    if before is not None and adjacent and before.key in _TITLES and person and surname:
        return _Match(first, last, "private_person", "", token.key, drop=True), length
    if person and surname:
        name = " ".join(t.key for t in tokens[first : last + 1])
        return _Match(first, last, "private_person", person, name), length
    return None, 0


# --- Vocabulary --------------------------------------------------------------------------------

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

_FUNCTION_WORDS = _words(
    "a an the and or but of in on at over under above below into onto from to toward towards with "
    "without by for as is are was were be being been it its he she they his her their him them this "
    "that these those there here while when then first next after before during through across "
    "around along between behind beside near past up down out off away slowly quickly gently very "
    "just so more most some any each every one two three four five six seven eight nine ten many "
    "few several all both not no who which what where how i you we my your our me us "
    "can could will would may might must shall should do does did has have had like against "
    "video clip footage scene shot show shows showing showed generate create make animation "
    "animated cinematic realistic photo image picture style film movie camera view close closeup "
    "detailed high quality hd uhd k d fps seconds second minute minutes beautiful stunning "
    "another other s t"
)
_MAX_UNKNOWN = 12


def _map_words(text: str, vocabulary: ModelVocabulary) -> tuple[str, list[Edit]]:
    edits: list[Edit] = []

    def swap(match: re.Match[str]) -> str:
        word = match.group()
        lower = word.casefold()
        if lower in vocabulary.known or lower in _FUNCTION_WORDS:
            return word
        target = vocabulary.nearest.get(lower) or NEAREST.get(lower, "")
        if not target or not all(w in vocabulary.known for w in words(target)):
            return word
        replacement = target[0].upper() + target[1:] if word[0].isupper() else target
        edits.append(Edit("vocabulary", word, replacement, REASONS["vocabulary"]))
        return replacement

    text = re.sub(r"[^\W\d_]+", swap, text)
    if edits:
        text = _agree_articles(text, {edit.replacement.casefold() for edit in edits})
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
        if word in _FUNCTION_WORDS:
            continue
        if not any(stem in vocabulary.known for stem in stems(word)):
            unknown.setdefault(word)
    return tuple(unknown)[:_MAX_UNKNOWN]
