"""The pages of making and keeping clips: who may open them, what they show, what they cost."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import Membership, User, Workspace
from billing.models import LedgerEntry
from generation.models import Generation
from generation.shelf import PAGE as LIBRARY_PAGE
from tests.factories import make_generation, make_membership, make_user, make_video

pytestmark = pytest.mark.django_db
PRIVATE_PAGES = ["/activity/", "/library/"]


@pytest.fixture
def page(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def html_of(client: Client, path: str, **data: Any) -> str:
    answer = client.get(path, data)
    assert answer.status_code == 200
    return answer.content.decode()


def jobs_of(html: str) -> list[dict[str, Any]]:
    """What the page hands to its script."""
    found = re.search(r'<script id="jobs" type="application/json">(.*?)</script>', html, re.S)
    assert found
    jobs: list[dict[str, Any]] = json.loads(found[1])
    return jobs


@pytest.mark.parametrize("path", PRIVATE_PAGES)
def test_nobody_signed_in_is_sent_to_sign_in_and_back(client: Client, path: str) -> None:
    answer = client.get(path)

    assert answer.status_code == 302
    assert answer["Location"] == f"/accounts/login/?next={path.replace('/', '%2F')}" or answer[
        "Location"
    ].startswith("/accounts/login/?next=")


def test_a_strangers_prompt_survives_the_way_through_sign_up(client: Client) -> None:
    answer = client.get("/create/", {"prompt": "a blue boat"})

    assert answer["Location"].startswith("/accounts/signup/?next=%2Fcreate%2F%3Fprompt%3D")


def test_the_composer_offers_what_the_engine_makes(page: Client) -> None:
    html = html_of(page, "/create/")

    assert re.search(r'name="size" value="512x288"[^>]* checked', html)
    assert "Generate" in html
    assert jobs_of(html) == []


def test_the_composer_takes_a_prompt_and_settings_from_a_link(page: Client) -> None:
    html = html_of(page, "/create/", prompt="a <b>boat</b>", size="9x9", seconds="99", seed="7")

    assert "a &lt;b&gt;boat&lt;/b&gt;" in html
    assert re.search(r'name="size" value="512x288"[^>]* checked', html)
    assert 'value="7"' in html


def test_without_a_model_the_composer_says_what_to_set(page: Client, settings: Any) -> None:
    settings.SORA_MODEL_DIR = Path("/nowhere/model")

    answer = page.get("/create/")

    assert answer.status_code == 503
    assert "SORA_MODEL_DIR" in answer.content.decode()


FORM = {"prompt": "a red balloon over the ocean", "size": "512x288", "seconds": "2"}


def test_the_composer_works_without_script(page: Client, workspace: Workspace) -> None:
    form = {**FORM, "request_key": "draft-1"}

    first = page.post("/create/", form)
    second = page.post("/create/", form)  # the button pressed twice

    assert first["Location"] == second["Location"] == "/activity/"
    assert Generation.objects.filter(workspace=workspace).count() == 1
    assert LedgerEntry.objects.filter(workspace=workspace, kind="hold").count() == 1


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"prompt": ""}, 400, ""),
        ({"size": "9x9"}, 400, "512x288"),
        ({"size": "wide"}, 400, "whole number"),
        ({"seconds": "99"}, 400, "seconds"),
        ({"seed": "-1"}, 400, "whole number"),
        ({"steps": "9999"}, 400, "steps"),
    ],
)
def test_a_refused_form_keeps_what_was_typed_and_says_why(
    page: Client, change: dict[str, str], status: int, says: str
) -> None:
    answer = page.post("/create/", {**FORM, "seed": "41", **change})
    html = answer.content.decode()

    assert answer.status_code == status
    assert says in html
    assert (change.get("prompt", FORM["prompt"])) in html
    assert f'value="{change.get("seed", "41")}"' in html
    assert not Generation.objects.exists()


def test_somebody_whose_age_is_unknown_is_asked_first() -> None:
    client = Client()
    client.force_login(make_user(attested=False))

    assert client.get("/create/")["Location"].startswith("/settings/age/")


def test_activity_shows_ones_own_jobs_newest_first(
    page: Client, workspace: Workspace, charlie: User
) -> None:
    old = make_generation(workspace, status="failed", reason_code="out_of_memory")
    new = make_generation(workspace)
    make_generation(by=charlie)

    jobs = jobs_of(html_of(page, "/activity/"))

    assert [job["id"] for job in jobs] == [str(new.pk), str(old.pk)]
    assert jobs[1]["reason"]["remedy"]


def test_activity_costs_the_same_for_one_ended_job_and_for_twenty(
    page: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(20):
        make_video(workspace)
    html_of(page, "/activity/")

    with django_assert_max_num_queries(8):
        assert len(jobs_of(html_of(page, "/activity/"))) == 20


def test_activity_refuses_a_bad_cursor_and_shows_the_newest(
    page: Client, workspace: Workspace
) -> None:
    make_generation(workspace)

    answer = page.get("/activity/", {"cursor": "nonsense"})

    assert answer.status_code == 400
    assert len(jobs_of(answer.content.decode())) == 1


def test_the_library_holds_shared_and_private_clips_and_filters_them(
    page: Client, workspace: Workspace, charlie: User
) -> None:
    shared = make_video(workspace, prompt="a red balloon")
    private = make_video(workspace, shared=False, prompt="a blue boat")
    make_video(workspace, quarantined_at=timezone.now())
    make_video(by=charlie)

    def ids(**query: str) -> set[str]:
        return set(re.findall(r'data-clip="([^"]+)"', html_of(page, "/library/", **query)))

    assert ids() == {str(shared.pk), str(private.pk)}
    assert ids(show="shared") == {str(shared.pk)}
    assert ids(show="private") == {str(private.pk)}
    assert ids(q="BOAT blue") == {str(private.pk)}
    assert ids(q="boat", show="shared") == set()
    assert ids(q="100%_\\") == set()


def test_the_library_pages_keep_the_filter(page: Client, workspace: Workspace) -> None:
    for _ in range(LIBRARY_PAGE + 1):
        make_video(workspace)

    first = html_of(page, "/library/", show="shared", q="balloon")
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link
    second = html_of(page, link[1].replace("&amp;", "&"))

    assert "show=shared" in link[1]
    assert "q=balloon" in link[1]
    assert second.count("data-clip=") == 1


def test_the_library_costs_the_same_for_one_clip_and_for_a_page_full(
    page: Client, workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    for _ in range(LIBRARY_PAGE):
        make_video(workspace)
    html_of(page, "/library/")

    with django_assert_max_num_queries(5):
        html_of(page, "/library/")


def test_a_private_clip_is_not_found_by_strangers_and_nobody(
    client: Client, workspace: Workspace, charlie: User
) -> None:
    video = make_video(workspace, shared=False)
    stranger = Client()
    stranger.force_login(charlie)

    assert client.get(f"/clips/{video.pk}/").status_code == 404
    assert stranger.get(f"/clips/{video.pk}/").status_code == 404
    assert client.get(f"/clips/{uuid.uuid4()}/").status_code == 404


def test_a_shared_clip_shows_everything_that_is_known_about_it(client: Client) -> None:
    claims = {
        "model": "small",
        "model_version": "1.2",
        "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "prompt_rewritten": True,
        "created_at": "2026-11-24T09:00:00Z",
    }
    video = make_video(
        credentials={"state": "trusted", "issuer": "A Studio", "claims": claims, "failures": []}
    )

    html = html_of(client, f"/clips/{video.pk}/")

    for fact in (
        "A Studio",
        "small 1.2",
        "AI-generated",
        "Rewritten before use",
        "24 November 2026",
    ):
        assert fact in html
    assert video.generation.prompt in html
    assert "Share to Recent" not in html
    assert f"/clips/{video.pk}/report/" in html


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ("valid", "issuer unknown"),
        ("invalid", "Changed since it was signed"),
        ("none", "No Content Credentials"),
    ],
)
def test_the_panel_never_claims_more_than_the_report(client: Client, state: str, says: str) -> None:
    video = make_video(credentials={"state": state, "issuer": "", "claims": {}, "failures": []})

    html = html_of(client, f"/clips/{video.pk}/")

    assert says in html
    assert "issuer trusted" not in html


def test_members_may_share_viewers_may_only_look(workspace: Workspace, charlie: User) -> None:
    video = make_video(workspace, shared=False)
    make_membership(workspace, charlie, role=Membership.Role.VIEWER)
    viewer = Client()
    viewer.force_login(charlie)

    assert "Share to Recent" not in html_of(viewer, f"/clips/{video.pk}/")


def test_lineage_shows_only_what_the_viewer_may_see(
    client: Client, page: Client, workspace: Workspace
) -> None:
    parent = make_video(workspace, prompt="the private first take", shared=False)
    video = make_video(workspace)
    video.parents.add(parent)
    child = make_video(prompt="what somebody made of it")
    child.parents.add(video)

    assert "the private first take" not in html_of(client, f"/clips/{video.pk}/")
    assert "what somebody made of it" in html_of(client, f"/clips/{video.pk}/")
    assert "the private first take" in html_of(page, f"/clips/{video.pk}/")


def test_pages_never_hold_inline_script_or_style(page: Client, workspace: Workspace) -> None:
    video = make_video(workspace)
    for path in ("/", "/create/", "/activity/", "/library/", f"/clips/{video.pk}/", "/verify/"):
        answer = page.get(path)
        html = answer.content.decode()
        assert not re.search(r"\son[a-z]+=|\sstyle=|<style", html), path
        for script in re.findall(r"<script[^>]*>", html):
            assert "src=" in script or "application/json" in script, path
        assert "unsafe-inline" not in answer["Content-Security-Policy"]


def test_verify_reads_a_file_that_says_nothing(client: Client) -> None:
    from io import BytesIO

    from PIL import Image

    picture = BytesIO()
    Image.effect_noise((96, 96), 80).convert("RGB").save(picture, "PNG")
    upload = SimpleUploadedFile("holiday.png", picture.getvalue(), "image/png")

    answer = client.post("/verify/", {"file": upload})
    html = answer.content.decode()

    assert answer.status_code == 200
    assert "No Content Credentials" in html
    assert "holiday.png" in html
    assert "No match" in html


@pytest.mark.parametrize(
    "content", [b"", b"MZ not a picture", b"\x00" * 64], ids=["empty", "program", "zeros"]
)
def test_verify_refuses_what_it_can_not_read_and_says_so(client: Client, content: bytes) -> None:
    answer = client.post("/verify/", {"file": SimpleUploadedFile("x.mp4", content)})

    assert answer.status_code == 400
    assert 'role="alert"' in answer.content.decode()


def test_verify_without_a_file_says_so(client: Client) -> None:
    assert client.post("/verify/").status_code == 400


def test_error_pages_wear_the_sites_dress(client: Client) -> None:
    answer = client.get("/nowhere/")

    assert answer.status_code == 404
    assert "Nothing here" in answer.content.decode()
    assert settings.SITE_NAME in answer.content.decode()
