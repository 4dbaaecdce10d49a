"""Check the chain of receipts: `./sora manage verify_receipts`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from generation import receipts
from generation.models import Receipt


class Command(BaseCommand):
    help = (
        "Check that no receipt (statement of reasons) was changed, added in between or taken out."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--last",
            default="",
            help="the last hash an earlier run printed: it must be in the chain",
        )

    def handle(self, *, last: str, **options: Any) -> None:
        count, faults = receipts.verify()
        for fault in faults:
            self.stderr.write(f"{fault.public_id} (number {fault.number}): {fault.problem}")
        if last and not Receipt.objects.filter(hash=last).exists():
            raise CommandError(
                "The receipt with that hash is gone: the end of the chain was cut off."
            )
        if faults:
            raise CommandError(f"{len(faults)} faults in {count} receipts.")
        end = Receipt.objects.order_by("-number").values_list("hash", flat=True).first()
        self.stdout.write(f"{count} receipts, unbroken. Last hash: {end or receipts.FIRST_HASH}")
