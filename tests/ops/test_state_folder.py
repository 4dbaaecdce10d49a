"""The state folder: usable or a clear message, and one holder at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sora_site.embedded import state
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.state import HeldByAnother, Hold, Runtime


@pytest.mark.parametrize("name", ["secrets", "logs", "media", "work", "mail"])
def test_other_accounts_of_the_machine_may_not_look_into(tmp_path: Path, name: str) -> None:
    state.make_usable(tmp_path / "deep" / "state")

    assert (tmp_path / "deep" / "state" / name).stat().st_mode & 0o777 == 0o700


def test_a_file_in_its_place_is_refused_with_the_setting_to_change(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(EmbeddedServiceError, match="SORA_STATE_DIR"):
        state.make_usable(tmp_path / "state")


def test_a_disk_with_too_little_room_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state, "FREE_BYTES_NEW", 1 << 62)

    with pytest.raises(EmbeddedServiceError, match=r"MB left.*SORA_STATE_DIR"):
        state.make_usable(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)

    with pytest.raises(EmbeddedServiceError, match="can't be written"):
        state.make_usable(tmp_path / "state")


def test_a_second_holder_is_told_about_the_first(tmp_path: Path) -> None:
    Runtime(pid=4242, command="up", url="http://localhost:8000").save(tmp_path)

    with Hold(tmp_path), pytest.raises(HeldByAnother, match=r"localhost:8000 \(process 4242\)"):
        Hold(tmp_path).take()


def test_the_hold_is_free_again_after_release(tmp_path: Path) -> None:
    with Hold(tmp_path):
        pass

    with Hold(tmp_path) as again:
        assert again.folder == tmp_path


def test_a_damaged_runtime_file_counts_as_none(tmp_path: Path) -> None:
    Runtime.path(tmp_path).write_text("{half")

    assert Runtime.load(tmp_path) is None


def test_what_runs_is_told_to_the_owner_only(tmp_path: Path) -> None:
    Runtime(pid=1, command="up", units={"web": 2}).save(tmp_path)

    assert Runtime.load(tmp_path) == Runtime(
        pid=1, command="up", units={"web": 2}, started_at=Runtime.load(tmp_path).started_at
    )
    assert Runtime.path(tmp_path).stat().st_mode & 0o077 == 0
