"""An empty site of its own for a benchmark: nothing of the person's data is read or changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

MODEL_SETTINGS = {"SORA_MODEL_DIR", "SORA_DEVICE", "SORA_ENGINE", "SORA_TORCH_THREADS"}
PROGRAMS = {"SORA_PG_BIN", "SORA_VALKEY_BIN", "SORA_CHROMIUM", "SORA_VENV", "SORA_PYTHON"}
PREFIXES = (
    "SORA_",
    "DATABASE_",
    "REDIS_",
    "BROKER_",
    "CHANNEL_",
    "CACHE_",
    "WEB_",
    "MEDIA_",
    "S3_",
)


@contextlib.contextmanager
def state_folder() -> Iterator[Path]:
    """A temporary state folder, named in the environment; every other setting is the default."""
    folder = Path(tempfile.mkdtemp(prefix="sora-bench-"))
    folder.chmod(0o711)  # as root the services run as another account
    before = dict(os.environ)
    for name in before:
        if name.startswith(PREFIXES) and name not in MODEL_SETTINGS | PROGRAMS:
            del os.environ[name]
    for name in ("PUBLIC_URL", "SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_URL"):
        os.environ.pop(name, None)
    os.environ["SORA_STATE_DIR"] = str(folder)
    try:
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def database() -> Iterator[Path]:
    """PostgreSQL and Valkey over a temporary state folder, Django set up, tables made.

    Only in a fresh process: Django reads its settings once. `./sora bench` runs each benchmark so.
    """
    from sora_site.embedded import services

    with state_folder() as folder:
        connect()
        with services.available("bench"):
            from django.core.management import call_command

            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
            yield folder


def connect() -> None:
    """Set Django up with the addresses of the services of the current state folder."""
    import django

    from sora_site.embedded import services

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sora_site.settings")
    services.fill_environment()
    django.setup()
