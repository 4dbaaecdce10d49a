"""`manage.py age_bias MANIFEST`: does the configured age check err more often for some groups?"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.screening import frame_classifier
from moderation.screening.fairness import FairnessError, age_report, read_labelled
from moderation.screening.protocol import ScreeningUnavailable


class Command(BaseCommand):
    help = (
        "Errors of the age check by group, on pictures you label: JSON lines with path, group and "
        "child (true or false). Needs SORA_FRAME_CLASSIFIER with a model that tells children."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("manifest", type=Path, metavar="MANIFEST")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, manifest: Path, **options: Any) -> None:
        try:
            classifier = frame_classifier()
            if classifier is None:
                raise CommandError(
                    "No frame classifier is configured, so there is no age check to measure. Set "
                    "SORA_FRAME_CLASSIFIER (docs/adding_a_classifier.md)."
                )
            report = age_report(read_labelled(manifest), classifier)
        except (FairnessError, ScreeningUnavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(report) if options["json"] else in_words(report))


def in_words(report: dict[str, Any]) -> str:
    lines = [
        f"{report['classifier']}, a child from {report['point']:g} on",
        f"{'group':<24}{'children missed':>26}{'adults taken for children':>30}",
    ]
    for name, row in [*report["groups"].items(), ("all", report["all"])]:
        cells = [_cell(row["children_missed"]), _cell(row["adults_taken_for_children"])]
        lines.append(f"{name:<24}{cells[0]:>26}{cells[1]:>30}")
    gap = report["widest_gap_points"]
    lines.append(
        f"Widest gap between two groups: {_points(gap['children_missed'])} missed, "
        f"{_points(gap['adults_taken_for_children'])} taken for children."
    )
    if report["unreadable"]:
        lines.append(f"{report['unreadable']} pictures could not be read and are not counted.")
    return "\n".join(lines)


def _cell(share: dict[str, Any]) -> str:
    low, high = share["interval"]
    return f"{100 * share['share']:.1f}% ({100 * low:.0f}-{100 * high:.0f}) of {share['n']}"


def _points(value: float | None) -> str:
    return "not known" if value is None else f"{value:g} points"
