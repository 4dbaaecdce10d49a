"""What the configured engine can make, read once per process without loading a model."""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings

from generation.engine.capabilities import Capabilities, read_capabilities
from generation.engine.protocol import ModelMissing
from generation.errors import EngineUnavailable


@lru_cache(maxsize=1)
def _read(folder: str, modified: float) -> Capabilities:
    return read_capabilities(settings.SORA_MODEL_DIR)


def engine_capabilities() -> Capabilities:
    """The capability table of SORA_MODEL_DIR. Raises EngineUnavailable when the folder is missing."""
    try:
        modified = settings.SORA_MODEL_DIR.stat().st_mtime
        return _read(str(settings.SORA_MODEL_DIR), modified)
    except (OSError, ModelMissing) as error:
        raise EngineUnavailable() from error
