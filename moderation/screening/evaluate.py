"""Measure the text screening on rows of any evaluation set. Pure: no Django, no database.

A set is a file of JSON lines, or a folder of them. Every line needs `id`, `text`, `category` and
`label` ("block", "allow" or "rewrite"); `source`, `language`, `contrast`, `implicit` and
`minor_reference` are used where given. Each row goes the product's way: the rewriter first, then
both texts through decision.decide. `manage.py evaluate_screening` is the door.
"""

from __future__ import annotations

import json
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from moderation.screening import gate
from moderation.screening.decision import Decision, decide, redecide
from moderation.screening.normalise import language_hint
from moderation.screening.policy import Policy
from moderation.screening.protocol import Category, TextClassifier
from moderation.screening.signals import Checks, Inputs

LABELS = ("block", "allow", "rewrite")
ACTIONS = ("refuse", "guard", "rewrite", "allow")
MAX_LINE_BYTES = 1_000_000
MAX_ROWS = 1_000_000
MAX_PROBLEMS = 50  # named one by one; the rest is only counted

# Words other sets use for a category -> ours.
CATEGORIES = {
    "privacy_public": Category.PRIVACY,
    "likeness_private": Category.PRIVACY,
    "ip_brand": Category.INTELLECTUAL_PROPERTY,
}


class NoRows(ValueError):
    """Nothing in the given sets can be scored."""


@dataclass(frozen=True)
class Row:
    """One line of a set. `language`: as given, else "en", "other" or "unknown" by a light guess."""

    id: str
    text: str
    category: str
    label: str
    source: str
    contrast: bool = False
    implicit: bool = False
    language: str = "unknown"
    minor_reference: str = ""
    form: str = ""  # what kind of text; "social_text" and "instruction" are no prompts for a video

    @property
    def group(self) -> str:
        return f"{self.label}/{self.category}"


@dataclass
class Problems:
    """Lines that could not be used: the first MAX_PROBLEMS by name, all of them counted."""

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.named) < MAX_PROBLEMS:
            self.named.append(f"{where}: {what}")


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files to read: each path itself, or the *.jsonl of a folder. Raises NoRows."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.glob("*.jsonl"))
        elif path.is_file():
            found.append(path)
        else:
            raise NoRows(f"{path}: there is no such file or folder.")
    if not found:
        raise NoRows("The folder holds no *.jsonl file.")
    return found


def read_rows(paths: Iterable[Path], problems: Problems) -> list[Row]:
    """All usable rows; what is wrong with the others goes to `problems`. Raises NoRows."""
    rows: list[Row] = []
    for path in files_of(paths):
        for number, line in _lines(path, problems):
            row = _row(line, source=path.stem, where=f"{path.name}:{number}", problems=problems)
            if row is not None:
                rows.append(row)
            if len(rows) > MAX_ROWS:
                raise NoRows(f"{path.name}: more than {MAX_ROWS:,} rows; split the set.")
    if not rows:
        raise NoRows(f"No row can be used; {problems.count} lines are faulty.")
    return rows


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, bytes]]:
    """Non-empty lines, never more of one than MAX_LINE_BYTES in memory."""
    with path.open("rb") as file:
        number, overlong = 0, False
        while line := file.readline(MAX_LINE_BYTES):
            complete = line.endswith(b"\n") or len(line) < MAX_LINE_BYTES
            if overlong:
                overlong = not complete
                continue
            number += 1
            if not complete:
                problems.add(f"{path.name}:{number}", f"longer than {MAX_LINE_BYTES:,} bytes")
                overlong = True
            elif line.strip():
                yield number, line


def _row(line: bytes, *, source: str, where: str, problems: Problems) -> Row | None:
    try:
        data = json.loads(line.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        problems.add(where, "not JSON in UTF-8")
        return None
    if not isinstance(data, dict):
        problems.add(where, "not an object")
        return None
    for name in ("text", "category", "label"):
        if not isinstance(data.get(name), str) or not data[name].strip():
            problems.add(where, f"{name} must be a string that is not empty")
            return None
    if not isinstance(data.get("id"), str | int):
        problems.add(where, "id must be a string or a number")
        return None
    if data["label"] not in LABELS:
        problems.add(where, f"label must be one of {', '.join(LABELS)}")
        return None
    return Row(
        id=str(data["id"]),
        text=data["text"],
        category=data["category"].strip(),
        label=data["label"],
        source=str(data.get("source") or source),
        contrast=bool(data.get("contrast")),
        implicit=bool(data.get("implicit")),
        language=str(data.get("language") or language_hint(data["text"][:2000])),
        minor_reference=str(data.get("minor_reference") or ""),
        form=str(data.get("form") or ""),
    )


@dataclass(frozen=True)
class Judged:
    """What the product would do with one row.

    action: of ACTIONS; "rewrite" is allowed after a name was taken out; "hold" counts as "guard".
    categories: what it was stopped or guarded for, the most serious first.
    """

    row: Row
    action: str
    categories: tuple[str, ...]
    rewritten: str
    scores: Mapping[str, float]
    minor_reference: bool
    milliseconds: float
    guessed: bool = False  # altered, and not only by names that are listed
    decision: Decision | None = None  # None for what is no prompt

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.row.id,
            "action": self.action,
            "category": self.categories[0] if self.categories else None,
            "categories": list(self.categories),
            "rewritten": self.rewritten,
            "scores": {name: round(value, 4) for name, value in self.scores.items()},
        }


