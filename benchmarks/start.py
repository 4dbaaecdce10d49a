"""How long a newcomer waits: bare checkout to first page, second start, first clip.

`cold_seconds`: a fresh copy of the checkout without environment, pip cache or state, from `./sora up`
to the first page (downloads included). `warm_seconds`: the same again on what the first start left.
`default_clip_seconds`: from POST of the engine's default clip to the first bytes of the playable file.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import throwaway
from benchmarks.context import context, main
from benchmarks.crash import free_port, wait_for

ROOT = Path(__file__).resolve().parent.parent
COLD_LIMIT, WARM_LIMIT, CLIP_LIMIT = 1800.0, 120.0, 600.0
PROMPT = "a red balloon rises over the ocean at sunset"
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", "var", "__pycache__", "shared", ".*_cache", ".hypothesis"
)
NEW_TOKEN = (
    "from accounts.services import create_token, personal_workspace;"
    "from sora_site.management.first_admin import first_admin;"
    "u = first_admin(); w = personal_workspace(u);"
    "print('TOKEN', w.pk, create_token(w, u, name='benchmark')[1])"
)


def run(*, cold: bool = True) -> dict[str, Any]:
    """Measure once. `cold=False` leaves out the installation (the test of the benchmark itself)."""
    measures: dict[str, float] = {}
    with throwaway.state_folder(), tempfile.TemporaryDirectory(prefix="sora-bare-") as folder:
        os.chmod(folder, 0o711)
        checkout = ROOT
        if cold:
            checkout = Path(folder) / "checkout"
            shutil.copytree(ROOT, checkout, ignore=NOT_COPIED, symlinks=True)
            os.environ |= {"HOME": folder, "PIP_NO_CACHE_DIR": "1"}
            os.environ.pop("SORA_VENV", None)
            with _site(checkout, COLD_LIMIT) as (_, seconds):
                measures["cold_seconds"] = round(seconds, 1)
        with _site(checkout, WARM_LIMIT) as (port, seconds):
            measures["warm_seconds"] = round(seconds, 1)
            measures["default_clip_seconds"] = round(_clip(checkout, port), 1)
    return {"measures": measures, "context": context(["Django", "torch", "diffusers", "uvicorn"])}


@contextlib.contextmanager
def _site(checkout: Path, limit: float) -> Iterator[tuple[int, float]]:
    """`./sora up` until the block ends. Yields its port and the seconds to its first page."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen(
        [str(checkout / "sora"), "up", "--port", str(port)],
        cwd="/",
        stdout=sys.stderr,
        stdin=subprocess.DEVNULL,
    )
    try:

        def shows_a_page() -> bool:
            if process.poll() is not None:
                raise RuntimeError("./sora up ended; its words are above")
            try:
                with urllib.request.urlopen(f"http://localhost:{port}/", timeout=30) as page:
                    return page.status == 200
            except urllib.error.HTTPError as error:
                raise RuntimeError(f"the first page answers {error.code}") from error
            except (OSError, http.client.HTTPException):
                return False

        wait_for(shows_a_page, limit, "the first page")
        yield port, time.monotonic() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _clip(checkout: Path, port: int) -> float:
    """Seconds from the click to a file a player can start."""
    words = subprocess.run(
        [str(checkout / "sora"), "manage", "shell", "-c", NEW_TOKEN],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("TOKEN")[-1]
    workspace, token = words.split()[:2]
    time.sleep(15)  # a person has to sign in and type; the worker loads its model meanwhile

    def call(path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://localhost:{port}{path}",
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            result: dict[str, Any] = json.load(answer)
            return result

    began = time.monotonic()
    job = call(f"/api/v1/workspaces/{workspace}/generations/", {"prompt": PROMPT, "seed": 7})

    def has_ended() -> bool:
        nonlocal job
        job = call(f"/api/v1/generations/{job['id']}/")
        return job["status"] not in {"queued", "running"}

    wait_for(has_ended, CLIP_LIMIT, "the clip")
    if job["status"] != "succeeded":
        raise RuntimeError(f"the clip {job['status']}: {job['reason']}")
    request = urllib.request.Request(
        f"http://localhost:{port}{job['video']['media_url']}", headers={"Range": "bytes=0-65535"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        if answer.status != 206 or b"ftyp" not in answer.read()[:64]:
            raise RuntimeError("the delivered file can't be played from its link")
    return time.monotonic() - began


if __name__ == "__main__":
    main(run)
