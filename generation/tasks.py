"""The wake-up call. It carries no job: the worker claims whatever is next in the database."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq

logger = logging.getLogger(__name__)

# One thread sends for the whole process. RabbitMQ connections belong to a thread, and under ASGI
# every request has a new one: each request would leave a connection behind. It also keeps a broker
# that is away from holding up the request.
_sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="wake-up")
_none_waits = threading.Semaphore(1)


@dramatiq.actor(queue_name="generate", max_retries=0, time_limit=24 * 3600 * 1000)
def work() -> None:
    """Run claimed jobs until none is left. Sent twice: the second finds nothing. Lost: see worker.py."""
    from generation import worker  # only the worker process loads the engine

    worker.drain()


@dramatiq.actor(queue_name="uploads", max_retries=0, time_limit=24 * 3600 * 1000)
def check_uploads() -> None:
    """Check uploads until none waits. In a thread of its own: nobody waits for somebody's long clip."""
    from generation.uploads import checks as upload_checks

    upload_checks.drain()


def wake_upload_checks() -> None:
    """Ask a worker to look at the uploads that wait; returns at once. The keeper looks as well."""
    _sender.submit(_try_to_send, check_uploads)


def wake_worker() -> None:
    """Ask a worker to look at the queue; returns at once. A broker that is away costs the job seconds.

    While one call waits to be sent, another would say nothing new.
    """
    if _none_waits.acquire(blocking=False):
        _sender.submit(_send)


def _send() -> None:
    _none_waits.release()  # first: who commits a job during the send must be able to ask again
    _try_to_send(work)


def _try_to_send(actor: Any) -> None:
    try:
        actor.send()
    except Exception:
        logger.warning("wake-up not sent; workers will find the job by themselves", exc_info=True)
