"""Loading models, one at a time in a process.

Two threads that import torch's libraries at the same moment meet half-made modules. The worker loads
ahead in one thread while a job may already need the same in another, so both come through here.
"""

from __future__ import annotations

import threading

from django.conf import settings

from generation.engine.protocol import VideoEngine
from generation.engine.registry import get_engine
from moderation.screening.panel import default_text_classifiers

_loading = threading.RLock()


def load_engine() -> VideoEngine:
    """The engine of the settings; the first call loads it. Raises ModelMissing or EngineError."""
    with _loading:
        return get_engine(
            settings.SORA_ENGINE,
            settings.SORA_MODEL_DIR,
            device=settings.SORA_DEVICE,
            threads=settings.SORA_TORCH_THREADS or None,
        )


def load_classifiers() -> None:
    """Make the text classifiers ready; the first call loads them."""
    with _loading:
        default_text_classifiers()
