"""Sharing a clip, taking it back, liking it."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Membership, User
from feeds.models import Like
from generation.models import SafetyCheck
from tests.factories import make_membership, make_video

pytestmark = pytest.mark.django_db


def url(video: object, verb: str) -> str:
    return f"/api/v1/videos/{getattr(video, 'pk', video)}/{verb}/"


def test_a_shared_clip_is_in_recent_at_once_and_gone_when_taken_back(
    api: APIClient, alice: User, client: Client
) -> None:
    video = make_video(by=alice, shared=False)

    shared = api.post(url(video, "share"))
    listed = client.get("/api/v1/feeds/recent/").json()["videos"]
    api.post(url(video, "unshare"))
    after = client.get("/api/v1/feeds/recent/").json()["videos"]

    assert shared.json()["shared_at"]
    assert [v["id"] for v in listed] == [str(video.pk)]
    assert after == []


def test_sharing_twice_keeps_the_first_moment(api: APIClient, alice: User) -> None:
    video = make_video(by=alice, shared=False)

    first = api.post(url(video, "share")).json()
    second = api.post(url(video, "share")).json()

    assert first == second
    assert AuditEntry.objects.filter(event="video.shared").count() == 1


def test_only_the_clips_workspace_may_share_it(stranger: APIClient, alice: User) -> None:
    hidden = make_video(by=alice, shared=False)
    public = make_video(by=alice)

    assert stranger.post(url(hidden, "share")).status_code == 404
    assert stranger.post(url(public, "unshare")).status_code == 404
    assert stranger.post(url(uuid.uuid4(), "share")).status_code == 404


def test_a_viewer_of_the_workspace_may_not_share(
    stranger: APIClient, bob: User, alice: User
) -> None:
    video = make_video(by=alice, shared=False)
    make_membership(video.workspace, bob, role=Membership.Role.VIEWER)

    answer = stranger.post(url(video, "share"))

    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "role_too_low"


def test_nobody_signed_in_may_share(client: Client, alice: User) -> None:
    video = make_video(by=alice, shared=False)

    assert client.post(url(video, "share")).status_code == 401


def test_a_clip_whose_checks_said_private_only_stays_private(api: APIClient, alice: User) -> None:
    video = make_video(by=alice, shared=False)
    SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage=SafetyCheck.Stage.PROMPT,
        action="guard",
        profile="default",
        policy_version="1",
        verdict={},
    )

    answer = api.post(url(video, "share"))

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_shareable"
    video.refresh_from_db()
    assert video.shared_at is None


def test_a_clip_in_quarantine_can_not_be_shared(api: APIClient, alice: User) -> None:
    video = make_video(by=alice, shared=False, quarantined_at=timezone.now())

    assert api.post(url(video, "share")).status_code == 404


def test_the_share_form_works_without_script(signed_in: Client, alice: User) -> None:
    video = make_video(by=alice, shared=False)

    signed_in.post(f"/clips/{video.pk}/share/", {"state": "on"})
    video.refresh_from_db()
    shared = video.shared_at
    signed_in.post(f"/clips/{video.pk}/share/", {"state": "off"})
    video.refresh_from_db()

    assert shared is not None
    assert video.shared_at is None


def test_a_stranger_gets_404_from_the_share_form(bob: User, alice: User) -> None:
    video = make_video(by=alice, shared=False)
    client = Client()
    client.force_login(bob)

    assert client.post(f"/clips/{video.pk}/share/").status_code == 404


def test_liking_counts_once_and_can_be_taken_back(api: APIClient, alice: User) -> None:
    video = make_video()

    first = api.put(url(video, "like")).json()
    second = api.put(url(video, "like")).json()
    after = api.delete(url(video, "like")).json()

    assert first == second == {"liked": True, "likes": 1}
    assert after == {"liked": False, "likes": 0}


def test_a_private_clip_of_somebody_else_can_not_be_liked(stranger: APIClient, alice: User) -> None:
    video = make_video(by=alice, shared=False)

    assert stranger.put(url(video, "like")).status_code == 404
    assert stranger.get(url(video, "like")).status_code == 404
    assert not Like.objects.exists()


def test_anybody_reads_the_likes_of_a_shared_clip(client: Client) -> None:
    video = make_video()

    assert client.get(url(video, "like")).json() == {"liked": False, "likes": 0}
    assert client.put(url(video, "like")).status_code == 401
