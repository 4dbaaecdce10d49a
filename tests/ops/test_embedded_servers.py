"""The embedded PostgreSQL and Valkey where machines are odd or were switched off."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from sora_site.embedded import processes
from sora_site.embedded.postgres import PostgresServer
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.valkey import ValkeyServer


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="sora-embedded-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def postgres(folder: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(folder, durable=False)
    yield server
    server.stop()


def value(server: PostgresServer, sql: str) -> object:
    with psycopg.connect(server.url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()  # type: ignore[call-overload]
        return row[0] if row else None


def test_committed_rows_survive_kill_9_of_the_server(folder: Path) -> None:
    postgres = PostgresServer(folder, durable=True)
    postgres.start()
    postgres.create_database()
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert postgres.process is not None
    os.kill(postgres.process.pid, signal.SIGKILL)
    postgres.process.wait(10)

    postgres.start()
    postgres.create_database()

    assert value(postgres, "SELECT answer FROM kept") == 42
    postgres.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts services as another account")
def test_root_may_keep_the_state_below_a_closed_folder(folder: Path) -> None:
    closed = folder / "Private Home" / "state"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    server, valkey = PostgresServer(closed, durable=False), ValkeyServer(closed, durable=False)
    try:
        server.start()
        server.create_database()
        valkey.start()

        assert value(server, "SELECT 1") == 1
        assert redis.Redis.from_url(valkey.url).ping()
        assert closed.parent.stat().st_mode & 0o777 == 0o700
    finally:
        valkey.stop()
        server.stop()
        shutil.rmtree(server.sockets, ignore_errors=True)


def test_a_path_too_long_for_a_socket_gets_a_short_one(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    valkey = ValkeyServer(deep, durable=False)
    try:
        valkey.start()

        assert len(str(valkey.sockets)) < 60
        assert redis.Redis.from_url(valkey.url).ping()
    finally:
        valkey.stop()
        shutil.rmtree(valkey.sockets, ignore_errors=True)


def test_a_pid_file_of_a_process_that_is_gone_does_not_stop_the_start(
    postgres: PostgresServer,
) -> None:
    postgres.prepare()
    child = processes.spawn(["true"])
    child.wait(10)
    (postgres.data / "postmaster.pid").write_text(f"{child.pid}\n{postgres.data}\n")

    postgres.start()

    assert postgres.is_ready()


def test_data_of_another_major_version_is_refused_with_what_to_do(
    postgres: PostgresServer,
) -> None:
    postgres.prepare()
    (postgres.data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedServiceError, match=r"written by PostgreSQL 9.*SORA_PG_BIN"):
        postgres.prepare()


def test_other_accounts_of_the_machine_are_not_let_in(postgres: PostgresServer) -> None:
    postgres.prepare()

    assert (postgres.data / "pg_hba.conf").read_text() == "local all all peer map=site\n"
    assert "nobody" not in (postgres.data / "pg_ident.conf").read_text()


def test_a_missing_program_names_the_setting(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SORA_PG_BIN", "/nowhere")
    monkeypatch.setenv("SORA_VALKEY_BIN", "/nowhere")

    with pytest.raises(EmbeddedServiceError, match="SORA_PG_BIN=/nowhere"):
        PostgresServer(folder).prepare()
    with pytest.raises(EmbeddedServiceError, match="SORA_VALKEY_BIN=/nowhere"):
        ValkeyServer(folder).prepare()


def test_a_child_ends_with_the_process_that_started_it(folder: Path) -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1]);"
        "from sora_site.embedded import processes;"
        "print(processes.spawn(['sleep', '60']).pid, flush=True); time.sleep(60)"
    )

    root = str(Path(__file__).resolve().parent.parent.parent)
    parent = subprocess.Popen([sys.executable, "-c", script, root], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
    assert processes.is_running(child)

    parent.kill()
    parent.wait(10)

    assert processes.wait_until(lambda: not processes.is_running(child), 5)
