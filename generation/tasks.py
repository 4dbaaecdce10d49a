"""The wake-up call. It carries no job: the worker claims whatever is next in the database."""

from __future__ import annotations

import logging

import dramatiq

logger = logging.getLogger(__name__)


@dramatiq.actor(queue_name="generate", max_retries=0, time_limit=24 * 3600 * 1000)
def work() -> None:
    """Run claimed jobs until none is left. Sent twice: the second finds nothing. Lost: see worker.py."""
    from generation import worker  # only the worker process loads the engine

    worker.drain()


def wake_worker() -> None:
    """Ask a worker to look at the queue. A broker that is away costs seconds, not the job."""
    try:
        work.send()
    except Exception:
        logger.warning("wake-up not sent; workers will find the job by themselves", exc_info=True)
