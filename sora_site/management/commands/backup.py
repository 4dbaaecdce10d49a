"""`./sora manage backup FILE.tar`: database, media and keys in one file. The site may run."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sora_site.backup import BackupError, back_up


class Command(BaseCommand):
    help = "Write database, media and keys into one tar file. It holds secrets: keep it like a key."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE.tar")

    def handle(self, *, file: str, **options: Any) -> str:
        target = Path(file).expanduser().absolute()
        try:
            manifest = back_up(target)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        left_out = "" if manifest["media"] else "; the clips stay in the bucket, back it up there"
        return f"{target}   ({target.stat().st_size / 2**20:.1f} MB{left_out})"
