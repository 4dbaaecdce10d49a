"""`manage.py grant_credits EMAIL AMOUNT --reason …`: how the manual provider gives credits."""

from __future__ import annotations

from argparse import ArgumentParser
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.services import personal_workspace
from billing import services
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import LedgerEntry


class Command(BaseCommand):
    help = "Add credits to somebody's personal workspace; a negative amount takes free ones away."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("amount", type=int)
        parser.add_argument("--reason", required=True, help="Shown in the ledger.")
        parser.add_argument(
            "--reference", default="", help="Give the same one again and nothing happens twice."
        )

    def handle(
        self, *, email: str, amount: int, reason: str, reference: str, **options: object
    ) -> str:
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"Nobody has the address {email}.")
        if amount == 0:
            raise CommandError("The amount can't be 0.")
        workspace = personal_workspace(user)
        kind = LedgerEntry.Kind.GRANT if amount > 0 else LedgerEntry.Kind.ADJUST
        try:
            services.grant_credits(
                workspace,
                amount,
                f"manual:{reference or uuid4()}",
                kind=kind,
                note=reason[:200],
            )
        except (InsufficientCredits, LedgerConflict) as error:
            raise CommandError(error.message) from error
        now = services.balance(workspace)
        return f"{email} now has {now.available} free and {now.held} held credits."
