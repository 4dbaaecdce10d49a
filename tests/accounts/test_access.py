"""The one door to a workspace."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import Http404
from rest_framework.test import APIClient

from accounts import access
from accounts.errors import Forbidden
from accounts.models import Membership, Workspace
from tests.factories import make_membership, make_user, make_workspace

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture
def workspace():
    return make_workspace()


def test_strangers_and_unknown_ids_are_answered_alike(workspace):
    stranger = make_user()
    for number in (workspace.pk, workspace.pk + 1000):
        with pytest.raises(Http404) as refusal:
            access.get_workspace(stranger, number)
        assert str(refusal.value) == ""


def test_nobody_signed_in_is_a_stranger(workspace):
    with pytest.raises(Http404):
        access.get_workspace(AnonymousUser(), workspace.pk)


@pytest.mark.parametrize("own", Role.values)
@pytest.mark.parametrize("needed", Role.values)
def test_a_role_allows_what_the_roles_below_it_allow(workspace, own, needed):
    if own == Role.OWNER:
        member = workspace.owner
    else:
        member = make_membership(workspace, role=own).user
    order = ["viewer", "creator", "admin", "owner"]
    if order.index(own) >= order.index(needed):
        assert access.get_workspace(member, workspace.pk, role=needed) == workspace
    else:
        with pytest.raises(Forbidden) as refusal:
            access.get_workspace(member, workspace.pk, role=needed)
        assert needed in refusal.value.message


def test_a_former_member_is_a_stranger(workspace):
    membership = make_membership(workspace)
    user = membership.user
    membership.delete()
    with pytest.raises(Http404):
        access.get_workspace(user, workspace.pk)


def test_a_token_reaches_its_own_workspace_only(workspace):
    user = workspace.owner
    other = make_workspace(user)
    user.token_workspace_id = workspace.pk
    assert access.get_workspace(user, workspace.pk) == workspace
    with pytest.raises(Http404):
        access.get_workspace(user, other.pk)
    assert list(Workspace.objects.visible_to(user)) == [workspace]


def test_the_list_shows_only_ones_own_workspaces(workspace):
    api = APIClient()
    member = make_membership(workspace, role=Role.VIEWER).user
    make_workspace(name="Foreign")
    api.force_login(member)
    results = api.get("/api/v1/workspaces/").json()["results"]
    assert [(row["name"], row["role"]) for row in results] == [
        ("Personal", "owner"),
        ("Studio", "viewer"),
    ]


def test_the_ledger_of_a_foreign_workspace_does_not_exist_for_strangers(workspace, client):
    stranger = make_user()
    api = APIClient()
    api.force_login(stranger)
    foreign = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/")
    unknown = api.get(f"/api/v1/workspaces/{workspace.pk + 1000}/ledger/")
    assert foreign.status_code == unknown.status_code == 404
    hide = {"request_id"}
    assert {k: v for k, v in foreign.json()["error"].items() if k not in hide} == {
        k: v for k, v in unknown.json()["error"].items() if k not in hide
    }
    client.force_login(stranger)
    assert client.get(f"/settings/credits/{workspace.pk}/").status_code == 404


def test_nobody_signed_in_gets_401_from_the_api_and_the_sign_in_page_elsewhere(workspace, client):
    for path in ("/api/v1/me/", "/api/v1/workspaces/", "/api/v1/tokens/"):
        assert client.get(path).status_code in (401, 403)
    assert client.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").status_code == 401
    for path in ("/settings/", "/settings/credits/", "/settings/age/", "/suspended/"):
        answer = client.get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/accounts/login/")
