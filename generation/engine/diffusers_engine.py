"""The engine on a local folder in diffusers format: the embedded model, or big open weights.

Which adapter runs the folder follows from the pipeline class it names: LTX-Video 0.9.x and the
embedded model (ltx.py), LTX-2.x (ltx2.py), Wan VACE (wan_vace.py). Nothing is ever fetched: a folder
that lacks a part is an error naming it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import torch
from diffusers.utils import logging as diffusers_logging
from torch import Tensor
from transformers.utils import logging as transformers_logging

from generation.engine.capabilities import TABLE, family_of, read_capabilities, read_json
from generation.engine.family import Drawn, Family
from generation.engine.fit import check_fit, device_memory
from generation.engine.frames import fit
from generation.engine.integrity import check_folder
from generation.engine.ltx import LTX
from generation.engine.ltx2 import LTX2
from generation.engine.operations import operations_of
from generation.engine.options import EngineOptions
from generation.engine.preview import Previews, Watch, projection_file
from generation.engine.protocol import (
    EngineError,
    EngineOutOfMemory,
    Frames,
    ModelMissing,
    Progress,
    VideoSpec,
)
from generation.engine.switches import add_lora, loading_arguments, switch_on
from generation.engine.wan_vace import WanVACE

ADAPTERS: dict[str, type[Family]] = {"ltx": LTX, "ltx2": LTX2, "wan_vace": WanVACE}


class DiffusersEngine:
    """One loaded pipeline; one clip at a time."""

    def __init__(
        self,
        model_dir: Path,
        *,
        device: str = "cpu",
        threads: int | None = None,
        options: EngineOptions | None = None,
        lora: tuple[Path, float] | None = None,
        state_dir: Path | None = None,
    ) -> None:
        """Load the folder. Raises ModelMissing, ModelTooLarge, or EngineError when it can't be loaded.

        threads: of torch on the CPU; None leaves one core to the rest of the machine.
        lora: weights to merge, and how strongly. state_dir: where what was learnt of a checkpoint
        is kept (preview colours); None keeps nothing.
        """
        options = options or EngineOptions()
        self.capabilities = read_capabilities(model_dir)
        self.name, self.version = self.capabilities.name, self.capabilities.version
        table = {**family_of(model_dir), **(read_json(model_dir / TABLE) or {})}
        adapter = ADAPTERS[self.capabilities.family]
        if device == "cpu":
            torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
        dtype = _dtype(device)
        check_folder(model_dir, pipelines=adapter.pipelines)
        if options.fit_check:
            check_fit(
                model_dir,
                self.capabilities,
                options,
                available=device_memory(device),
                device=device,
                bytes_per_parameter=dtype.itemsize,
            )
        self._lock = threading.Lock()
        self._pipe = _load(adapter, model_dir, dtype, options)
        if lora is not None:
            add_lora(self._pipe, lora)
            self.version = f"{self.version} + {lora[0].name} {lora[1]:g}"
        switch_on(self._pipe, options, device, dtype)
        self.family = adapter(self._pipe, self.capabilities, table)
        self._able = frozenset(family_of(model_dir)["operations"])
        self._previews = Previews(
            self.family, projection_file(model_dir, state_dir), options.previews
        )

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        """See VideoEngine. Drawn size, extra frames and aspect are cut per frame, so memory stays flat."""
        if unable := operations_of(spec, self.family.ratio) - self._able:
            raise EngineError(
                f"{self.capabilities.title} can't do this in one pass: {', '.join(sorted(unable))}. "
                "Capabilities.check_spec says so beforehand; windows.generate draws a storyboard."
            )
        width, height = self.capabilities.drawn_size(spec.width, spec.height)
        drawn = Drawn(width, height, self.family.length(spec.frames))
        with self._lock, _device_errors():
            frames = self._draw(spec, drawn, on_progress)
        for index in range(spec.frames):
            yield fit(frames[index], spec.width, spec.height)

    @torch.no_grad()
    def _draw(
        self, spec: VideoSpec, drawn: Drawn, on_progress: Callable[[Progress], None]
    ) -> Frames:
        """uint8 [drawn.frames, drawn.height, drawn.width, 3]."""

        def tell(progress: Progress) -> None:
            _tell(on_progress, progress)

        tell(Progress("denoise", 0, spec.steps))
        try:
            latents = self.family.draw(
                spec,
                drawn,
                torch.Generator().manual_seed(spec.seed),
                Watch(self._previews, spec.steps, drawn, tell),
            )
            tell(Progress("decode", 0, 1))
            frames = self.decode(latents)
            self._previews.learn(latents, frames)
        finally:
            self._pipe.maybe_free_model_hooks()
        tell(Progress("decode", 1, 1))
        return frames

    def decode(self, latents: Tensor) -> Frames:
        """The autoencoder's latents [1, channels, t, h, w] to uint8 frames [n, height, width, 3]."""
        return self.family.decode(latents)


class _Stopped(Exception):
    """Carries what on_progress raised past the handling of device errors."""


@contextmanager
def _device_errors() -> Iterator[None]:
    """Name what the device complains about; let through what on_progress raised."""
    try:
        yield
    except _Stopped as stop:
        assert stop.__cause__ is not None
        raise stop.__cause__ from None
    except torch.OutOfMemoryError as error:
        raise EngineOutOfMemory(str(error)) from error
    except MemoryError as error:
        raise EngineOutOfMemory("out of memory") from error
    except RuntimeError as error:
        full = "allocate" in str(error) or "out of memory" in str(error).lower()
        raise (EngineOutOfMemory if full else EngineError)(str(error)) from error


def _tell(on_progress: Callable[[Progress], None], progress: Progress) -> None:
    try:
        on_progress(progress)
    except BaseException as error:
        raise _Stopped from error


def _load(
    adapter: type[Family], model_dir: Path, dtype: torch.dtype, options: EngineOptions
) -> Any:
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        pipe = adapter.load(
            model_dir, dtype=dtype, local_files_only=True, **loading_arguments(options)
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        if options.quantisation:
            raise EngineError(
                f"SORA_ENGINE_OPTIONS: quantisation can't be used here: {error}"
            ) from error
        raise ModelMissing(
            f"The model folder {model_dir} is not complete: {error}. "
            "Point SORA_MODEL_DIR at a whole folder in diffusers format."
        ) from error
    pipe.set_progress_bar_config(disable=True)
    return pipe


def _dtype(device: str) -> torch.dtype:
    """bf16 where the hardware multiplies it; on other processors it is far slower than fp32."""
    if device != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32
