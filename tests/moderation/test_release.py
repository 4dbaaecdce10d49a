"""Guarded clips: the owner sees why and asks, a person releases, the feed asks once more."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User
from generation.models import SafetyCheck, Video
from moderation.models import Case
from moderation.screening.decision import Signal, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category
from tests.factories import make_video

pytestmark = pytest.mark.django_db


def check(video: Video, value: float, *, stage: str = "prompt", **details: Any) -> SafetyCheck:
    decision = redecide(
        [Signal("text", "1", Category.VIOLENCE_GORE, value, subject="rewritten")],
        profile="default",
        policy=default_policy(),
        details={"absent": [], "texts": ["prompt", "rewritten"], **details},
        stage=stage,
    )
    return SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage=stage,
        action=decision.action,
        profile=decision.profile,
        policy_version=decision.policy_version,
        verdict=decision.to_json(),
    )


@pytest.fixture
def guarded(alice: User) -> Video:
    video: Video = make_video(by=alice, shared=False)
    assert check(video, 0.95).action == "guard"
    return video


@pytest.fixture
def owner(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client


def share(person: User, video: Video) -> Any:
    client = APIClient()
    client.force_login(person)
    return client.post(f"/api/v1/videos/{video.pk}/share/")


def test_the_owner_sees_why_a_clip_is_private_and_what_to_do(owner: Client, guarded: Video) -> None:
    page = owner.get(f"/clips/{guarded.pk}/").content.decode()

    assert "Only you and your workspace can see this clip" in page
    assert f"/clips/{guarded.pk}/review/" in page


def test_a_clip_nothing_keeps_private_says_nothing_of_it(owner: Client, alice: User) -> None:
    page = owner.get(f"/clips/{make_video(by=alice, shared=False).pk}/").content.decode()

    assert "kept-title" not in page


def test_a_person_releases_it_with_a_reason_and_it_can_be_shared(
    owner: Client, console: Client, alice: User, guarded: Video
) -> None:
    assert share(alice, guarded).status_code == 409
    owner.post(f"/clips/{guarded.pk}/review/")
    owner.post(f"/clips/{guarded.pk}/review/")
    case = Case.objects.get(video=guarded)
    page = console.get(f"/console/cases/{case.pk}/").content.decode()
    assert "Release the clip" in page and "1 signal" in page
    assert "A person will look at it" in owner.get(f"/clips/{guarded.pk}/").content.decode()

    without = console.post(f"/console/cases/{case.pk}/", {"action": "release", "note": ""})
    console.post(f"/console/cases/{case.pk}/", {"action": "release", "note": "A stage fight."})

    guarded.refresh_from_db()
    assert without.status_code == 400
    assert guarded.released_at is not None
    assert share(alice, guarded).status_code == 200
    entry = AuditEntry.objects.get(event="video.released")
    assert entry.data["reason"] == f"case:{case.pk}"


def test_a_clip_a_person_kept_private_is_not_asked_about_again(
    owner: Client, console: Client, alice: User, guarded: Video
) -> None:
    owner.post(f"/clips/{guarded.pk}/review/")
    case = Case.objects.get(video=guarded)
    console.post(f"/console/cases/{case.pk}/", {"action": "dismiss", "note": "Too bloody."})

    owner.post(f"/clips/{guarded.pk}/review/")

    assert Case.objects.filter(video=guarded).count() == 1
    assert share(alice, guarded).status_code == 409
    page = owner.get(f"/clips/{guarded.pk}/").content.decode()
    assert "A person has looked at it, and it stays private" in page


def test_strangers_can_not_ask_for_somebody_elses_clip(bob: User, guarded: Video) -> None:
    client = Client()
    assert client.post(f"/clips/{guarded.pk}/review/").status_code == 302
    client.force_login(bob)

    assert client.post(f"/clips/{guarded.pk}/review/").status_code == 404
    assert not Case.objects.exists()


def test_a_clip_nothing_keeps_private_can_not_be_released(console: Client, alice: User) -> None:
    video = make_video(by=alice)
    APIClient().post(f"/api/v1/videos/{video.pk}/reports/", {"reason": "spam"}, format="json")
    case = Case.objects.get(video=video)

    answer = console.post(f"/console/cases/{case.pk}/", {"action": "release", "note": "Fine."})

    assert answer.status_code == 400
    assert Case.objects.get().is_open


def test_sharing_is_judged_once_more_with_the_feed_profile(
    alice: User, owner: Client, console: Client
) -> None:
    video = make_video(by=alice, shared=False)
    assert check(video, 0.895).action == "allow"
    tight = {"absent": ["frames"]}  # what the site lacks makes the feed's points tighter

    answer = share(alice, video)

    stored = SafetyCheck.objects.get(generation=video.generation, stage="feed")
    assert answer.status_code == 409, tight
    assert answer.json()["error"]["reasons"] == ["violence_gore"]
    assert (stored.profile, stored.action) == ("feed", "refuse")
    owner.post(f"/clips/{video.pk}/review/")
    case = Case.objects.get(video=video)
    console.post(f"/console/cases/{case.pk}/", {"action": "release", "note": "Harmless."})
    assert share(alice, video).status_code == 200


def test_a_plainly_harmless_clip_passes_the_feed_profile(alice: User) -> None:
    video = make_video(by=alice, shared=False)
    check(video, 0.4)

    assert share(alice, video).status_code == 200
    assert SafetyCheck.objects.get(generation=video.generation, stage="feed").action == "allow"
