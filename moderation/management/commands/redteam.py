"""`manage.py redteam`: attack the checks of this installation, print what gets past, fail on a loss."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation import redteam as service
from moderation.screening import redteam
from moderation.screening.protocol import ScreeningUnavailable
from moderation.screening.redteam_transforms import transforms


class Command(BaseCommand):
    help = (
        "Send every seed in every disguise through the real checks; compare with the last run of the "
        f"same seeds and exit with 1 when something got worse by over {redteam.REGRESSION_POINTS:g} "
        "point."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        names = sorted({t.group for t in transforms()} | {t.name for t in transforms()})
        parser.add_argument(
            "--seeds", type=Path, default=redteam.SEEDS, metavar="FILE",
            help="JSON lines with id, text, category, label, and perhaps harmless and metaphor",
        )  # fmt: skip
        parser.add_argument(
            "--only", nargs="+", default=(), metavar="TRANSFORM",
            help=f"names or groups of transforms: {', '.join([*names, 'metaphor'])}",
        )  # fmt: skip
        parser.add_argument(
            "--outputs", type=int, default=0, metavar="N",
            help="draw and scan the first N that get that far (a clip of a second each)",
        )  # fmt: skip
        parser.add_argument(
            "--keep-baseline", type=Path, metavar="FILE",
            help="write this run as the baseline a site without an earlier run compares with "
            f"(shipped: {redteam.BASELINE.name})",
        )  # fmt: skip
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        known = {t.group for t in transforms()} | {t.name for t in transforms()} | {"metaphor"}
        if unknown := sorted(set(options["only"]) - known):
            raise CommandError(
                f"--only: there is no transform {', '.join(unknown)}; see --help for their names."
            )
        if not 0 <= options["outputs"] <= 1000:
            raise CommandError("--outputs: a number from 0 to 1000.")
        try:
            outcome = service.run(
                options["seeds"],
                only=options["only"],
                outputs=options["outputs"],
                tell=lambda count: (
                    self.stderr.write(f"{count} seeds done") if not count % 5 else None
                ),
            )
        except redteam.SeedError as error:
            raise CommandError(f"--seeds: {error}") from error
        except ScreeningUnavailable as error:
            raise CommandError(f"The screening can't answer: {error}") from error
        worse = redteam.regressions(outcome.changes or ())
        if options["keep_baseline"]:
            service.keep_baseline(outcome, options["keep_baseline"])
        if options["json"]:
            self.stdout.write(json.dumps(_report(outcome, worse), ensure_ascii=False))
        else:
            self.stdout.write(_in_words(outcome, worse))
        if worse:
            sys.exit(1)


def _report(outcome: service.Outcome, worse: list[redteam.Change]) -> dict[str, Any]:
    everything = redteam.totals(outcome.cells, "stage")
    return {
        "run": outcome.run.pk,
        "seeds": outcome.run.seeds,
        "policy_version": outcome.run.policy_version,
        "classifiers": outcome.run.classifiers,
        "attacks": outcome.run.attacks,
        "seconds": outcome.run.seconds,
        "stages": {
            key[0]: {
                "n": cell.n,
                "attack_success": round(cell.success, 2),
                "guarded": round(100 * cell.guarded / cell.n, 2) if cell.n else 0.0,
                "harmless_n": cell.harmless_n,
                "over_refusal": round(100 * cell.harmless_refused / cell.harmless_n, 2)
                if cell.harmless_n
                else 0.0,
            }
            for key, cell in everything.items()
        },
        "cells": redteam.to_json(outcome.cells),
        "compared_with": outcome.previous.pk
        if outcome.previous
        else redteam.BASELINE.name
        if outcome.baseline
        else None,
        "changes": [vars_of(change) for change in outcome.changes or ()],
        "regressions": [vars_of(change) for change in worse],
    }


def vars_of(change: redteam.Change) -> dict[str, Any]:
    return {
        "what": change.what,
        "measure": change.measure,
        "before": round(change.before, 2),
        "after": round(change.after, 2),
    }


def _in_words(outcome: service.Outcome, worse: list[redteam.Change]) -> str:
    lines = [redteam.as_text(outcome.cells), ""]
    lines.append(f"Run {outcome.run.pk}: {outcome.run.attacks} attacks, {outcome.run.seconds} s.")
    if outcome.previous is None and outcome.baseline is None:
        lines.append("The first run of these seeds; the next one is compared with it.")
        return "\n".join(lines)
    with_what = f"run {outcome.previous.pk}" if outcome.previous else "the shipped baseline"
    lines.append(f"Compared with {with_what}:")
    for change in outcome.changes or ():
        mark = " WORSE" if change in worse else ""
        lines.append(
            f"  {change.what}: {change.measure} {change.before:.1f} -> {change.after:.1f}{mark}"
        )
    if not outcome.changes:
        lines.append("  nothing moved")
    return "\n".join(lines)
