"""The workspace the pages work in: switching, roles, and being taken out of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts import services
from accounts.models import Membership, User, Workspace
from billing.services import balance, grant_credits
from generation.models import Folder, Generation, Video
from tests.factories import make_membership, make_user, make_video, make_workspace

pytestmark = pytest.mark.django_db
Role = Membership.Role


@pytest.fixture
def team() -> Workspace:
    return make_workspace(make_user(handle="lead"), name="Northlight")


@pytest.fixture
def clip(team: Workspace) -> Video:
    return make_video(team, shared=False, prompt="a yellow kite over the dunes")


def enter(team: Workspace, alice: User, role: str) -> Client:
    make_membership(team, alice, role=role)
    client = Client()
    client.force_login(alice)
    answer = client.post("/workspaces/switch/", {"workspace": team.pk, "next": "/library/"})
    assert (answer.status_code, answer["Location"]) == (302, "/library/")
    return client


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()


def test_a_member_sees_the_teams_library_jobs_and_credits_and_creates_there(
    team: Workspace, clip: Video, alice: User, workspace: Workspace
) -> None:
    mine = make_video(workspace, shared=False, prompt="a red balloon of my own")
    grant_credits(team, 77, "gift", by=team.owner)
    client = enter(team, alice, Role.CREATOR)

    shelf = page(client, "/library/")
    assert str(clip.pk) in shelf and str(mine.pk) not in shelf
    assert "Northlight" in shelf
    assert str(clip.generation_id) in page(client, "/activity/")
    credits = client.get("/settings/credits/")
    assert credits["Location"] == f"/settings/credits/{team.pk}/"
    header = re.search(r"data-balance>(\d+)<", shelf)
    assert header and int(header[1]) == balance(team).available
    assert f'data-bar data-workspace="{team.pk}"' in shelf

    key = re.search(r'name="request_key" value="([^"]+)"', page(client, "/create/"))
    assert key
    sent = {"prompt": "a boat on a lake", "size": "512x288", "seconds": "2", "request_key": key[1]}
    assert client.post("/create/", sent).status_code == 302
    assert Generation.objects.get(request_key=key[1]).workspace == team
    client.post("/library/folders/", {"name": "Kites"})
    assert Folder.objects.get().workspace == team
    assert f'"workspace": {team.pk}' in page(client, "/sequence/")


def test_a_viewer_looks_but_makes_and_changes_nothing(
    team: Workspace, clip: Video, alice: User
) -> None:
    client = enter(team, alice, Role.VIEWER)

    shelf = page(client, "/library/")
    assert str(clip.pk) in shelf
    assert "data-bar " not in shelf
    assert "needs the role creator" in page(client, "/create/", 403)
    assert "needs the role creator" in page(client, f"/clips/{clip.pk}/")
    for path in ("/storyboard/new/", "/sequence/", "/library/import/"):
        assert "role creator" in page(client, path, 403)
    for path, body in (
        ("/library/act/", {"action": "trash", "videos": [str(clip.pk)]}),
        ("/library/folders/", {"name": "Mine"}),
        ("/library/trash/empty/", {}),
        (f"/clips/{clip.pk}/remixing/", {}),
    ):
        assert client.post(path, body).status_code == 403, path
    clip.refresh_from_db()
    assert clip.trashed_at is None and clip.remixable and not Folder.objects.exists()


def test_strangers_cannot_switch_to_it_nor_see_who_is_in_it(
    team: Workspace, alice: User, client: Client
) -> None:
    client.force_login(alice)
    for number in (team.pk, 10**9, "x", "", "9" * 30):
        assert client.post("/workspaces/switch/", {"workspace": number}).status_code == 404
    assert client.get(f"/workspaces/{team.pk}/members/").status_code == 404
    body = {"handle": alice.handle, "role": "admin"}
    assert client.post(f"/workspaces/{team.pk}/members/add/", body).status_code == 404
    path = f"/workspaces/{team.pk}/members/{team.owner_id}/"
    assert client.post(path, {"action": "remove"}).status_code == 404
    assert Membership.objects.filter(workspace=team).count() == 1
    assert Client().get("/workspaces/").status_code == 302


def test_who_is_taken_out_is_back_in_their_own_with_the_next_page(
    team: Workspace, clip: Video, alice: User
) -> None:
    client = enter(team, alice, Role.ADMIN)
    assert "Northlight" in page(client, "/library/")
    services.remove_member(team, alice, by=team.owner)

    shelf = page(client, "/library/")
    assert str(clip.pk) not in shelf and "Northlight" not in shelf
    assert page(client, "/create/")


def test_one_goes_back_to_ones_own(team: Workspace, alice: User, workspace: Workspace) -> None:
    client = enter(team, alice, Role.CREATOR)
    assert "Northlight" in page(client, "/activity/")
    answer = client.post("/workspaces/switch/", {"workspace": "own", "next": "//evil.example/"})
    assert answer["Location"] == "/library/"
    assert f'data-library="{workspace.pk}"' in page(client, "/library/")


def test_the_list_shows_each_with_the_role_and_which_is_in_use(
    team: Workspace, alice: User
) -> None:
    client = enter(team, alice, Role.CREATOR)
    html = page(client, "/workspaces/")
    assert "you are creator" in html and "yours alone" in html
    assert html.count("In use") == 1
    assert html.count("Work in it") == 1


# --- Members ---------------------------------------------------------------------------------------


def test_an_admin_adds_changes_and_removes_members(team: Workspace, alice: User) -> None:
    client = enter(team, alice, Role.ADMIN)
    bea = make_user(handle="bea")
    members = f"/workspaces/{team.pk}/members/"
    client.post(f"{members}add/", {"handle": "@Bea", "role": "viewer"})
    client.post(f"{members}add/", {"handle": "bea", "role": "admin"})  # is in it already
    assert team.memberships.get(user=bea).role == "viewer"
    client.post(f"{members}{bea.pk}/", {"role": "creator"})
    assert team.memberships.get(user=bea).role == "creator"
    assert "@bea" in page(client, members)
    client.post(f"{members}{bea.pk}/", {"action": "remove"})
    assert not team.memberships.filter(user=bea).exists()

    answer = client.post(f"{members}add/", {"handle": "nobody-here", "role": "viewer"}, follow=True)
    assert "There is nobody with this handle" in answer.content.decode()
    assert client.post(f"{members}add/", {"handle": "bea", "role": "owner"}).status_code == 404
    answer = client.post(f"{members}{team.owner_id}/", {"action": "remove"}, follow=True)
    assert team.memberships.filter(user=team.owner, role="owner").exists()


def test_a_creator_changes_nobody_but_may_leave(team: Workspace, alice: User) -> None:
    client = enter(team, alice, Role.CREATOR)
    members = f"/workspaces/{team.pk}/members/"
    assert client.post(f"{members}add/", {"handle": "lead", "role": "viewer"}).status_code == 403
    assert client.post(f"{members}{alice.pk}/", {"role": "admin"}).status_code == 403
    assert client.post(f"{members}{team.owner_id}/", {"action": "remove"}).status_code == 403
    assert 'name="handle"' not in page(client, members)
    assert client.post(f"{members}{alice.pk}/", {"action": "remove"})["Location"] == "/workspaces/"
    assert not team.memberships.filter(user=alice).exists()


def test_a_personal_workspace_takes_nobody_in(
    alice: User, workspace: Workspace, client: Client
) -> None:
    client.force_login(alice)
    make_user(handle="bea")
    path = f"/workspaces/{workspace.pk}/members/add/"
    assert client.post(path, {"handle": "bea", "role": "viewer"}).status_code == 404


def test_pages_of_ones_own_workspace_cost_no_query_more(
    alice: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    client.force_login(alice)
    client.get("/")
    with django_assert_max_num_queries(3):  # the person, the credits, the page
        client.get("/")
