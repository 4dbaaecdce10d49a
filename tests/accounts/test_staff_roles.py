"""Staff roles: who gives them, what they open, and what happens when one is lost mid-way."""

from __future__ import annotations

import threading
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from accounts import services, staff_roles
from accounts.errors import StaffOnly, StaffRoleMissing, StaffRoleRefused
from accounts.models import AuditEntry, StaffRole, User
from accounts.permissions import staff_required
from accounts.staff_roles import give_role, has_role, require_role, roles_of, take_role
from tests.factories import add_second_factor, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return make_user(is_staff=True, roles=("admin",))


@pytest.fixture
def person() -> User:
    return make_user()


@staff_required(role="curator")
def desk(request):
    return HttpResponse("desk")


def ask(user: User) -> HttpResponse:
    asked = RequestFactory().get("/console/desk/")
    asked.user = user
    return desk(asked)


def test_a_first_role_makes_somebody_staff_and_the_last_one_ends_it(admin, person):
    assert give_role(person, "reviewer", by=admin)
    assert not give_role(person, "reviewer", by=admin)
    person.refresh_from_db()
    assert person.is_staff
    assert roles_of(person) == {"reviewer"}

    assert take_role(person, "reviewer", by=admin)
    assert not take_role(person, "reviewer", by=admin)
    person.refresh_from_db()
    assert not person.is_staff
    given, taken = AuditEntry.objects.filter(event__startswith="staff.role").order_by("pk")
    assert (given.event, given.actor, given.data) == (
        "staff.role_given",
        admin,
        {"role": "reviewer"},
    )
    assert taken.event == "staff.role_taken"


@pytest.mark.parametrize("role", ["reviewer", "senior", "curator", "policy"])
def test_only_admins_give_roles(person, role):
    with pytest.raises(StaffRoleMissing):
        give_role(person, "reviewer", by=make_user(is_staff=True, roles=(role,)))
    with pytest.raises(StaffOnly):
        give_role(person, "reviewer", by=make_user())
    assert not StaffRole.objects.filter(user=person).exists()


def test_nobody_changes_their_own_roles(admin):
    with pytest.raises(StaffRoleRefused):
        give_role(admin, "reviewer", by=admin)
    with pytest.raises(StaffRoleRefused):
        take_role(admin, "admin", by=admin)


def test_a_role_that_is_none_and_people_who_may_not_be_staff_are_refused(admin, person):
    with pytest.raises(StaffRoleRefused):
        give_role(person, "emperor", by=admin)
    with pytest.raises(StaffRoleRefused):
        give_role(make_user(attested=False), "reviewer", by=admin)
    services.suspend_user(person, by=None, reason="test")
    with pytest.raises(StaffRoleRefused):
        give_role(person, "reviewer", by=admin)


def test_senior_covers_reviewer_and_nothing_else_covers_anything(person):
    senior = make_user(is_staff=True, roles=("senior",))
    assert has_role(senior, "reviewer")
    assert not has_role(senior, "curator")
    assert not has_role(make_user(is_staff=True, roles=("reviewer",)), "senior")
    assert not has_role(make_user(is_staff=True, roles=("admin",)), "reviewer")
    root = make_user(is_staff=True, is_superuser=True)
    assert all(has_role(root, role) for role in StaffRole.Role)
    assert not has_role(person, "reviewer")


def test_a_page_that_names_a_role_opens_for_it_alone():
    curator = make_user(is_staff=True, roles=("curator",))
    add_second_factor(curator)
    assert ask(curator).content == b"desk"

    reviewer = make_user(is_staff=True, roles=("reviewer",))
    add_second_factor(reviewer)
    with pytest.raises(PermissionDenied, match="curator"):
        ask(reviewer)


def test_a_lost_role_counts_at_the_next_request():
    curator = make_user(is_staff=True, roles=("curator", "reviewer"))
    add_second_factor(curator)
    assert ask(curator).status_code == 200
    take_role(curator, "curator", by=make_user(is_staff=True, roles=("admin",)))
    with pytest.raises(PermissionDenied):
        ask(curator)


def test_requiring_a_role_looks_at_the_database_not_at_the_object(admin):
    reviewer = make_user(is_staff=True, roles=("reviewer",))
    assert require_role(reviewer, "reviewer") == reviewer
    take_role(reviewer, "reviewer", by=admin)
    assert reviewer.is_staff  # the object in hand is old
    with pytest.raises(StaffOnly):
        require_role(reviewer, "reviewer")


def test_holders_are_those_who_may_do_the_work(admin):
    senior = make_user(is_staff=True, roles=("senior",))
    gone = make_user(is_staff=True, roles=("reviewer",), is_active=False)
    found = staff_roles.holders("reviewer")
    assert senior.pk in found
    assert not {gone.pk, admin.pk} & found


def test_deleting_the_account_ends_its_roles():
    reviewer = make_user(is_staff=True)
    services.delete_account(reviewer)
    assert not StaffRole.objects.filter(user=reviewer).exists()


def test_staff_of_before_keep_their_work():
    old = make_user(is_staff=True, roles=())
    stranger, root = make_user(), make_user(is_staff=True, is_superuser=True)
    migration = import_module("accounts.migrations.0005_roles_of_present_staff")
    migration.give_roles(apps, None)
    assert roles_of(old) == {"reviewer", "senior", "curator"}
    assert not StaffRole.objects.filter(user__in=[stranger, root]).exists()


@pytest.mark.django_db(transaction=True)
def test_taking_a_role_waits_for_the_deed_that_stands_on_it():
    admin = make_user(is_staff=True, roles=("admin",))
    reviewer = make_user(is_staff=True, roles=("reviewer",))
    order: list[str] = []

    def take() -> None:
        try:
            take_role(reviewer, "reviewer", by=admin)
            order.append("taken")
        finally:
            connection.close()

    with transaction.atomic():
        require_role(reviewer, "reviewer")
        other = threading.Thread(target=take)
        other.start()
        other.join(0.5)
        assert other.is_alive()
        order.append("deed")
    other.join(10)
    assert order == ["deed", "taken"]
    with pytest.raises(StaffOnly):
        require_role(reviewer, "reviewer")
