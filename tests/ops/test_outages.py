"""A service is away: what pages and the API say. And who counts as one client behind proxies."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from sora_site import health
from tests.factories import make_user

AWAY = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": "unix:///nowhere/valkey.sock",
    }
}


@pytest.fixture
def client(db: None, settings: Any) -> Client:
    """Signed in, then Redis goes away; what fails is answered, not raised."""
    client = Client(raise_request_exception=False)
    client.force_login(make_user("alice@example.com"))
    settings.CACHES = AWAY
    return client


def test_a_page_asks_to_try_again(client: Client) -> None:
    answer = client.get("/library/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    assert "Back in a moment" in answer.content.decode()


def test_the_api_says_so_in_its_own_shape(client: Client) -> None:
    answer = client.get("/api/v1/workspaces/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    error = answer.json()["error"]
    assert error["code"] == "temporarily_unavailable"
    assert "nowhere" not in answer.content.decode()


def test_an_error_of_ours_stays_a_500(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr("generation.views.engine_capabilities", broken)
    client = Client(raise_request_exception=False)
    client.force_login(make_user("bob@example.com"))

    assert client.get("/create/").status_code == 500


def test_readyz_waits_for_the_database_once(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def away() -> str:
        asked.append("database")
        raise OperationalError("away")

    monkeypatch.setitem(health.CHECKS, "database", away)

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    checks = answer.json()["checks"]
    assert (asked, checks["database"]) == (["database"], "OperationalError")
    assert all("not asked" in checks[name] for name in ("migrations", "worker"))


def test_an_invented_forwarding_address_gives_nobody_a_new_limit(db: None) -> None:
    client = Client()
    answers = [
        client.post("/api/v1/verify/", headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code
        for n in range(21)
    ]

    assert answers[-1] == 429
    assert 429 not in answers[:20]
