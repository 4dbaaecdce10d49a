"""A clip, its maker, somebody who reports it, and staff."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from generation.models import Video
from tests.factories import add_second_factor, make_user, make_video


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice@example.com", handle="alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob@example.com", handle="bob")


@pytest.fixture
def video(alice: User) -> Video:
    made: Video = make_video(by=alice)
    return made


@pytest.fixture
def reporter(bob: User) -> APIClient:
    client = APIClient()
    client.force_login(bob)
    return client


@pytest.fixture
def staff(db: None) -> User:
    person = make_user("staff@example.com", is_staff=True)
    add_second_factor(person)
    return person


@pytest.fixture
def console(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client
