"""When a row of requests looks like probing, and how often a harmless person would meet a rule."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from moderation.screening import gate
from moderation.screening.examples import EXAMPLES, example_for
from moderation.screening.probing import (
    MANY_REFUSALS,
    ONE_KIND,
    REFUSALS,
    SECOND_LOOK,
    Try,
    assess,
    false_alarm,
    until,
)
from moderation.screening.similarity import likeness, sketch

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
OTHERS = (
    "a lighthouse in fog",
    "two cats asleep on a sofa",
    "rain runs down a train window",
    "a baker kneads dough before dawn",
    "kites over a wide beach",
    "a tram climbs a steep street",
    "snow falls on a quiet harbour",
    "an orchestra tunes its instruments",
    "fog lifts from a pine valley",
    "a potter shapes a tall vase",
    "lanterns drift along a river",
    "a market in the morning sun",
    "bees work in a field of clover",
    "a diver meets a sea turtle",
    "wind moves through golden wheat",
    "a clockmaker winds an old watch",
    "a ferry leaves the pier",
    "goats walk along a ridge",
    "chalk drawings on a pavement",
    "a balloon above the desert",
)


def tries(
    *outcomes: str, texts: Sequence[str] = OTHERS, category: str = "", every: float = 120.0
) -> list[Try]:
    """One try each; its text and, unless given, its category differ from its neighbours'."""
    kinds = ("violence_gore", "hate", "illegal", "self_harm", "harassment")
    return [
        Try(
            key=str(number),
            at=START + timedelta(seconds=every * number),
            text=texts[number % len(texts)],
            outcome=outcome,  # type: ignore[arg-type]
            categories=() if outcome == "allowed" else (category or kinds[number % 5],),
        )
        for number, outcome in enumerate(outcomes)
    ]


def rules(found: list[Try]) -> list[str]:
    return [finding.rule for finding in assess(found, now=found[-1].at)]


def row(pattern: str) -> list[str]:
    """ "aar" -> allowed, allowed, refused."""
    return [{"a": "allowed", "r": "refused", "b": "blocked", "g": "guarded"}[c] for c in pattern]


def test_one_or_two_refusals_mean_nothing() -> None:
    assert rules(tries(*row("aaaaaaaar"))) == []
    assert rules(tries(*row("aaraaaaaar"), category="hate")) == []


def test_three_of_ten_in_one_category_lead_to_the_rule_and_an_example() -> None:
    found = assess(tries(*row("raaraaaaar"), category="hate"), now=START + timedelta(hours=1))

    assert [(f.rule, f.level, f.category) for f in found] == [("one_kind", "explain", "hate")]
    assert found[0].tries == ("0", "3", "9")


def test_three_of_ten_of_different_kinds_do_not() -> None:
    assert rules(tries(*row("raaraaaaar"))) == []


def test_four_of_ten_lead_to_a_pause() -> None:
    assert rules(tries(*row("raraaraaar"))) == ["refusals"]
    assert rules(tries(*row("raaaaaaaarar"))) == []  # the first is no longer of the last ten


def test_two_refusals_for_child_safety_are_enough_for_a_pause() -> None:
    found = assess(
        tries(*row("aaraaar"), category="sexual_minors"), now=START + timedelta(minutes=30)
    )

    assert [(f.rule, f.level) for f in found] == [("zero_tolerance", "cool_down")]


def test_six_of_twenty_lead_to_a_second_look() -> None:
    spread = "r" + "aaar" * 4 + "ar"
    assert rules(tries(*row(spread)))[0] == "many_refusals"
    assert "many_refusals" not in rules(tries(*row("raaarraaaaaaaaraaar")))


@pytest.mark.parametrize(
    "ours", ["language", "photosensitive", "broken_output", "screening_unavailable"]
)
def test_our_own_limits_count_for_nobody(ours: str) -> None:
    assert rules(tries(*row("rrrrrrrrrr"), category=ours)) == []


def test_a_week_is_the_longest_memory() -> None:
    old = tries(*row("rrrrrrrr"))

    assert assess(old, now=START + timedelta(days=8)) == ()


REWORDED = (
    "two gangs fight with knives in a dark alley, blood on the walls",
    "two gangs fight with swords in a dark alley, blood on the walls",
    "two gangs fight with kn1ves in a dark alley, bl00d on the floor",
    "two rival gangs fight with knives in a dark alley, blood on the walls",
    "two gangs are fighting with knives in the dark alley, blood on walls",
)


def test_five_refused_wordings_of_one_wish_are_a_search_for_a_gap() -> None:
    spread: list[str] = []
    for wording in REWORDED:  # far apart, so that no counting rule fires
        spread += [wording, *OTHERS[len(spread) % 9 :][:9]]
    found = tries(*row("raaaaaaaaa" * 5), texts=spread)

    last = assess(found, now=found[-1].at)

    assert [(f.rule, f.level, len(f.tries)) for f in last] == [("rephrasing", "second_look", 5)]


def test_five_refused_wishes_that_differ_are_not() -> None:
    assert "rephrasing" not in rules(tries(*row("raaaa" * 5)))


