"""`./sora manage verify_report FILE`: whether a bundle of a period is what this site signed."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation import signing
from moderation import evidence_pack


class Command(BaseCommand):
    help = "Check the signed bundle of a transparency report. Exit status 0: it is genuine."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE")
        parser.add_argument("--roots", metavar="PEM", help="trusted roots instead of this site's")

    def handle(self, *, file: str, roots: str | None = None, **options: Any) -> None:
        path = Path(file).expanduser()
        try:
            if path.stat().st_size > evidence_pack.MOST_BYTES:
                raise CommandError(f"{path} is larger than any bundle.")
            trusted = Path(roots).read_text() if roots else signing.trust_anchors()
            found = evidence_pack.verify(path.read_bytes(), trusted)
        except OSError as error:
            raise CommandError(f"{error.filename} can't be read: {error.strerror}.") from error
        except evidence_pack.BadPack as error:
            raise CommandError(f"NOT GENUINE: {error}") from error
        self.stdout.write(
            f"genuine: {found.service or 'this site'}, {found.begins} to {found.ends}, "
            f"made {found.made_at}, signed by {found.issuer}"
        )
