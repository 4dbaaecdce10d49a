"""A worker's hold on one row that it works on beside the queue of clips: a chore, an upload."""

from __future__ import annotations

import logging
import shutil
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import connection

from generation.attempt import RENEW_EVERY_SECONDS, stop_asked

logger = logging.getLogger(__name__)


class RowLease(ABC):
    """Renewed by a thread, with a work folder, as long as the block runs."""

    def __init__(self, name: str) -> None:
        """name: of this attempt, such as "chore-7.2"; no other attempt has the same."""
        self.name = name
        self.folder = Path(settings.SORA_STATE_DIR) / "work" / name
        self._done, self._lost = threading.Event(), threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease of {name}", daemon=True)

    @abstractmethod
    def renew(self) -> bool:
        """Hold the row a while longer. False: another worker has it, or it ended."""

    @property
    def is_over(self) -> bool:
        """Whether this process is not to go on with the work."""
        return stop_asked.is_set() or self._lost.is_set()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
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
        shutil.rmtree(self.folder, ignore_errors=True)

    def _renew(self) -> None:
        try:
            while not self._done.wait(RENEW_EVERY_SECONDS):
                try:
                    if not self.renew():
                        self._lost.set()
                        return
                except Exception:
                    # A database restart is survived as long as it is shorter than the lease.
                    logger.warning("lease of %s not renewed", self.name, exc_info=True)
                    connection.close()
        finally:
            connection.close()
