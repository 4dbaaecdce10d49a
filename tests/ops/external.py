"""Servers of the operating system, as a larger site runs them: own processes, ports and passwords.

PostgreSQL with TLS and a role that owns one database and nothing else, Redis with a password,
RabbitMQ with an account of its own. Each can be killed and started again over the same data.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sora_site.embedded import processes
from sora_site.embedded.processes import Account
from tests.ops.sites import free_port, wait_for

PASSWORD = "p@ss:w/rd%"  # every character an address must escape
ESCAPED = "p%40ss%3Aw%2Frd%25"
START_SECONDS = 300.0  # generous: the machine may be busy with other tests


def find(name: str, *folders: str) -> str:
    """The path of an installed program, the newest of several; "" when there is none."""
    found = [path for folder in folders for path in sorted(glob.glob(f"{folder}/{name}"))]
    return found[-1] if found else shutil.which(name) or ""


POSTGRES = find("postgres", "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin")
REDIS = find("redis-server") or find("valkey-server")
RABBITMQ = find("rabbitmq-server", "/usr/lib/rabbitmq/bin")
MISSING = [
    name
    for name, path in (("PostgreSQL", POSTGRES), ("Redis", REDIS), ("RabbitMQ", RABBITMQ))
    if not path
]


def account(name: str) -> Account | None:
    """As root every server runs under its package's own account."""
    if os.geteuid() != 0:
        return None
    entry = pwd.getpwnam(name)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


class Server:
    """One server process over a folder and a port of its own."""

    def __init__(self, base: Path, name: str) -> None:
        self.port = free_port()
        self.account = account(name)
        self.folder = base / name
        processes.own_folder(self.folder, self.account)
        self.environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(self.folder)}
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        raise AssertionError("each kind of server says how it is started")

    def ready(self) -> bool:
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def run(self, *argv: str, **environment: str) -> str:
        """A tool of the server, under the server's account."""
        arguments = self.account.popen_arguments() if self.account else {}
        done = subprocess.run(
            argv,
            env=self.environment | environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            **arguments,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self) -> None:
        self.process = processes.spawn(
            self.command(),
            account=self.account,
            environment=self.environment,
            output=self.folder.with_suffix(".log"),
            folder=self.folder,
        )
        ready = wait_for(self.ready, START_SECONDS)
        assert ready, self.folder.with_suffix(".log").read_text(errors="replace")[-2000:]

    def kill(self) -> None:
        """No goodbye: what was not on disk is lost and every connection breaks."""
        assert self.process is not None
        processes.kill_group(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, grace=20)


class Postgres(Server):
    def __init__(self, base: Path) -> None:
        super().__init__(base, "postgres")
        self.bin = Path(POSTGRES).parent
        self.data = self.folder / "data"
        self.url = f"postgresql://sora:{ESCAPED}@127.0.0.1:{self.port}/clips?sslmode=require"

    def command(self) -> Sequence[str]:
        options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.folder),
            "ssl": "on",
        }
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.bin / "postgres"), "-D", str(self.data), *flags]

    def prepare(self) -> None:
        local = ["--auth-local=peer" if self.account else "--auth-local=trust"]
        self.run(str(self.bin / "initdb"), "-D", str(self.data), "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth-host=scram-sha-256", *local)  # fmt: skip
        self.run(
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-keyout", str(self.data / "server.key")),
            *("-out", str(self.data / "server.crt")),
        )
        self.start()
        for line in (
            f"CREATE ROLE sora LOGIN PASSWORD '{PASSWORD}'",
            "CREATE DATABASE clips OWNER sora",
        ):
            self.run(str(self.bin / "psql"), "-h", str(self.folder), "-p", str(self.port), "-v",
                     "ON_ERROR_STOP=1", "-qc", line, "postgres")  # fmt: skip

    def ready(self) -> bool:
        tool = [str(self.bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(tool, check=False).returncode == 0

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process, first=signal.SIGINT, grace=20)


class Redis(Server):
    def __init__(self, base: Path) -> None:
        super().__init__(base, "redis" if "redis" in REDIS else "valkey")
        self.url = f"redis://:{ESCAPED}@127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        return [REDIS, "--port", str(self.port), "--bind", "127.0.0.1", "--requirepass", PASSWORD,
                "--dir", str(self.folder), "--save", "", "--appendonly", "no"]  # fmt: skip


class RabbitMQ(Server):
    def __init__(self, base: Path) -> None:
        super().__init__(base, "rabbitmq")
        config = self.folder / "rabbitmq.conf"
        config.write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\ndefault_user = sora\n"
            "default_pass = sora-secret\ndefault_vhost = clips\n"
        )
        config.chmod(0o644)
        self.epmd_port = str(free_port())
        self.names: subprocess.Popen[bytes] | None = None  # Erlang's name server
        self.environment |= {
            "RABBITMQ_NODENAME": f"sora{self.port}@localhost",
            "RABBITMQ_CONFIG_FILE": str(config),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": self.epmd_port,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }
        self.url = f"amqp://sora:sora-secret@127.0.0.1:{self.port}/clips"

    def command(self) -> Sequence[str]:
        return [RABBITMQ]

    def start(self) -> None:
        if self.names is None:  # else the node starts one itself, which outlives it
            self.names = processes.spawn(
                [find("epmd"), "-port", self.epmd_port, "-address", "127.0.0.1"],
                account=self.account,
                environment=self.environment,
            )
        super().start()

    def stop(self) -> None:
        if self.process is not None:
            self.kill()  # nothing to keep, and a polite end takes it seconds
        if self.names is not None:
            processes.stop(self.names)


class Services:
    """All three, started; `settings` is what a site needs to use them."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="sora-external-"))
        self.base.chmod(0o711)
        self.postgres, self.redis, self.rabbitmq = (
            Postgres(self.base),
            Redis(self.base),
            RabbitMQ(self.base),
        )

    def start(self) -> None:
        self.postgres.prepare()
        self.redis.start()
        self.rabbitmq.start()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "BROKER_URL": self.rabbitmq.url,
        }

    def remove(self) -> None:
        for server in (self.rabbitmq, self.redis, self.postgres):
            server.stop()
        shutil.rmtree(self.base, ignore_errors=True)
