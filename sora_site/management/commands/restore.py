"""`./sora manage restore FILE.tar`: a backup into an empty database and state folder."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sora_site.backup import BackupError, restore


class Command(BaseCommand):
    help = "Put a backup into an empty database and state folder; ./sora up then goes on from it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.tar")

    def handle(self, *, file: str, **options: Any) -> str:
        source = Path(file).expanduser().absolute()
        try:
            manifest = restore(source)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        return (
            f"restored what version {manifest['version']} saved at {manifest['made_at']}; ./sora up"
        )
