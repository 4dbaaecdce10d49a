"""What `up` says when it can't work. Each message names what to set."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ops.sites import manage, new_state_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    path = new_state_folder()
    yield path
    shutil.rmtree(path)


def test_a_state_folder_that_cannot_be_written_names_the_setting(folder: Path) -> None:
    done = manage(folder, "up", "--port", "0", SORA_STATE_DIR="/proc/sora-state")

    assert done.returncode == 1
    assert "/proc/sora-state can't be written" in done.stderr
    assert "SORA_STATE_DIR" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_embedded_without_addresses_names_them(folder: Path) -> None:
    done = manage(folder, "up", "--no-embedded", "--port", "0")

    assert done.returncode == 1
    assert "DATABASE_URL and REDIS_URL must be set" in done.stderr


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_a_number_that_is_no_port_is_refused(folder: Path, port: str) -> None:
    done = manage(folder, "up", f"--port={port}")

    assert done.returncode == 1
    assert "is not a port number" in done.stderr


def test_settings_that_cannot_work_end_the_start_before_anything_runs(folder: Path) -> None:
    done = manage(folder, "up", "--port", "0", PUBLIC_URL="https://clips.example.com")

    assert done.returncode == 1
    assert "sora.E003" in done.stderr and "SECRET_KEY" in done.stderr
    assert "sora.E004" in done.stderr
    assert not (folder / "postgres").exists()
