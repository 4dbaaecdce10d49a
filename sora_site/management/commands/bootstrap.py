"""First keys and first account, for installations that don't use `./sora up`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sora_site.management import first_admin


class Command(BaseCommand):
    help = "Make the signing keys and the first operator account if they don't exist."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="", help="address of the first operator account")

    def handle(self, *, email: str, **options: Any) -> str:
        sign_in = first_admin.bootstrap(email=email)
        return f"sign in as {sign_in.email}; the password is in {sign_in.file}"
