"""`manage.py change_plan EMAIL PLAN`: how the manual provider puts somebody on a plan."""

from __future__ import annotations

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from accounts.models import User
from accounts.services import personal_workspace
from billing import services
from billing.plans import PLANS


class Command(BaseCommand):
    help = "Put somebody's personal workspace on a plan and give the plan's credits once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("plan", choices=sorted(PLANS))
        parser.add_argument(
            "--reference",
            default="",
            help="Names this start of the plan, such as a month: credits are given once for each.",
        )

    def handle(self, *, email: str, plan: str, reference: str, **options: object) -> str:
        user = User.objects.filter(email=email.strip().lower()).first()
        if user is None:
            raise CommandError(f"Nobody has the address {email}.")
        workspace = personal_workspace(user)
        services.change_plan(workspace, plan, reference=reference)
        now = services.balance(workspace)
        return f"{email} is on {plan} with {now.available} free credits."
