"""What an empty site needs before the first visit: keys to sign with and somebody who may sign in."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction

from accounts.models import AgeAttestation, User, new_handle
from accounts.services import personal_workspace, sign_up
from billing.plans import TEAM
from billing.services import change_plan
from generation.provenance.development_ca import ensure_development_ca

EMAIL, HANDLE = "admin@localhost", "operator"
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that look alike


@dataclass(frozen=True)
class SignIn:
    """How the first operator gets in. `password` is empty once its file was deleted."""

    email: str
    password: str
    file: Path


def bootstrap(*, email: str = "") -> SignIn:
    """Make what is missing; change nothing that exists. Safe to call at every start."""
    if not settings.SORA_SIGNING_CHAIN:
        ensure_development_ca(settings.SORA_DEVELOPMENT_CA_DIR, settings.SITE_NAME)
    file = Path(settings.SORA_STATE_DIR) / "secrets" / "first-admin"
    with transaction.atomic():
        first = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
        if first is not None:
            return SignIn(first.email, _kept(file, first), file)
        password = "-".join("".join(secrets.choice(LETTERS) for _ in range(5)) for _ in range(4))
        first = User(email=email or EMAIL, handle=_free_handle(), is_staff=True, is_superuser=True)
        first.set_password(password)
        # The person at this machine operates the site and stands for being an adult.
        sign_up(
            first,
            date_of_birth=None,
            display_name="Operator",
            source=AgeAttestation.Source.OPERATOR,
        )
        # Who runs the machine pays for it: the largest plan, so that the command line isn't rationed.
        change_plan(personal_workspace(first), TEAM.code, by=first)
        EmailAddress.objects.create(user=first, email=first.email, verified=True, primary=True)
        _keep(file, password)
    return SignIn(first.email, password, file)


def first_admin() -> User:
    """The account commands act for. Raises User.DoesNotExist before `bootstrap`."""
    return User.objects.filter(is_superuser=True, is_active=True).order_by("pk")[:1].get()


def _free_handle() -> str:
    return new_handle() if User.objects.filter(handle=HANDLE).exists() else HANDLE


def _keep(file: Path, password: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file.unlink(missing_ok=True)
    with open(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as opened:
        opened.write(password + "\n")


def _kept(file: Path, user: User) -> str:
    """The password from the file, as long as it is still the account's."""
    try:
        password = file.read_text().strip()
    except OSError:
        return ""
    return password if user.check_password(password) else ""
