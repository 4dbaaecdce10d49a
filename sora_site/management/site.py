"""A site a command can work on: services running, tables up to date, first account there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.management import call_command

from sora_site.embedded import services, state
from sora_site.embedded.progress import Bar
from sora_site.embedded.state import Runtime
from sora_site.management import first_admin


@contextlib.contextmanager
def ready_site(command: str, bar: Bar) -> Iterator[Runtime]:
    """Use what `./sora up` runs; else start it for the length of the block and prepare it.

    `has_worker` of the result is False when the caller must bring its own worker.
    """
    bar.show(1, "looking for a running site")
    with services.available(command, say=lambda text: bar.show(3, text)) as runtime:
        if runtime.command != "up":
            bar.show(6, "bringing the database up to date")
            state.make_usable(Path(settings.SORA_STATE_DIR))
            call_command("migrate", verbosity=0, interactive=False, skip_checks=True)
            first_admin.bootstrap()
            runtime.has_worker = runtime.has_worker and runtime.pid != os.getpid()
        bar.show(10, "ready")
        yield runtime
