"""People who look at feeds."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from tests.factories import make_user


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice@example.com", handle="alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob@example.com", handle="bob")


@pytest.fixture
def api(alice: User) -> APIClient:
    client = APIClient()
    client.force_login(alice)
    return client


@pytest.fixture
def stranger(bob: User) -> APIClient:
    client = APIClient()
    client.force_login(bob)
    return client


@pytest.fixture
def signed_in(alice: User) -> Client:
    client = Client()
    client.force_login(alice)
    return client
