"""Which services this process has to run itself, and how to borrow them for one command."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen

from sora_site.embedded import processes, state
from sora_site.embedded.postgres import PostgresServer
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.state import Hold, Runtime
from sora_site.embedded.valkey import ValkeyServer

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass
class EmbeddedServices:
    """PostgreSQL and Valkey, each only if no URL names an external one."""

    folder: Path
    postgres: PostgresServer | None
    valkey: ValkeyServer | None

    @classmethod
    def needed(cls, folder: Path) -> EmbeddedServices:
        """Look at the environment as the person set it (see `fill_environment`)."""
        marks = os.environ.get("SORA_EMBEDDED", "").split(",")
        no_database = "DATABASE_URL" not in os.environ or "postgres" in marks
        no_valkey = "REDIS_URL" not in os.environ or "valkey" in marks
        return cls(
            folder,
            PostgresServer(folder) if no_database else None,
            ValkeyServer(folder) if no_valkey else None,
        )

    def urls(self) -> dict[str, str]:
        """The addresses of the embedded ones, also before they run."""
        found = {}
        if self.postgres:
            self.postgres.locate()
            found["DATABASE_URL"] = self.postgres.url
        if self.valkey:
            self.valkey.locate()
            found["REDIS_URL"] = self.valkey.url
        return found

    def start(self, say: Callable[[str], None] = lambda text: None) -> None:
        if self.postgres:
            say("starting PostgreSQL")
            self.postgres.prepare()
            self.postgres.start()
            self.postgres.create_database()
        if self.valkey:
            say("starting Valkey")
            self.valkey.prepare()
            self.valkey.start()

    def stop(self) -> None:
        if self.valkey:
            self.valkey.stop()
        if self.postgres:
            self.postgres.stop()


def fill_environment() -> None:
    """Name the embedded services in DATABASE_URL and REDIS_URL where the person named none.

    Called by manage.py before the settings are read. SORA_EMBEDDED remembers which were filled in, so
    that children and `needed` still know.
    """
    if "SORA_EMBEDDED" in os.environ:
        return
    services = EmbeddedServices.needed(state.default_state_folder())
    try:
        urls = services.urls()
    except (OSError, EmbeddedServiceError):
        return  # the command itself will say what is wrong with the folder
    os.environ.update(urls)
    marks = {"DATABASE_URL": "postgres", "REDIS_URL": "valkey"}
    os.environ["SORA_EMBEDDED"] = ",".join(marks[name] for name in urls)


@contextlib.contextmanager
def available(command: str, *, say: Callable[[str], None] = lambda text: None) -> Iterator[Runtime]:
    """Services for one command: those of a running `up`, or own ones until the block ends.

    Yields what runs; `has_worker` tells whether somebody takes jobs.
    """
    folder = state.default_state_folder()
    services = EmbeddedServices.needed(folder)
    if services.postgres is None and services.valkey is None:
        yield Runtime(pid=os.getpid(), command=command, has_worker=True, ready=True)
        return
    state.make_usable(folder)
    hold = Hold(folder)
    with contextlib.ExitStack() as stack:
        stack.enter_context(state.using_services_of(folder))
        try:
            hold.take()
        except state.HeldByAnother:
            runtime = _wait_until_ready(folder, say)
            if runtime is not None:
                yield runtime
                return
            hold.take(wait_for_commands=60)  # whoever held it is gone
        stack.close()
        stack.callback(hold.release)
        state.end_leftovers(folder)
        runtime = Runtime(pid=os.getpid(), command=command)
        runtime.save(folder)
        stack.callback(Runtime.forget, folder)
        stack.callback(services.stop)
        services.start(say)
        runtime.ready = True
        runtime.save(folder)
        try:
            yield runtime
        finally:
            state.wait_for_users(folder)


def _wait_until_ready(folder: Path, say: Callable[[str], None]) -> Runtime | None:
    """What the holder runs, once it says it is ready; None if it went away meanwhile."""
    probe = Hold(folder)

    def settled() -> bool:
        runtime = Runtime.load(folder)
        if runtime is not None and runtime.ready:
            return True
        try:
            probe.take()
        except state.HeldByAnother:
            say("waiting for the services that are being started")
            return False
        probe.release()
        return True

    processes.wait_until(settled, 120, every=0.2)
    runtime = Runtime.load(folder)
    return runtime if runtime is not None and runtime.ready else None


def manage(*arguments: str) -> list[str]:
    """The command line of one of our own child processes."""
    return [sys.executable, str(ROOT / "manage.py"), *arguments]


def start_worker(folder: Path, *, index: int = 0) -> Popen[bytes]:
    """A worker process of our own; `logs/worker.log` has what it says."""
    return processes.spawn(
        manage("worker"),
        environment=worker_environment(index=index, total=1),
        output=folder / "logs" / "worker.log",
        folder=ROOT,
    )


def worker_environment(*, index: int, total: int) -> dict[str, str]:
    """One GPU each when there are several workers; the model libraries never reach a hub."""
    environment = dict(os.environ)
    environment |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}
    if total > 1 and os.environ.get("SORA_DEVICE", "").startswith("cuda"):
        environment["CUDA_VISIBLE_DEVICES"] = str(index)
    return environment
