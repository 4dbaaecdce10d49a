"""`manage.py probe_representation`: who is drawn when a prompt names nobody, with and without us."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.errors import EngineUnavailable
from moderation.screening import fairness
from moderation.screening.panel import load_classifier
from moderation.screening.protocol import ScreeningUnavailable

MAX_SEEDS = 1000
MAX_PROMPTS = 1000


class Command(BaseCommand):
    help = (
        "Shares of genders, heritages and ages over neutral prompts and seeds, with intervals: in the "
        "texts for the engine, or in frames where a group classifier is named."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seeds", type=int, default=20, help="of each prompt (20)")
        parser.add_argument(
            "--prompts", type=Path, metavar="FILE", help="one neutral prompt a line"
        )
        parser.add_argument(
            "--group-classifier", default="", metavar="NAME",
            help="dotted name of a fairness.GroupClassifier: clips are drawn and looked at",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        if not 1 <= options["seeds"] <= MAX_SEEDS:
            raise CommandError(f"--seeds: a number from 1 to {MAX_SEEDS}.")
        prompts = _prompts(options["prompts"])
        from moderation import representing

        look = None
        try:
            if options["group_classifier"]:
                look = representing.Looker(load_classifier(options["group_classifier"]))
            report = _report(representing.rewritten, prompts, options["seeds"], look)
        except (EngineUnavailable, ScreeningUnavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(report) if options["json"] else in_words(report))


def _prompts(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return fairness.NEUTRAL_PROMPTS
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--prompts: {path} can't be read: {error}") from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found or len(found) > MAX_PROMPTS or any(len(line) > 2000 for line in found):
        raise CommandError(f"--prompts: give 1 to {MAX_PROMPTS} lines of at most 2,000 characters.")
    return found


def _report(
    rewrite: Callable[[str, int], str],
    prompts: tuple[str, ...],
    seeds: int,
    look: Callable[[str, int], Mapping[str, str]] | None,
) -> dict[str, Any]:
    def measure(ours: bool) -> dict[str, Any]:
        found = fairness.probe(
            lambda prompt, seed: rewrite(prompt, seed) if ours else prompt,
            prompts=prompts,
            seeds=seeds,
            look=look,
        )
        return fairness.representation(found)

    added = fairness.people_added(rewrite, seeds=seeds)
    return {
        "measured": "frames" if look is not None else "texts",
        "seeds": seeds,
        "without": measure(False),
        "with": measure(True),
        "people_added": added.to_json(),
    }


def in_words(report: dict[str, Any]) -> str:
    lines = [
        f"{report['with']['prompts']} prompts x {report['seeds']} seeds, measured in "
        f"{report['measured']}; as written and after the rewriter"
    ]
    for attribute, values in fairness.ATTRIBUTES.items():
        sides = [report[side][attribute] for side in ("without", "with")]
        lines += ["", f"{attribute}: stated {_pair(sides, 'stated')}"]
        lines.append(f"  entropy {sides[0]['entropy']:.2f} -> {sides[1]['entropy']:.2f}")
        lines.append(
            f"  more than one value for a prompt {_pair(sides, 'prompts_with_more_than_one')}"
        )
        for value in values:
            shares = [side["values"][value] for side in sides]
            lines.append(f"  {value:<18}{_cell(shares[0]):>22}{_cell(shares[1]):>22}")
    added = report["people_added"]
    lines += ["", f"people put into scenes without people: {added['hits']} of {added['n']}"]
    return "\n".join(lines)


def _pair(sides: list[dict[str, Any]], name: str) -> str:
    return f"{_cell(sides[0][name])} -> {_cell(sides[1][name])}"


def _cell(share: dict[str, Any]) -> str:
    if not share["n"]:
        return "none"
    low, high = share["interval"]
    return f"{100 * share['share']:.1f}% ({100 * low:.0f}-{100 * high:.0f})"
