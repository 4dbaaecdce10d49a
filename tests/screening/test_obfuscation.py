"""What reads the same is judged the same: every disguise, over the shipped blocklists."""

from __future__ import annotations

import pytest

from moderation.screening.gate import matcher, screen_prompt
from moderation.screening.protocol import Verdict
from tests.screening.disguises import DISGUISES

EVERY_NTH_TERM = 13  # of about 2,300 terms: some 8,000 pairs in a few seconds


def _terms() -> list[str]:
    terms = [
        " ".join(part.rstrip("*") for part in entry)
        for blocklist in matcher().blocklists
        if blocklist.level not in ("exception", "relief")
        for entry in blocklist.entries
    ]
    return [term for term in terms if term.isascii()][::EVERY_NTH_TERM]


TERMS = _terms()
PLAIN: dict[str, Verdict] = {}


def _prompt(term: str) -> str:
    return f"show {term} now"


def _outcome(verdict: Verdict) -> tuple[str, tuple[str, ...], str]:
    return verdict.action, verdict.categories, verdict.profile


def _plain(term: str) -> tuple[str, tuple[str, ...], str]:
    if term not in PLAIN:
        PLAIN[term] = screen_prompt(_prompt(term))
    return _outcome(PLAIN[term])


def test_the_table_is_large_enough() -> None:
    assert len(DISGUISES) >= 20
    assert len(DISGUISES) * len(TERMS) >= 5_000


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_term_gets_the_verdict_of_the_plain_one(name: str) -> None:
    disguise = DISGUISES[name]
    different = []
    for term in TERMS:
        if "leet" in name and any(c.isdigit() for c in term):
            continue  # digits that already mean digits can't be told from letters
        verdict = _outcome(screen_prompt(disguise(_prompt(term))))
        if verdict != _plain(term):
            different.append((term, verdict, _plain(term)))

    assert not different


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguised_harmless_prompt_is_not_refused(name: str) -> None:
    for prompt in ("a red balloon rises over the ocean", "a dog runs through the meadow"):
        assert screen_prompt(DISGUISES[name](prompt)).allowed
