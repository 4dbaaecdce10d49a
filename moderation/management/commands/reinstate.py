"""`./sora manage reinstate EMAIL --reason TEXT`: open an account again that was held or suspended."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import restrictions, services
from accounts.models import Restriction, User


class Command(BaseCommand):
    help = "Open a held or suspended account again. Its child-safety cases stay as they are."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--reason", required=True, help="kept in the audit trail")

    def handle(self, *, email: str, reason: str, **options: Any) -> str:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError("There is no account with this address.")
        for row in Restriction.objects.running(person).filter(feature="account"):
            restrictions.lift(person, reference=row.reference, by=None)
        changed = services.reinstate_user(person, by=None, reason=reason[:200])
        return "open again" if changed else "was not suspended"
