"""When does a row of requests look like somebody feeling for the edges of the checks?

Pure: the last requests of one person go in, findings come out. A single refusal means nothing (our
checks are wrong in a few of a hundred harmless prompts), so every rule counts several, and what a
finding leads to is friction that ends by itself, at most a look by a person; never a strike.

    rule                counts                                              leads to
    one_kind            3 of the last 10 refused, in one category           the rule, with an example
    refusals            4 of the last 10 refused, or 2 for child safety     10 minutes' pause, slower queue
    hurry               6 rewordings within a minute after a refusal        10 minutes' pause, slower queue
    many_refusals       6 of the last 20 refused                            second look for 24 h, case
    rephrasing          5 refused ones that say nearly the same             second look for 24 h, case
    around_the_block    one that passed, close to a refused one, and whose
                        result was then blocked                             second look for 24 h, case
    upload_chain        4 of the last 10 edits of one upload refused        second look for 24 h, case
    borderline_seed     the seeds of 3 blocked or guarded results asked for
                        again with other words                              second look for 24 h, case

False alarms of the counting rules, for somebody harmless whose prompts are refused independently
with probability p (`false_alarm`): 4 of 10 is met with 0.10 % at p = 5 %, 0.003 % at 2 %, 0.58 % at
8 %. docs/red_team.md says what that means over weeks of use, and what it leaves out.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from moderation.screening.protocol import Category
from moderation.screening.similarity import Sketch, cosine, likeness, sketch

Level = Literal["explain", "cool_down", "second_look"]
Outcome = Literal["allowed", "guarded", "refused", "blocked"]
LEVELS: tuple[Level, ...] = ("explain", "cool_down", "second_look")

LOOKED_AT = 50  # requests of one person, the newest
MEMORY = timedelta(days=7)  # older ones count for nothing
PAUSE = timedelta(minutes=10)
SLOWER_AFTER_PAUSE = timedelta(hours=1)
SECOND_LOOK = timedelta(hours=24)

ONE_KIND = (3, 10)
REFUSALS = (4, 10)
ZERO_TOLERANCE = 2
MANY_REFUSALS = (6, 20)
REPHRASED = 5
UPLOAD_CHAIN = (4, 10)
BORDERLINE_SEEDS = 3
HURRY = 6
HURRY_WITHIN = timedelta(seconds=60)

SAME_MEANING = 0.80  # cosine of sentence embeddings: two wordings of one wish
CLOSE_MEANING = 0.85  # a passed prompt beside a refused one
SAME_LETTERS = 0.62  # likeness of letters that stands for SAME_MEANING where no embedding is
CLOSE_LETTERS = 0.72

# What a refusal says nothing about the person: our limits, not their wish.
_OURS = frozenset(
    {
        Category.LANGUAGE.value,
        Category.PHOTOSENSITIVE.value,
        Category.BROKEN_OUTPUT.value,
        "screening_unavailable",
    }
)
_ZERO = frozenset({Category.SEXUAL_MINORS.value})


@dataclass(frozen=True)
class Try:
    """One request as the detector sees it.

    key: names it to the caller. outcome: "blocked" is a result that an output check held back.
    categories: what it was guarded, refused or blocked for.
    meaning: sentence embedding, where a worker has made one. seed: only one the person typed.
    uploads: what it builds on, through all clips in between.
    """

    key: str
    at: datetime
    text: str
    outcome: Outcome
    categories: tuple[str, ...] = ()
    meaning: tuple[float, ...] = field(default=(), compare=False)
    seed: int | None = None
    result_seed: int | None = None
    uploads: frozenset[str] = frozenset()

    @cached_property
    def letters(self) -> Sketch:
        return sketch(self.text)

    @property
    def bad(self) -> bool:
        """Refused or blocked for what it asks, not for a limit of ours."""
        return self.outcome in ("refused", "blocked") and not (
            self.categories and set(self.categories) <= _OURS
        )


@dataclass(frozen=True)
class Finding:
    """rule: of the table above. tries: keys of the requests it rests on, oldest first.
    category: the one most of them were refused for; empty where there is none."""

    rule: str
    level: Level
    tries: tuple[str, ...]
    category: str = ""


def assess(tries: Sequence[Try], *, now: datetime) -> tuple[Finding, ...]:
    """What the last requests of one person look like, the gravest first; nothing for most people.

    tries: oldest first. Call it when the newest one went badly (or came with an old seed): a
    harmless request after refusals is no reason to slow anybody again.
    """
    recent = [one for one in tries if now - one.at <= MEMORY][-LOOKED_AT:]
    rules = (
        _many_refusals,
        _rephrasing,
        _around_the_block,
        _upload_chain,
        _borderline_seed,
        _refusals,
        _hurry,
        _one_kind,
    )
    found = [finding for rule in rules if (finding := rule(recent)) is not None]
    return tuple(sorted(found, key=lambda f: -LEVELS.index(f.level)))


def _of(rule: str, level: Level, tries: Iterable[Try]) -> Finding:
    chosen = list(tries)
    counted = Counter(c for one in chosen for c in one.categories[:1] if c not in _OURS)
    category = counted.most_common(1)[0][0] if counted else ""
    return Finding(rule, level, tuple(one.key for one in chosen), category)


def _last_bad(tries: Sequence[Try], window: tuple[int, int]) -> list[Try]:
    """The bad ones among the last, if there are enough."""
    enough, last = window
    bad = [one for one in tries[-last:] if one.bad]
    return bad if len(bad) >= enough else []


def _one_kind(tries: Sequence[Try]) -> Finding | None:
    enough, last = ONE_KIND
    kinds: dict[str, list[Try]] = defaultdict(list)
    for one in tries[-last:]:
        if one.bad and one.categories:
            kinds[one.categories[0]].append(one)
    most = max(kinds.values(), key=len, default=[])
    return _of("one_kind", "explain", most) if len(most) >= enough else None


def _refusals(tries: Sequence[Try]) -> Finding | None:
    bad = _last_bad(tries, REFUSALS)
    zero = [one for one in tries[-REFUSALS[1] :] if one.bad and _ZERO & set(one.categories)]
    if len(zero) >= ZERO_TOLERANCE:
        return _of("zero_tolerance", "cool_down", zero)
    return _of("refusals", "cool_down", bad) if bad else None


def _many_refusals(tries: Sequence[Try]) -> Finding | None:
    bad = _last_bad(tries, MANY_REFUSALS)
    return _of("many_refusals", "second_look", bad) if bad else None


def _hurry(tries: Sequence[Try]) -> Finding | None:
    """Machine-like: one wording after the other, each close to the last refused one."""
    refused = [index for index, one in enumerate(tries) if one.bad]
    for start in reversed(refused):
        first = tries[start]
        run = [
            one
            for one in tries[start + 1 :]
            if one.at - first.at <= HURRY_WITHIN
            and one.letters != first.letters
            and _alike(one, first)
        ]
        if len(run) >= HURRY:
            return _of("hurry", "cool_down", [first, *run])
    return None


def _rephrasing(tries: Sequence[Try]) -> Finding | None:
    """The largest group of refused prompts in which each says nearly what every other says."""
    bad = [one for one in tries if one.bad]
    best: list[Try] = []
    for start in bad:
        group = [start]
        for other in sorted(bad, key=lambda one, s=start: -_nearness(s, one)):  # type: ignore[misc]
            if other is not start and all(_alike(other, member) for member in group):
                group.append(other)
        if len(group) > len(best):
            best = group
    if len(best) < REPHRASED:
        return None
    return _of("rephrasing", "second_look", sorted(best, key=lambda one: one.at))


def _around_the_block(tries: Sequence[Try]) -> Finding | None:
    """A refused wish, worded until it passed, whose result then showed what had been refused."""
    for index in range(len(tries) - 1, -1, -1):
        passed = tries[index]
        if passed.outcome != "blocked" or not passed.bad:
            continue
        before = [
            one for one in tries[:index] if one.outcome == "refused" and one.bad
            and _alike(one, passed, meaning=CLOSE_MEANING, letters=CLOSE_LETTERS)
        ]  # fmt: skip
        if before:
            return _of("around_the_block", "second_look", [*before, passed])
    return None


def _upload_chain(tries: Sequence[Try]) -> Finding | None:
    """One upload, edited again and again towards something that is refused."""
    chains: dict[str, list[Try]] = defaultdict(list)
    for one in tries:
        for upload in one.uploads:
            chains[upload].append(one)
    worst: list[Try] = []
    for chain in chains.values():
        bad = _last_bad(chain, UPLOAD_CHAIN)
        worst = bad if len(bad) > len(worst) else worst
    return _of("upload_chain", "second_look", worst) if worst else None


def _borderline_seed(tries: Sequence[Try]) -> Finding | None:
    """A seed is worth keeping when its result nearly was what the checks hold back."""
    borderline: dict[int, Try] = {}
    reused: list[Try] = []
    for one in tries:
        if one.seed is not None and one.seed in borderline:
            source = borderline[one.seed]
            if source.letters != one.letters:
                reused += [source, one]
        graded = one.outcome in ("blocked", "guarded") and not set(one.categories) <= _OURS
        if graded and one.result_seed is not None:
            borderline[one.result_seed] = one
    again = {one.key for one in reused if one.seed is not None and one.seed in borderline}
    if len(again) < BORDERLINE_SEEDS:
        return None
    chosen = {one.key: one for one in reused}
    return _of("borderline_seed", "second_look", sorted(chosen.values(), key=lambda one: one.at))


def _nearness(a: Try, b: Try) -> float:
    if a.meaning and b.meaning:
        return cosine(a.meaning, b.meaning)
    return likeness(a.letters, b.letters)


def _alike(a: Try, b: Try, *, meaning: float = SAME_MEANING, letters: float = SAME_LETTERS) -> bool:
    """Nearly the same wish: by meaning where both are known, or by letters."""
    if a.meaning and b.meaning and cosine(a.meaning, b.meaning) >= meaning:
        return True
    return likeness(a.letters, b.letters) >= letters


def until(finding: Finding, now: datetime) -> tuple[datetime, datetime]:
    """(end of the pause or the second look, end of the slower queue). Both `now` for advice."""
    if finding.level == "cool_down":
        return now + PAUSE, now + PAUSE + SLOWER_AFTER_PAUSE
    if finding.level == "second_look":
        return now + SECOND_LOOK, now + SECOND_LOOK
    return now, now


def false_alarm(refused: int, last: int, rate: float) -> float:
    """Probability that at least `refused` of `last` independent harmless prompts are refused."""
    return sum(
        math.comb(last, k) * rate**k * (1 - rate) ** (last - k) for k in range(refused, last + 1)
    )
