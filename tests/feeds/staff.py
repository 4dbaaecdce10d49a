"""People who choose what is featured."""

from __future__ import annotations

from typing import Any

from accounts.models import User
from tests.factories import add_second_factor, make_user


def make_curator(*, role: str = "curator", **fields: Any) -> User:
    """Staff with this role alone and a second factor."""
    person = make_user(is_staff=True, roles=(role,), **fields)
    add_second_factor(person)
    return person
