"""Rows for tests: plain functions with keyword defaults, through the services where one exists."""

from __future__ import annotations

from datetime import date
from itertools import count
from typing import Any

from accounts import services as accounts
from accounts.models import AgeAttestation, Membership, User, Workspace

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_user(
    email: str | None = None, *, attested: bool = True, verified: bool = True, **fields: Any
) -> User:
    """A person who can sign in with PASSWORD; an adult with a verified address by default."""
    from allauth.account.models import EmailAddress

    number = next(_numbers)
    email = email or f"person{number}@example.com"
    fields.setdefault("handle", f"person-{number}")
    fields.setdefault("date_of_birth", date(1990, 5, 21) if attested else None)
    user = User.objects.create_user(email, PASSWORD, **fields)
    if attested:
        AgeAttestation.objects.create(user=user, source=AgeAttestation.Source.SIGN_UP)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=verified)
    return user


def make_workspace(owner: User | None = None, *, name: str = "Studio") -> Workspace:
    """A workspace with its owner as the first member."""
    return accounts.create_workspace(owner or make_user(), name)


def make_membership(
    workspace: Workspace, user: User | None = None, *, role: str = Membership.Role.CREATOR
) -> Membership:
    """One more member of the workspace."""
    return Membership.objects.create(workspace=workspace, user=user or make_user(), role=role)


def add_second_factor(user: User) -> None:
    """An authenticator app, so that staff pages open."""
    from allauth.mfa.totp.internal import auth

    auth.TOTP.activate(user, auth.generate_totp_secret())
