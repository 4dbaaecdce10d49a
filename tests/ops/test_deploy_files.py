"""The files of docs/deploy: the programs they are for can read them, where those are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ops.sites import ROOT

DEPLOY = ROOT / "docs" / "deploy"


def checked(*line: str | Path) -> None:
    program = shutil.which(str(line[0])) or shutil.which(str(line[0]), path="/usr/sbin:/sbin")
    if program is None:
        pytest.skip(f"NO {line[0]}: its file in docs/deploy was not checked")
    done = subprocess.run([program, *line[1:]], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "sora.service"
    unit.write_text((DEPLOY / "sora.service").read_text().replace("/srv/sora/sora", "/bin/true"))

    checked("systemd-analyze", "verify", "--man=no", unit)


def test_nginx_reads_the_server(tmp_path: Path) -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    key, chain = tmp_path / "key.pem", tmp_path / "chain.pem"
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*make, "-keyout", key, "-out", chain], check=True, capture_output=True)
    live = "/etc/letsencrypt/live/clips.example.com"
    text = text.replace(f"{live}/fullchain.pem", str(chain)).replace(
        f"{live}/privkey.pem", str(key)
    )
    text = text.replace("listen 80;", "listen 18080;").replace("listen 443 ", "listen 18443 ")
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    )

    checked("nginx", "-t", "-q", "-c", main)


def test_logrotate_cuts_a_log_that_is_still_written(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "web.log"
    log.parent.mkdir(mode=0o700)
    text = (DEPLOY / "logrotate.conf").read_text().replace("/var/lib/sora/", f"{tmp_path}/")
    rules = tmp_path / "rules"
    rules.write_text(text.replace("    su sora sora\n", ""))
    rules.chmod(0o644)
    with log.open("ab", buffering=0) as writer:  # as `up` opens the logs of its parts
        writer.write(b"before\n")
        checked("logrotate", "--force", "--state", tmp_path / "state", rules)
        writer.write(b"after\n")

    assert log.read_bytes() == b"after\n"
    assert log.with_name("web.log.1").read_bytes() == b"before\n"


def test_the_nginx_example_lets_through_what_the_site_needs() -> None:
    text = (DEPLOY / "nginx.conf").read_text()

    for needed in (
        "Upgrade ",
        "Range ",
        "X-Forwarded-Proto",
        "$remote_addr;",
        "client_max_body_size",
    ):
        assert needed in text
