"""`./sora up`: everything on this machine, under one supervisor, until Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import os
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen, SubprocessError, run
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from sora_site.embedded import processes, services, state
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.progress import Bar
from sora_site.embedded.services import EmbeddedServices
from sora_site.embedded.state import Hold, Runtime
from sora_site.embedded.supervisor import Supervisor, Unit, listen
from sora_site.management import first_admin
from sora_site.reachable import silent_services

WEB_READY_TIMEOUT = 60.0


class Stopped(Exception):
    """SIGINT or SIGTERM came while still starting."""


class Command(BaseCommand):
    help = "Start the site: PostgreSQL and Valkey unless set by URL, the web server, the workers."
    requires_system_checks: list[str] = []  # run below, after the clearer messages

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, help="web port (default: from WEB_BIND, 8000)")
        parser.add_argument("--host", help="web address (default: from WEB_BIND, 127.0.0.1)")
        parser.add_argument("--workers", type=int, default=None, help="generation workers")
        parser.add_argument(
            "--no-embedded",
            action="store_true",
            help="start no service: DATABASE_URL and REDIS_URL must be set",
        )

    def handle(self, **options: Any) -> None:
        began = time.monotonic()
        folder = Path(settings.SORA_STATE_DIR)
        with _stop_by_exception(), contextlib.ExitStack() as stack:
            try:
                self._run(folder, began, stack, options)
            except EmbeddedServiceError as error:
                raise CommandError(str(error)) from error
            except Stopped:
                self.stderr.write("stopped")

    def _run(
        self, folder: Path, began: float, stack: contextlib.ExitStack, options: dict[str, Any]
    ) -> None:
        host, port = _address(options["host"], options["port"])
        embedded = EmbeddedServices.needed(folder)
        if options["no_embedded"] and (embedded.postgres or embedded.valkey):
            missing = [n for n, s in _external(embedded).items() if s is not None]
            raise CommandError(
                f"--no-embedded starts no services, so {' and '.join(missing)} must be set."
            )
        state.make_usable(folder)
        self._check_settings()
        _check_reachable(embedded)
        hold = Hold(folder)
        hold.take(wait_for_commands=600)
        stack.callback(hold.release)
        state.end_leftovers(folder)
        listener = listen(host, port)
        stack.callback(listener.close)
        url = _url(host, listener.getsockname()[1])
        environment = _children_environment(url)

        runtime = Runtime(pid=os.getpid(), command="up", url=url)
        supervisor = Supervisor(folder, runtime, self._say)
        runtime.save(folder)
        stack.callback(self._farewell, supervisor)

        with Bar(stream=sys.stdout._out if hasattr(sys.stdout, "_out") else sys.stdout) as bar:
            _start_services(embedded, supervisor, bar)
            bar.show(35, "bringing the database up to date")
            self.check(tags=["sora"], display_num_errors=False)
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
            bar.show(60, "making keys and the first account")
            sign_in = first_admin.bootstrap()
            bar.show(70, "preparing static files")
            environment["SORA_HASHED_STATIC"] = "1" if _collect_static(folder) else "0"
            bar.show(75, "starting the web server and the workers")
            web = _web_unit(listener, environment, folder)
            supervisor.units.append(web)
            web.start()
            for unit in _worker_units(options["workers"], environment, folder):
                supervisor.units.append(unit)
                unit.start()
            supervisor.record()
            _wait_for_web(listener, web, folder, bar)
        runtime.ready = runtime.has_worker = True
        self._greet(url, sign_in, time.monotonic() - began, embedded)
        asyncio.run(supervisor.run())

    # --- what it prints ---

    def _check_settings(self) -> None:
        """Start-up checks: an error ends the start before anything runs, a warning is one line."""
        messages = [m for m in checks.run_checks(tags=["sora"]) if not m.is_silenced()]
        lines = [f"{m.id}: {m.msg} {m.hint or ''}".rstrip() for m in messages]
        if any(m.is_serious() for m in messages):
            raise CommandError("the settings can't work:\n  " + "\n  ".join(lines))
        for line in lines:
            self.stdout.write(f"  note  {line}")

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self.stdout.write(f"{time.strftime('%H:%M:%S')} {text}")
            self.stdout.flush()

    def _greet(
        self, url: str, sign_in: first_admin.SignIn, seconds: float, embedded: EmbeddedServices
    ) -> None:
        lines = [f"{settings.SITE_NAME} is running at {url}   ({seconds:.1f} s)"]
        lines.append(f"  sign in     {sign_in.email}")
        if sign_in.password:
            lines.append(f"  password    {sign_in.password}")
            lines.append(f"              (kept in {sign_in.file} until you delete it)")
        if not settings.EMAIL_URL:
            lines.append(f"  mail        written to {settings.EMAIL_FILE_PATH}")
        lines.append(f"  state       {settings.SORA_STATE_DIR} (logs in logs/)")
        lines.append("Ctrl-C stops everything.")
        self.stdout.write("\n".join(lines))
        self.stdout.flush()

    def _farewell(self, supervisor: Supervisor) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)  # once is enough
        with contextlib.suppress(OSError):
            self.stdout.write("stopping …")
            self.stdout.flush()
        supervisor.stop()
        with contextlib.suppress(OSError):
            self.stdout.write("stopped")


# --- addresses -----------------------------------------------------------------------------


def _address(host: str | None, port: int | None) -> tuple[str, int]:
    bind_host, _, bind_port = settings.WEB_BIND.rpartition(":")
    try:
        chosen = port if port is not None else int(bind_port)
    except ValueError:
        raise CommandError(f"WEB_BIND={settings.WEB_BIND} is not host:port.") from None
    if not 0 <= chosen <= 65535:
        raise CommandError(f"{chosen} is not a port number.")
    return (host or bind_host or "127.0.0.1").strip("[]"), chosen


def _url(host: str, port: int) -> str:
    if "PUBLIC_URL" in os.environ:
        return os.environ["PUBLIC_URL"].rstrip("/")
    name = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::", "::1"} else host
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def _external(embedded: EmbeddedServices) -> dict[str, object]:
    return {"DATABASE_URL": embedded.postgres, "REDIS_URL": embedded.valkey}


def _check_reachable(embedded: EmbeddedServices) -> None:
    silent = silent_services(database=not embedded.postgres, redis=not embedded.valkey)
    if lines := [str(one) for one in silent]:
        raise CommandError(
            "a service does not answer, so nothing was started:\n  "
            + "\n  ".join(lines)
            + "\nCorrect the setting, or unset it to have the service started here."
        )


def _children_environment(url: str) -> dict[str, str]:
    """What web and workers get on top of our environment."""
    return dict(os.environ) | {
        "PUBLIC_URL": url,
        "SECRET_KEY": settings.SECRET_KEY,
        "PYTHONUNBUFFERED": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
    }


# --- parts ---------------------------------------------------------------------------------


def _start_services(embedded: EmbeddedServices, supervisor: Supervisor, bar: Bar) -> None:
    for percent, name, server in (
        (5, "PostgreSQL", embedded.postgres),
        (25, "Valkey", embedded.valkey),
    ):
        if server is None:
            continue
        bar.show(percent, f"starting {name}")
        unit = _server_unit(name, server)
        supervisor.units.append(unit)
        server.prepare()
        server.start()
        unit.process, unit.launched_at = server.process, time.monotonic()
    if embedded.postgres:
        embedded.postgres.create_database()


def _server_unit(name: str, server: Any) -> Unit:
    def launch() -> Popen[bytes]:
        server.launch()
        process: Popen[bytes] = server.process
        return process

    def stop(process: Popen[bytes]) -> None:
        server.process = process
        server.stop()

    return Unit(name, launch, stop)


def _web_unit(listener: socket.socket, environment: dict[str, str], folder: Path) -> Unit:
    descriptor = listener.fileno()

    def launch() -> Popen[bytes]:
        return processes.spawn(
            services.manage("web", "--fd", str(descriptor)),
            environment=environment,
            output=folder / "logs" / "web.log",
            folder=services.ROOT,
            pass_fds=[descriptor],
        )

    return Unit("web", launch, lambda process: _stop(process, 8.0))


def _worker_units(workers: int | None, environment: dict[str, str], folder: Path) -> Iterator[Unit]:
    total = workers if workers is not None else settings.SORA_WORKERS
    for index in range(total):
        name = "worker" if total == 1 else f"worker-{index + 1}"
        mine = services.worker_environment(index=index, total=total) | environment

        def launch(name: str = name, mine: dict[str, str] = mine) -> Popen[bytes]:
            return processes.spawn(
                services.manage("worker", "--preload"),
                environment=mine,
                output=folder / "logs" / f"{name}.log",
                folder=services.ROOT,
            )

        yield Unit(name, launch, lambda process: _stop(process, 15.0))


def _stop(process: Popen[bytes], grace: float) -> None:
    processes.stop(process, grace=grace)


def _wait_for_web(listener: socket.socket, web: Unit, folder: Path, bar: Bar) -> None:
    """Until /healthz answers. The socket listens before the process serves, so ask for a page."""
    began = time.monotonic()

    def answers() -> bool:
        waited = time.monotonic() - began
        bar.show(75 + min(24, waited * 4), "starting the web server and the workers")
        return _is_healthy(listener) or (web.process is not None and web.process.poll() is not None)

    answered = processes.wait_until(answers, WEB_READY_TIMEOUT, every=0.05)
    if not answered or (web.process is not None and web.process.poll() is not None):
        log = folder / "logs" / "web.log"
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-12:])
        raise EmbeddedServiceError(f"The web server did not start. From {log}:\n  {tail}")
    bar.show(100, "ready")


def _is_healthy(listener: socket.socket) -> bool:
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    connection = http.client.HTTPConnection(host, port, timeout=2.0)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status < 500  # 400: serves, but under other names only
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _collect_static(folder: Path) -> bool:
    """Copy static files under hashed names when they changed. False: serve them unhashed instead."""
    from django.contrib.staticfiles.finders import get_finders

    if "Hashed" not in settings.STORAGES["staticfiles"]["BACKEND"]:
        return False
    stats = [
        (path, storage.path(path), os.stat(storage.path(path)))
        for finder in get_finders()
        for path, storage in finder.list([])
    ]
    wanted = repr([(path, s.st_size, int(s.st_mtime)) for path, _, s in stats])
    stamp, manifest = folder / "static.stamp", Path(settings.STATIC_ROOT) / "staticfiles.json"
    if stamp.exists() and stamp.read_text() == wanted and manifest.exists():
        return True
    # In a process of its own: this one was set up for plain names before it could know better.
    line = [sys.executable, str(settings.BASE_DIR / "manage.py"), "collectstatic"]
    line += ["--noinput", "--clear", "--verbosity=0", "--skip-checks"]
    try:
        run(line, env=os.environ | {"SORA_HASHED_STATIC": "1"}, check=True)
    except (OSError, SubprocessError) as error:
        logging.getLogger(__name__).warning("static files are served unhashed: %s", error)
        return False
    stamp.write_text(wanted)
    return True


@contextlib.contextmanager
def _stop_by_exception() -> Iterator[None]:
    """While starting, a signal unwinds the stack, so that what runs already is stopped in order."""

    def raise_stopped(number: int, frame: object) -> None:
        raise Stopped

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, raise_stopped) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
