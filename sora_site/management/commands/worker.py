"""One generation worker: one process, one job at a time, one engine in memory."""

from __future__ import annotations

import logging
import os
import signal
import threading
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

logger = logging.getLogger(__name__)

LOOK_EVERY_MS = 100  # dramatiq's default of a second is a second more before a clip starts


class Command(BaseCommand):
    help = "Take jobs from the queue and make clips until stopped. Run one per GPU."
    requires_system_checks = ["sora"]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--preload", action="store_true", help="load the model before the first job"
        )

    def handle(self, **options: Any) -> None:
        stopping = threading.Event()

        def ask_to_stop(number: int, frame: FrameType | None) -> None:
            stopping.set()

        signal.signal(signal.SIGTERM, ask_to_stop)
        signal.signal(signal.SIGINT, ask_to_stop)

        import dramatiq

        from generation import attempt, tasks, worker

        broker = dramatiq.get_broker()
        runtime = dramatiq.Worker(
            broker,
            queues={tasks.work.queue_name, tasks.check_uploads.queue_name},
            worker_threads=2,  # a clip in the making does not hold up the check of an upload
            worker_timeout=LOOK_EVERY_MS,
        )
        runtime.start()
        keeper = worker.Keeper()
        keeper.start()
        logger.info("worker ready", extra={"device": settings.SORA_DEVICE})
        if options["preload"]:
            threading.Thread(target=worker.preload, name="preload", daemon=True).start()
        stopping.wait()

        # The running job goes back to the queue at its next step; it keeps its attempts.
        logger.info("worker stopping")
        attempt.stop_asked.set()
        keeper.stop()
        runtime.stop(timeout=12_000)
        worker.wait_idle(timeout=12)
        broker.close()
        connections.close_all()
        logger.info("worker stopped")
        logging.shutdown()
        os._exit(0)  # nothing is left to save, and taking a model apart politely takes seconds
