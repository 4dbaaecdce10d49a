"""Seeing one's credits: /me/, the ledger as JSON, the page."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from accounts.services import personal_workspace
from billing import services
from tests.factories import make_membership, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_user(display_name="Ann")


@pytest.fixture
def api(user):
    client = APIClient()
    client.force_login(user)
    return client


def test_me_names_the_person_their_workspaces_and_what_they_can_spend(api, user):
    workspace = make_workspace(user)
    services.reserve_credits(workspace, 60, "clip")
    me = api.get("/api/v1/me/").json()
    assert me["user"]["display_name"] == "Ann"
    assert me["balance"] == {"available": 500, "held": 0}
    assert [
        (row["name"], row["role"], row["plan"], row["balance"]) for row in me["workspaces"]
    ] == [
        ("Personal", "owner", "free", {"available": 500, "held": 0}),
        ("Studio", "owner", "free", {"available": 440, "held": 60}),
    ]


def test_the_ledger_lists_every_movement_newest_first(api, user):
    workspace = personal_workspace(user)
    services.reserve_credits(workspace, 60, "clip")
    services.release_credits("clip")
    answer = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").json()
    assert answer["balance"] == {"available": 500, "held": 0}
    rows = [(row["kind"], row["amount"], row["held_change"]) for row in answer["results"]]
    assert rows == [("release", 60, -60), ("hold", -60, 60), ("grant", 500, 0)]
    assert answer["next_cursor"] is None


def test_the_first_look_at_a_new_workspace_shows_its_starting_credits(api, user):
    workspace = make_workspace(user)
    answer = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").json()
    assert answer["balance"]["available"] == 500
    assert [row["amount"] for row in answer["results"]] == [500]


def test_pages_follow_each_other_without_gap_or_repetition_while_entries_are_added(api, user):
    workspace = personal_workspace(user)
    for number in range(7):
        services.grant_credits(workspace, 1, f"gift-{number}")
    first = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/?limit=3").json()
    services.grant_credits(workspace, 1, "in between")
    seen = [row["id"] for row in first["results"]]
    cursor = first["next_cursor"]
    while cursor:
        query = {"cursor": cursor, "limit": 3}
        page = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/", query).json()
        seen += [row["id"] for row in page["results"]]
        cursor = page["next_cursor"]
    assert seen == sorted(set(seen), reverse=True)
    assert len(seen) == 8


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=100000", "cursor="])
def test_odd_page_sizes_are_harmless(api, user, query):
    workspace = personal_workspace(user)
    assert api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/?{query}").status_code == 200


def test_a_wrong_cursor_is_refused_in_our_shape(api, user):
    workspace = personal_workspace(user)
    answer = api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/?cursor=%00nonsense")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"]


def test_a_viewer_may_look_but_a_stranger_finds_nothing(user):
    workspace = make_workspace()
    api = APIClient()
    api.force_login(make_membership(workspace, user, role="viewer").user)
    assert api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").status_code == 200
    api.force_login(make_user())
    assert api.get(f"/api/v1/workspaces/{workspace.pk}/ledger/").status_code == 404


def test_the_page_shows_balance_plan_and_movements(client, user):
    workspace = personal_workspace(user)
    services.reserve_credits(workspace, 60, "clip-1")
    client.force_login(user)
    answer = client.get("/settings/credits/", follow=True)
    page = answer.content.decode()
    assert answer.redirect_chain[0][0] == f"/settings/credits/{workspace.pk}/"
    for text in ("440", "Free", "clip-1", "Start of the Free plan", "Set aside", "+500", "-60"):
        assert text in page


def test_the_page_is_split_into_pages(client, user):
    workspace = personal_workspace(user)
    for number in range(55):
        services.grant_credits(workspace, 1, f"gift-{number}", note=f"gift {number}.")
    client.force_login(user)
    first = client.get(f"/settings/credits/{workspace.pk}/").content.decode()
    assert "gift 54." in first
    assert "gift 2." not in first
    second = client.get(f"/settings/credits/{workspace.pk}/?page=2").content.decode()
    assert "gift 2." in second
    assert client.get(f"/settings/credits/{workspace.pk}/?page=x").status_code == 200
