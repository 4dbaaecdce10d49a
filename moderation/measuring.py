"""Measure cases with the classifiers of a worker; the figures are those of evaluate_screening."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from generation import screening
from generation.loading import load_classifiers
from generation.policies import active_policy
from generation.prompting import rewrite
from moderation.models import EvalCase
from moderation.screening import evaluate
from moderation.screening.normalise import language_hint


class Stopped(Exception):
    """Somebody else has the run, or this process ends."""


@dataclass(frozen=True)
class Measured:
    figures: dict[str, Any]
    answers: dict[str, str]  # case key -> refuse, guard, rewrite or allow
    policy_version: str
    classifiers: list[str]


def measure(cases: Iterable[EvalCase], profile: str, goes_on: Callable[[], bool]) -> Measured:
    """Every case the product's way, under the policy this installation runs now.

    Raises Stopped when `goes_on` says no, ScreeningUnavailable when a check does not answer.
    """
    load_classifiers()
    checks, policy = screening.checks(), active_policy()
    judged = []
    for case in cases:
        if not goes_on():
            raise Stopped()
        judged.append(
            evaluate.judge(
                row_of(case),
                rewrite=lambda text: rewrite(text).text,
                profile=profile,
                policy=policy,
                checks=checks,
            )
        )
    return Measured(
        figures=evaluate.tables(judged),
        answers={item.row.id: item.action for item in judged},
        policy_version=policy.version,
        classifiers=[f"{c.name} {c.version}" for c in (*checks.texts, *checks.text_providers)],
    )


def row_of(case: EvalCase) -> evaluate.Row:
    """A case as evaluate_screening reads it."""
    extra = case.extra
    return evaluate.Row(
        id=case.key,
        text=case.text,
        category=case.category,
        label=case.label,
        source=str(extra.get("source") or case.set.name),
        contrast=bool(extra.get("contrast")),
        implicit=bool(extra.get("implicit")),
        language=str(extra.get("language") or language_hint(case.text[:2000])),
        minor_reference=str(extra.get("minor_reference") or ""),
    )
