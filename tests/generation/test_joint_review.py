"""A job on a site with a model that reads everything together: between drawing and delivery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from billing.models import LedgerEntry
from generation import screening
from generation.models import SafetyCheck, Video
from tests.screening.test_joint_llm import Model

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def model(settings: Any) -> Iterator[Model]:
    found = Model()
    settings.SORA_JOINT_REVIEW_URL, settings.SORA_JOINT_REVIEW_MODEL = found.url, "guard-20b"
    screening._joint_reviewer.cache_clear()
    yield found
    screening._joint_reviewer.cache_clear()
    found.close()


def test_it_reads_the_finished_frames_before_delivery(
    ask: Ask, run_worker: Callable[[], int], api: APIClient, model: Model
) -> None:
    job = ask(prompt="a red boat drifts on the ocean at noon", seed=3).json()["id"]
    run_worker()

    assert api.get(f"/api/v1/generations/{job}/").json()["status"] == "succeeded"
    check = SafetyCheck.objects.get(stage="joint")
    assert check.action == "allow" and not check.verdict["not_evaluated"]
    sent = model.requests[-1]["messages"][1]["content"]
    assert any(part["type"] == "image_url" for part in sent)


def test_an_answer_that_cannot_be_read_tightens_and_says_so(
    ask: Ask, run_worker: Callable[[], int], api: APIClient, model: Model
) -> None:
    model.mood = "words"
    job = ask(prompt="a blue boat drifts on the ocean at noon", seed=3).json()["id"]
    run_worker()

    checks = list(SafetyCheck.objects.filter(generation=job, stage="joint").order_by("pk"))
    assert len(checks) == 2
    assert all("joint:deceptive" in check.verdict["not_evaluated"] for check in checks)
    assert "joint" in checks[1].verdict["details"]["absent"]
    assert checks[1].verdict["signals"]


@pytest.mark.parametrize("mood", ["dead", "blind"])
def test_a_model_that_cannot_be_trusted_delivers_and_charges_nothing(
    ask: Ask, run_worker: Callable[[], int], api: APIClient, model: Model, mood: str
) -> None:
    model.mood = mood
    job = ask(prompt="a white boat drifts on the ocean at noon", seed=3).json()["id"]
    run_worker()

    body = api.get(f"/api/v1/generations/{job}/").json()
    assert (body["status"], body["reason"]["code"]) == ("failed", "screening_unavailable")
    assert body["credit_state"] == "released"
    assert not Video.objects.exists()
    assert not LedgerEntry.objects.filter(kind="settle").exists()
