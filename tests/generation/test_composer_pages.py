"""What the pages of making offer, what they close and why, and that forms work without script."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.services import personal_workspace
from generation.editing.offers import NEEDS, TITLES
from generation.editing.plan import TOOLS
from generation.engine.operations import OPERATIONS
from generation.models import Generation
from tests.factories import make_generation, make_user, make_video

pytestmark = pytest.mark.django_db
SHORT: dict[str, Any] = {"seconds": [2, 4], "default_seconds": 4}


@pytest.fixture
def page(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def engine_that_makes(folder: Path, operations: list[str], **more: Any) -> Path:
    """A model folder with the shipped one's table, but these operations."""
    table = json.loads((site.SORA_MODEL_DIR / "capabilities.json").read_text())
    folder.mkdir()
    (folder / "capabilities.json").write_text(
        json.dumps({**table, "operations": operations, **more})
    )
    (folder / "vocabulary.json").write_text((site.SORA_MODEL_DIR / "vocabulary.json").read_text())
    return folder


@pytest.fixture
def able(settings: Any, tmp_path: Path) -> None:
    """An engine that makes everything."""
    settings.SORA_MODEL_DIR = engine_that_makes(tmp_path / "able", list(OPERATIONS), **SHORT)


@pytest.fixture
def plain(settings: Any, tmp_path: Path) -> None:
    """An engine that makes clips from words and nothing else."""
    settings.SORA_MODEL_DIR = engine_that_makes(tmp_path / "plain", ["text"], **SHORT)


def html_of(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def panel_of(html: str, tool: str) -> str:
    """The fields of one tool on the clip page."""
    found = re.search(rf'data-panel="{tool}".*?</fieldset>\s*</div>', html, re.S)
    assert found, tool
    return found[0]


# --- What the engine says ---------------------------------------------------------------------------


def test_every_tool_has_a_title_and_says_what_it_needs() -> None:
    assert set(TITLES) == set(NEEDS) == set(TOOLS)
    assert {operation for row in NEEDS.values() for operation in row} <= set(OPERATIONS)


@pytest.mark.usefixtures("plain")
def test_the_engine_tells_which_tools_it_lacks_and_why() -> None:
    engine = APIClient().get("/api/v1/engine/").json()

    assert engine["tools"]["text"] == {
        "title": "From words",
        "able": True,
        "how": "natively",
        "reason": "",
    }
    assert engine["tools"]["stitch"]["how"] == "without drawing"
    assert not engine["tools"]["remix"]["able"]
    assert engine["tools"]["remix"]["reason"] == "Sora Small can't redraw a clip."
    assert engine["longest_seconds"] == 4


@pytest.mark.usefixtures("plain")
def test_lengths_and_shapes_that_the_engine_lacks_are_shown_closed_with_the_reason(
    page: Client, settings: Any, tmp_path: Path
) -> None:
    html = html_of(page, "/create/")
    assert re.search(
        r'title="Sora Small makes up to 4 s"><input type="radio" name="seconds" value="20" disabled',
        html,
    )
    wide = {"sizes": [[512, 288]], "native": {"512x288": "160x96"}}
    settings.SORA_MODEL_DIR = engine_that_makes(tmp_path / "wide", ["text"], **wide)
    html = html_of(page, "/create/")
    assert re.findall(r'pills__name">(\S+)</span>Sora Small makes no clips', html) == [
        "1:1",
        "9:16",
    ]


@pytest.mark.usefixtures("able")
def test_an_engine_that_extends_makes_longer_clips_in_several_passes(
    page: Client, api: APIClient, workspace: Workspace
) -> None:
    assert api.get("/api/v1/engine/").json()["longest_seconds"] == 20
    html = html_of(page, "/create/")
    assert re.search(
        r'title="Made in several passes"><input type="radio" name="seconds" value="10"', html
    )
    asked = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/",
        {"prompt": "a star", "width": 512, "height": 288, "seconds": 10},
    )
    assert asked.status_code == 200, asked.content
    said = " ".join(asked.json()["warnings"])
    assert "the picture is enlarged to 512x288" in said
    assert re.search(r"drawn in \d passes that go on from each other", said)


# --- The bar ----------------------------------------------------------------------------------------


def test_the_bar_stands_on_every_page_of_a_signed_in_adult_but_the_composers(page: Client) -> None:
    for path in ("/", "/library/", "/activity/", "/storyboards/", "/settings/"):
        assert html_of(page, path).count("data-bar ") == 1, path
    for path in ("/create/", "/storyboard/new/", "/sequence/"):
        assert "data-bar " not in html_of(page, path), path


def test_strangers_minors_and_the_suspended_have_no_bar(client: Client) -> None:
    assert "data-bar " not in html_of(client, "/")
    for person in (make_user(attested=False), make_user(suspended_at=timezone.now())):
        client.force_login(person)
        assert "data-bar " not in client.get("/").content.decode()


