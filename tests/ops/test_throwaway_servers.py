"""The servers behind every database test."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection

from tests import servers


@pytest.mark.django_db
def test_the_database_folds_letters_beyond_ascii_whatever_the_locale() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('É'), current_setting('server_version_num')::int >= 150000")
        assert cursor.fetchone() == ("é", True)


@pytest.mark.django_db
def test_the_site_does_not_own_the_server() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False)


def test_the_cache_is_a_real_server_of_this_run() -> None:
    cache.set("a", 1)

    assert cache.get("a") == 1
    assert servers.valkey.is_ready()
