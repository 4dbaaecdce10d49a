"""`manage.py import_hashes FILE BANK`: read a list of known material into a bank.

Reading the same file again changes nothing; rows that can't be used are counted and named.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from moderation import hash_banks
from moderation.models import HashBank
from moderation.screening.hash_formats import FORMATS, UnreadableList
from sora_site.lib.errors import SoraError


class Command(BaseCommand):
    help = "Read a list of perceptual hashes (PDQ, vPDQ) into a bank of known material."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("bank", help="name of the bank; made when there is none")
        parser.add_argument("--form", choices=FORMATS, default="auto")
        parser.add_argument(
            "--harm", choices=HashBank.Harm.values, default=HashBank.Harm.OTHER.value,
            help="child_abuse: a match is sealed and a report is drafted",
        )  # fmt: skip
        parser.add_argument(
            "--negative", action="store_true",
            help="exceptions: harmless pictures that are like something listed",
        )  # fmt: skip
        parser.add_argument("--source", default="file", help="where the list is from")
        parser.add_argument("--title", default="")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, file: Path, bank: str, form: str, **options: Any) -> None:
        kind = HashBank.Kind.NEGATIVE if options["negative"] else HashBank.Kind.BLOCK
        try:
            opened = hash_banks.open_bank(
                bank,
                title=options["title"],
                source=options["source"],
                kind=kind.value,
                harm=options["harm"],
            )
            report = hash_banks.import_file(opened, file, form=form)
        except UnreadableList as error:
            raise CommandError(str(error)) from error
        except SoraError as error:
            raise CommandError(error.message) from error
        counts = {
            name: getattr(report, name)
            for name in ("read", "added", "known", "removed", "quarantined", "bad")
        }
        if options["json"]:
            self.stdout.write(json.dumps({"bank": bank, **counts, "bad_rows": report.bad_rows}))
            return
        self.stdout.write(
            f"{bank}: " + ", ".join(f"{value} {name}" for name, value in counts.items())
        )
        for where, why in report.bad_rows:
            self.stdout.write(f"  {where}: {why}")
        if report.bad > len(report.bad_rows):
            self.stdout.write(f"  and {report.bad - len(report.bad_rows)} more")
