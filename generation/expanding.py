"""A short caption becomes a full one. Deterministic: the same caption gives the same words.

What a caption leaves open (movement, place, time of day) is filled in with words the loaded model was
trained with; what the storyboard's other cards say comes first, so that a scene stays where it is, and
only they bring weather. For a model without a vocabulary the words are about light, framing and
movement.
"""

from __future__ import annotations

import zlib

from generation.prompting import ModelVocabulary
from generation.understanding import meanings_in

OPEN = ("motions", "places", "times", "weathers")
OVER = frozenset({"ocean", "sea", "lake", "city", "mountains", "hills", "clouds"})
FREE = (
    ("in soft natural light", "in warm low light", "in clear morning light"),
    ("a wide shot", "a medium shot", "seen from a low angle"),
    ("gentle movement throughout", "slow, steady movement", "a calm, flowing movement"),
)


def filled_in(text: str, context: str, vocabulary: ModelVocabulary | None) -> str:
    """The fuller caption. `context`: the other cards' texts. Longer than `text`, or just that."""
    text = text.strip().rstrip(".,; ")
    more = _free(text) if vocabulary is None else _known(text, context, vocabulary)
    return ", ".join([text, *more])


def _free(text: str) -> list[str]:
    chosen = [_pick(words, text) for words in FREE]
    return [words for words in chosen if words.casefold() not in text.casefold()]


def _known(text: str, context: str, vocabulary: ModelVocabulary) -> list[str]:
    said = {attribute for attribute, _ in meanings_in(text, vocabulary.phrases)}
    around = dict(reversed(list(meanings_in(context, vocabulary.phrases))))  # the first of each
    found = []
    for attribute in OPEN:
        names = dict.fromkeys(n for a, n in vocabulary.phrases.values() if a == attribute)
        if attribute in said or not names:
            continue
        beside = around.get(attribute) if attribute != "motions" else None
        if attribute == "weathers" and not beside:
            continue
        name = beside or _pick(tuple(names), text)
        found.append(_phrase(attribute, name, vocabulary))
    return found


def _phrase(attribute: str, name: str, vocabulary: ModelVocabulary) -> str:
    wordings = [w for w, meaning in vocabulary.phrases.items() if meaning == (attribute, name)]
    word = name.replace("_", " ")
    if attribute == "motions":
        return next((w for w in wordings if w.split()[0].endswith("ing")), word)
    if attribute == "places":
        return f"{'over' if name in OVER else 'in'} the {word}"
    if attribute == "times":
        return "by daylight" if name == "day" else f"at {word}"
    return next((w for w in wordings if " " in w), word)


def _pick(words: tuple[str, ...], text: str) -> str:
    return words[zlib.crc32(text.casefold().encode()) % len(words)]
