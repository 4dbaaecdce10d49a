"""People with work to do, and a worker that runs it here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from accounts.services import personal_workspace
from generation.provenance.development_ca import ensure_development_ca
from tests.factories import make_user

SMALL = {"width": 512, "height": 288, "seconds": 2, "steps": 2}


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice@example.com")


@pytest.fixture
def charlie(db: None) -> User:
    """A stranger to alice's workspace."""
    return make_user("charlie@example.com")


@pytest.fixture
def workspace(alice: User) -> Workspace:
    return personal_workspace(alice)


@pytest.fixture
def api(alice: User) -> APIClient:
    client = APIClient()
    client.force_login(alice)
    return client


@pytest.fixture
def stranger(charlie: User) -> APIClient:
    client = APIClient()
    client.force_login(charlie)
    return client


@pytest.fixture(scope="session")
def development_ca() -> None:
    from django.conf import settings

    ensure_development_ca(settings.SORA_DEVELOPMENT_CA_DIR, settings.SITE_NAME)


@pytest.fixture
def run_worker(development_ca: None) -> Callable[[], int]:
    """Run every queued job with the real engine, in this thread."""
    from generation import worker

    return worker.drain


@pytest.fixture
def ask(api: APIClient, workspace: Workspace) -> Callable[..., Any]:
    """POST one request for a video; a fresh key unless one is given."""

    def post(*, key: str | None = None, **body: Any) -> Any:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return api.post(
            f"/api/v1/workspaces/{workspace.pk}/generations/",
            {"prompt": "a red balloon rises over the ocean at sunset", **SMALL, **body},
            headers=headers,
        )

    return post


@pytest.fixture
def staff(db: None) -> User:
    return make_user("staff@example.com", is_staff=True)
