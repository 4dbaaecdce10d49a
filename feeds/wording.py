"""Texts people write for the feeds: bounded, screened where others read them, turned into terms."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection

from feeds.errors import NothingInIt, TextRefused
from generation.models.jobs import WORD_TABLES
from generation.screening import gate
from moderation.screening.gate import InvalidPrompt, clean_prompt

WORD = re.compile(r"[^\W_]+")
MOST_TERMS = 12

# Words that turn what follows, up to the end of the clause, into what is not wanted.
AGAINST = frozenset(
    {"no", "not", "never", "without", "avoid", "less", "fewer", "except", "hide", "none", "dont"}
)
FOR = frozenset({"but", "more", "rather", "instead", "with"})
CLAUSE = re.compile(r"[.,;:!?\n()]+")
# Words of wishes that say nothing about a picture, besides the database's own stop words.
EMPTY = frozenset(
    {
        "a", "an", "and", "any", "anything", "are", "clip", "clips", "fan", "feed", "film", "films",
        "give", "i", "in", "is", "it", "kind", "let", "like", "lot", "lots", "love", "many", "me",
        "mostly", "much", "my", "of", "often", "on", "or", "please", "prefer", "really", "see",
        "show", "some", "something", "stuff", "that", "the", "things", "to", "video", "videos",
        "want", "wish", "would", "you",
    }
)  # fmt: skip


def public_text(text: str, *, param: str, most: int, required: bool = False) -> str:
    """The text as others may read it: no control characters, within its length, past the gate.

    Raises TextRefused with `param`.
    """
    text = text.strip()
    if not text and not required:
        return ""
    try:
        clean = " ".join(clean_prompt(text, max_chars=most).split())
    except InvalidPrompt as error:
        raise TextRefused(error.message, param=param, remedy="Write it anew.") from error
    if not gate([clean]).allowed:
        raise TextRefused(param=param)
    return clean


def terms_of(sentence: str) -> tuple[list[str], list[str]]:
    """What a sentence asks for and what it asks against, as words in its own order.

    "More hand-drawn nature, no horror" -> ([hand, drawn, nature], [horror]). A comma or a full stop
    ends what "no" or "without" began; so does "but".
    """
    wanted: dict[str, None] = {}
    unwanted: dict[str, None] = {}
    for clause in CLAUSE.split(sentence.lower().replace("n't", "nt").replace("n’t", "nt")):
        against = False
        for word in WORD.findall(clause):
            if word in AGAINST:
                against = True
            elif word in FOR:
                against = False
            elif word not in EMPTY and len(word) > 1:
                (unwanted if against else wanted)[word[:40]] = None
    kept = [word for word in wanted if word not in unwanted]
    return kept[:MOST_TERMS], list(unwanted)[:MOST_TERMS]


def query_of(words: Sequence[str]) -> str:
    """The tsquery (as text) of all of these words, each as it is or without its English ending.

    "" when none of them is a word the database keeps ("the").
    """
    parts = [part for word in words for part in [_one(word)] if part]
    return " & ".join(f"({part})" for part in parts)


def queries_of(words: Sequence[str]) -> list[tuple[str, str]]:
    """(word, its tsquery) of those the database keeps."""
    return [(word, part) for word in words if (part := _one(word))]


def topic_of(text: str) -> tuple[str, str]:
    """A topic as it is kept: its words, and their query. Raises NothingInIt."""
    words = [w for w in WORD.findall(text.lower()) if len(w) > 1 or not w.isascii()][:6]
    query = query_of(words)
    if not query:
        raise NothingInIt(param="words")
    return " ".join(words)[:60], query


def _one(word: str) -> str:
    """One word in both tables; a word English leaves out ("the", "no") is no word to look for."""
    exact, stemmed = WORD_TABLES
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT plainto_tsquery(%s, %s)::text, plainto_tsquery(%s, %s)::text",
            [exact, word, stemmed, word],
        )
        plain, stem = cursor.fetchone()
    return f"{plain} | {stem}" if plain and stem else ""
