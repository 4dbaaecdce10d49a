"""Links to media: the same text for some minutes, so that browsers keep posters; dead after an hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from generation.models import Video
from sora_site.lib import storage

Ask = Callable[..., Any]
NOON = 1_800_000_000.0  # divisible by ten minutes


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_to(seconds: float) -> None:
        monkeypatch.setattr(time, "time", lambda: NOON + seconds)

    return set_to


def link() -> str:
    return storage.signed_url("7/abc/poster.webp", filename="poster.webp")


def test_a_link_stays_the_same_for_ten_minutes_and_then_changes(
    clock: Callable[[float], None],
) -> None:
    clock(0)
    first = link()
    clock(599)
    assert link() == first
    clock(601)
    assert link() != first


@pytest.mark.parametrize("signed_at", [0, 599])
def test_a_link_works_for_at_least_fifty_minutes_and_never_longer_than_an_hour(
    clock: Callable[[float], None], signed_at: int
) -> None:
    clock(signed_at)
    token = link().split("/")[2]
    clock(signed_at + 50 * 60)
    assert storage.read_link(token).key == "7/abc/poster.webp"
    clock(signed_at + 60 * 60 + 1)
    with pytest.raises(signing.SignatureExpired):
        storage.read_link(token)


def test_links_to_different_things_differ() -> None:
    shown = storage.signed_url("7/abc/clip.mp4", filename="clip.mp4")
    assert shown != storage.signed_url("7/abc/clip.mp4", filename="clip.mp4", download=True)
    assert shown != storage.signed_url("7/abd/clip.mp4", filename="clip.mp4")


@pytest.fixture
def video(ask: Ask, run_worker: Callable[[], int], api: APIClient) -> dict[str, Any]:
    job = ask(steps=2).json()["id"]
    run_worker()
    found: dict[str, Any] = api.get(f"/api/v1/generations/{job}/").json()["video"]
    return found


def downloads() -> list[AuditEntry]:
    return list(AuditEntry.objects.filter(event="video.downloaded"))


@pytest.mark.django_db(transaction=True)
def test_browsers_keep_a_poster_as_long_as_its_link_and_others_keep_nothing(
    video: dict[str, Any], client: Client
) -> None:
    answer = client.get(video["poster_url"])

    assert answer["Cache-Control"] == "private, max-age=600"


@pytest.mark.django_db(transaction=True)
def test_a_download_is_noted_once_with_who_took_it(
    video: dict[str, Any], api: APIClient, client: Client, alice: User
) -> None:
    client.force_login(alice)
    client.get(video["media_url"])
    client.get(video["media_url"], headers={"Range": "bytes=0-"})
    client.head(video["download_url"])
    assert downloads() == []

    client.get(video["download_url"], headers={"Range": "bytes=0-"})
    client.get(video["download_url"], headers={"Range": "bytes=5000-"})

    (entry,) = downloads()
    assert (entry.actor, entry.target_id, entry.data) == (alice, video["id"], {"file": "mp4"})
    assert entry.workspace == Video.objects.get(pk=video["id"]).workspace


@pytest.mark.django_db(transaction=True)
def test_a_download_by_a_link_that_was_passed_on_names_nobody(
    video: dict[str, Any], client: Client
) -> None:
    client.get(video["download_url"])

    assert [entry.actor for entry in downloads()] == [None]


@pytest.mark.django_db(transaction=True)
def test_a_refused_link_is_no_download(video: dict[str, Any], client: Client) -> None:
    token = video["download_url"].split("/")[2]

    answer = client.get(video["download_url"].replace(token, token[:-2] + "xx"))

    assert (answer.status_code, downloads()) == (404, [])
