"""`./sora manage child_safety_reviewer EMAIL [--take]`: who may open the child-safety queue."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from moderation import childsafety


class Command(BaseCommand):
    help = "Give a staff member the permission to review child-safety cases, or take it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--take", action="store_true", help="take the permission away")

    def handle(self, *, email: str, take: bool, **options: Any) -> str:
        person = User.objects.filter(email__iexact=email).first()
        if person is None:
            raise CommandError("There is no account with this address.")
        try:
            changed = childsafety.set_reviewer(person, allowed=not take, by=None)
        except ValueError as error:
            raise CommandError(str(error)) from error
        return "done" if changed else "nothing to change"
