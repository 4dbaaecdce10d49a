"""`manage.py forget_age_refusal EMAIL`: undo a refusal that came from a mistyped date."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from accounts import services


class Command(BaseCommand):
    help = "Let an address sign up again after you have made sure that the date was a mistake."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")

    def handle(self, *, email: str, **options: object) -> str:
        if services.forget_age_refusal(email):
            return "Forgotten. The same browser stays refused until its cookie is deleted."
        return "No refusal is remembered for this address."
