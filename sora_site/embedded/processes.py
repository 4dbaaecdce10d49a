"""Start and stop child processes that can't outlive us, as another account where that is needed."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
UNIX_SOCKET_PATH_MAX = 107  # bytes, Linux; macOS has 103 and gets the short folder earlier
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class EmbeddedServiceError(Exception):
    """A service could not be started. The message says what to do, in words for the person."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account a service runs as when we are root (PostgreSQL refuses root)."""

    name: str
    uid: int
    gid: int

    def can_enter(self, folder: Path) -> bool:
        """Ask the kernel, as that account, whether `folder` can be read and entered."""
        test = shutil.which("test") or "/usr/bin/test"
        argv = [test, "-r", str(folder), "-a", "-x", str(folder)]
        return subprocess.run(argv, check=False, cwd="/", **self.popen_arguments()).returncode == 0

    def popen_arguments(self) -> dict[str, Any]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def service_account() -> Account | None:
    """None when we are not root: services then run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedServiceError(
        "PostgreSQL refuses to run as root and there is neither a `postgres` nor a `nobody` account. "
        "Start ./sora as another user, or set DATABASE_URL and REDIS_URL to running services."
    )


def spawn(
    argv: Sequence[str | Path],
    *,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    output: Path | None = None,
    death_signal: signal.Signals = signal.SIGTERM,
    folder: Path | str | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a child in its own session; the kernel sends it `death_signal` when this thread ends.

    Call it from the main thread. `output` collects stdout and stderr (appended); None inherits ours.
    """
    parent = os.getpid()

    def in_child() -> None:  # after the change of account, which would clear the death signal
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, int(death_signal))
            if os.getppid() != parent:  # we died between fork and prctl
                os._exit(1)

    arguments: dict[str, Any] = account.popen_arguments() if account else {}
    log = open(output, "ab") if output else None  # noqa: SIM115  (closed below, after the fork)
    try:
        return subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            env=dict(environment) if environment is not None else None,
            cwd=folder,
            start_new_session=True,
            preexec_fn=in_child,
            pass_fds=tuple(pass_fds),
            **arguments,
        )
    finally:
        if log:
            log.close()


def stop(
    process: subprocess.Popen[bytes],
    *,
    first: signal.Signals = signal.SIGTERM,
    grace: float = 10.0,
    last: signal.Signals = signal.SIGKILL,
) -> int:
    """Signal, wait `grace` seconds, then signal the whole process group. Returns the exit status."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            kill_group(process.pid, last)
            process.wait(10)
    kill_group(process.pid, signal.SIGKILL)  # what it left behind in its session
    return process.returncode


def kill_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def is_running(pid: int) -> bool:
    """Whether `pid` runs. A zombie (a container whose init doesn't reap) counts as gone."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _state(pid) not in {"Z", "X"}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return "?"


def command_of(pid: int) -> list[str]:
    """The command line of a process; empty where it can't be read."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        pass
    try:
        text = subprocess.run(
            ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
    except OSError:
        return []
    return text.split()


def end_leftover(pid: int, *, named: str, grace: float = 10.0) -> None:
    """End a process an earlier, killed run left behind, if `pid` is still that program."""

    def still_there() -> bool:
        return is_running(pid) and any(named in Path(part).name for part in command_of(pid)[:3])

    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if not still_there():
            return
        if number is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        # First only wait: the kernel has already told it that its parent died.
        wait_until(lambda: not still_there(), 2.0 if number is None else grace)


def wait_until(condition: Callable[[], bool], timeout: float, *, every: float = 0.02) -> bool:
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every)
    return True


def own_folder(folder: Path, account: Account | None, *, mode: int = 0o700) -> None:
    """Make a folder that belongs to the account (or to us)."""
    folder.mkdir(parents=True, exist_ok=True)
    if account is not None and folder.stat().st_uid != account.uid:
        os.chown(folder, account.uid, account.gid)
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)


def socket_folder(state: Path, account: Account | None) -> Path:
    """Where the unix sockets go: `<state>/run`, or a short folder of our own.

    Short is needed when the path would not fit a socket address, or when the service account may not
    enter the folders above `state` (a checkout below a 0700 home).
    """
    folder = state / "run"
    longest = len(os.fsencode(folder / ".s.PGSQL.5432.lock"))
    limit = UNIX_SOCKET_PATH_MAX if sys.platform == "linux" else 100
    if longest <= limit:
        own_folder(folder, account, mode=0o711)
        if account is None or account.can_enter(folder):
            return folder
    return private_folder(state, account)


def private_folder(state: Path, account: Account | None) -> Path:
    """A short folder outside `state`, the same one each time, refused when it isn't really ours."""
    name = f"sora-{os.geteuid()}-{hashlib.sha256(os.fsencode(state)).hexdigest()[:10]}"
    for base in _short_folders():
        folder = base / name
        owners = {os.geteuid()} | ({account.uid} if account else set())
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in owners:
            continue  # somebody else put it there
        own_folder(folder, account, mode=0o711)
        if account is None or account.can_enter(folder):
            return folder
    raise EmbeddedServiceError(
        f"No folder for the sockets of the embedded services: {state} is too deep or closed to them "
        "and neither /run nor the temporary folder can be used. Set SORA_STATE_DIR to a short path."
    )


def _short_folders() -> Iterator[Path]:
    candidates = ["/run"] if os.geteuid() == 0 else [os.environ.get("XDG_RUNTIME_DIR", "")]
    for candidate in [*candidates, tempfile.gettempdir(), "/tmp"]:  # noqa: S108  (a name of our own in it is checked for its owner)
        path = Path(candidate) if candidate else None
        if path and path.is_dir() and os.access(path, os.W_OK) and len(str(path)) < 50:
            yield path
