"""Who is shown a clip: private, by link, to the workspace, to everybody."""

from __future__ import annotations

import threading
import uuid
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Membership, User
from feeds import hooks
from feeds.models import ShareLink
from generation.models import SafetyCheck, Video
from generation.services import quarantine_video
from tests.factories import make_membership, make_user, make_video

pytestmark = pytest.mark.django_db


def audience_url(video: Video) -> str:
    return f"/api/v1/videos/{video.pk}/audience/"


def set_to(api: APIClient, video: Video, audience: str) -> Any:
    return api.put(audience_url(video), {"audience": audience})


def ids(answer: Any) -> list[str]:
    return [card["id"] for card in answer.json()["videos"]]


def path_of(link: str) -> str:
    return "/s/" + link.rsplit("/s/", 1)[1]


def test_a_link_opens_the_clip_for_anybody_and_the_clip_is_in_no_list(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False, prompt="a quiet harbour")

    link = set_to(api, video, "link").json()["link"]

    page = client.get(path_of(link))
    assert page.status_code == 200
    assert "a quiet harbour" in page.content.decode()
    assert page["X-Robots-Tag"] == "noindex"
    assert page["Referrer-Policy"] == "no-referrer"
    assert client.get(path_of(link) + "poster/").status_code == 302
    assert ids(client.get("/api/v1/feeds/recent/")) == []
    assert client.get(f"/clips/{video.pk}/").status_code == 404


def test_a_revoked_link_leads_nowhere_and_a_new_one_is_another(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)
    first = set_to(api, video, "link").json()["link"]

    second = api.post(f"/api/v1/videos/{video.pk}/link/").json()["link"]
    assert client.get(path_of(first)).status_code == 404
    assert client.get(path_of(second)).status_code == 200

    ended = api.delete(f"/api/v1/videos/{video.pk}/link/").json()
    assert client.get(path_of(second)).status_code == 404
    assert ended == {"audience": "private", "shared_at": None, "link": None}
    assert len(ShareLink.objects.values_list("token", flat=True).distinct()) == 2


@pytest.mark.parametrize("token", ["x", "a" * 32, "%2e%2e", "é"])
def test_a_made_up_link_is_not_found(client: Client, token: str) -> None:
    assert client.get(f"/s/{token}/").status_code == 404


@pytest.mark.parametrize("audience", ["private", "workspace"])
def test_another_audience_ends_the_link(
    api: APIClient, alice: User, client: Client, audience: str
) -> None:
    video = make_video(by=alice, shared=False)
    link = set_to(api, video, "link").json()["link"]

    set_to(api, video, audience)

    assert client.get(path_of(link)).status_code == 404


def test_a_link_leads_nowhere_while_the_clip_is_taken_down_or_in_the_trash(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)
    link = set_to(api, video, "link").json()["link"]

    Video.objects.filter(pk=video.pk).update(quarantined_at=timezone.now())
    assert client.get(path_of(link)).status_code == 404
    Video.objects.filter(pk=video.pk).update(quarantined_at=None, trashed_at=timezone.now())
    assert client.get(path_of(link)).status_code == 404
    Video.objects.filter(pk=video.pk).update(trashed_at=None)
    assert client.get(path_of(link)).status_code == 200


def test_the_workspaces_feed_shows_its_members_what_was_shown_to_it(
    api: APIClient, alice: User, bob: User, stranger: APIClient
) -> None:
    shown = make_video(by=alice, shared=False)
    make_video(by=alice, shared=False)
    public = make_video(by=alice)
    make_membership(shown.workspace, bob, role=Membership.Role.VIEWER)
    outsider = APIClient()
    outsider.force_login(make_user())

    set_to(api, shown, "workspace")

    feed = f"/api/v1/workspaces/{shown.workspace_id}/feed/"
    assert ids(stranger.get(feed)) == [str(public.pk), str(shown.pk)]
    assert outsider.get(feed).status_code == 404
    assert ids(outsider.get("/api/v1/feeds/recent/")) == [str(public.pk)]


def test_public_and_back_leaves_the_lists_in_the_same_request(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)

    assert set_to(api, video, "public").json()["audience"] == "public"
    assert ids(client.get("/api/v1/feeds/recent/")) == [str(video.pk)]
    assert set_to(api, video, "workspace").json()["audience"] == "workspace"
    assert ids(client.get("/api/v1/feeds/recent/")) == []
    events = AuditEntry.objects.filter(target_id=str(video.pk)).values_list("event", flat=True)
    assert {"video.shared", "video.unshared", "video.audience_changed"} <= set(events)


