"""Loading models, one at a time in a process.

Two threads that import torch's libraries at the same moment meet half-made modules. The worker loads
ahead in one thread while a job may already need the same in another, so both come through here.
"""

from __future__ import annotations

import threading
from typing import Any

from django.conf import settings

from generation.engine.options import EngineOptions, InvalidOptions, read_lora, read_options
from generation.engine.protocol import EngineError, VideoEngine
from generation.engine.registry import get_engine
from moderation.screening.panel import default_text_classifiers

DEFAULT_ENGINE = "generation.engine.diffusers_engine.DiffusersEngine"

_loading = threading.RLock()


def engine_settings() -> dict[str, Any]:
    """What the engine of this installation takes beside its folder; nothing that is not set.

    Raises EngineError for a setting that can't be read (also reported at start as sora.E010).
    """
    try:
        options = read_options(settings.SORA_ENGINE_OPTIONS)
        lora = read_lora(settings.SORA_LORA)
    except InvalidOptions as error:
        raise EngineError(str(error)) from error
    given: dict[str, Any] = {}
    if options != EngineOptions():
        given["options"] = options
    if lora is not None:
        given["lora"] = lora
    if settings.SORA_ENGINE == DEFAULT_ENGINE:
        given["state_dir"] = settings.SORA_STATE_DIR
    return given


def load_engine() -> VideoEngine:
    """The engine of the settings; the first call loads it. Raises ModelMissing or EngineError."""
    with _loading:
        return get_engine(
            settings.SORA_ENGINE,
            settings.SORA_MODEL_DIR,
            device=settings.SORA_DEVICE,
            threads=settings.SORA_TORCH_THREADS or None,
            **engine_settings(),
        )


def load_classifiers() -> None:
    """Make the text classifiers ready; the first call loads them."""
    with _loading:
        default_text_classifiers()