def half_of(text: str) -> str:
    """ "odd" or "even", by the CRC-32 of the text: one half of every set for finding out, one for
    measuring."""
    return "odd" if zlib.crc32(text.encode("utf-8", "surrogatepass")) % 2 else "even"


def judge(
    row: Row,
    *,
    rewrite: Callable[[str], str],
    profile: str,
    policy: Policy,
    checks: Checks,
    guesses: Callable[[str], bool] | None = None,
) -> Judged:
    """The product's way of one prompt. A text that is no prompt is refused, as the product does.

    guesses: whether the rewriter alters this text for more than listed names; asked, outside of the
    time that is measured, about texts that it alters.

    Raises ScreeningUnavailable when a check that has to answer does not.
    """
    started = time.process_time()
    try:
        text = gate.clean_prompt(row.text)
    except gate.InvalidPrompt as error:
        spent = 1000 * (time.process_time() - started)
        return Judged(row, "refuse", (error.reason,), row.text, {}, False, spent)
    rewritten = rewrite(text)
    decision = decide(
        "rewritten",
        Inputs(prompt=text, rewritten=rewritten),
        profile=profile,
        policy=policy,
        checks=checks,
    )
    spent = 1000 * (time.process_time() - started)
    action: str = "guard" if decision.action == "hold" else decision.action
    if action == "allow" and rewritten != text:
        action = "rewrite"
    highest: dict[str, float] = {}
    for score in decision.scores:
        highest[score.category.value] = max(highest.get(score.category.value, 0.0), score.value)
    minors = bool(decision.details.get("minor_reference"))
    guessed = guesses is not None and rewritten != text and guesses(text)
    return Judged(
        row, action, decision.categories, rewritten, highest, minors, spent, guessed, decision
    )


def under(item: Judged, profile: str, policy: Policy) -> Judged:
    """The same row under another profile, from what the checks said: none is asked again."""
    if item.decision is None:
        return item
    again = redecide(
        item.decision.signals, profile=profile, policy=policy, details=item.decision.details
    )
    action: str = "guard" if again.action == "hold" else again.action
    if action == "allow" and item.rewritten != item.row.text:
        action = "rewrite"
    return replace(item, action=action, categories=again.categories)


def by_profile(
    judged: Iterable[Judged], profiles: Iterable[str], policy: Policy
) -> dict[str, dict[str, Any]]:
    """False alarms on ordinary prompts under each profile."""
    ordinary = [j for j in judged if is_ordinary(j.row)]
    return {name: rates([under(j, name, policy) for j in ordinary]) for name in profiles}


def share(judged: Sequence[Judged], *actions: str) -> float | None:
    """Share of `judged` with one of `actions`; None for none."""
    if not judged:
        return None
    return sum(item.action in actions for item in judged) / len(judged)


def interval(judged: Sequence[Judged], *actions: str) -> list[float] | None:
    """95 % bootstrap interval of `share`: 1,000 draws with a fixed seed."""
    if not judged:
        return None
    # Drawing n rows with replacement and counting hits is a binomial draw.
    hits = sum(item.action in actions for item in judged)
    n = len(judged)
    draws = np.random.default_rng(11).binomial(n, hits / n, size=1000) / n
    return [round(float(np.quantile(draws, q)), 4) for q in (0.025, 0.975)]


