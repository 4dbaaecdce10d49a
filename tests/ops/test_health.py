"""Health, readiness, metrics, request ids."""

from __future__ import annotations

import json
import logging

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from generation.models import WorkerBeat
from sora_site import logs
from sora_site.lib.request_context import job_id, request_id


@pytest.fixture
def client() -> Client:
    return Client()


def test_healthz_needs_no_database(client: Client) -> None:
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


@pytest.mark.django_db
def test_readyz_says_ok_for_every_part_when_a_worker_was_seen(client: Client) -> None:
    WorkerBeat.objects.create(name="w", seen_at=timezone.now())

    answer = client.get("/readyz")

    assert answer.status_code == 200
    checks = answer.json()["checks"]
    assert checks.pop("screening").endswith("not set up are joint, frames")
    assert checks.pop("vision").startswith("ok, closed: people_in_uploads")
    assert set(checks.values()) == {"ok"}


@pytest.mark.django_db
def test_without_a_worker_the_site_still_serves_and_says_so(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert "no worker" in answer.json()["checks"]["worker"]


@pytest.mark.django_db
def test_readyz_is_503_when_valkey_is_away(client: Client, settings: Settings) -> None:
    settings.CACHES = {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": "unix:///nowhere/valkey.sock",
        }
    }

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["valkey"] != "ok"
    assert "nowhere" not in answer.content.decode()


@pytest.mark.django_db
def test_metrics_count_requests_jobs_and_workers(client: Client) -> None:
    WorkerBeat.objects.create(name="w", seen_at=timezone.now())
    client.get("/healthz")

    text = client.get("/metrics").content.decode()

    assert 'sora_http_requests_total{method="GET",route="healthz",status="200"}' in text
    assert 'sora_generations{status="queued"} 0.0' in text
    assert "sora_queue_depth 0.0" in text
    assert "sora_workers 1.0" in text


@pytest.mark.parametrize(
    "headers", [{"REMOTE_ADDR": "203.0.113.9"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}]
)
def test_metrics_are_not_for_strangers(client: Client, headers: dict[str, str]) -> None:
    assert client.get("/metrics", **headers).status_code == 404  # type: ignore[arg-type]


@pytest.mark.django_db
def test_metrics_with_a_token_want_the_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "right"

    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer right"}).status_code == 200


def test_an_answer_carries_the_request_id_the_caller_gave(client: Client) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": "order-12345"})

    assert answer["X-Request-ID"] == "order-12345"


@pytest.mark.parametrize(
    "offered", ["", "short", "a b c d e f g h", "x" * 65, "id\r\nSet-Cookie: a"]
)
def test_an_id_that_could_do_harm_in_a_log_is_replaced(client: Client, offered: str) -> None:
    answer = client.get("/healthz", headers={"X-Request-ID": offered})

    assert answer["X-Request-ID"] != offered
    assert len(answer["X-Request-ID"]) == 32


def test_a_log_line_is_json_and_knows_its_request_and_job() -> None:
    record = logging.makeLogRecord(
        {"name": "generation", "msg": "made %s", "args": ("it",), "took": 3}
    )
    tokens = request_id.set("r1"), job_id.set("j1")
    logs.ContextFilter().filter(record)
    request_id.reset(tokens[0])
    job_id.reset(tokens[1])

    entry = json.loads(logs.JsonFormatter().format(record))

    assert entry["message"] == "made it"
    assert (entry["request_id"], entry["job_id"], entry["took"]) == ("r1", "j1", 3)
