"""`./sora up`: one real site through a day of its life. The tests build on each other, in order."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import signal
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from sora_site.embedded import processes
from tests.ops.sites import Site, manage, new_state_folder, wait_for


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site(new_state_folder())
    site.start()
    yield site
    site.remove()


def test_it_prints_the_address_and_how_to_sign_in(site: Site) -> None:
    assert f"http://localhost:{site.port}" in site.said
    password = site.folder / "secrets" / "first-admin"
    assert password.stat().st_mode & 0o777 == 0o600
    assert password.read_text().strip() in site.said


def test_it_shows_progress_until_it_is_ready(site: Site) -> None:
    percents = [int(text) for text in re.findall(r"\[ *(\d+) %\]", site.said)]

    assert percents == sorted(percents)
    assert percents[-1] == 100


def test_it_is_ready_with_every_part_seen(site: Site) -> None:
    def worker_seen() -> bool:
        return json.loads(site.get("/readyz")[1])["checks"]["worker"] == "ok"

    assert wait_for(worker_seen, 60)
    status, body = site.get("/readyz")
    assert status == 200
    assert all(said.startswith("ok") for said in json.loads(body)["checks"].values())


def test_the_printed_sign_in_opens_the_composer(site: Site) -> None:
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    base = f"http://localhost:{site.port}"
    page = browser.open(f"{base}/accounts/login/", timeout=20).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {
        "csrfmiddlewaretoken": token.group(1),
        "login": "admin@localhost",
        "password": (site.folder / "secrets" / "first-admin").read_text().strip(),
    }

    answer = browser.open(
        f"{base}/accounts/login/", urllib.parse.urlencode(form).encode(), timeout=20
    )

    assert answer.status == 200
    assert answer.url == f"{base}/create/"


def test_nobody_else_can_read_the_secrets(site: Site) -> None:
    for name in ("secrets", "pki", "postgres", "logs", "media", "mail"):
        assert (site.folder / name).stat().st_mode & 0o077 == 0, name


def test_static_files_have_hashed_names_and_are_kept(site: Site) -> None:
    page = site.get("/")[1]
    found = re.search(r'href="(/static/[^"]+\.css)"', page)
    assert found is not None
    assert re.search(r"\.[0-9a-f]{12}\.css$", found.group(1))

    with urllib.request.urlopen(f"http://localhost:{site.port}{found.group(1)}") as answer:
        assert "immutable" in answer.headers["Cache-Control"]


def test_a_second_up_on_the_same_state_folder_says_who_runs(site: Site) -> None:
    second = manage(site.folder, "up", "--port", "0")

    assert second.returncode != 0
    assert f"Already running at http://localhost:{site.port}" in second.stderr
    assert "SORA_STATE_DIR" in second.stderr
    assert site.is_healthy()


def test_a_port_in_use_is_said_before_anything_is_made(site: Site) -> None:
    folder = new_state_folder()

    other = manage(folder, "up", "--port", str(site.port))

    assert other.returncode != 0
    assert f"Port {site.port} on 127.0.0.1 is already in use" in other.stderr
    assert "--port" in other.stderr and "WEB_BIND" in other.stderr
    assert not (folder / "postgres").exists()
    shutil.rmtree(folder)


def test_a_command_uses_the_running_services(site: Site) -> None:
    before = site.units

    done = manage(site.folder, "showmigrations", "accounts")

    assert done.returncode == 0, done.stderr
    assert "[X] 0001_initial" in done.stdout
    assert site.units == before


def test_generate_takes_the_running_worker_and_delivers_a_signed_clip(
    site: Site, tmp_path: Path
) -> None:
    target = tmp_path / "clip.mp4"

    done = manage(
        site.folder,
        *("generate", "a red balloon rises over the ocean at sunset", "--seconds", "2"),
        *("--size", "512x288", "--seed", "7", "--steps", "8", "-o", str(target), "--json"),
    )

    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert set(result) == {
        *("id", "status", "file", "prompt", "rewritten_prompt", "reason", "timings"),
        "verification",
    }
    assert (result["status"], result["file"], result["reason"]) == ("succeeded", str(target), None)
    assert {"prompt", "generate", "sign", "store", "total"} <= set(result["timings"])
    assert result["verification"]["c2pa"]["state"] in {"valid", "trusted"}
    assert result["verification"]["visible_watermark"] is True
    assert len(result["verification"]["matches"]) == 1
    percents = [int(text) for text in re.findall(r"\[ *(\d+) %\]", done.stderr)]
    assert percents == sorted(percents) and percents[-1] == 100

    checked = manage(site.folder, "verify", str(target), "--json")

    assert checked.returncode == 0
    assert json.loads(checked.stdout)["matches"] == result["verification"]["matches"]


def test_a_backup_of_the_running_site_restores_into_an_empty_folder(
    site: Site, tmp_path: Path
) -> None:
    archive, folder = tmp_path / "site.tar", new_state_folder()

    saved = manage(site.folder, "backup", str(archive))
    restored = manage(folder, "restore", str(archive))
    again = manage(folder, "restore", str(archive))
    asked = manage(folder, "shell", "-v0", "-c", COUNT_CLIPS_AND_FILES)

    assert saved.returncode == 0, saved.stderr
    assert archive.stat().st_mode & 0o777 == 0o600
    assert restored.returncode == 0, restored.stderr
    assert asked.stdout.split() == ["admin@localhost", "1", "2"], asked.stderr
    for name in ("secrets/secret_key", "secrets/first-admin"):
        assert (folder / name).read_bytes() == (site.folder / name).read_bytes()
    kept = [path.relative_to(site.folder) for path in (site.folder / "pki").rglob("*.pem")]
    assert kept and all((folder / path).exists() for path in kept)
    assert again.returncode == 1 and "The database holds tables" in again.stderr
    shutil.rmtree(folder)


COUNT_CLIPS_AND_FILES = (
    "from accounts.models import User; from generation.models import Video;"
    "from sora_site.lib.storage import local_path;"
    "keys = [k for v in Video.objects.all() for k in (v.media_key, v.poster_key)];"
    "print(User.objects.get().email, Video.objects.count(), sum(local_path(k).is_file() for k in keys))"
)


def test_a_running_site_is_not_restored_over(site: Site, tmp_path: Path) -> None:
    (tmp_path / "note.tar").write_text("hello")

    done = manage(site.folder, "restore", str(tmp_path / "note.tar"))

    assert done.returncode == 1
    assert "Stop `./sora up` first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["naked child"], "refused", "prompt_refused"),
        (["   "], "failed", "invalid_prompt"),
        (["a red ball", "--size", "9x9"], "failed", "unsupported_value"),
        (["a red ball", "--size", "big"], "failed", "unsupported_value"),
    ],
)
def test_generate_says_why_nothing_was_made(
    site: Site, tmp_path: Path, arguments: list[str], status: str, code: str
) -> None:
    target = tmp_path / "clip.mp4"

    done = manage(site.folder, "generate", *arguments, "-o", str(target), "--json")

    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["status"], result["reason"]["code"]) == (status, code)
    assert result["file"] is None
    assert not target.exists()


def test_generate_looks_at_the_target_before_it_works(site: Site, tmp_path: Path) -> None:
    done = manage(site.folder, "generate", "a red ball", "-o", str(tmp_path / "no" / "clip.mp4"))

    assert done.returncode == 1
    assert "can't be written" in done.stderr


def test_verify_of_a_file_that_is_no_picture_is_not_valid(site: Site, tmp_path: Path) -> None:
    (tmp_path / "note.mp4").write_text("hello")

    done = manage(site.folder, "verify", str(tmp_path / "note.mp4"), "--json")

    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["c2pa"]["state"], result["matches"]) == ("none", [])


@pytest.mark.parametrize("name", ["web", "Valkey", "PostgreSQL", "worker"])
def test_a_killed_part_is_started_again(site: Site, name: str) -> None:
    first = site.units[name]

    os.kill(first, signal.SIGKILL)

    assert wait_for(lambda: site.units.get(name, first) != first, 30), site.said

    def everything_works() -> bool:
        try:
            return site.get("/readyz")[0] == 200
        except OSError:
            return False

    assert wait_for(everything_works, 60), site.said


def test_nothing_is_left_and_nothing_is_lost_when_the_supervisor_is_killed(site: Site) -> None:
    password = (site.folder / "secrets" / "first-admin").read_text()
    units = site.kill()

    gone = wait_for(lambda: not any(processes.is_running(pid) for pid in units.values()), 30)
    seconds = site.start()

    assert gone
    assert seconds < 60
    assert (site.folder / "secrets" / "first-admin").read_text() == password
    assert "admin@localhost" in manage(site.folder, "shell", "-v0", "-c", LIST_USERS).stdout
    assert not set(site.units.values()) & set(units.values())


LIST_USERS = (
    "from accounts.models import User; print(*User.objects.values_list('email', flat=True))"
)


def test_a_polite_signal_stops_every_part_and_ends_well(site: Site) -> None:
    units = site.units

    status = site.stop(signal.SIGTERM)

    assert status == 0, site.said
    assert site.said.rstrip().endswith("stopped")
    assert not any(processes.is_running(pid) for pid in units.values())
    assert site.runtime is None
    log = (site.folder / "logs" / "postgres.log").read_text()
    assert log.rstrip().endswith("database system is shut down")


def test_a_command_alone_starts_the_services_and_stops_them(site: Site) -> None:
    done = manage(site.folder, "shell", "-v0", "-c", LIST_USERS)

    assert "admin@localhost" in done.stdout, done.stderr
    assert site.runtime is None
    assert not (site.folder / "postgres" / "postmaster.pid").exists()
