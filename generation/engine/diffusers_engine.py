"""The engine on a local folder in diffusers format: the embedded model, or real LTX-Video weights.

Both run through diffusers' LTXConditionPipeline. What that class silently gets wrong is owned here:
sizes are drawn in multiples of 32 and frame counts of ratio * k + 1, then cut to what was asked.
Nothing is ever fetched: a folder that lacks a part is an error naming it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo, LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx_condition import LTXVideoCondition
from diffusers.utils import logging as diffusers_logging
from PIL import Image
from torch import Tensor

from generation.engine.capabilities import read_capabilities, read_json
from generation.engine.protocol import (
    Conditioning,
    EngineError,
    EngineOutOfMemory,
    Frames,
    ModelMissing,
    Progress,
    VideoSpec,
)
from generation.engine.text_encoder import load_minilm

SECONDS_BETWEEN_PREVIEWS = 0.45
STRIDE = 32  # the pipeline refuses other sides, whatever the autoencoder's own ratio
MASKED = -10_000.0


class DiffusersEngine:
    """One loaded pipeline; one clip at a time."""

    def __init__(self, model_dir: Path, *, device: str = "cpu", threads: int | None = None) -> None:
        """Load the folder. Raises ModelMissing, or EngineError when the weights can't be loaded.

        threads: of torch on the CPU; None leaves one core to the rest of the machine.
        """
        self.capabilities = read_capabilities(model_dir)
        self.name, self.version = self.capabilities.name, self.capabilities.version
        if device == "cpu":
            torch.set_num_threads(threads or max(1, (os.cpu_count() or 2) - 1))
        self._lock = threading.Lock()
        self._pipe = _load(model_dir, device)
        self._device = device
        self._table = read_json(model_dir / "capabilities.json") or {}
        self._tokens = int(self._table.get("text_tokens", 256))

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        """See VideoEngine. Drawn size, extra frames and aspect are cut per frame, so memory stays flat."""
        width, height = self.capabilities.native_size(spec.width, spec.height) or (
            _up(spec.width, STRIDE),
            _up(spec.height, STRIDE),
        )
        with self._lock, _device_errors():
            drawn = self._draw(spec, width, height, on_progress)
        for index in range(spec.frames):
            yield _fit(drawn[index], spec.width, spec.height)

    # --- Drawing ---------------------------------------------------------------------------

    @torch.no_grad()
    def _draw(
        self, spec: VideoSpec, width: int, height: int, on_progress: Callable[[Progress], None]
    ) -> Frames:
        """uint8 [frames >= spec.frames, height, width, 3] at the native size."""
        pipe = self._pipe
        ratio = pipe.vae_temporal_compression_ratio
        frames = math.ceil((spec.frames - 1) / ratio) * ratio + 1
        conditions, extra = self._conditions(spec, width, height, frames)
        watch = _Watch(self, spec.steps, frames, width, height, extra, on_progress)
        _tell(on_progress, Progress("denoise", 0, spec.steps))
        try:
            latents = pipe(
                prompt=None,
                conditions=conditions or None,
                width=width,
                height=height,
                num_frames=frames,
                frame_rate=spec.fps,
                num_inference_steps=spec.steps,
                timesteps=self._timesteps(spec.steps),
                guidance_scale=spec.guidance,
                generator=torch.Generator().manual_seed(spec.seed),
                output_type="latent",
                callback_on_step_end=watch,
                **self._text(spec, frames, width, height, extra),
            ).frames
        finally:
            pipe.maybe_free_model_hooks()
        _tell(on_progress, Progress("decode", 0, 1))
        video = self.decode(latents)
        _tell(on_progress, Progress("decode", 1, 1))
        return video

    def _timesteps(self, steps: int) -> list[float] | None:
        """The noise levels of a model that names its own shift; None for the pipeline's schedule.

        t' = s t / (1 + (s - 1) t), Esser et al. 2024, "Scaling Rectified Flow Transformers", eq. 23.
        """
        shift = self._table.get("time_shift")
        if shift is None:
            return None
        t = np.linspace(1.0, 1.0 / steps, steps)
        return [float(x) for x in 1000 * shift * t / (1 + (shift - 1) * t)]

    def decode(self, latents: Tensor) -> Frames:
        """Normalised latents [1, channels, t, h, w] to uint8 frames [n, height, width, 3]."""
        vae: AutoencoderKLLTXVideo = self._pipe.vae
        plain = self._pipe._denormalize_latents(
            latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
        ).to(vae.dtype)
        step = (
            torch.full((1,), 0.05, device=plain.device, dtype=plain.dtype)
            if vae.config.timestep_conditioning
            else None
        )
        pixels = vae.decode(plain, step, return_dict=False)[0][0]
        scaled = (pixels.float().clamp(-1, 1) + 1).mul_(127.5).round_().byte()
        return np.asarray(scaled.permute(1, 2, 3, 0).cpu().numpy(), np.uint8)

    def grid(self, width: int, height: int) -> tuple[int, int]:
        """Latent rows and columns of a picture."""
        ratio = self._pipe.vae_spatial_compression_ratio
        return height // ratio, width // ratio

    def _conditions(
        self, spec: VideoSpec, width: int, height: int, frames: int
    ) -> tuple[list[LTXVideoCondition], int]:
        """The pipeline's conditions on the latent frame grid, and how many tokens they prepend."""
        ratio = self._pipe.vae_temporal_compression_ratio
        rows, columns = self.grid(width, height)
        found, extra = [], 0
        for condition in spec.conditioning:
            at = min(round(condition.at * spec.fps / ratio) * ratio, frames - 1)
            pictures = _pictures(condition, width, height)
            if len(pictures) > 1:  # whole latent frames only, inside the clip
                pictures = pictures[: (min(len(pictures), frames - at) - 1) // ratio * ratio + 1]
            if len(pictures) == 1:
                kind: dict[str, Any] = {"image": pictures[0]}
            else:
                kind = {"video": pictures}
            found.append(LTXVideoCondition(**kind, frame_index=at, strength=condition.strength))
            if at > 0:
                extra += (1 if len(pictures) == 1 else 2) * rows * columns
        return found, extra

    def _text(
        self, spec: VideoSpec, frames: int, width: int, height: int, extra: int
    ) -> dict[str, Tensor]:
        """Embeddings of the prompts. Several prompts become one sequence with a bias [1, queries, keys]
        that lets every latent frame attend to its own segment only."""
        encode = self._pipe._get_t5_prompt_embeds
        length = self._tokens
        parts = [encode(p.text, max_sequence_length=length) for p in spec.prompts]
        negative, negative_mask = encode(spec.negative_prompt, max_sequence_length=length)
        if len(parts) == 1:
            return {
                "prompt_embeds": parts[0][0],
                "prompt_attention_mask": parts[0][1],
                "negative_prompt_embeds": negative,
                "negative_prompt_attention_mask": negative_mask,
            }
        ratio = self._pipe.vae_temporal_compression_ratio
        rows, columns = self.grid(width, height)
        cells, steps = rows * columns, (frames - 1) // ratio + 1
        bias = torch.full(
            (1, extra + steps * cells, len(parts) * length),
            MASKED,
            dtype=negative.dtype,
            device=negative.device,
        )
        starts = [p.start for p in spec.prompts]
        for step in range(steps):
            moment = 0.0 if step == 0 else ((step - 1) * ratio + 1) / spec.fps
            own = max(i for i, start in enumerate(starts) if start <= moment or i == 0)
            here = slice(extra + step * cells, extra + (step + 1) * cells)
            bias[:, here, own * length : (own + 1) * length] = _bias(parts[own][1], bias.dtype)
        bias[:, :extra, :length] = _bias(parts[0][1], bias.dtype)
        without = torch.full_like(bias, MASKED)
        without[:, :, :length] = _bias(negative_mask, bias.dtype)
        return {
            "prompt_embeds": torch.cat([part[0] for part in parts], 1),
            "prompt_attention_mask": bias,
            "negative_prompt_embeds": torch.cat([negative] * len(parts), 1),
            "negative_prompt_attention_mask": without,
        }


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


class _Watch:
    """The pipeline's step callback: progress after every step, a preview at most twice a second.

    The clean picture is estimated from two consecutive states for free: with x = x0 + s v the
    velocity is (x_before - x_after) / (s_before - s_after), so x0 = x_after - s_after v.
    """

    def __init__(
        self,
        engine: DiffusersEngine,
        steps: int,
        frames: int,
        width: int,
        height: int,
        extra: int,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self.engine, self.steps, self.extra, self.on_progress = engine, steps, extra, on_progress
        ratio = engine._pipe.vae_temporal_compression_ratio
        self.shape = ((frames - 1) // ratio + 1, *engine.grid(width, height))
        self.before: tuple[Tensor, float] | None = None
        self.last = 0.0

    def __call__(
        self, pipe: LTXConditionPipeline, step: int, timestep: Tensor, values: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        latents = values["latents"]
        index = pipe.scheduler.step_index
        sigma = float(pipe.scheduler.sigmas[index]) if index is not None else 0.0
        preview = None
        if time.monotonic() - self.last >= SECONDS_BETWEEN_PREVIEWS or step + 1 == self.steps:
            preview = self.preview(latents, sigma)
            if preview is not None:
                self.last = time.monotonic()
        self.before = (latents.clone(), sigma)
        _tell(self.on_progress, Progress("denoise", step + 1, self.steps, preview))
        return values

    def preview(self, latents: Tensor, sigma: float) -> Frames | None:
        """The first frame as it looks now (only that latent stands alone); None after the first step."""
        if self.before is None or self.before[1] <= sigma:
            return None
        state, level = self.before
        clean = latents - sigma * (state - latents) / (level - sigma)
        clean = clean[:, self.extra :] if clean.shape[1] > math.prod(self.shape) else clean
        grid = self.engine._pipe._unpack_latents(clean, *self.shape, 1, 1)
        return self.engine.decode(grid[:, :, :1])[0]


def _load(model_dir: Path, device: str) -> LTXConditionPipeline:
    diffusers_logging.set_verbosity_error()
    diffusers_logging.disable_progress_bar()
    dtype = _dtype(device)
    parts: dict[str, Any] = {}
    if not (model_dir / "text_encoder").is_dir():
        parts["text_encoder"], parts["tokenizer"] = load_minilm()
        parts["text_encoder"].to(dtype)
    try:
        pipe = LTXConditionPipeline.from_pretrained(
            model_dir, dtype=dtype, local_files_only=True, **parts
        )
    except (OSError, ValueError, KeyError) as error:
        raise ModelMissing(
            f"The model folder {model_dir} is not complete: {error}. "
            "Point SORA_MODEL_DIR at a whole folder in diffusers format."
        ) from error
    try:
        pipe.to(device)
    except (RuntimeError, AssertionError) as error:
        raise EngineError(f"SORA_DEVICE={device} can't be used: {error}") from error
    pipe.set_progress_bar_config(disable=True)
    if device == "cpu":
        pipe.vae.to(memory_format=torch.channels_last_3d)
    else:
        pipe.vae.enable_tiling()
        pipe.vae.use_framewise_decoding = True
    return pipe


def _dtype(device: str) -> torch.dtype:
    """bf16 where the hardware multiplies it; on other processors it is far slower than fp32."""
    if device != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.where(mask[0].bool(), 0.0, MASKED).to(dtype)


def _up(value: int, multiple: int) -> int:
    return max(multiple, math.ceil(value / multiple) * multiple)


def _pictures(condition: Conditioning, width: int, height: int) -> list[Image.Image]:
    return [Image.fromarray(_fit(frame, width, height)) for frame in condition.frames]


def _fit(frame: Frames, width: int, height: int) -> Frames:
    """Cut to the aspect around the middle, then resample with Lanczos: uint8 [height, width, 3]."""
    have_h, have_w = frame.shape[:2]
    if (have_w, have_h) == (width, height):
        return frame
    scale = min(have_w / width, have_h / height)
    cut_w, cut_h = width * scale, height * scale
    left, top = (have_w - cut_w) / 2, (have_h - cut_h) / 2
    picture = Image.fromarray(frame).resize(
        (width, height), Image.Resampling.LANCZOS, box=(left, top, left + cut_w, top + cut_h)
    )
    return np.asarray(picture)
