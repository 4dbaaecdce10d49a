"""The throw-away PostgreSQL and Valkey of one pytest process (each xdist worker has its own pair).

Imported by tests/conftest.py before Django loads its settings: the addresses go into the environment
at once, Valkey starts at once (20 ms), PostgreSQL with the first test that needs a database (0.7 s).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from sora_site.embedded.postgres import PostgresServer
from sora_site.embedded.valkey import ValkeyServer

state = Path(tempfile.mkdtemp(prefix="sora-test-"))
state.chmod(0o711)  # as root the servers run as another account and must reach their folders
postgres = PostgresServer(state, durable=False)
valkey = ValkeyServer(state, durable=False)
_owner = os.getpid()


def set_environment() -> None:
    """Point the settings at the servers of this process; nothing of the caller's shell leaks in."""
    for name in list(os.environ):
        if name.startswith(("SORA_", "STRIPE_", "S3_", "DATABASE_", "REDIS_")) and name not in {
            "SORA_PG_BIN",
            "SORA_VALKEY_BIN",
            "SORA_CHROMIUM",
            "SORA_SCREENSHOTS",
        }:
            del os.environ[name]
    for name in ("BROKER_URL", "CHANNEL_LAYER_URL", "CACHE_URL", "EMAIL_URL", "PUBLIC_URL"):
        os.environ.pop(name, None)
    postgres.locate()
    valkey.locate()
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "sora_site.settings",
        "DATABASE_URL": postgres.url,
        "DATABASE_POOL_MAX": "0",  # one connection a thread, closed with the test
        "REDIS_URL": valkey.url,
        "SECRET_KEY": "only-for-tests-" + "x" * 40,
        "SORA_STATE_DIR": str(state),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
        "HF_HUB_OFFLINE": "1",
    }


def start_valkey() -> None:
    if not valkey.is_alive():
        valkey.start()


def start_postgres() -> None:
    if not postgres.is_alive():
        postgres.start()
        postgres.create_database()


def stop() -> None:
    if os.getpid() != _owner:  # a forked child ends
        return
    valkey.stop()
    postgres.stop()
    shutil.rmtree(state, ignore_errors=True)


atexit.register(stop)
