"""What of a prompt the loaded model knows, in its own words: "small red balloon, ocean, sunset"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

Meaning = tuple[str, str]  # (attribute, canonical name), as ("colours", "red")

# The order in which a shot is described; attributes a vocabulary adds come after these.
ORDER = ("objects", "relations", "motions", "places", "times", "weathers", "cameras", "styles")
BEFORE_A_THING = frozenset({"colours", "sizes"})
LONGEST = 6  # words of a phrase


def phrases_of(vocabulary: Mapping[str, object]) -> dict[str, Meaning]:
    """Phrase -> what it means, from the tables of vocabulary.json.

    A table is {canonical name: [wordings]} or a list of names. Where two tables share a wording,
    the first keeps it.
    """
    found: dict[str, Meaning] = {}
    for attribute, table in vocabulary.items():
        if isinstance(table, list):
            table = {name: [] for name in table}
        if not isinstance(table, Mapping):
            continue
        for name, wordings in table.items():
            for wording in (name, *(wordings if isinstance(wordings, list) else ())):
                if phrase := " ".join(words(str(wording))):
                    found.setdefault(phrase, (attribute, str(name)))
    return found


def understood(text: str, phrases: Mapping[str, Meaning]) -> tuple[str, ...]:
    """What the model takes from `text`, each once: things with their colour and size first.

    The longest phrase wins; single words are also found in another form ("balloons").
    """
    things: dict[str, str] = {}
    waiting: list[str] = []  # colours and sizes whose thing has not come yet
    for attribute, name in _meanings(words(text), phrases):
        name = name.replace("_", " ")
        if attribute in BEFORE_A_THING:
            waiting.append(name)
            continue
        things.setdefault(" ".join([*waiting, name]) if attribute == "objects" else name, attribute)
        waiting = [] if attribute == "objects" else waiting
    for name in waiting:
        things.setdefault(name, "")
    rank = {attribute: place for place, attribute in enumerate(ORDER)}
    return tuple(sorted(things, key=lambda name: rank.get(things[name], len(ORDER))))


def meanings_in(text: str, phrases: Mapping[str, Meaning]) -> tuple[Meaning, ...]:
    """(attribute, canonical name) of all that is known in `text`, in order."""
    return tuple(_meanings(words(text), phrases))


def _meanings(found: list[str], phrases: Mapping[str, Meaning]) -> Iterable[Meaning]:
    at = 0
    while at < len(found):
        for length in range(min(LONGEST, len(found) - at), 0, -1):
            phrase = " ".join(found[at : at + length])
            forms = stems(phrase) if length == 1 else (phrase,)
            if meaning := next((phrases[form] for form in forms if form in phrases), None):
                yield meaning
                at += length
                break
        else:
            at += 1


def words(phrase: str) -> list[str]:
    return re.findall(r"[a-z]+", phrase.casefold().replace("_", " "))


def stems(word: str) -> Iterable[str]:
    """The word, and what it may be a form of, likeliest first."""
    yield word
    endings: tuple[tuple[str, Callable[[str], tuple[str, ...]]], ...] = (
        ("ies", lambda w: (w[:-3] + "y",)),
        ("es", lambda w: (w[:-2], w[:-1])),
        ("s", lambda w: (w[:-1],)),
        ("ing", lambda w: (w[:-3], w[:-3] + "e", w[:-4], w[:-3] + "s", w[:-3] + "es")),
        ("ed", lambda w: (w[:-2], w[:-1], w[:-3], w[:-2] + "s")),
        ("ly", lambda w: (w[:-2],)),
        ("y", lambda w: (w[:-1],)),
    )
    for ending, shorter in endings:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            yield from shorter(word)
    yield word + "s"
    yield word + "es"
