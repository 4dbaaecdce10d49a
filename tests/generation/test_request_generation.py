"""Asking for a video: what is accepted, what is refused and why, and what it holds."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from accounts.models import AuditEntry, Workspace
from billing.models import LedgerEntry
from billing.services import balance, reserve_credits
from generation.models import Generation, SafetyCheck

Ask = Callable[..., Any]
pytestmark = pytest.mark.django_db


def test_it_queues_the_job_holds_the_credits_and_stores_the_gates_verdict(
    ask: Ask, workspace: Workspace
) -> None:
    answer = ask(seed=7)

    assert answer.status_code == 202, answer.content
    body = answer.json()
    assert body["status"] == "queued"
    assert body["queue_position"] == 1
    assert body["seed"] == 7
    assert body["credit_state"] == "held"
    assert balance(workspace).held == body["cost_credits"] > 0
    assert SafetyCheck.objects.get(generation=body["id"]).stage == "gate"
    assert AuditEntry.objects.filter(event="generation.requested", target_id=body["id"]).exists()


def test_a_repeated_key_returns_the_first_job_and_holds_once(ask: Ask) -> None:
    first, second = ask(key="k1", seed=1), ask(key="k1", seed=1)

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert LedgerEntry.objects.filter(kind="hold").count() == 1


def test_a_repeated_key_without_a_seed_returns_the_first_job(ask: Ask) -> None:
    assert ask(key="k1").json()["id"] == ask(key="k1").json()["id"]


def test_a_key_used_for_another_request_is_refused(ask: Ask) -> None:
    ask(key="k1")
    answer = ask(key="k1", prompt="a blue boat on the ocean")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "idempotency_key_reused"
    assert Generation.objects.count() == 1


@pytest.mark.parametrize("key", ["", "   ", "x" * 256, "tab\tkey"])
def test_an_unusable_key_is_refused_by_name(ask: Ask, key: str) -> None:
    answer = ask(key=key)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "Idempotency-Key"
    assert not Generation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_double_click_makes_one_job(workspace: Workspace, api: APIClient) -> None:
    def click(_: int) -> int:
        try:
            return api.post(
                f"/api/v1/workspaces/{workspace.pk}/generations/",
                {"prompt": "a red ball in the desert"},
                headers={"Idempotency-Key": "draft-1"},
            ).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(click, range(4))) == {202}
    assert Generation.objects.count() == 1
    assert LedgerEntry.objects.filter(kind="hold").count() == 1


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "empty"),
        ("   \n\t ", "empty"),
        ("\u200b\u200d\ufeff", "empty"),
        ("a ball\x00 in the sea", "character"),
        ("x" * 2_001, "character"),
    ],
)
def test_a_prompt_that_is_no_prompt_names_the_field(ask: Ask, prompt: str, says: str) -> None:
    answer = ask(prompt=prompt)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "prompt"
    assert says in error["message"].lower()
    assert not Generation.objects.exists()


def test_ten_megabytes_are_refused_before_they_are_read(ask: Ask) -> None:
    answer = ask(prompt="x" * 10_000_000)

    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert answer.json()["error"]["remedy"]


def test_a_lone_surrogate_is_refused(api: APIClient, workspace: Workspace) -> None:
    answer = api.post(
        f"/api/v1/workspaces/{workspace.pk}/generations/",
        data=b'{"prompt": "a ball \\ud800 in the sea"}',
        content_type="application/json",
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "prompt"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"width": 513}, "size"),
        ({"width": 0, "height": 0}, "size"),
        ({"seconds": 7}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"steps": 0}, "steps"),
        ({"steps": 10_000}, "steps"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**40}, "seed"),
    ],
)
def test_what_the_engine_cannot_make_is_refused_naming_the_allowed_values(
    ask: Ask, body: dict[str, int], param: str
) -> None:
    answer = ask(**body)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert any(character.isdigit() for character in error["message"])
    assert not Generation.objects.exists()


@pytest.mark.parametrize("body", [{"seconds": "long"}, {"width": None}, {"share": "perhaps"}])
def test_a_field_of_the_wrong_type_is_named(ask: Ask, body: dict[str, Any]) -> None:
    answer = ask(**body)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == next(iter(body))


def test_without_enough_credits_nothing_is_queued(ask: Ask, workspace: Workspace) -> None:
    reserve_credits(workspace, balance(workspace).available, "everything-else")
    answer = ask()

    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "insufficient_credits"
    assert not Generation.objects.exists()


def test_a_size_beyond_the_plan_says_so(ask: Ask) -> None:
    answer = ask(width=1920, height=1080)

    assert answer.status_code == 402
    assert answer.json()["error"]["code"] == "plan_limit"


def test_a_prompt_against_the_rules_is_refused_without_the_word(ask: Ask) -> None:
    answer = ask(prompt="graphic beheading with blood and gore everywhere")

    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "prompt_refused"
    assert error["reasons"]
    assert "beheading" not in str(error)
    assert not Generation.objects.exists()
    assert not LedgerEntry.objects.filter(kind="hold").exists()
    assert AuditEntry.objects.filter(event="generation.refused_at_gate").exists()


def test_only_so_many_jobs_may_wait(ask: Ask, settings: Any) -> None:
    settings.SORA_MAX_OPEN_GENERATIONS = 2
    codes = [ask().status_code for _ in range(3)]

    assert codes == [202, 202, 429]
    assert LedgerEntry.objects.filter(kind="hold").count() == 2


def test_a_stranger_finds_nothing(stranger: APIClient, ask: Ask, workspace: Workspace) -> None:
    job = ask().json()["id"]
    url = f"/api/v1/workspaces/{workspace.pk}/generations/"

    assert stranger.post(url, {"prompt": "a red ball"}).status_code == 404
    assert stranger.get(url).status_code == 404
    assert stranger.get(f"/api/v1/generations/{job}/").status_code == 404
    assert stranger.post(f"/api/v1/generations/{job}/cancel/").status_code == 404
    assert stranger.post(f"/api/v1/workspaces/{workspace.pk}/estimates/", {}).status_code == 404


def test_nobody_signed_in_is_told_to_sign_in(workspace: Workspace) -> None:
    answer = APIClient().post(f"/api/v1/workspaces/{workspace.pk}/generations/", {"prompt": "x"})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "not_authenticated"


def test_history_pages_by_keyset_and_refuses_a_bad_cursor(
    ask: Ask, api: APIClient, workspace: Workspace, settings: Any
) -> None:
    settings.SORA_MAX_OPEN_GENERATIONS = 100
    made = [ask().json()["id"] for _ in range(23)]
    url = f"/api/v1/workspaces/{workspace.pk}/generations/"
    first = api.get(url).json()
    second = api.get(url, {"cursor": first["next_cursor"]}).json()

    assert [row["id"] for row in first["results"] + second["results"]] == made[::-1]
    assert second["next_cursor"] is None
    assert api.get(url, {"cursor": "nonsense"}).json()["error"]["code"] == "invalid_cursor"


def test_an_estimate_says_cost_balance_wait_and_what_is_enlarged(
    api: APIClient, workspace: Workspace
) -> None:
    answer = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/", {"width": 512, "height": 288}
    )

    assert answer.status_code == 200
    body = answer.json()
    assert body["cost_credits"] > 0
    assert body["balance"]["available"] == balance(workspace).available
    assert body["queue_position"] == 1
    assert body["eta_seconds"] > 0
    assert any("enlarged" in warning for warning in body["warnings"])