def test_the_bar_costs_no_query(page: Client, settings: Any) -> None:
    html_of(page, "/storyboards/")  # the first page of somebody new opens their account
    with CaptureQueriesContext(connection) as with_bar:
        html_of(page, "/storyboards/")
    settings.SORA_MODEL_DIR = Path("/nowhere")
    with CaptureQueriesContext(connection) as without:
        assert "data-bar " not in html_of(page, "/storyboards/")
    assert len(with_bar) == len(without)


def test_the_bar_closes_sizes_beyond_the_plan_and_says_so(page: Client) -> None:
    html = html_of(page, "/library/")

    assert re.search(r'value="1920x1080" disabled>16:9 · 1920×1080 · not in the Free plan', html)
    assert "What is struck through is not in the Free plan." in html_of(page, "/create/")


def test_the_bar_works_without_script(page: Client, workspace: Workspace) -> None:
    html = html_of(page, "/library/")
    form = re.search(r'<form class="bar__in" method="post" action="([^"]+)"', html)
    assert form

    sent = {
        "prompt": "a red balloon",
        "size": "512x288",
        "seconds": "2",
        "variations": "2",
        "style": "",
        "request_key": "",
    }
    assert page.post(form[1], sent)["Location"] == "/activity/"
    jobs = Generation.objects.filter(workspace=workspace).order_by("variation")
    assert [job.variation for job in jobs] == [0, 1]
    assert jobs[0].batch == jobs[1].batch


# --- The full composer --------------------------------------------------------------------------------


@pytest.mark.usefixtures("able")
def test_the_expert_panel_works_without_script(page: Client, workspace: Workspace) -> None:
    sent = {
        "prompt": "a red balloon",
        "size": "512x288",
        "seconds": "2",
        "negative_prompt": "rain",
        "guidance": "2.5",
        "fit": "pad",
        "camera": "zoom in",
        "request_key": "k",
    }

    assert page.post("/create/", sent)["Location"] == "/activity/"

    plan = Generation.objects.get(workspace=workspace).plan
    assert plan["negative_prompt"] == "rain"
    assert plan["guidance"] == 2.5
    assert plan["fit"] == "pad"
    assert plan["prompts"][0]["text"] == "a red balloon, the camera zooms in"


@pytest.mark.parametrize(
    ("change", "says"),
    [({"guidance": "much"}, "Enter a number."), ({"variations": "3"}, "Choose 1, 2 or 4")],
)
def test_a_refused_expert_value_keeps_the_form(
    page: Client, change: dict[str, str], says: str
) -> None:
    sent = {"prompt": "a kite", "size": "512x288", "seconds": "2", "variations": "1", **change}
    answer = page.post("/create/", sent)

    assert answer.status_code == 400
    html = answer.content.decode()
    assert says in html
    assert "a kite" in html


@pytest.mark.usefixtures("plain")
def test_a_field_the_engine_has_no_use_for_is_closed_with_the_reason(page: Client) -> None:
    html = html_of(page, "/create/")

    assert re.search(r'name="negative_prompt"[^>]* disabled', html)
    assert "Sora Small can't avoid what a negative prompt names." in html


def test_own_styles_are_offered_and_change_the_prompt(
    page: Client, api: APIClient, workspace: Workspace, charlie: User
) -> None:
    preset = {"name": "Dusk", "text": "in the blue light of dusk"}
    own = api.post(f"/api/v1/workspaces/{workspace.pk}/presets/", preset).json()
    body = {"prompt": "a kite", "width": 512, "height": 288, "seconds": 2}
    url = f"/api/v1/workspaces/{workspace.pk}/generations/"

    assert f'<option value="own:{own["id"]}">Dusk</option>' in html_of(page, "/create/")
    made = api.post(url, {**body, "style": f"own:{own['id']}"})
    assert made.json()["prompt"] == "a kite, in the blue light of dusk"

    for missing in ("own:999999", "own:x"):
        refused = api.post(url, {**body, "style": missing})
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "style"
    foreign = APIClient()
    foreign.force_login(charlie)
    theirs = f"/api/v1/workspaces/{personal_workspace(charlie).pk}/generations/"
    assert foreign.post(theirs, {**body, "style": f"own:{own['id']}"}).status_code == 400


# --- The tools of a clip --------------------------------------------------------------------------------


@pytest.mark.usefixtures("able")
def test_ones_own_clip_has_every_tool_open(page: Client, workspace: Workspace) -> None:
    html = html_of(page, f"/clips/{make_video(workspace, shared=False).pk}/")

    for tool in ("remix", "extend", "recut", "fill", "blend", "loop"):
        assert "disabled>" not in panel_of(html, tool)
        assert "data-why" not in panel_of(html, tool)
    assert "Storyboard from this clip" in html


