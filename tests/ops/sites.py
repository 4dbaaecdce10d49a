"""A real `manage.py up` in a state folder of its own, for the tests of the supervisor."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from sora_site.embedded import processes
from sora_site.embedded.state import Runtime

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 120.0  # generous: the machine may be busy with other tests


def clean_environment(folder: Path, **more: str) -> dict[str, str]:
    """What a newcomer's shell has: none of the variables that point at the test servers."""
    kept = {"PATH", "HOME", "LANG", "TMPDIR", "OMP_NUM_THREADS", "SORA_PG_BIN", "SORA_VALKEY_BIN"}
    environment = {name: value for name, value in os.environ.items() if name in kept}
    return environment | {"SORA_STATE_DIR": str(folder), "PYTHONUNBUFFERED": "1"} | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_state_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="sora-up-"))
    folder.chmod(0o711)
    return folder


def wait_for(condition: Callable[[], bool], timeout: float = 30.0) -> bool:
    return processes.wait_until(condition, timeout, every=0.1)


def manage(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One manage.py command against the state folder, to its end."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=clean_environment(folder, **more),
        cwd="/",
        capture_output=True,
        text=True,
        timeout=300,
    )


class Site:
    """`up` over one state folder; may be killed and started again."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.environment = environment
        self.port = free_port()
        self.options = options
        self.log = folder.with_name(folder.name + ".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Seconds until it says that it runs."""
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    str(ROOT / "manage.py"),
                    "up",
                    "--port",
                    str(self.port),
                    *self.options,
                ],
                env=clean_environment(self.folder, **self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd="/",
                start_new_session=True,
            )
        process = self.process

        def settled() -> bool:
            runtime = self.runtime
            ours = runtime is not None and runtime.pid == process.pid and runtime.ready
            return ours or process.poll() is not None

        assert wait_for(settled, START_SECONDS), self.said
        assert process.poll() is None, self.said
        return time.monotonic() - began

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def runtime(self) -> Runtime | None:
        return Runtime.load(self.folder)

    @property
    def units(self) -> dict[str, int]:
        runtime = self.runtime
        return runtime.units if runtime else {}

    def get(self, path: str, timeout: float = 20.0) -> tuple[int, str]:
        with urllib.request.urlopen(
            f"http://localhost:{self.port}{path}", timeout=timeout
        ) as answer:
            return answer.status, answer.read().decode()

    def is_healthy(self) -> bool:
        try:
            return self.get("/healthz", timeout=5)[0] == 200
        except OSError:
            return False

    def kill(self) -> dict[str, int]:
        """kill -9 of the supervisor alone. Returns the pids it had."""
        units = self.units
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)
        return units

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status after a polite signal."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def remove(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.log.unlink(missing_ok=True)
