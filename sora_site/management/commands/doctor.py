"""`./sora doctor`: what is found on this machine, what is missing, what to set."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand

from sora_site.embedded import processes, state
from sora_site.embedded.postgres import find_installation
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.state import Hold, Runtime
from sora_site.embedded.valkey import find_program
from sora_site.reachable import silent_services

OK, MISSING, NOTE = "ok", "missing", "note"
Line = tuple[str, str, str]  # state, what, remark


class Command(BaseCommand):
    help = (
        "Say what is found, what is missing and what to set. Exit status 1: `./sora up` can't work."
    )
    requires_system_checks: list[str] = []

    def handle(self, **options: Any) -> None:
        broken = False
        for looked in (_python, _services, _state_folder, _running, _engine, _browser, _settings):
            for mark, what, remark in _safely(looked):
                broken = broken or mark == MISSING
                self.stdout.write(f"{mark:>8}  {what}" + (f": {remark}" if remark else ""))
        if broken:
            sys.exit(1)


def _safely(look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from look()
    except EmbeddedServiceError as error:
        yield MISSING, look.__name__.strip("_"), str(error)


def _python() -> Iterator[Line]:
    cores = os.cpu_count()
    yield OK, f"Python {platform.python_version()}", f"{sys.prefix}, {cores} cores"
    for package in ("torch", "diffusers", "av", "c2pa-python"):
        try:
            yield OK, package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield MISSING, package, "run ./sora up, it installs what is locked"


def _services() -> Iterator[Line]:
    embedded = os.environ.get("SORA_EMBEDDED", "").split(",")
    if "postgres" in embedded:
        installation = find_installation()
        if installation is None:
            yield MISSING, "PostgreSQL", "set DATABASE_URL, or SORA_PG_BIN to a server's bin folder"
        else:
            yield OK, f"PostgreSQL {installation.major}", f"embedded, from {installation.source}"
    if "valkey" in embedded:
        program = find_program()
        if program is None:
            yield MISSING, "Valkey", "set REDIS_URL, or SORA_VALKEY_BIN to a server program"
        else:
            yield OK, "Valkey", f"embedded, {program}"
    silent = silent_services(database="postgres" not in embedded, redis="valkey" not in embedded)
    problems = {one.setting: one.reason for one in silent}
    for name in (
        "DATABASE_URL",
        "REDIS_URL",
        "CACHE_URL",
        "CHANNEL_LAYER_URL",
        "BROKER_URL",
        "S3_BUCKET",
    ):
        if name in problems:
            yield MISSING, f"external {name}", problems[name]
        elif name in os.environ and not _embedded(name, embedded):
            yield OK, f"external {name}", "answers"
    account = processes.service_account()
    if account is not None and embedded != [""]:
        yield NOTE, "running as root", f"the embedded services run as `{account.name}`"


def _embedded(name: str, embedded: list[str]) -> bool:
    return {"DATABASE_URL": "postgres", "REDIS_URL": "valkey"}.get(name, "-") in embedded


def _state_folder() -> Iterator[Line]:
    folder = Path(settings.SORA_STATE_DIR)
    state.make_usable(folder)
    free = shutil.disk_usage(folder).free / 2**30
    yield OK, "state folder", f"{folder}, {free:.1f} GB free (SORA_STATE_DIR)"


def _running() -> Iterator[Line]:
    folder = Path(settings.SORA_STATE_DIR)
    try:
        with Hold(folder):
            yield NOTE, "site", "not running; ./sora up starts it"
    except state.HeldByAnother:
        runtime = Runtime.load(folder)
        what = f"./sora {runtime.command}, process {runtime.pid}" if runtime else "starting"
        yield OK, "site", f"running: {what} {runtime.url if runtime else ''}".strip()


def _engine() -> Iterator[Line]:
    from generation.engine.capabilities import read_capabilities
    from generation.engine.protocol import ModelMissing

    try:
        engine = read_capabilities(Path(settings.SORA_MODEL_DIR))
    except (ModelMissing, OSError, ValueError) as error:
        yield MISSING, "video model", f"{error} Set SORA_MODEL_DIR."
        return
    yield OK, f"video model {engine.name} {engine.version}", str(settings.SORA_MODEL_DIR)
    gpu = Path("/proc/driver/nvidia/version").exists()
    device = settings.SORA_DEVICE
    if device.startswith("cuda"):
        torch = importlib.import_module("torch")  # this command may load it; no web process does
        if not torch.cuda.is_available():
            yield MISSING, "GPU", "SORA_DEVICE=cuda, but torch sees none (driver? CUDA build?)"
        else:
            yield OK, "GPU", f"{torch.cuda.get_device_name()} ({torch.cuda.device_count()})"
    elif gpu:
        yield NOTE, "GPU", "there is one; SORA_DEVICE=cuda uses it"
    else:
        yield NOTE, "GPU", "none; clips are made on the processor"


def _browser() -> Iterator[Line]:
    names = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("SORA_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if found:
        yield OK, "browser for the tests", found
    else:
        yield (
            NOTE,
            "browser for the tests",
            "none: install chromium, else browser tests are skipped",
        )


def _settings() -> Iterator[Line]:
    """The start-up checks; silenced ones stay silent."""
    for message in checks.run_checks(tags=["sora"]):
        if message.is_silenced():
            continue
        mark = MISSING if message.level >= checks.ERROR else NOTE
        yield mark, str(message.id), f"{message.msg} {message.hint or ''}".strip()
