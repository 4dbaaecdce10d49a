"""One engine per worker process, loaded by dotted name: the product never imports a model class."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

from generation.engine.protocol import EngineError, VideoEngine

_lock = threading.Lock()
_loaded: dict[tuple[Any, ...], VideoEngine] = {}


def get_engine(
    dotted_name: str,
    model_dir: Path,
    *,
    device: str,
    threads: int | None = None,
    **settings: Any,
) -> VideoEngine:
    """The engine of this process; the first call loads it.

    settings: what else the engine's class takes (options, lora, state_dir); only those that are set
    are passed on, so that a class without them is an engine too.
    Raises ModelMissing, ModelTooLarge, or EngineError when there is no such class.
    """
    given = {name: value for name, value in settings.items() if value}
    key = (dotted_name, str(model_dir), device, threads, repr(sorted(given.items(), key=str)))
    with _lock:
        if key not in _loaded:
            module, _, name = dotted_name.rpartition(".")
            try:
                factory = getattr(importlib.import_module(module), name)
            except (ImportError, AttributeError, ValueError) as error:
                raise EngineError(f"SORA_ENGINE={dotted_name} is no engine: {error}") from error
            _loaded.clear()  # one model at a time: two would not fit the device
            _loaded[key] = factory(model_dir, device=device, threads=threads, **given)
        return _loaded[key]