@pytest.mark.usefixtures("plain")
def test_a_tool_the_engine_lacks_is_shown_closed_with_the_reason(
    page: Client, workspace: Workspace
) -> None:
    html = html_of(page, f"/clips/{make_video(workspace).pk}/")

    for tool, reason in (
        ("remix", "redraw a clip"),
        ("loop", "close a clip to a loop"),
        ("fill", "fill a gap between kept frames"),
    ):
        shown = panel_of(html, tool)
        assert '<fieldset class="edit__fields" disabled>' in shown
        assert f"Sora Small can&#x27;t {reason}." in shown


@pytest.mark.usefixtures("able")
def test_others_clips_are_closed_where_their_owner_says_so(page: Client, client: Client) -> None:
    closed, open_ = make_video(remixable=False), make_video()

    html = html_of(page, f"/clips/{closed.pk}/")
    assert "Its owner doesn&#x27;t let others remix this clip." in html
    assert html.count('<fieldset class="edit__fields" disabled>') == 7
    assert "Storyboard from this clip" not in html
    assert "disabled>" not in panel_of(html_of(page, f"/clips/{open_.pk}/"), "remix")
    assert "Sign in to make something of this clip." in html_of(client, f"/clips/{open_.pk}/")


@pytest.mark.usefixtures("able")
def test_a_clip_in_the_trash_is_closed(page: Client, workspace: Workspace) -> None:
    video = make_video(workspace, shared=False, trashed_at=timezone.now())

    assert "Take it back first." in html_of(page, f"/clips/{video.pk}/")


def test_copying_settings_brings_style_and_camera(page: Client, workspace: Workspace) -> None:
    video = make_video(workspace)
    video.generation.plan = {"camera": "zoom in", "guidance": 4.5, "negative_prompt": "rain"}
    video.generation.save()

    html = html_of(page, f"/create/?from={video.pk}")

    assert 'value="4.5"' in html
    assert 'value="rain"' in html


def test_the_settings_of_a_draft_are_those_it_was_asked_for(
    page: Client, workspace: Workspace
) -> None:
    video = make_video(workspace)
    video.generation.plan = {"full": [864, 480, 21]}
    video.generation.save()

    html = html_of(page, f"/create/?from={video.pk}")
    assert re.search(r'value="864x480"[^>]* checked', html)
    assert 'value="21"' in html
    assert re.search(r'name="draft" checked', html)
    clip = html_of(page, f"/clips/{video.pk}/")
    assert "Upgrade to 864×480" in clip
    assert re.search(r'data-tool="upgrade"[^>]*', clip)
    assert re.search(r'id="tab-upgrade"[^>]*aria-selected="true"', clip)


def test_the_variations_of_a_request_stand_beside_each_other(
    page: Client, workspace: Workspace, client: Client
) -> None:
    batch = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff"
    first, second = make_video(workspace), make_video(workspace, shared=False)
    for number, video in enumerate((first, second)):
        Generation.objects.filter(pk=video.generation_id).update(batch=batch, variation=number)
    make_generation(workspace, batch=batch, variation=2)

    html = html_of(page, f"/clips/{first.pk}/")
    strip = re.search(r'<nav class="variations".*?</nav>', html, re.S)
    assert strip
    assert strip[0].count("<a ") == 2
    assert f"/clips/{second.pk}/" in strip[0]
    assert 'class="variations"' not in html_of(client, f"/clips/{first.pk}/")  # one is private


# --- The storyboard and stitching ---------------------------------------------------------------------------


@pytest.mark.usefixtures("plain")
def test_the_storyboard_says_what_the_engine_can_not_do(page: Client) -> None:
    html = html_of(page, "/storyboard/new/")

    assert "Sora Small can&#x27;t change the prompt on the way." in html


def test_a_storyboard_begins_with_a_clip_one_may_use(page: Client, workspace: Workspace) -> None:
    own, closed = make_video(workspace, shared=False), make_video(remixable=False)

    assert f"video:{own.pk}" in html_of(page, f"/storyboard/new/?clip={own.pk}")
    assert f"video:{own.pk}" in html_of(page, f"/sequence/?clip={own.pk}")
    for path in ("/storyboard/new/", "/sequence/"):
        assert page.get(path, {"clip": closed.pk}).status_code == 404
        assert page.get(path, {"clip": "nonsense"}).status_code == 404


def test_the_editors_ask_who_is_there(client: Client) -> None:
    for path in ("/storyboards/", "/storyboard/new/", "/sequence/"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


@pytest.mark.usefixtures("able")
def test_styles_reach_every_card_of_a_storyboard(api: APIClient, workspace: Workspace) -> None:
    cards = [
        {"type": "text", "text": "a balloon", "at": 0},
        {"type": "text", "text": "a star", "at": 2},
    ]
    made = api.post(
        f"/api/v1/workspaces/{workspace.pk}/generations/",
        {"tool": "storyboard", "edit": {"cards": cards}, "seconds": 4, "camera": "pan left"},
    )

    assert made.status_code == 202, made.content
    assert made.json()["prompt"] == (
        "a balloon, the camera pans left\na star, the camera pans left"
    )
