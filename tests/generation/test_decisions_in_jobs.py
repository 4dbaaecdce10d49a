"""One decision service through a whole job: stored signals, second takes, holds, strict sources."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import ApiToken, AuditEntry, User, Workspace
from accounts.services import create_token
from billing.models import LedgerEntry
from billing.services import balance
from generation import vision
from generation.models import Generation, PolicyActivation, PolicyVersion, SafetyCheck, Video
from moderation.models import Case
from moderation.policy_lab import replay
from moderation.screening.decision import Decision
from moderation.screening.policy import default_policy, with_changes
from moderation.screening.protocol import Category
from tests.factories import add_second_factor, make_user
from tests.generation import painted

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _painted(settings: Any) -> Iterator[None]:
    settings.SORA_ENGINE = "tests.generation.painted.Engine"
    painted.blank_seeds.clear(), painted.painted.clear(), painted.seen.clear()
    yield
    vision._loaded.cache_clear()
    for area in ("media", "work"):
        shutil.rmtree(Path(site.SORA_STATE_DIR) / area, ignore_errors=True)


@pytest.fixture
def eye(settings: Any) -> dict[Category, float]:
    settings.SORA_FRAME_CLASSIFIER = "tests.generation.painted.Eye"
    return painted.seen


@pytest.fixture
def console(db: None) -> Client:
    person = make_user("staff@example.com", is_staff=True)
    add_second_factor(person)
    client = Client()
    client.force_login(person)
    return client


def switch_on(changes: dict[str, Any]) -> PolicyVersion:
    """A policy version that decides from now on."""
    person = make_user(is_staff=True)
    policy = with_changes(default_policy(), changes, version="site.1")
    version = PolicyVersion.objects.create(
        number=1,
        version="site.1",
        based_on=default_policy().version,
        document=policy.to_json(),
        note="for this test",
        made_by=person,
    )
    PolicyActivation.objects.create(version=version, note="for this test", by=person)
    return version


HOLD_LIKENESS = {
    "probabilities": {
        profile: {"likeness": {"guard": 0.3, "hold": 0.3}}
        for profile in ("default", "api", "minor_referenced", "upload", "people_upload", "feed")
    }
}


def job_of(answer: Any) -> Generation:
    return Generation.objects.get(pk=answer.json()["id"])


def test_every_stage_stores_signals_that_decide_the_same_again(
    ask: Ask, run_worker: Callable[[], int], eye: dict[Category, float]
) -> None:
    eye[Category.SEXUAL] = 0.2
    job = job_of(ask(seed=3, share=True))

    run_worker()

    rows = list(SafetyCheck.objects.filter(generation=job))
    assert {row.stage for row in rows} == {"gate", "prompt", "output", "feed"}
    for row in rows:
        stored = Decision.from_json(row.verdict)
        again = replay(stored, default_policy())
        assert (again.action, again.categories) == (row.action, tuple(row.verdict["categories"]))
        assert row.policy_version == default_policy().version
    output = Decision.from_json(next(r for r in rows if r.stage == "output").verdict)
    seen = [s for s in output.signals if s.provider == "eye" and s.category == Category.SEXUAL]
    moments = [s.frame_seconds for s in seen]
    assert len(moments) >= 4 and moments == sorted(moments, key=float)
    prompt = Decision.from_json(next(r for r in rows if r.stage == "prompt").verdict)
    assert {s.subject for s in prompt.signals} <= {"prompt", "rewritten"}
    assert prompt.details["absent"] == ["joint"]


def test_a_blank_take_of_a_harmless_prompt_is_drawn_once_more_and_charged_once(
    ask: Ask, run_worker: Callable[[], int], api: APIClient
) -> None:
    painted.blank_seeds.add(3)
    job = job_of(ask(seed=3, share=True))

    run_worker()

    job.refresh_from_db()
    video = Video.objects.get(generation=job)
    outputs = SafetyCheck.objects.filter(generation=job, stage="output").order_by("pk")
    assert job.status == "succeeded"
    assert len(painted.painted) == 2 and painted.painted[0] != painted.painted[1]
    assert [row.action for row in outputs] == ["refuse", "guard"]
    assert (video.shared_at, video.is_kept_private) == (None, True)
    assert LedgerEntry.objects.filter(kind="capture", reference=str(job.pk)).count() == 1
    assert "kept-title" in api.get(f"/clips/{video.pk}/").content.decode()


def test_two_blank_takes_are_refused_and_not_charged(
    ask: Ask, run_worker: Callable[[], int]
) -> None:
    from generation.takes import SECOND_SEED

    painted.blank_seeds.update({3, 3 + SECOND_SEED})
    job = job_of(ask(seed=3))

    run_worker()

    job.refresh_from_db()
    assert (job.status, job.reason_code) == ("refused", "broken_output")
    assert len(painted.painted) == 2
    assert balance(job.workspace).held == 0
    assert not LedgerEntry.objects.filter(kind="capture").exists()


def test_a_plainly_refused_picture_gets_no_second_take(
    ask: Ask, run_worker: Callable[[], int], eye: dict[Category, float]
) -> None:
    eye[Category.SEXUAL] = 0.97
    job = job_of(ask(seed=3))

    run_worker()

    job.refresh_from_db()
    assert (job.status, job.reason_code) == ("refused", "sexual")
    assert painted.painted == [3]


def test_a_minor_in_the_prompt_makes_its_frames_strict(
    ask: Ask, run_worker: Callable[[], int], eye: dict[Category, float]
) -> None:
    eye[Category.SEXUAL] = 0.3
    plain = job_of(ask(seed=3, prompt="a red balloon over the ocean"))
    minor = job_of(ask(seed=3, prompt="a boy with a red balloon"))

    run_worker()

    plain.refresh_from_db(), minor.refresh_from_db()
    assert plain.status == "succeeded"
    assert minor.status == "refused"
    check = SafetyCheck.objects.get(generation=minor, stage="output")
    assert (check.profile, check.verdict["reasons"]) == ("minor_referenced", ["sexual_minors"])


def test_what_is_made_from_a_clip_with_a_minor_is_judged_as_strictly(
    ask: Ask, run_worker: Callable[[], int]
) -> None:
    first = job_of(ask(seed=3, prompt="a boy with a red balloon"))
    run_worker()
    video = Video.objects.get(generation=first)

    part = {"media": f"video:{video.pk}"}
    again = job_of(ask(tool="stitch", edit={"parts": [part, part]}, prompt=""))
    run_worker()

    check = SafetyCheck.objects.get(generation=again, stage="prompt")
    assert (check.profile, check.verdict["details"]["minor_reference"]) == (
        "minor_referenced",
        True,
    )


def test_requests_by_token_are_judged_with_the_api_profile(
    alice: User, workspace: Workspace, run_worker: Callable[[], int]
) -> None:
    _, secret = create_token(workspace, alice, name="script")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")

    made = client.post(
        f"/api/v1/workspaces/{workspace.pk}/generations/",
        {"prompt": "a red balloon", "width": 512, "height": 288, "seconds": 2, "steps": 2},
    )
    run_worker()

    assert made.status_code == 202, made.content
    profiles = SafetyCheck.objects.values_list("stage", "profile")
    assert set(profiles) == {("gate", "api"), ("prompt", "api"), ("output", "api")}
    assert ApiToken.objects.count() == 1


def test_a_held_clip_is_nobodys_until_a_person_releases_it_and_is_paid_then(
    ask: Ask,
    run_worker: Callable[[], int],
    eye: dict[Category, float],
    console: Client,
    api: APIClient,
) -> None:
    switch_on(HOLD_LIKENESS)
    eye[Category.LIKENESS] = 0.6
    job = job_of(ask(seed=3, share=True))
    run_worker()

    held = api.get(f"/api/v1/generations/{job.pk}/").json()
    video = Video.objects.get(generation=job)
    assert (held["video"], held["credit_state"]) == (None, "held")
    assert held["reason"]["code"] == "held_for_review"
    assert api.get(f"/clips/{video.pk}/").status_code == 404
    assert balance(job.workspace).held == job.cost_credits
    case = Case.objects.get(video=video)
    page = console.get(f"/console/cases/{case.pk}/").content.decode()
    assert "Release the clip" in page and "<video" in page

    closed = console.post(
        f"/console/cases/{case.pk}/", {"action": "release", "note": "Nobody real in it."}
    )

    after = api.get(f"/api/v1/generations/{job.pk}/").json()
    assert closed.status_code == 302
    assert (after["reason"], after["credit_state"]) == (None, "captured")
    assert api.get(f"/clips/{video.pk}/").status_code == 200
    assert balance(job.workspace).held == 0
    assert Video.objects.get(pk=video.pk).shared_at is None
    assert AuditEntry.objects.filter(event="video.released").count() == 1


def test_a_held_clip_that_is_refused_costs_nothing(
    ask: Ask, run_worker: Callable[[], int], eye: dict[Category, float], console: Client,
    api: APIClient,
) -> None:  # fmt: skip
    switch_on(HOLD_LIKENESS)
    eye[Category.LIKENESS] = 0.6
    job = job_of(ask(seed=3))
    run_worker()
    case = Case.objects.get(video__generation=job)

    left = console.post(f"/console/cases/{case.pk}/", {"action": "dismiss", "note": "Hm."})
    console.post(f"/console/cases/{case.pk}/", {"action": "remove", "note": "A real person."})

    after = api.get(f"/api/v1/generations/{job.pk}/").json()
    assert left.status_code == 400  # somebody waits: it is released or removed
    assert (after["video"], after["credit_state"]) == (None, "released")
    assert after["reason"]["code"] == "held_refused"
    assert balance(job.workspace).held == 0
    assert not LedgerEntry.objects.filter(kind="capture").exists()


def test_a_job_finishes_with_the_policy_it_began_with_and_names_it(
    ask: Ask, run_worker: Callable[[], int]
) -> None:
    version = switch_on({"rules": {"second_try": False}})
    painted.blank_seeds.add(3)
    job = job_of(ask(seed=3))

    run_worker()

    job.refresh_from_db()
    assert (job.status, painted.painted) == ("refused", [3])
    assert set(SafetyCheck.objects.values_list("policy_version", flat=True)) == {version.version}


def test_a_policy_this_release_cannot_use_delivers_nothing(
    ask: Ask, run_worker: Callable[[], int]
) -> None:
    job = job_of(ask(seed=3))
    version = switch_on({})
    broken = {**version.document, "rules": {"monitored": []}}
    PolicyVersion.objects.filter(pk=version.pk).update(document=broken)

    run_worker()

    job.refresh_from_db()
    assert (job.status, job.reason_code) == ("failed", "screening_unavailable")
    assert balance(job.workspace).held == 0
