"""Fixtures of every test. The first lines come before Django: see tests/servers.py."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests import servers

servers.set_environment()
servers.start_valkey()

import django  # noqa: E402
from django.conf import settings  # noqa: E402  (only now do the settings find the servers)

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
django.setup()  # conftest files further down import models


def pytest_configure(config: pytest.Config) -> None:
    """The parallel workers inherit this environment. With the settings' name in it they would load
    them before their own conftest names their own servers."""
    if getattr(config.option, "numprocesses", None):
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    servers.stop()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    servers.start_postgres()


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    """Rate limits and cached pages of one test must not meet the next."""
    yield
    from django.core.cache import cache

    cache.clear()
