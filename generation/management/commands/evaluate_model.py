"""`manage.py evaluate_model`: the figures of the model card, measured again."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from generation.engine.protocol import EngineError
from generation.training.evaluate.command import add_arguments, run


class Command(BaseCommand):
    help = "Measure how well the model follows its prompts; --write puts the table into its card."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model-dir", type=Path, default=Path(settings.SORA_MODEL_DIR))
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        add_arguments(parser)

    def handle(self, **options: Any) -> None:
        wanted = ("model_dir", "clips", "device", "distilled", "judges", "quick", "write")
        try:
            text = run(as_json=options["json"], **{name: options[name] for name in wanted})
        except (EngineError, ValueError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(text)
