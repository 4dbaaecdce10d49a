"""LTX-Video 0.9.x, and the embedded model: everything through LTXConditionPipeline.

Folders saved by the older pipelines (0.9.0, 0.9.1) run through the same class; what they do otherwise
is kept: a noise schedule that depends on the clip's size, and positions without the causal shift.
What the pipeline silently gets wrong is owned here: conditions lie on the latent frame grid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTXConditionPipeline
from diffusers.pipelines.ltx.pipeline_ltx import calculate_shift
from diffusers.pipelines.ltx.pipeline_ltx_condition import (
    LTXVideoCondition,
    linear_quadratic_schedule,
)
from PIL import Image
from torch import Tensor

from generation.engine.capabilities import INDEX, Capabilities, read_json
from generation.engine.family import Drawn, Family, StepCallback, held, part_of_schedule
from generation.engine.frames import fit_all
from generation.engine.operations import first_frame
from generation.engine.protocol import VideoSpec

MASKED = -10_000.0


class Pipeline(LTXConditionPipeline):
    """LTXConditionPipeline that can also start from a source, with a noise level per latent frame.

    The pipeline already gives every token its own noise level, for conditions; a source uses that:
    a token that starts at level s counts as a condition of strength 1 - s, so it is denoised from
    the step on that reaches s. Level 0 keeps a frame, level 1 draws it from nothing.
    """

    source: tuple[Tensor, Tensor] | None = None  # latents [1, C, T, H, W] and levels [T]

    def prepare_latents(
        self, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor | None, Tensor, int]:
        latents, mask, ids, extra = super().prepare_latents(*args, **kwargs)
        if self.source is None:
            return latents, mask, ids, extra
        clean, levels = self.source
        cells = clean.shape[3] * clean.shape[4]
        level = levels.to(latents).repeat_interleave(cells)[None]
        if mask is None:
            mask = torch.zeros(latents.shape[:2], device=latents.device)
        free = mask[:, extra:] == 0  # conditions stay as they are
        noise = latents[:, extra:]
        started = torch.lerp(self._pack_latents(clean.to(latents), 1, 1), noise, level[..., None])
        latents[:, extra:] = torch.where(free[..., None], started, noise)
        mask[:, extra:] = torch.where(free, 1 - level, mask[:, extra:])
        return latents, mask, ids, extra


class FirstPipeline(Pipeline):
    """The same for the weights of LTXPipeline, whose positions have no causal shift."""

    @staticmethod
    def _scale_video_ids(
        video_ids: Tensor,
        scale_factor: int = 32,
        scale_factor_t: int = 8,
        frame_index: int = 0,
        device: torch.device | None = None,
    ) -> Tensor:
        scale = torch.tensor([scale_factor_t, scale_factor, scale_factor], device=video_ids.device)
        scaled = video_ids * scale[None, :, None]
        scaled[:, 0] += frame_index
        return scaled


class LTX(Family):
    pipelines = ("LTXConditionPipeline", "LTXPipeline", "LTXImageToVideoPipeline")

    def __init__(self, pipe: Any, capabilities: Capabilities, table: dict[str, Any]) -> None:
        super().__init__(pipe, capabilities, table)
        self.sized: FlowMatchEulerDiscreteScheduler | None = None
        self.nothing: tuple[str, tuple[Tensor, Tensor]] | None = None  # the last negative prompt
        if isinstance(pipe, FirstPipeline):  # the levels are computed here and taken as they are
            self.sized = pipe.scheduler
            pipe.scheduler = FlowMatchEulerDiscreteScheduler()

    @classmethod
    def load(cls, model_dir: Path, **arguments: Any) -> Any:
        name = (read_json(model_dir / INDEX) or {}).get("_class_name")
        kind = Pipeline if name == "LTXConditionPipeline" else FirstPipeline
        if not (model_dir / "text_encoder").is_dir():
            from generation.engine.text_encoder import load_minilm

            text_encoder, tokenizer = load_minilm()
            arguments |= {
                "text_encoder": text_encoder.to(arguments["dtype"]),
                "tokenizer": tokenizer,
            }
        return kind.from_pretrained(model_dir, **arguments)

    def temporal_ratio(self) -> int:
        return int(self.pipe.vae_temporal_compression_ratio)

    def spatial_ratio(self) -> int:
        return int(self.pipe.vae_spatial_compression_ratio)

    def denormalise(self, latents: Tensor) -> Tensor:
        vae = self.pipe.vae
        return Tensor(
            self.pipe._denormalize_latents(
                latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
            )
        )

    def normalise(self, latents: Tensor) -> Tensor:
        vae = self.pipe.vae
        return Tensor(
            self.pipe._normalize_latents(
                latents, vae.latents_mean, vae.latents_std, vae.config.scaling_factor
            )
        )

    def unpack(self, state: Tensor, drawn: Drawn) -> Tensor:
        grid = self.grid(drawn)
        tokens = math.prod(grid)  # those of conditions come first
        return Tensor(self.pipe._unpack_latents(state[:, state.shape[1] - tokens :], *grid, 1, 1))

    def draw(
        self, spec: VideoSpec, drawn: Drawn, generator: torch.Generator, on_step: StepCallback
    ) -> Tensor:
        conditions, extra = self.conditions(spec, drawn)
        timesteps = self.timesteps(spec.steps, drawn)
        self.pipe.source = None
        given: list[LTXVideoCondition] | None = conditions or None
        if spec.source is not None:
            levels = self.levels(spec, drawn)
            self.pipe.source = self.encode(spec.source, drawn), levels
            whole = timesteps or (1000 * linear_quadratic_schedule(spec.steps)).tolist()
            start = float(levels.max())
            part = part_of_schedule(np.array(whole) / 1000, start, spec.steps)
            timesteps = [1000 * level for level in part]
            given = conditions  # an empty list, too, makes the pipeline look at the noise levels
        try:
            with same_positions(self.pipe.transformer.rope):
                latents = self.pipe(
                    prompt=None,
                    conditions=given,
                    width=drawn.width,
                    height=drawn.height,
                    num_frames=drawn.frames,
                    frame_rate=spec.fps,
                    num_inference_steps=spec.steps,
                    timesteps=timesteps,
                    guidance_scale=spec.guidance,
                    generator=generator,
                    output_type="latent",
                    callback_on_step_end=on_step,
                    **self.text(spec, drawn, extra),
                ).frames
        finally:
            self.pipe.source = None
        return self.denormalise(latents)

    # --- Noise levels ----------------------------------------------------------------------

    def timesteps(self, steps: int, drawn: Drawn) -> list[float] | None:
        """1000 x the noise levels of the steps; None for the pipeline's own schedule.

        A folder's table may name a shift, t' = s t / (1 + (s - 1) t) (Esser et al. 2024, "Scaling
        Rectified Flow Transformers", eq. 23), or the levels of a distilled model by step count.
        """
        if listed := self.table.get("timesteps", {}).get(str(steps)):
            return [float(t) for t in listed]
        t = np.linspace(1.0, 1.0 / steps, steps)
        if self.sized is not None:
            config = self.sized.config
            mu = calculate_shift(
                math.prod(self.grid(drawn)),
                config.base_image_seq_len,
                config.max_image_seq_len,
                config.base_shift,
                config.max_shift,
            )
            self.sized.set_timesteps(sigmas=t, mu=mu)
            return [float(x) for x in self.sized.timesteps]
        shift = self.table.get("time_shift")
        if shift is None:
            return None
        return [float(x) for x in 1000 * shift * t / (1 + (shift - 1) * t)]

    # --- Conditions ------------------------------------------------------------------------

    def conditions(self, spec: VideoSpec, drawn: Drawn) -> tuple[list[LTXVideoCondition], int]:
        """The pipeline's conditions, and how many tokens they prepend.

        A picture goes to the nearest latent frame. A clip begins at the next one, and its frames
        before that are left out, so that what is shown stays at its moment.
        """
        found, extra = [], 0
        _, rows, columns = self.grid(drawn)
        for condition in spec.conditioning:
            begin, frames = first_frame(condition, spec.fps), held(condition, spec, drawn)
            at = round(begin / self.ratio) * self.ratio
            if len(frames) > 1:
                late = math.ceil(begin / self.ratio) * self.ratio
                if late - begin < len(frames):
                    at, frames = late, frames[late - begin :]
            at = min(at, drawn.frames - 1)
            whole = (min(len(frames), drawn.frames - at) - 1) // self.ratio * self.ratio + 1
            pictures = [
                Image.fromarray(f) for f in fit_all(frames[:whole], drawn.width, drawn.height)
            ]
            kind: dict[str, Any] = {"video": pictures} if whole > 1 else {"image": pictures[0]}
            found.append(LTXVideoCondition(**kind, frame_index=at, strength=condition.strength))
            if at > 0:
                extra += (1 if whole == 1 else 2) * rows * columns
        return found, extra

    # --- Text ------------------------------------------------------------------------------

    def text(self, spec: VideoSpec, drawn: Drawn, extra: int) -> dict[str, Tensor]:
        """Embeddings of the prompts. Several prompts become one sequence with a bias [1, queries, keys]
        that lets every latent frame attend to its own segment only."""
        encode = self.pipe._get_t5_prompt_embeds
        length = self.tokens
        parts = [encode(p.text, max_sequence_length=length) for p in spec.prompts]
        negative, negative_mask = self.negative(spec.negative_prompt)
        if len(parts) == 1:
            return {
                "prompt_embeds": parts[0][0],
                "prompt_attention_mask": parts[0][1],
                "negative_prompt_embeds": negative,
                "negative_prompt_attention_mask": negative_mask,
            }
        steps, rows, columns = self.grid(drawn)
        cells = rows * columns
        bias = torch.full(
            (1, extra + steps * cells, len(parts) * length),
            MASKED,
            dtype=negative.dtype,
            device=negative.device,
        )
        starts = [p.start for p in spec.prompts]
        for step in range(steps):
            moment = 0.0 if step == 0 else ((step - 1) * self.ratio + 1) / spec.fps
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

    def negative(self, text: str) -> tuple[Tensor, Tensor]:
        """Embeddings and mask of what to leave out. Mostly the same as for the clip before: kept."""
        if self.nothing is None or self.nothing[0] != text:
            found = self.pipe._get_t5_prompt_embeds(text, max_sequence_length=self.tokens)
            self.nothing = text, found
        return self.nothing[1]


@contextmanager
def same_positions(rope: Any) -> Iterator[None]:
    """The pipeline gives the same coordinates at every step: their rotary embedding is made once."""
    made, known = rope.forward, {}

    def forward(hidden: Tensor, *arguments: Any) -> tuple[Tensor, Tensor]:
        key = hidden.dtype, *map(id, arguments)
        if key not in known:
            known[key] = arguments, made(hidden, *arguments)  # kept, so that no id is used twice
        return known[key][1]

    rope.forward = forward
    try:
        yield
    finally:
        rope.forward = made


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return torch.where(mask[0].bool(), 0.0, MASKED).to(dtype)
