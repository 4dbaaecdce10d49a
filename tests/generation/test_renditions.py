"""Other formats of a clip: made once by the worker, marked, signed, gone with the clip."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.conf import settings
from PIL import Image
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Workspace
from generation import chores, inspection, library, services, signing
from generation.models import Chore, Video
from tests.factories import make_video
from tests.generation.real_clips import FPS, HEIGHT, WIDTH, file_of, make_clip

pytestmark = pytest.mark.django_db(transaction=True)  # a lease is renewed from another thread
MADE = ("gif", "webp", "spritesheet")


@pytest.fixture
def clip(development_ca: None, workspace: Workspace) -> Video:
    return make_clip(workspace)


def address(video: Video) -> str:
    return f"/api/v1/videos/{video.pk}/renditions/"


def formats_of(client: APIClient, video: Video) -> dict[str, dict[str, Any]]:
    answer = client.get(address(video))
    assert answer.status_code == 200
    return {item["format"]: item for item in answer.json()["formats"]}


def make(client: APIClient, video: Video, code: str) -> dict[str, Any]:
    assert client.post(address(video), {"format": code}).status_code == 202
    chores.drain()
    return formats_of(client, video)[code]


def test_mp4_and_poster_are_there_from_the_start(api: APIClient, clip: Video) -> None:
    found = formats_of(api, clip)

    assert {code: item["status"] for code, item in found.items()} == {
        "mp4": "ready",
        "poster": "ready",
        "gif": "none",
        "webp": "none",
        "spritesheet": "none",
    }
    assert api.get(found["mp4"]["url"]).status_code == 200


@pytest.mark.parametrize("code", MADE)
def test_each_format_is_signed_with_the_clip_as_its_parent(
    api: APIClient, clip: Video, code: str
) -> None:
    found = make(api, clip, code)
    link = api.get(found["url"])
    path = file_of(Chore.objects.get(video=clip, kind=code).key)
    report = signing.read(path)

    assert found["status"] == "ready" and found["bytes"] == path.stat().st_size
    assert link["Content-Disposition"].startswith("attachment")
    assert signing.is_ours(report)
    assert report.claims["job"] == str(clip.generation_id)
    assert [item["relationship"] for item in report.claims["ingredients"]] == ["parentOf"]
    assert report.failures == []


@pytest.mark.parametrize("code", ["gif", "webp"])
def test_moving_formats_keep_size_time_loop_and_mark(
    api: APIClient, clip: Video, code: str, alice: Any
) -> None:
    make(api, clip, code)
    path = file_of(Chore.objects.get(video=clip, kind=code).key)

    with Image.open(path) as image:
        assert image.size == (WIDTH, HEIGHT)
        assert image.n_frames == FPS  # type: ignore[attr-defined]
        assert image.info["loop"] == 0
        times = []
        for index in range(FPS):
            image.seek(index)
            image.load()
            times.append(image.info["duration"])
    assert sum(times) == pytest.approx(1000, abs=15)
    seen = inspection.verify_file(path, viewer=alice)
    assert seen["c2pa"]["state"] == "trusted"
    assert seen["visible_watermark"] is True
    assert [match["id"] for match in seen["matches"]] == [str(clip.pk)]


def test_a_spritesheet_says_how_to_cut_it_up(api: APIClient, clip: Video) -> None:
    layout = make(api, clip, "spritesheet")["layout"]
    with Image.open(file_of(Chore.objects.get(video=clip).key)) as image:
        size = image.size

    assert layout["tiles"] == FPS
    assert size == (
        layout["columns"] * layout["tile_width"],
        layout["rows"] * layout["tile_height"],
    )
    assert np.isclose(layout["tiles"] * layout["seconds_per_tile"], clip.seconds, atol=0.1)


def test_a_format_is_made_once_and_noted_once(api: APIClient, clip: Video) -> None:
    first = make(api, clip, "gif")
    key = Chore.objects.get(video=clip).key
    modified = file_of(key).stat().st_mtime_ns
    again = make(api, clip, "gif")

    assert again["bytes"] == first["bytes"]
    assert file_of(key).stat().st_mtime_ns == modified
    assert AuditEntry.objects.filter(event="video.rendition_made", target_id=clip.pk).count() == 1


def test_a_stranger_may_have_a_shared_clip_converted_but_not_a_private_one(
    stranger: APIClient, workspace: Workspace
) -> None:
    shared, private = make_video(workspace), make_video(workspace, shared=False)

    assert stranger.post(address(shared), {"format": "gif"}).status_code == 202
    assert stranger.post(address(private), {"format": "gif"}).status_code == 404
    assert stranger.get(address(private)).status_code == 404
    assert APIClient().get(address(shared)).status_code == 200
    assert APIClient().post(address(shared), {"format": "gif"}).status_code in (401, 403)


def test_an_unknown_format_is_refused_by_name(api: APIClient, workspace: Workspace) -> None:
    answer = api.post(address(make_video(workspace)), {"format": "exe"})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "format"


def test_nobody_has_more_than_twenty_waiting(api: APIClient, workspace: Workspace) -> None:
    answers = [
        api.post(address(make_video(workspace)), {"format": "gif"}).status_code for _ in range(21)
    ]

    assert answers == [202] * 20 + [429]


def test_a_clip_whose_file_is_gone_says_so_and_may_be_tried_again(
    api: APIClient, workspace: Workspace
) -> None:
    video = make_video(workspace)
    found = make(api, video, "gif")

    assert found["status"] == "failed" and found["problem"] == "The clip was removed meanwhile."
    assert api.post(address(video), {"format": "gif"}).json()["status"] == "waiting"


def test_quarantine_takes_every_format_out_of_reach_and_brings_it_back(
    api: APIClient, clip: Video, staff: Any
) -> None:
    url = make(api, clip, "gif")["url"]
    services.quarantine_video(clip, by=staff, reason="test")
    while_hidden = api.get(url).status_code
    services.restore_video(clip, by=staff, reason="test")

    assert while_hidden == 404
    assert api.get(url).status_code == 200


def test_a_clip_taken_down_while_its_gif_is_drawn_gets_none(
    clip: Video, api: APIClient, staff: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = signing.read

    def take_down_first(path: Any) -> Any:
        services.quarantine_video(clip, by=staff, reason="test")
        return read(path)

    monkeypatch.setattr(signing, "read", take_down_first)
    api.post(address(clip), {"format": "gif"})
    chores.drain()
    chore = Chore.objects.get(video=clip)

    assert (chore.status, chore.reason_code, chore.key) == ("failed", "gone", "")
    assert not list((settings.SORA_MEDIA_ROOT / "private").glob(f"*/{clip.pk}/*.gif"))


def test_deleting_a_clip_deletes_its_formats(api: APIClient, clip: Video, alice: Any) -> None:
    make(api, clip, "gif")
    path = file_of(Chore.objects.get(video=clip).key)
    library.trash([clip], by=alice)
    library.empty_trash(clip.workspace, by=alice)
    library.sweep_trash()

    assert not path.exists()
    assert not Chore.objects.filter(video=clip).exists()


def test_a_worker_that_died_leaves_the_chore_to_another(api: APIClient, clip: Video) -> None:
    api.post(address(clip), {"format": "gif"})
    dead = chores.claim()
    assert dead is not None and chores.claim() is None
    Chore.objects.filter(pk=dead.pk).update(lease_expires_at="2020-01-01T00:00:00Z")
    chores.drain()
    late = chores.Lease(dead)

    assert formats_of(api, clip)["gif"]["status"] == "ready"
    assert not late.mine().exists()


def test_a_chore_that_kills_its_worker_ends_after_three_tries(api: APIClient, clip: Video) -> None:
    api.post(address(clip), {"format": "gif"})
    for _ in range(settings.SORA_MAX_ATTEMPTS):
        assert chores.claim() is not None
        Chore.objects.update(lease_expires_at="2020-01-01T00:00:00Z")
    chores.drain()

    assert formats_of(api, clip)["gif"]["status"] == "failed"