@pytest.mark.parametrize("audience", ["link", "public"])
def test_what_the_checks_keep_private_reaches_no_stranger(
    api: APIClient, alice: User, audience: str
) -> None:
    video = make_video(by=alice, shared=False)
    SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage=SafetyCheck.Stage.OUTPUT,
        action="guard",
        profile="default",
        policy_version="1",
        verdict={},
    )

    answer = set_to(api, video, audience)

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_shareable"
    assert not ShareLink.objects.exists()
    assert set_to(api, video, "workspace").status_code == 200


def test_a_decision_that_bars_a_clip_keeps_it_in_and_ends_its_link(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)
    link = set_to(api, video, "link").json()["link"]
    hooks.bars.append(lambda _: "A decision keeps this clip in.")
    try:
        assert client.get(path_of(link)).status_code == 404
        assert set_to(api, video, "public").status_code == 409
        assert api.post(f"/api/v1/videos/{video.pk}/link/").status_code == 409
        assert set_to(api, video, "workspace").status_code == 200
    finally:
        hooks.bars.pop()


def test_an_unknown_audience_is_refused_by_name(api: APIClient, alice: User) -> None:
    answer = set_to(api, make_video(by=alice, shared=False), "friends")

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "audience"


def test_strangers_learn_and_change_nothing(
    stranger: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice)

    for number in (video.pk, uuid.uuid4()):
        address = f"/api/v1/videos/{number}"
        assert stranger.get(f"{address}/audience/").status_code == 404
        assert stranger.put(f"{address}/audience/", {"audience": "private"}).status_code == 404
        assert stranger.post(f"{address}/link/").status_code == 404
        assert stranger.delete(f"{address}/link/").status_code == 404
        assert stranger.put(f"{address}/alt-text/", {"alt_text": "x"}).status_code == 404
        assert client.put(f"{address}/audience/").status_code == 401
    video.refresh_from_db()
    assert video.shared_at is not None


def test_the_forms_of_the_clips_page_do_the_same_without_script(
    signed_in: Client, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)

    signed_in.post(f"/clips/{video.pk}/audience/", {"audience": "link"})
    page = signed_in.get(f"/clips/{video.pk}/").content.decode()
    token = ShareLink.objects.get().token
    assert f"/s/{token}/" in page
    signed_in.post(f"/clips/{video.pk}/audience/", {"do": "end-link"})
    assert client.get(f"/s/{token}/").status_code == 404
    signed_in.post(f"/clips/{video.pk}/audience/", {"audience": "nonsense"})
    video.refresh_from_db()
    assert video.audience == "private"


@pytest.mark.django_db(transaction=True)
def test_publishing_waits_for_a_takedown_and_is_refused_then() -> None:
    """The takedown holds the clip's row; the request that would publish it comes meanwhile."""
    alice = make_user()
    video = make_video(by=alice, shared=False)
    api = APIClient()
    api.force_login(alice)
    answers: list[int] = []
    arrived = threading.Event()

    def publish() -> None:
        try:
            arrived.set()
            answers.append(set_to(api, video, "public").status_code)
        finally:
            connections.close_all()

    with transaction.atomic():
        Video.objects.select_for_update().get(pk=video.pk)
        thread = threading.Thread(target=publish)
        thread.start()
        arrived.wait(10)
        wait_until_somebody_waits()
        quarantine_video(video, by=None, reason="test")
    thread.join(30)

    video.refresh_from_db()
    assert answers == [409]
    assert video.shared_at is None


@pytest.mark.django_db(transaction=True)
def test_a_takedown_that_waits_for_publishing_wins() -> None:
    alice = make_user()
    video = make_video(by=alice, shared=False)
    client = Client()

    def take_down() -> None:
        try:
            quarantine_video(video, by=None, reason="test")
        finally:
            connections.close_all()

    with transaction.atomic():
        Video.objects.select_for_update().get(pk=video.pk)
        thread = threading.Thread(target=take_down)
        thread.start()
        wait_until_somebody_waits()
        Video.objects.filter(pk=video.pk).update(shared_at=timezone.now())
    thread.join(30)

    assert ids(client.get("/api/v1/feeds/recent/")) == []
    assert client.get(f"/clips/{video.pk}/").status_code == 404


def wait_until_somebody_waits() -> None:
    """Until another connection waits for a lock this one holds."""
    import time

    for _ in range(1200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waited for the lock")
