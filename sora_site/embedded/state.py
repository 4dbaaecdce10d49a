"""The state folder: is it usable, who holds it, and what runs over it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from sora_site.embedded import processes
from sora_site.embedded.processes import EmbeddedServiceError

FREE_BYTES_NEW = 300 * 1024 * 1024  # an empty cluster and its first log segments take 60 MB
FREE_BYTES_OLD = 64 * 1024 * 1024
PRIVATE_FOLDERS = ("secrets", "logs", "media", "work", "mail")  # 0700: other accounts stay out


def default_state_folder() -> Path:
    """SORA_STATE_DIR, or /var/lib/sora-site as root, `var/` in the checkout otherwise."""
    if configured := os.environ.get("SORA_STATE_DIR"):
        return Path(configured).expanduser().resolve()
    if os.geteuid() == 0:
        return Path("/var/lib/sora-site")
    return Path(__file__).resolve().parent.parent.parent / "var"


def make_usable(folder: Path) -> None:
    """Make the folder and prove that it can be written; else say what to set."""
    remedy = "Set SORA_STATE_DIR to a folder this account may write."
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0 and folder.stat().st_uid == 0:
            folder.chmod(
                folder.stat().st_mode | 0o711
            )  # services under another account pass through
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"x" * 65536)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        reason = error.strerror or str(error)
        raise EmbeddedServiceError(
            f"The state folder {folder} can't be written ({reason}). {remedy}"
        ) from error
    needed = FREE_BYTES_OLD if (folder / "postgres" / "PG_VERSION").exists() else FREE_BYTES_NEW
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise EmbeddedServiceError(
            f"The state folder {folder} has {free // 2**20} MB left, at least {needed // 2**20} MB are "
            "needed. Free some space, or set SORA_STATE_DIR to a folder on another disk."
        )
    for name in PRIVATE_FOLDERS:
        (folder / name).mkdir(exist_ok=True, mode=0o700)


@dataclass
class Runtime:
    """What the holder of the state folder runs; `runtime.json` tells other processes."""

    pid: int
    command: str  # "up", or the name of a command that runs services only for itself
    url: str = ""
    database_url: str = ""
    redis_url: str = ""
    has_worker: bool = False
    ready: bool = False
    units: dict[str, int] = field(default_factory=dict)  # name -> pid
    started_at: float = field(default_factory=time.time)

    @staticmethod
    def path(folder: Path) -> Path:
        return folder / "runtime.json"

    def save(self, folder: Path) -> None:
        path = self.path(folder)
        fresh = path.with_suffix(f".{os.getpid()}.new")
        fresh.write_text(json.dumps(asdict(self), indent=1))
        fresh.chmod(0o600)
        fresh.replace(path)

    @classmethod
    def load(cls, folder: Path) -> Runtime | None:
        try:
            data: dict[str, Any] = json.loads(cls.path(folder).read_text())
            known = cls.__dataclass_fields__
            return cls(**{name: value for name, value in data.items() if name in known})
        except (OSError, ValueError, TypeError):
            return None

    @classmethod
    def forget(cls, folder: Path) -> None:
        with contextlib.suppress(OSError):
            cls.path(folder).unlink(missing_ok=True)


class HeldByAnother(EmbeddedServiceError):
    """Another process runs the services of this state folder."""


class Hold:
    """The right to run services over a state folder. The kernel takes it back when we die."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: TextIO | None = None

    def take(self, *, wait_for_commands: float = 0.0) -> None:
        """Raises HeldByAnother. A command that runs services for itself is waited for, an `up` isn't."""
        deadline = time.monotonic() + wait_for_commands
        while not self._try():
            runtime = Runtime.load(self.folder)
            busy_with = runtime.command if runtime else "another start"
            if busy_with == "up" or time.monotonic() > deadline:
                where = f" at {runtime.url}" if runtime and runtime.url else ""
                pid = f" (process {runtime.pid})" if runtime else ""
                raise HeldByAnother(
                    f"Already running{where}{pid}: `./sora {busy_with}` uses the state folder "
                    f"{self.folder}. Stop it first, or set SORA_STATE_DIR and --port to run a second "
                    "site."
                )
            time.sleep(0.2)

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _try(self) -> bool:
        file = open(self.folder / "holder.lock", "a")  # noqa: SIM115  (held until release)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        self._file = file
        return True

    def __enter__(self) -> Hold:
        self.take()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def end_leftovers(folder: Path) -> list[str]:
    """End what an `up` that was killed left behind. Call it while holding the folder.

    PostgreSQL and Valkey clean up after themselves when they start; here it is web and workers.
    """
    runtime = Runtime.load(folder)
    ended = []
    for name, pid in (runtime.units if runtime else {}).items():
        command = processes.command_of(pid)
        if any(part.endswith("manage.py") for part in command):
            processes.end_leftover(pid, named="python")
            ended.append(name)
    Runtime.forget(folder)
    return ended


@contextlib.contextmanager
def using_services_of(folder: Path) -> Iterator[None]:
    """Hold this while using services another command runs: it waits for us before it stops them."""
    with open(folder / "users.lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


def wait_for_users(folder: Path) -> None:
    """Return when nobody uses our services any more."""
    with open(folder / "users.lock", "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
