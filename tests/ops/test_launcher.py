"""`./sora` itself: which Python, which environment, which words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sora_site import launcher
from tests.ops.sites import ROOT


def sora(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {"PATH": os.environ["PATH"], "SORA_PYTHON": sys.executable}
    return subprocess.run(
        ["/bin/sh", str(ROOT / "sora"), *arguments],
        env=kept | environment,
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_without_a_command_it_lists_them() -> None:
    done = sora()

    assert done.returncode == 0
    for command in launcher.COMMANDS:
        assert f"\n  {command} " in done.stdout


def test_an_unknown_command_is_refused_with_the_list() -> None:
    done = sora("uo")

    assert done.returncode == 2
    assert "no command 'uo'" in done.stderr
    assert "generate" in done.stderr


def test_without_a_fitting_python_it_says_which_one_it_needs(tmp_path: Path) -> None:
    for tool in ("dirname", "readlink", "sh"):
        (tmp_path / tool).symlink_to(f"/usr/bin/{tool}")
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")  # answers no to the question for 3.11
    old.chmod(0o755)

    done = sora(PATH=str(tmp_path), SORA_PYTHON="")

    assert done.returncode == 1
    assert "needs Python 3.11" in done.stderr
    assert "apt install" in done.stderr


def test_it_can_be_called_through_a_link_from_anywhere(tmp_path: Path) -> None:
    link = tmp_path / "sora"
    link.symlink_to(ROOT / "sora")

    done = subprocess.run(
        [str(link)], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )

    assert "usage: ./sora COMMAND" in done.stdout


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> launcher.Environment:
    """An environment that exists, with no stamp yet."""
    monkeypatch.setenv("SORA_VENV", str(tmp_path / "venv"))
    made = launcher.Environment()
    made.python.parent.mkdir(parents=True)
    made.python.symlink_to(sys.executable)
    return made


def test_an_environment_is_ready_only_with_the_stamp_of_every_step(
    environment: launcher.Environment,
) -> None:
    wanted = environment.wanted(with_checks=False)
    for name, text in wanted.items():
        assert not environment.has(wanted)
        environment._stamp(name, text)

    assert environment.has(wanted)
    assert not environment.has(environment.wanted(with_checks=True))


def test_a_changed_lock_file_makes_the_environment_old(
    environment: launcher.Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, text in environment.wanted(with_checks=True).items():
        environment._stamp(name, text)
    assert environment.has(environment.wanted(with_checks=True))
    (tmp_path / "requirements.lock").write_text("django==99\n")
    (tmp_path / "requirements-dev.lock").write_text("")
    monkeypatch.setattr(launcher, "ROOT", tmp_path)

    assert not environment.has(environment.wanted(with_checks=False))


def test_an_environment_that_cannot_be_made_names_the_setting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SORA_VENV", "/proc/no/venv")

    with pytest.raises(launcher.SetUpError, match="SORA_VENV"):
        launcher.Environment()._make_folder()


def test_the_lock_files_pin_and_hash_every_package() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = (ROOT / name).read_text().replace("\\\n", " ").splitlines()
        packages = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
        assert packages
        for line in packages:
            assert "==" in line and "--hash=sha256:" in line, line
        assert not [line for line in packages if line.startswith(("torch==", "nvidia-"))]


def test_the_lock_also_serves_the_python_of_debian_12() -> None:
    """redis needs async-timeout below 3.11.3 only, so a lock made on a later Python may lack it."""
    assert "\nasync-timeout==" in (ROOT / "requirements.lock").read_text()