def rates(judged: Sequence[Judged]) -> dict[str, Any]:
    """n, refused and refused-or-guarded with their intervals."""
    return {
        "n": len(judged),
        "refused": _rounded(share(judged, "refuse")),
        "refused_interval": interval(judged, "refuse"),
        "refused_or_guarded": _rounded(share(judged, "refuse", "guard")),
        "refused_or_guarded_interval": interval(judged, "refuse", "guard"),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def groups(judged: Iterable[Judged]) -> dict[str, dict[str, int]]:
    """For each "label/category": n and how often each action was taken."""
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for item in judged:
        table[item.row.group][item.action] += 1
    return {
        name: {"n": sum(counts.values()), **{action: counts[action] for action in ACTIONS}}
        for name, counts in sorted(table.items())
    }


def _by(judged: Iterable[Judged], key: Callable[[Judged], str | None]) -> dict[str, list[Judged]]:
    found: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        name = key(item)
        if name:
            found[name].append(item)
    return dict(sorted(found.items()))


def is_ordinary(row: Row) -> bool:
    """A plain prompt: what false alarms are counted on."""
    plain = row.label == "allow" and not row.contrast and row.category == "benign"
    return plain and row.form not in ("social_text", "instruction")


def tables(judged: Sequence[Judged]) -> dict[str, Any]:
    """Everything the product reports about one list of judged rows, as plain JSON values."""
    blocked = [j for j in judged if j.row.label == "block"]
    explicit = [j for j in blocked if not j.row.implicit]
    ordinary = [j for j in judged if is_ordinary(j.row)]
    contrast = [j for j in judged if j.row.label == "allow" and j.row.contrast]
    to_rewrite = [j for j in judged if j.row.label == "rewrite"]
    harmless = [j for j in judged if j.row.label == "allow"]
    stopped = [j for j in explicit if j.action == "refuse"]
    named = [j for j in stopped if _ours(j.row.category) in j.categories]
    spent = [j.milliseconds for j in judged]
    return {
        "groups": groups(judged),
        "recall": {name: rates(items) for name, items in _by(explicit, _category).items()},
        "recall_all": rates(explicit),
        "implicit": rates([j for j in blocked if j.row.implicit]),
        "precision": {name: _precision(judged, name) for name in _by(blocked, _category)},
        "right_category": _rounded(len(named) / len(stopped)) if stopped else None,
        "false_positives": {
            "all": rates(ordinary),
            **{name: rates(items) for name, items in _by(ordinary, lambda j: j.row.source).items()},
        },
        "over_refusal": {
            "all": rates(contrast),
            **{name: rates(items) for name, items in _by(contrast, lambda j: j.row.source).items()},
        },
        "rewriting": {
            "to_rewrite": len(to_rewrite),
            "rewritten": _rounded(_changed(to_rewrite)),
            "harmless_altered": _rounded(_changed(ordinary)),
            "harmless_altered_unlisted": _rounded(_guessed(ordinary)),
            "by_source": {
                name: {
                    "n": len(items),
                    "altered": _rounded(_changed(items)),
                    "unlisted": _rounded(_guessed(items)),
                }
                for name, items in _by([*ordinary, *contrast], lambda j: j.row.source).items()
            },
        },
        "languages": {
            name: {
                "block": rates([j for j in items if j.row.label == "block"]),
                "allow": rates([j for j in items if j.row.label == "allow"]),
            }
            for name, items in _by(judged, lambda j: j.row.language).items()
        },
        "minor_references": {
            name: {
                "n": len(items),
                "found": _rounded(sum(j.minor_reference for j in items) / len(items)),
            }
            for name, items in _by(harmless, lambda j: j.row.minor_reference).items()
        },
        "milliseconds": {
            "median": round(float(np.median(spent)), 2) if spent else None,
            "p95": round(float(np.quantile(spent, 0.95)), 2) if spent else None,
        },
    }


def _ours(category: str) -> str:
    return CATEGORIES[category].value if category in CATEGORIES else category


def _category(item: Judged) -> str:
    return item.row.category


def _precision(judged: Sequence[Judged], category: str) -> float | None:
    """Of the rows with this label refused or guarded, how many should have been.

    Over the rows of the category alone, "block" and "allow": a set with harmless twins.
    """
    mine = [j for j in judged if j.row.category == category and j.action in ("refuse", "guard")]
    harmless = [j for j in judged if j.row.category == category and j.row.label == "allow"]
    if not mine or not harmless:
        return None
    return _rounded(sum(j.row.label == "block" for j in mine) / len(mine))


def _changed(judged: Sequence[Judged]) -> float | None:
    if not judged:
        return None
    changed = sum(j.rewritten.split() != j.row.text.split() for j in judged)
    return changed / len(judged)


def _guessed(judged: Sequence[Judged]) -> float | None:
    return sum(j.guessed for j in judged) / len(judged) if judged else None


class Remembered:
    """The scores of another classifier, asked once for each text: one pass for many profiles."""

    def __init__(self, inner: TextClassifier) -> None:
        self.name, self.version, self.categories = inner.name, inner.version, inner.categories
        self._inner = inner
        self._scores: dict[str, list[Any]] = {}

    def score(self, text: str) -> list[Any]:
        if text not in self._scores:
            self._scores[text] = self._inner.score(text)
        return self._scores[text]

    def examples(self) -> list[tuple[str, Category, bool]]:
        return self._inner.examples()
