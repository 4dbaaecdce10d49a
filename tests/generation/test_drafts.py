"""Drafts: who may read and write them, what they may hold, two windows, and the fuller caption."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Membership, User, Workspace
from generation import drafts
from generation.models import Draft, Video
from tests.factories import make_membership, make_video

pytestmark = pytest.mark.django_db

PLAN = {
    "seconds": 8,
    "cards": [
        {"type": "text", "text": "a red balloon rises over the ocean", "at": 0},
        {"type": "text", "text": "it bursts", "at": 4},
    ],
}


@pytest.fixture
def draft(alice: User, workspace: Workspace) -> Draft:
    return drafts.create_draft(workspace, by=alice, title="Balloon", plan=PLAN)


@pytest.fixture
def viewer(charlie: User, workspace: Workspace) -> APIClient:
    make_membership(workspace, charlie, role=Membership.Role.VIEWER)
    client = APIClient()
    client.force_login(charlie)
    return client


def all_of(workspace: Workspace) -> str:
    return f"/api/v1/workspaces/{workspace.pk}/drafts/"


def one(draft: Draft) -> str:
    return f"/api/v1/drafts/{draft.pk}/"


def test_a_draft_is_kept_and_its_link_restores_it(api: APIClient, workspace: Workspace) -> None:
    made = api.post(all_of(workspace), {"title": " My  board ", "plan": PLAN})

    assert made.status_code == 201, made.content
    body = made.json()
    assert body["title"] == "My board"
    assert body["version"] == 1
    assert body["page_url"] == f"/storyboard/{body['id']}/"
    again = api.get(f"/api/v1/drafts/{body['id']}/").json()
    assert again["plan"] == PLAN
    assert [row["id"] for row in api.get(all_of(workspace)).json()["results"]] == [body["id"]]


def test_one_without_a_title_is_listed_by_its_first_words(
    api: APIClient, workspace: Workspace
) -> None:
    api.post(all_of(workspace), {"plan": PLAN})
    api.post(all_of(workspace), {"plan": {"cards": []}})

    titles = [row["title"] for row in api.get(all_of(workspace)).json()["results"]]
    assert titles == ["Untitled storyboard", "a red balloon rises over the ocean"]


def test_strangers_find_nothing(stranger: APIClient, draft: Draft, workspace: Workspace) -> None:
    assert stranger.get(all_of(workspace)).status_code == 404
    assert stranger.post(all_of(workspace), {"plan": PLAN}).status_code == 404
    assert stranger.get(one(draft)).status_code == 404
    assert stranger.put(one(draft), {"plan": PLAN, "version": 1}).status_code == 404
    assert stranger.delete(one(draft)).status_code == 404
    assert stranger.get(f"/storyboard/{draft.pk}/").status_code == 404
    assert Draft.objects.filter(pk=draft.pk, version=1).exists()


def test_a_viewer_reads_but_does_not_write(
    viewer: APIClient, draft: Draft, workspace: Workspace
) -> None:
    assert viewer.get(one(draft)).status_code == 200
    for answer in (
        viewer.post(all_of(workspace), {"plan": PLAN}),
        viewer.put(one(draft), {"plan": PLAN, "version": 1}),
        viewer.delete(one(draft)),
    ):
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "role_too_low"


def test_an_unknown_draft_is_not_found(api: APIClient) -> None:
    assert api.get(f"/api/v1/drafts/{uuid.uuid4()}/").status_code == 404


def test_two_windows_notice_each_other(api: APIClient, draft: Draft) -> None:
    other = {"cards": [{"type": "text", "text": "another", "at": 0}]}
    assert api.put(one(draft), {"plan": other, "version": 1}).json()["version"] == 2

    late = api.put(one(draft), {"title": "Mine", "plan": PLAN, "version": 1})

    assert late.status_code == 409
    error = late.json()["error"]
    assert error["code"] == "draft_changed"
    assert error["version"] == 2
    assert error["remedy"]
    draft.refresh_from_db()
    assert draft.plan == other


def test_saving_the_same_again_after_a_lost_answer_is_no_conflict(
    api: APIClient, draft: Draft
) -> None:
    body = {"title": "B", "plan": {"cards": []}, "version": 1}

    assert api.put(one(draft), body).json()["version"] == 2
    assert api.put(one(draft), body).json()["version"] == 2


def test_a_deleted_draft_is_gone(api: APIClient, draft: Draft) -> None:
    assert api.delete(one(draft)).status_code == 204
    assert api.get(one(draft)).status_code == 404
    assert not Draft.objects.exists()


def cards(count: int) -> dict[str, Any]:
    return {"cards": [{"type": "text", "text": "", "at": 0}] * count}


@pytest.mark.parametrize(
    ("plan", "param"),
    [
        (cards(25), "plan.cards"),
        ({"cards": {}}, "plan.cards"),
        ({"cards": ["text"]}, "plan.cards[0].type"),
        ({"cards": [{"type": "song", "at": 0}]}, "plan.cards[0].type"),
        ({"cards": [{"type": "text", "text": 5}]}, "plan.cards[0].text"),
        ({"cards": [{"type": "text", "at": -1}]}, "plan.cards[0].at"),
        ({"cards": [{"type": "text", "at": 61}]}, "plan.cards[0].at"),
        ({"cards": [{"type": "text", "at": True}]}, "plan.cards[0].at"),
        ({"cards": [{"type": "image", "media": "me.png"}]}, "plan.cards[0].media"),
        ({"cards": [{"type": "text", "text": "\0"}]}, "plan.cards[0].text"),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, "plan.a.b.c.d.e.f"),
        ({"note": "x" * 100_001}, "plan"),
    ],
)
def test_what_is_out_of_bounds_is_refused_by_name(
    api: APIClient, workspace: Workspace, plan: Any, param: str
) -> None:
    answer = api.post(all_of(workspace), {"plan": plan})

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["code"] == "invalid_edit"
    assert error["param"] == param
    assert not Draft.objects.exists()


def test_what_is_just_within_bounds_is_kept(api: APIClient, workspace: Workspace) -> None:
    assert api.post(all_of(workspace), {"plan": cards(24)}).status_code == 201
    assert api.post(all_of(workspace), {"plan": {"note": "x" * 99_900}}).status_code == 201
    assert api.post(all_of(workspace), {"plan": {"note": "ü" * 50_100}}).status_code == 400


def test_a_title_has_an_end(api: APIClient, workspace: Workspace) -> None:
    answer = api.post(all_of(workspace), {"title": "x" * 81, "plan": PLAN})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "title"


def test_there_is_a_most_of_drafts(
    api: APIClient, workspace: Workspace, draft: Draft, monkeypatch: Any
) -> None:
    monkeypatch.setattr(drafts, "MOST_DRAFTS", 1)

    answer = api.post(all_of(workspace), {"plan": PLAN})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "too_many_drafts"


def with_clip(video: Video) -> dict[str, Any]:
    return {"cards": [{"type": "clip", "media": f"video:{video.pk}", "at": 0}]}


def test_it_shows_what_its_cards_refer_to_as_far_as_one_may_use_it(
    api: APIClient, workspace: Workspace
) -> None:
    own = make_video(workspace, shared=False, prompt="my own")
    closed = make_video(remixable=False)
    private = make_video(shared=False)

    def media(video: Video) -> Any:
        return api.post(all_of(workspace), {"plan": with_clip(video)}).json()["media"]

    assert media(own)[f"video:{own.pk}"]["name"] == "my own"
    assert media(closed) == {}
    assert media(private) == {}


def test_a_draft_of_an_imported_clip_opens_as_cards(
    api: APIClient, alice: User, workspace: Workspace
) -> None:
    video = make_video(workspace)
    stored = {"tool": "remix", "source": f"video:{video.pk}", "prompt": "in the rain"}
    draft = Draft.objects.create(workspace=workspace, created_by=alice, plan=stored)

    shown = api.get(one(draft)).json()

    assert [card["type"] for card in shown["plan"]["cards"]] == ["text", "clip"]
    assert shown["title"] == "in the rain"
    assert list(shown["media"]) == [f"video:{video.pk}"]


# --- Captions --------------------------------------------------------------------------------------


def expand(api: APIClient, workspace: Workspace, **body: str) -> Any:
    return api.post(f"/api/v1/workspaces/{workspace.pk}/captions/", body)


def test_a_short_caption_becomes_a_fuller_one_the_same_each_time(
    api: APIClient, workspace: Workspace
) -> None:
    first = expand(api, workspace, caption="a red balloon").json()

    assert first["text"].startswith("a red balloon, ")
    assert len(first["understood"]) > 2
    assert first["unknown_words"] == []
    assert expand(api, workspace, caption="a red balloon").json() == first


def test_what_the_caption_says_is_kept_and_not_said_twice(
    api: APIClient, workspace: Workspace
) -> None:
    whole = "a red balloon rises over the ocean at night"
    assert expand(api, workspace, caption=whole).json()["text"] == whole

    text = expand(api, workspace, caption="a red balloon over the ocean").json()["text"]
    assert text.startswith("a red balloon over the ocean, ")
    assert text.count("ocean") == 1


def test_weather_comes_only_from_the_other_cards(api: APIClient, workspace: Workspace) -> None:
    assert "rain" not in expand(api, workspace, caption="a red balloon").json()["text"]
    rainy = expand(api, workspace, caption="a red balloon", context="a star in the rain")
    assert "rain" in rainy.json()["text"]


def test_the_scene_stays_where_the_other_cards_are(api: APIClient, workspace: Workspace) -> None:
    for place in ("ocean", "desert"):
        context = f"a blue cube in the {place} at night"
        assert place in expand(api, workspace, caption="a star", context=context).json()["text"]


def test_an_empty_or_foreign_request_for_a_caption_is_refused(
    api: APIClient, stranger: APIClient, workspace: Workspace
) -> None:
    assert expand(api, workspace, caption="").status_code == 400
    assert expand(stranger, workspace, caption="a star").status_code == 404


# --- Sequences ---------------------------------------------------------------------------------------


def sequence(*clips: Video, **more: Any) -> dict[str, Any]:
    parts = [{"media": f"video:{clip.pk}", "start": 0, "end": 1.5} for clip in clips]
    return {"kind": "sequence", "parts": parts, "joint": "fade", "fade": 0.5, **more}


def test_a_sequence_is_a_draft_whose_link_leads_to_its_own_page(
    api: APIClient, workspace: Workspace, alice: User
) -> None:
    clip = make_video(workspace, shared=False)
    made = api.post(all_of(workspace), {"title": "Reel", "plan": sequence(clip, clip)}).json()

    assert made["page_url"] == f"/sequence/{made['id']}/"
    assert (made["kind"], made["cards"]) == ("sequence", 2)
    assert list(made["media"]) == [f"video:{clip.pk}"]
    html = api.get(made["page_url"]).content.decode()
    assert 'value="Reel"' in html and str(clip.pk) in html
    assert api.get(f"/storyboard/{made['id']}/")["Location"] == made["page_url"]
    assert "2 parts" in api.get("/storyboards/").content.decode()

    board = api.post(all_of(workspace), {"plan": PLAN}).json()
    assert api.get(f"/sequence/{board['id']}/")["Location"] == board["page_url"]


def test_strangers_find_no_sequence(stranger: APIClient, alice: User, workspace: Workspace) -> None:
    draft = drafts.create_draft(workspace, by=alice, title="", plan=sequence())
    assert stranger.get(f"/sequence/{draft.pk}/").status_code == 404


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ("many", "plan.parts"),
        ([{"media": "video:1"}] * 25, "plan.parts"),
        (["video"], "plan.parts[0]"),
        ([{"media": "clip"}], "plan.parts[0].media"),
        ([{"media": "video:6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "end": -1}], "plan.parts[0].end"),
        ([{"media": "video:6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "start": True}], "plan.parts[0]"),
    ],
)
def test_a_bad_part_is_refused_by_its_name(
    api: APIClient, workspace: Workspace, parts: Any, param: str
) -> None:
    answer = api.post(all_of(workspace), {"plan": {"kind": "sequence", "parts": parts}})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)


def test_making_and_deleting_a_draft_is_in_the_audit_trail(
    api: APIClient, workspace: Workspace, alice: User
) -> None:
    made = api.post(all_of(workspace), {"plan": PLAN}).json()["id"]
    api.put(f"/api/v1/drafts/{made}/", {"plan": PLAN, "title": "x", "version": 1})
    api.delete(f"/api/v1/drafts/{made}/")
    rows = AuditEntry.objects.filter(target_id=made).order_by("pk")
    assert [(row.event, row.actor, row.workspace) for row in rows] == [
        ("draft.created", alice, workspace),
        ("draft.deleted", alice, workspace),
    ]
