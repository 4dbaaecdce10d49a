"""`manage.py evaluate_screening`: what the text screening does with the rows of any set.

Without --set it scores our own prompts that no classifier was trained on.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation.prompting import rewrite
from generation.screening import text_providers
from moderation.screening import (
    evaluate,
    evaluation_document,
    text_embedding,
    text_linear,
    training_data,
)
from moderation.screening.panel import default_text_classifiers
from moderation.screening.policy import default_policy
from moderation.screening.protocol import ScreeningUnavailable, TextClassifier
from moderation.screening.signals import Checks
from moderation.screening.thresholds import PROFILES


def _classifiers(vectors: Path | None) -> tuple[TextClassifier, ...]:
    """The embedded ones, with a cache of vectors where one is named and the encoder is installed."""
    if vectors is None or not text_embedding.is_installed():
        return default_text_classifiers()
    return (text_embedding.TextEmbedding(vectors=vectors),)


class Command(BaseCommand):
    help = (
        "Score the text screening on evaluation sets (JSON lines with id, text, category, label)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--set", nargs="+", type=Path, action="extend", metavar="PATH", dest="sets",
            help="files of JSON lines, or folders of *.jsonl; without it, our own unseen prompts",
        )  # fmt: skip
        parser.add_argument("--profile", choices=sorted(PROFILES), default="default")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--rows", type=Path, metavar="OUT.jsonl", help="one line for each row")
        parser.add_argument(
            "--unseen", action="store_true",
            help="leave out rows the shipped classifiers were trained on (training_data.py)",
        )  # fmt: skip
        parser.add_argument(
            "--half", choices=("odd", "even"),
            help="only the half of the rows whose text has such a CRC-32 (docs: even is for finding "
            "out what to mend, odd for measuring)",
        )  # fmt: skip
        parser.add_argument(
            "--cache", type=Path, metavar="VECTORS.npz",
            help="keep the vectors of texts here between runs (of training and of this command)",
        )  # fmt: skip
        parser.add_argument(
            "--document", type=Path, metavar="PATH", help="write the tables as Markdown"
        )

    def handle(self, **options: Any) -> None:
        problems = evaluate.Problems()
        try:
            if options["sets"]:
                rows = evaluate.read_rows(options["sets"], problems)
                if options["unseen"]:
                    rows = [r for r in rows if not text_linear.default().trained_on(r.text)]
            else:
                rows = training_data.own_unseen_rows()
            if options["half"]:
                rows = [r for r in rows if evaluate.half_of(r.text) == options["half"]]
                if not rows:
                    raise evaluate.NoRows("No row is in that half.")
        except (evaluate.NoRows, OSError) as error:
            raise CommandError(str(error)) from error
        for problem in problems.named:
            self.stderr.write(f"left out {problem}")
        if problems.count > len(problems.named):
            self.stderr.write(f"left out {problems.count - len(problems.named)} more lines")
        try:
            report = self._report(rows, problems, options)
        except ScreeningUnavailable as error:
            raise CommandError(f"The screening can't answer: {error}") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        if options["document"]:
            text = evaluation_document.render(report, evaluation_document.NOTES)
            options["document"].write_text(text, encoding="utf-8")
        if options["json"]:
            self.stdout.write(json.dumps(report, ensure_ascii=False))
        else:
            self.stdout.write(evaluation_document.render(report))

    def _report(
        self, rows: list[evaluate.Row], problems: evaluate.Problems, options: dict[str, Any]
    ) -> dict[str, Any]:
        """The embedded classifiers alone at the top level; with providers apart, never mixed."""
        inner = _classifiers(options["cache"])
        local = tuple(evaluate.Remembered(c) for c in inner)
        judged = self._judge(rows, Checks(texts=local), options["profile"])
        for classifier in inner:
            if isinstance(classifier, text_embedding.TextEmbedding):
                classifier.save_vectors()
        if options["rows"]:
            with options["rows"].open("w", encoding="utf-8") as file:
                for item in judged:
                    file.write(json.dumps(item.to_json(), ensure_ascii=False) + "\n")
        report = {
            "profile": options["profile"],
            "policy_version": default_policy().version,
            "classifiers": [f"{c.name} {c.version}" for c in local],
            "sets": [path.name for path in options["sets"] or ()] or ["own unseen prompts"],
            "half": options["half"] or "both",
            "rows": len(judged),
            "lines_left_out": problems.count,
            "problems": problems.named,
            **evaluate.tables(judged),
            "profiles": evaluate.by_profile(judged, PROFILES, default_policy()),
        }
        providers = text_providers()
        if providers:
            checks = Checks(texts=local, text_providers=tuple(providers))
            report["with_providers"] = {
                "providers": [f"{p.name} {p.version}" for p in providers],
                **evaluate.tables(self._judge(rows, checks, options["profile"])),
            }
        return report

    def _judge(
        self, rows: list[evaluate.Row], checks: Checks, profile: str
    ) -> list[evaluate.Judged]:
        judged = []
        for number, row in enumerate(rows, start=1):
            judged.append(
                evaluate.judge(
                    row,
                    rewrite=lambda text: rewrite(text).text,
                    profile=profile,
                    policy=default_policy(),
                    checks=checks,
                    guesses=lambda text: rewrite(text).guessed,
                )
            )
            if number % 500 == 0:
                self.stderr.write(f"{number:,} of {len(rows):,} rows")
        return judged
