"""Workspaces: the personal one, members, roles and handing over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import services
from accounts.errors import Forbidden, LastOwner
from accounts.models import AuditEntry, Membership, Workspace
from tests.factories import make_membership, make_user, make_workspace

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture
def workspace():
    return make_workspace()


@pytest.fixture
def admin(workspace):
    return make_membership(workspace, role=Role.ADMIN).user


def role_of(workspace, user) -> str:
    return Membership.objects.get(workspace=workspace, user=user).role


def test_everybody_has_one_personal_workspace():
    user = make_user()
    first = services.personal_workspace(user)
    assert services.personal_workspace(user) == first
    assert (first.personal, first.owner, role_of(first, user)) == (True, user, "owner")


@pytest.mark.django_db(transaction=True)
def test_asking_for_it_at_the_same_moment_makes_one():
    user = make_user()

    def ask(_: int) -> int:
        try:
            return services.personal_workspace(user).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(ask, range(6)))
    assert len(found) == 1
    assert Workspace.objects.filter(owner=user).count() == 1


def test_the_database_keeps_one_owner_and_one_personal_workspace(workspace):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_membership(workspace, role=Role.OWNER)
    user = make_user()
    services.personal_workspace(user)
    with pytest.raises(IntegrityError), transaction.atomic():
        services.create_workspace(user, "Second", personal=True)


def test_an_admin_adds_members_up_to_their_own_role(workspace, admin):
    person = make_user()
    services.add_member(workspace, person, role=Role.ADMIN, by=admin)
    assert role_of(workspace, person) == "admin"
    again = services.add_member(workspace, person, role=Role.VIEWER, by=admin)
    assert again.role == "admin"
    assert AuditEntry.objects.filter(event="workspace.member_added").count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CREATOR])
def test_nobody_below_admin_changes_members(workspace, role):
    member = make_membership(workspace, role=role).user
    other = make_membership(workspace, role=Role.VIEWER).user
    with pytest.raises(Forbidden):
        services.add_member(workspace, make_user(), role=Role.VIEWER, by=member)
    with pytest.raises(Forbidden):
        services.change_role(workspace, other, role=Role.CREATOR, by=member)
    with pytest.raises(Forbidden):
        services.remove_member(workspace, other, by=member)


def test_a_stranger_changes_nothing(workspace):
    with pytest.raises(Forbidden):
        services.add_member(workspace, make_user(), role=Role.VIEWER, by=make_user())


def test_an_admin_makes_nobody_owner_and_touches_not_the_owner(workspace, admin):
    with pytest.raises(Forbidden):
        services.change_role(workspace, admin, role=Role.OWNER, by=admin)
    with pytest.raises(LastOwner):
        services.change_role(workspace, workspace.owner, role=Role.VIEWER, by=admin)
    with pytest.raises(LastOwner):
        services.remove_member(workspace, workspace.owner, by=admin)
    with pytest.raises(LastOwner):
        services.remove_member(workspace, workspace.owner, by=workspace.owner)


def test_the_owner_hands_the_workspace_over_and_stays_admin(workspace, admin):
    owner = workspace.owner
    services.change_role(workspace, admin, role=Role.OWNER, by=owner)
    workspace.refresh_from_db()
    assert workspace.owner == admin
    assert (role_of(workspace, owner), role_of(workspace, admin)) == ("admin", "owner")
    entry = AuditEntry.objects.get(event="workspace.role_changed")
    assert entry.data == {"before": "admin", "after": "owner"}


def test_a_personal_workspace_is_not_handed_over():
    user = make_user()
    workspace = services.personal_workspace(user)
    friend = services.add_member(workspace, make_user(), role=Role.CREATOR, by=user).user
    with pytest.raises(LastOwner):
        services.change_role(workspace, friend, role=Role.OWNER, by=user)


def test_the_same_role_again_is_no_change(workspace, admin):
    services.change_role(workspace, admin, role=Role.ADMIN, by=workspace.owner)
    assert not AuditEntry.objects.filter(event="workspace.role_changed").exists()


def test_a_member_may_leave(workspace):
    member = make_membership(workspace).user
    services.remove_member(workspace, member, by=member)
    assert not workspace.memberships.filter(user=member).exists()
