"""People who choose what is featured."""

from __future__ import annotations

from accounts.models import StaffRole, User
from tests.factories import add_second_factor, make_user


def make_curator(**fields: object) -> User:
    """Staff with the role curator and a second factor."""
    person = make_user(is_staff=True, **fields)  # type: ignore[arg-type]
    StaffRole.objects.create(user=person, role=StaffRole.Role.CURATOR)
    add_second_factor(person)
    return person
