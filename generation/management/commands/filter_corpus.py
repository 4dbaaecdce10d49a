"""`manage.py filter_corpus MANIFEST`: what of a training set the product's own checks leave out."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = (
        "Screen the captions and pictures of a training set manifest with the checks of this product, "
        "and write what is kept, what is left out, and why."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "manifest", type=Path, metavar="MANIFEST", help="JSON lines, see docs/training.md"
        )
        parser.add_argument(
            "--out", type=Path, metavar="FOLDER",
            help="gets manifest.jsonl and filter_report.json; default: MANIFEST's name with -filtered",
        )  # fmt: skip
        parser.add_argument("--run", type=Path, help="run file with the table [corpus]")
        parser.add_argument(
            "--frame-classifier", metavar="NAME", default="",
            help="dotted name; without one, footage that may show people is left out",
        )  # fmt: skip
        parser.add_argument("--captions-only", action="store_true", help="don't open the files")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        from generation.training.config import RunError, read_run
        from generation.training.corpus.build import DEFAULT_RUN
        from generation.training.corpus.manifest import ManifestError
        from generation.training.corpus.screen import screen
        from generation.training.corpus.settings import CorpusSettingsError, corpus_settings

        manifest: Path = options["manifest"]
        out = options["out"] or manifest.with_name(f"{manifest.stem}-filtered")
        if out.exists() and not out.is_dir():
            raise CommandError(f"--out: {out} is a file; give a folder.")
        try:
            settings = corpus_settings(
                read_run(options["run"] or DEFAULT_RUN).tables.get("corpus", {})
            )
            if options["frame_classifier"]:
                safety = replace(settings.safety, frame_classifier=options["frame_classifier"])
                settings = replace(settings, safety=safety)
            report = screen(
                manifest,
                out,
                settings,
                pictures=not options["captions_only"],
                tell=lambda count: (
                    self.stderr.write(f"{count:,} items") if not count % 500 else None
                ),
            )
        except (CorpusSettingsError, ManifestError, RunError, OSError, ValueError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(report.to_json(), ensure_ascii=False))
        else:
            self.stdout.write(report.table())
            self.stdout.write(f"\nwritten: {out / 'manifest.jsonl'}, {out / 'filter_report.json'}")