def test_meaning_finds_the_rephrasing_that_letters_do_not_show() -> None:
    words = ("crimson dusk", "opal tide", "broken bell", "a far drum", "pale horses")
    near = [(1.0, 0.1 * k, 0.0) for k in range(5)]
    blind = tries(*row("rrrrr"), texts=words)
    seen = [
        Try(one.key, one.at, one.text, one.outcome, one.categories, meaning=vector)
        for one, vector in zip(blind, near, strict=True)
    ]

    assert "rephrasing" not in rules(blind)
    assert "rephrasing" in rules(seen)


def test_a_refused_wish_that_passes_reworded_and_is_blocked_at_the_end() -> None:
    found = tries(*row("raab"), texts=(REWORDED[0], *OTHERS[:2], REWORDED[3]))

    assert rules(found) == ["around_the_block"]
    assert rules(tries(*row("raab"), texts=(REWORDED[0], *OTHERS[:3]))) == []


def test_a_blocked_clip_alone_is_no_probing() -> None:
    assert rules(tries(*row("aaab"))) == []


def test_one_upload_edited_again_and_again_towards_what_is_refused() -> None:
    mixed = [
        Try(one.key, one.at, one.text, one.outcome, one.categories, uploads=frozenset(on))
        for one, on in zip(
            tries(*row("raaaaaraaaaaraaaaar")),
            [("picture",) if number % 6 == 0 else () for number in range(19)],
            strict=True,
        )
    ]

    assert rules(mixed)[0] == "upload_chain"
    assert "upload_chain" not in rules(tries(*row("raaaaaraaaaaraaaaar")))


def test_seeds_of_borderline_results_asked_for_again_with_other_words() -> None:
    found = []
    for number in range(8):
        borderline = number % 2 == 0
        found.append(
            Try(
                key=str(number),
                at=START + timedelta(minutes=number),
                text=OTHERS[number],
                outcome="guarded" if borderline else "allowed",
                categories=("sexual",) if borderline else (),
                result_seed=100 + number if borderline else None,
                seed=None if borderline else 99 + number,
            )
        )

    assert rules(found[:4]) == []  # two are not enough
    assert rules(found) == ["borderline_seed"]
    assert rules([Try(t.key, t.at, OTHERS[0], t.outcome, t.categories, seed=t.seed,
                      result_seed=t.result_seed) for t in found]) == []  # fmt: skip


def test_six_rewordings_within_a_minute_after_a_refusal() -> None:
    fast = [f"{REWORDED[0]}, take {n}" for n in range(8)]

    assert "hurry" in rules(tries(*row("raaaaaaa"), texts=fast, every=6))
    assert rules(tries(*row("raaaaaaa"), texts=fast, every=30)) == []
    assert rules(tries(*row("raaaaaaa"), texts=OTHERS, every=6)) == []


def test_a_second_look_ends_after_a_day_and_nothing_is_for_ever() -> None:
    found = assess(tries(*row("r" * 8)), now=START + timedelta(hours=1))

    ends = [until(finding, START) for finding in found]
    assert max(max(pair) for pair in ends) == START + SECOND_LOOK


def test_disguised_spelling_makes_no_new_prompt() -> None:
    plain = sketch("two gangs fight with knives in a dark alley")

    assert likeness(plain, sketch("tw0 g4ngs f1ght with kn1ves in a dark alley")) > 0.9
    assert likeness(plain, sketch("TWO GANGS FIGHT WITH KNIVES IN A DARK ALLEY")) == 1.0
    assert likeness(plain, sketch("a red balloon rises over the ocean at sunset")) < 0.3
    assert likeness(plain, sketch("")) == 0.0


# --- How often somebody harmless meets a rule -----------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "rate", "percent"),
    [
        (REFUSALS, 0.05, 0.10),
        (REFUSALS, 0.02, 0.003),
        (REFUSALS, 0.08, 0.58),
        (MANY_REFUSALS, 0.05, 0.033),
        (MANY_REFUSALS, 0.02, 0.0002),
        (ONE_KIND, 0.02, 0.086),
    ],
)
def test_the_probability_of_a_false_alarm_is_what_the_rules_promise(
    rule: tuple[int, int], rate: float, percent: float
) -> None:
    assert 100 * false_alarm(*rule, rate) == pytest.approx(percent, rel=0.1)


def test_a_thousand_harmless_people_for_a_hundred_prompts_each() -> None:
    """Independent refusals of 2 %: the window slides over every prompt, so a person meets a rule more
    often than one window does. What a human gets to see must stay rare."""
    rng = random.Random(7)
    met = {"explain": 0, "cool_down": 0, "second_look": 0}
    for _ in range(1000):
        outcomes = ["refused" if rng.random() < 0.02 else "allowed" for _ in range(100)]
        if outcomes.count("refused") < 3:
            continue
        person = tries(*outcomes)
        levels = set()
        for end in range(1, 101):
            if person[end - 1].bad:
                levels |= {f.level for f in assess(person[:end], now=person[end - 1].at)}
        for level in levels:
            met[level] += 1

    assert met["cool_down"] <= 3  # of 1000
    assert met["second_look"] <= 1


# --- The examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize("category", EXAMPLES)
def test_every_example_passes_the_gate(category: str) -> None:
    assert gate.screen_prompt(EXAMPLES[category]).action == "allow"


def test_a_category_without_an_example_gets_a_plain_one() -> None:
    assert example_for("something new") == "A red balloon rises over the ocean at sunset"
