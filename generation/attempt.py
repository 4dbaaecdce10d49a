"""One worker's hold on one job: the lease it renews, the stages it times, the progress it shows."""

from __future__ import annotations

import base64
import io
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import numpy as np
from django.db import connection
from PIL import Image

from generation import progress, scheduling
from generation.engine.protocol import Progress
from generation.models import Generation, StageTiming
from sora_site.lib import failpoints

logger = logging.getLogger(__name__)

stop_asked = threading.Event()  # set once, when this process is told to end

RENEW_EVERY_SECONDS = 1.5
SECONDS_BETWEEN_EVENTS = 0.5
PREVIEW_LONG_SIDE = 320


class LeaseLost(Exception):
    """Another worker has this job, or it ended. Stop and write nothing."""


class StopAsked(Exception):
    """This worker process is to end. The job goes back to the queue as if it had not been tried."""


class CancelAsked(Exception):
    """The user wants this job stopped."""


class Attempt:
    """Context of one run of one job.

    A thread renews the lease while the engine computes. `check()` between two steps raises
    LeaseLost or CancelAsked; both end the work within one denoising step.
    """

    def __init__(self, generation: Generation) -> None:
        self.generation = generation
        self._done = threading.Event()
        self._lost = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="lease", daemon=True)
        self._last_event = 0.0
        self._last_stage = ""
        self._preview: np.ndarray | None = None
        self.drawing = True  # the engine has something to do yet: the bar is its own

    def __enter__(self) -> Attempt:
        self._renewer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        self._renewer.join(timeout=5)

    def _renew(self) -> None:
        try:
            while not self._done.wait(RENEW_EVERY_SECONDS):
                try:
                    if not scheduling.renew_lease(self.generation):
                        self._lost.set()
                        return
                except Exception:
                    # A database restart is survived as long as it is shorter than the lease.
                    logger.warning("lease not renewed", exc_info=True)
                    connection.close()
        finally:
            connection.close()

    def check(self) -> None:
        """Raise LeaseLost, StopAsked or CancelAsked when we are not to finish this job."""
        if stop_asked.is_set():
            raise StopAsked()
        if self._lost.is_set():
            raise LeaseLost()
        control = scheduling.read_control(self.generation)
        if not control.mine:
            raise LeaseLost()
        if control.cancel:
            raise CancelAsked()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time one stage; check the lease at its start. The row is written when it ends well."""
        self.check()
        if name in progress.SPAN:
            self.show(name)
        failpoints.reach(name)
        start = time.monotonic()
        yield
        self._record(name, time.monotonic() - start)

    def _record(self, name: str, seconds: float) -> None:
        StageTiming.objects.update_or_create(
            generation=self.generation,
            attempt=self.generation.attempts,
            stage=name,
            defaults={"workspace": self.generation.workspace, "seconds": seconds},
        )

    def on_progress(self, event: Progress) -> None:
        """The engine's callback: stops the work here when asked, else shows where it stands."""
        self.check()
        self.show(event.stage, event.step, event.total, event.preview)
        self.drawing = event.stage != "decode" or event.step < event.total

    def show(
        self, stage: str, step: int = 0, total: int = 0, preview: np.ndarray | None = None
    ) -> None:
        """Publish at most two events a second, and always the first of a stage.

        A preview that comes in between waits for the next event: the engine spaces its previews on
        its own, and the two rhythms could miss each other for a whole clip.
        """
        if preview is not None:
            self._preview = preview
        now = time.monotonic()
        if stage == self._last_stage and now - self._last_event < SECONDS_BETWEEN_EVENTS:
            return
        self._last_event, self._last_stage = now, stage
        preview, self._preview = self._preview, None
        try:
            progress.publish(
                str(self.generation.pk),
                self.generation.workspace_id,
                stage=stage,
                step=step,
                total=total,
                preview=preview_uri(preview) if preview is not None else None,
            )
        except Exception:
            logger.warning("progress not shown", exc_info=True)


def preview_uri(frame: np.ndarray) -> str:
    """A JPEG data URI of a small picture, uint8 [h, w, 3]; about 3-10 kB."""
    picture = Image.fromarray(frame)
    picture.thumbnail((PREVIEW_LONG_SIDE, PREVIEW_LONG_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=70)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
