"""Who may do which staff work. Superusers may do all of it; everybody else holds rows of StaffRole.

A role counts for as long as its row is there: pages ask at every request, services ask once more
inside the transaction of the deed (`require_role`), where the row is locked. Whoever takes a role away
waits for deeds under way, and what begins after that is refused.
"""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction

from accounts import audit
from accounts.errors import AccountSuspended, StaffOnly, StaffRoleMissing, StaffRoleRefused
from accounts.models import StaffRole, User

Role = StaffRole.Role

# Which roles suffice for work that asks for the first one.
COVERED_BY: Final[dict[str, tuple[str, ...]]] = {
    Role.REVIEWER: (Role.REVIEWER, Role.SENIOR),
    Role.SENIOR: (Role.SENIOR,),
    Role.CURATOR: (Role.CURATOR,),
    Role.POLICY: (Role.POLICY,),
    Role.ADMIN: (Role.ADMIN,),
}

MEANS: Final[dict[str, str]] = {
    Role.REVIEWER: "claims and decides cases",
    Role.SENIOR: "also takes second looks, decides appeals, closes reports of a period",
    Role.CURATOR: "chooses what is featured",
    Role.POLICY: "drafts, releases and rolls back the screening policy",
    Role.ADMIN: "gives and takes these roles, keeps flags and cohorts",
}


def roles_of(user: User | AnonymousUser) -> frozenset[str]:
    """The roles somebody holds now: all for a superuser, none for people who are no staff."""
    if not isinstance(user, User) or not user.is_active or not user.is_staff:
        return frozenset()
    if user.is_superuser:
        return frozenset(COVERED_BY)
    return frozenset(StaffRole.objects.filter(user=user).values_list("role", flat=True))


def has_role(user: User | AnonymousUser, role: str) -> bool:
    """Whether somebody holds `role` or one that covers it. Raises KeyError for no role of ours."""
    return not roles_of(user).isdisjoint(COVERED_BY[role])


def holders(role: str) -> set[int]:
    """Ids of the active people who may do this work, superusers included."""
    active = User.objects.filter(is_active=True, is_staff=True, suspended_at=None)
    held = active.filter(staff_roles__role__in=COVERED_BY[role]).values_list("pk", flat=True)
    return {*held, *active.filter(is_superuser=True).values_list("pk", flat=True)}


def require_role(by: User, role: str) -> User:
    """`by` as the database has them now, when they may do this work.

    Inside a transaction the row that gives the right is locked until its end.
    Raises StaffOnly, AccountSuspended or StaffRoleMissing.
    """
    person = User.objects.filter(pk=by.pk, is_active=True).first()
    if person is None or not person.is_staff:
        raise StaffOnly()
    if person.is_suspended:
        raise AccountSuspended()
    if person.is_superuser:
        return person
    rows = StaffRole.objects.filter(user=person, role__in=COVERED_BY[role])
    if connection.in_atomic_block:
        rows = rows.select_for_update(of=("self",), no_key=True)
    if not list(rows):
        raise StaffRoleMissing(role)
    return person


def give_role(person: User, role: str, *, by: User) -> bool:
    """Let somebody do one kind of staff work. False: they could already.

    Whoever gets a first role becomes staff; pages then ask them to set up a second factor.
    Raises StaffRoleMissing for others than admins, StaffRoleRefused for oneself, for accounts that are
    closed, suspended or of no attested adult, and for a role that isn't one.
    """
    with transaction.atomic():
        require_role(by, Role.ADMIN)
        person = _other(person, role, by=by)
        if not person.is_active or person.is_suspended or not person.is_attested_adult:
            raise StaffRoleRefused("Only an adult with an open account can be staff.")
        _, created = StaffRole.objects.get_or_create(
            user=person, role=role, defaults={"given_by": by}
        )
        if not created:
            return False
        if not person.is_staff:
            person.is_staff = True
            person.save(update_fields=["is_staff"])
        audit.record(audit.STAFF_ROLE_GIVEN, actor=by, target=person, role=role)
    return True


def take_role(person: User, role: str, *, by: User) -> bool:
    """End one kind of staff work, from the next request on. False: they didn't hold it.

    Waits for deeds that stand on the role. Without a last role somebody is no staff any more.
    Raises what give_role raises.
    """
    with transaction.atomic():
        require_role(by, Role.ADMIN)
        person = _other(person, role, by=by)
        row = StaffRole.objects.select_for_update().filter(user=person, role=role).first()
        if row is None:
            return False
        row.delete()
        if not person.is_superuser and not StaffRole.objects.filter(user=person).exists():
            person.is_staff = False
            person.save(update_fields=["is_staff"])
        audit.record(audit.STAFF_ROLE_TAKEN, actor=by, target=person, role=role)
    return True


def _other(person: User, role: str, *, by: User) -> User:
    if role not in COVERED_BY:
        raise StaffRoleRefused("There is no such role.")
    if person.pk == by.pk:
        raise StaffRoleRefused("Somebody else has to change your own roles.")
    return User.objects.select_for_update().get(pk=person.pk)
