"""The tree around a clip: what it was made from, what became of it, and what a viewer may know."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User, Workspace
from generation import library, lineage, services
from generation.models import Video
from tests.factories import make_membership, make_user, make_video

pytestmark = pytest.mark.django_db


def child_of(*parents: Video, workspace: Workspace | None = None, **fields: Any) -> Video:
    video = make_video(workspace or parents[0].workspace, **fields)
    video.parents.add(*parents)
    return video


def tree(client: APIClient, video: Video) -> dict[str, Any]:
    answer = client.get(f"/api/v1/videos/{video.pk}/lineage/")
    assert answer.status_code == 200
    return answer.json()


def names(nodes: list[dict[str, Any]]) -> list[Any]:
    """(id or what is said, [children]) all the way down."""
    return [
        (node["clip"]["id"] if node["clip"] else node["says"], names(node["nodes"]))
        for node in nodes
    ]


def test_three_generations_show_in_both_directions(api: APIClient, workspace: Workspace) -> None:
    first = make_video(workspace)
    second = child_of(first)
    third = child_of(second)

    assert names(tree(api, third)["ancestors"]) == [(str(second.pk), [(str(first.pk), [])])]
    assert names(tree(api, first)["descendants"]) == [(str(second.pk), [(str(third.pk), [])])]
    both = tree(api, second)
    assert names(both["ancestors"]) == [(str(first.pk), [])]
    assert names(both["descendants"]) == [(str(third.pk), [])]


def test_a_blend_has_two_parents_and_a_common_ancestor_stands_once_in_full(
    api: APIClient, workspace: Workspace
) -> None:
    root = make_video(workspace)
    left, right = child_of(root), child_of(root)
    blend = child_of(left, right)
    found = tree(api, blend)["ancestors"]

    assert {node["clip"]["id"] for node in found} == {str(left.pk), str(right.pk)}
    again = [node["nodes"][0]["again"] for node in found]
    assert sorted(again) == [False, True]


def test_credit_goes_to_the_maker_of_each_clip(
    api: APIClient, workspace: Workspace, charlie: User
) -> None:
    theirs = make_video(by=charlie)
    mine = child_of(theirs, workspace=workspace)
    maker = tree(api, mine)["ancestors"][0]["clip"]["creator"]
    html = api.get(f"/clips/{mine.pk}/").content.decode()

    assert maker == {"handle": charlie.handle, "name": charlie.public_name}
    assert f'href="/u/{charlie.handle}/"' in html


@pytest.mark.parametrize(
    ("fate", "says"),
    [("private", "Private"), ("removed", "Taken down"), ("trashed", "Deleted by its creator")],
)
def test_a_hidden_parent_shows_as_a_gap_and_tells_nothing(
    api: APIClient, workspace: Workspace, charlie: User, staff: User, fate: str, says: str
) -> None:
    secret = make_video(by=charlie, prompt="a secret prompt", shared=fate != "private")
    older = make_video(workspace)
    secret.parents.add(older)
    mine = child_of(secret, workspace=workspace)
    if fate == "removed":
        services.quarantine_video(secret, by=staff, reason="test")
    if fate == "trashed":
        library.trash([secret], by=charlie)
    found = tree(api, mine)
    html = api.get(f"/clips/{mine.pk}/").content.decode()

    assert names(found["ancestors"]) == [(says, [(str(older.pk), [])])]
    assert says in html
    for leak in (str(secret.pk), "a secret prompt", charlie.handle):
        assert leak not in str(found)
        assert leak not in html


def test_hidden_descendants_leave_no_trace(
    api: APIClient, stranger: APIClient, workspace: Workspace, charlie: User
) -> None:
    root = make_video(workspace)
    hidden = child_of(root, shared=False)
    shown = child_of(hidden)

    assert names(tree(stranger, root)["descendants"]) == [(str(shown.pk), [])]
    assert names(tree(api, root)["descendants"]) == [(str(hidden.pk), [(str(shown.pk), [])])]


def test_a_deleted_parent_stays_a_place_in_the_tree(
    api: APIClient, workspace: Workspace, alice: User
) -> None:
    parent = make_video(workspace, shared=False)
    child = child_of(parent)
    library.trash([parent], by=alice)
    library.empty_trash(workspace, by=alice)
    library.sweep_trash()

    assert names(tree(api, child)["ancestors"]) == [("Deleted by its creator", [])]


def test_a_circle_ends(api: APIClient, workspace: Workspace) -> None:
    one = make_video(workspace)
    two = child_of(one)
    one.parents.add(two)

    assert names(tree(api, one)["ancestors"]) == [(str(two.pk), [(str(one.pk), [])])]


def test_depth_and_number_are_bounded_and_say_so(
    api: APIClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lineage, "MOST_STEPS", 3)
    monkeypatch.setattr(lineage, "MOST_CLIPS", 4)
    chain = [make_video(workspace)]
    for _ in range(5):
        chain.append(child_of(chain[-1]))
    wide = make_video(workspace)
    for _ in range(6):
        child_of(wide)
    deep, broad = tree(api, chain[-1]), tree(api, wide)

    def depth(nodes: list[dict[str, Any]]) -> int:
        return 1 + depth(nodes[0]["nodes"]) if nodes else 0

    assert (depth(deep["ancestors"]), deep["cut"]) == (3, True)
    assert (len(broad["descendants"]), broad["cut"]) == (4, True)
    assert tree(api, chain[1])["cut"] is True
    assert tree(api, chain[3])["cut"] is False


def test_it_takes_the_same_few_queries_for_a_large_tree(
    workspace: Workspace, alice: User, django_assert_num_queries: Any
) -> None:
    root = make_video(workspace)
    for _ in range(10):
        child_of(child_of(root))
    with django_assert_num_queries(3):
        lineage.lineage_of(root, alice)


def test_nobody_may_see_the_tree_of_a_private_clip(
    stranger: APIClient, workspace: Workspace
) -> None:
    video = make_video(workspace, shared=False)

    assert stranger.get(f"/api/v1/videos/{video.pk}/lineage/").status_code == 404
    assert APIClient().get(f"/api/v1/videos/{video.pk}/lineage/").status_code == 404


def test_the_owner_decides_whether_others_may_remix(
    api: APIClient, stranger: APIClient, workspace: Workspace, alice: User
) -> None:
    video = make_video(workspace)
    path = f"/api/v1/videos/{video.pk}/remixing/"
    answer = api.put(path, {"allowed": False})

    assert answer.json() == {"id": str(video.pk), "allowed": False}
    assert stranger.put(path, {"allowed": True}).status_code == 404
    assert api.put(path, {}).status_code == 400
    assert AuditEntry.objects.filter(event="video.remixing_changed").count() == 1
    page = Client()
    page.force_login(alice)
    page.post(f"/clips/{video.pk}/remixing/", {"allowed": "on"})
    video.refresh_from_db()
    assert video.remixable
    assert "Others may remix" in page.get(f"/clips/{video.pk}/").content.decode()


def test_only_members_who_create_see_the_switch(workspace: Workspace) -> None:
    video = make_video(workspace)
    viewer, passer_by = Client(), Client()
    viewer.force_login(make_membership(workspace, role="viewer").user)
    passer_by.force_login(make_user())

    for client in (viewer, passer_by, Client()):
        assert "Others may remix" not in client.get(f"/clips/{video.pk}/").content.decode()
