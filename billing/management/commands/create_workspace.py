"""`manage.py create_workspace NAME EMAIL`: a workspace for a team; its owner adds the members."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.models import User
from accounts.services import create_workspace
from billing import services
from billing.plans import PLANS, TEAM

MOST_NAME = 80


class Command(BaseCommand):
    help = (
        "Make a workspace for a team, with its owner and plan. The owner adds members on its page."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("email", help="of the owner")
        parser.add_argument("--plan", choices=sorted(PLANS), default=TEAM.code)

    def handle(self, *, name: str, email: str, plan: str, **options: object) -> str:
        name = " ".join(name.split())
        if not name or len(name) > MOST_NAME or not name.isprintable():
            raise CommandError(f"A name has 1 to {MOST_NAME} printable characters.")
        owner = User.objects.filter(email=email.strip().lower(), is_active=True).first()
        if owner is None:
            raise CommandError(f"Nobody has the address {email}.")
        with transaction.atomic():
            workspace = create_workspace(owner, name)
            services.change_plan(workspace, plan)
        now = services.balance(workspace)
        return (
            f"Workspace {workspace.pk}, {name}, of {email}: {plan}, {now.available} free credits."
        )
