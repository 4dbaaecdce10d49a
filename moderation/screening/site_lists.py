"""Entries a site adds to the shipped blocklists; part of its policy, so they come and go with a version.

In the document of a policy: {"lists": {"hate": {"refuse": ["term + other term"], "guard": ["term*"]}}}.
Entries are written as in the shipped lists (wordlists.py) and refused for the same reasons. They only
add: nothing shipped can be taken out, and child safety and known content are not theirs to touch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from moderation.screening.protocol import Category
from moderation.screening.signals import Collected, Inputs, Signal
from moderation.screening.wordlists import Blocklist, BlocklistMatcher, Entry, why_unusable

Lists = tuple[tuple[str, str, tuple[str, ...]], ...]
"""(category, level, entries), sorted; hashable, so that its matcher is built once."""

LEVELS: Final[dict[str, float]] = {"refuse": 1.0, "guard": 0.9}
MOST_ENTRIES: Final = 2000
FIXED: Final = frozenset({Category.SEXUAL_MINORS, Category.KNOWN_CONTENT})
PROVIDER: Final = "site_list"


def read(base: Lists, changes: Any, problems: list[str]) -> Lists:
    """`base` with the lists `changes` names; a named list replaces the one before, an empty one ends it."""
    if not isinstance(changes, Mapping):
        problems.append("lists: must be an object of categories.")
        return base
    found = {(category, level): entries for category, level, entries in base}
    for category, levels in changes.items():
        if category not in Category._value2member_map_ or Category(category) in FIXED:
            problems.append(f"lists.{category}: no category a site may list words for.")
            continue
        if not isinstance(levels, Mapping) or set(levels) - set(LEVELS):
            problems.append(f"lists.{category}: give refuse or guard, each a list of entries.")
            continue
        for level, entries in levels.items():
            path = f"lists.{category}.{level}"
            if not isinstance(entries, list) or not all(isinstance(e, str) for e in entries):
                problems.append(f"{path}: must be a list of texts.")
                continue
            for entry in entries:
                if why := why_unusable(_terms(entry)):
                    problems.append(f"{path}: “{entry[:40]}” {why}.")
            found[category, level] = tuple(dict.fromkeys(entries))
    if sum(map(len, found.values())) > MOST_ENTRIES:
        problems.append(f"lists: at most {MOST_ENTRIES} entries together.")
    return tuple(sorted((c, level, entries) for (c, level), entries in found.items() if entries))


def to_json(lists: Lists) -> dict[str, dict[str, list[str]]]:
    """As `read` takes it."""
    out: dict[str, dict[str, list[str]]] = {}
    for category, level, entries in lists:
        out.setdefault(category, {})[level] = list(entries)
    return out


def signals(lists: Lists, text: str, subject: str) -> list[Signal]:
    """What a site's own entries see in one text: the strongest of each category."""
    if not lists or not text.strip():
        return []
    strongest: dict[Category, float] = {}
    for name, level in _matcher(lists).find(text).rules:
        category = Category(name)
        strongest[category] = max(strongest.get(category, 0.0), LEVELS[level])
    return [
        Signal(PROVIDER, "", category, value, scale="rule", subject=subject)
        for category, value in strongest.items()
    ]


def added(found: Collected, inputs: Inputs, lists: Lists) -> Collected:
    """What was collected about texts, with what the site's entries see in each of them."""
    if not lists:
        return found
    more: list[Signal] = []
    pairs = [("", inputs.prompt, inputs.rewritten)]
    pairs += [(f" {number}", *card) for number, card in enumerate(inputs.cards, start=1)]
    for card, written, drawn in pairs:
        more += signals(lists, written, f"prompt{card}")
        if drawn is not None:
            more += signals(lists, drawn, f"rewritten{card}")
    return replace(found, signals=(*found.signals, *more), evaluated=(*found.evaluated, PROVIDER))


def _terms(entry: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in entry.split(" + "))


@lru_cache(maxsize=8)
def _matcher(lists: Lists) -> BlocklistMatcher:
    return BlocklistMatcher(
        Blocklist(
            name=f"site_{category}_{level}",
            category=category,
            level=level,
            version="",
            listed=tuple(Entry(_terms(entry), PROVIDER) for entry in entries),
        )
        for category, level, entries in lists
    )
