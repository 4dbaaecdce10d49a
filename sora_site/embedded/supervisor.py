"""Keeps the parts of one site running: starts them in order, restarts what dies, stops in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

from sora_site.embedded import processes
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.state import Runtime

logger = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STEADY_AFTER = 20.0  # seconds a part must run before its next death counts as the first
LOOK_EVERY = 0.1


@dataclass
class Unit:
    """One part: how to launch it, how to stop it, and when it may be launched again."""

    name: str
    launch: Callable[[], Popen[bytes]]
    stop: Callable[[Popen[bytes]], None]
    process: Popen[bytes] | None = None
    launched_at: float = 0.0
    delay: float = FIRST_DELAY
    due: float = 0.0

    def start(self) -> None:
        self.process = self.launch()
        self.launched_at = time.monotonic()

    def look(self, now: float) -> str | None:
        """Restart it if it is dead and due. Returns a line to print when something changed."""
        if self.process is not None and self.process.poll() is None:
            return None
        if self.process is not None:
            status = self.process.returncode
            processes.kill_group(self.process.pid, signal.SIGKILL)  # children it left behind
            if now - self.launched_at > STEADY_AFTER:
                self.delay = FIRST_DELAY
            self.process, self.due = None, now + self.delay
            line = f"{self.name} ended ({_reason(status)}); starting it again in {self.delay:.1f} s"
            self.delay = min(self.delay * 2, LONGEST_DELAY)
            return line
        if now < self.due:
            return None
        try:
            self.start()
        except (OSError, EmbeddedServiceError) as error:
            self.due = now + self.delay
            self.delay = min(self.delay * 2, LONGEST_DELAY)
            return f"{self.name} could not be started: {error}"
        return None

    def end(self) -> None:
        if self.process is not None:
            self.stop(self.process)
            self.process = None


def _reason(status: int | None) -> str:
    if status is not None and status < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"


@dataclass
class Supervisor:
    """Runs its units until SIGINT or SIGTERM. Units are listed in start order."""

    folder: Path
    runtime: Runtime
    say: Callable[[str], None]
    units: list[Unit] = field(default_factory=list)

    def record(self) -> None:
        """Tell other processes which pids are ours; a failing disk must not stop the site."""
        self.runtime.units = {u.name: u.process.pid for u in self.units if u.process is not None}
        with contextlib.suppress(OSError):
            self.runtime.save(self.folder)

    async def run(self) -> None:
        """Watch until a signal comes. Everything is still running when this returns."""
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stopping.set)
        self.record()
        while not stopping.is_set():
            now = time.monotonic()
            before = [u.process.pid if u.process else 0 for u in self.units]
            for unit in self.units:
                if line := unit.look(now):
                    self.say(line)
            if before != [u.process.pid if u.process else 0 for u in self.units]:
                self.record()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stopping.wait(), LOOK_EVERY)

    def stop(self) -> None:
        """Reverse order, so that nothing loses what it stands on while it still works."""
        for unit in reversed(self.units):
            unit.end()
        Runtime.forget(self.folder)


def listen(host: str, port: int) -> socket.socket:
    """The web server's listening socket, held by the supervisor: a restart of the web process refuses
    no connection. Raises EmbeddedServiceError when the address can't be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
            server.listen(1024)
        except OSError:
            server.close()
            raise
    except OSError as error:
        if isinstance(error, PermissionError):
            what = f"Port {port} may not be used by this account"
        elif isinstance(error, socket.gaierror):
            what = f"{host} is not an address of this machine"
        else:
            what = f"Port {port} on {host} is already in use by another program"
        raise EmbeddedServiceError(
            f"{what} ({error.strerror or error}). Choose another with `./sora up --port PORT` or "
            "WEB_BIND=host:port."
        ) from error
    return server
