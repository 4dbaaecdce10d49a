"""LTX-2.x through LTX2ConditionPipeline.

It differs from LTX-Video in what a condition is (an index in latent frames; tokens at the end of the
sequence), in its text connectors, which take one prompt, and in drawing sound along: the sound's
latents take part in every step, since the two were trained together, but are not decoded.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, LTX2ConditionPipeline
from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition, calculate_shift
from torch import Tensor

from generation.engine.family import Drawn, Family, StepCallback, held, part_of_schedule
from generation.engine.frames import fit_all
from generation.engine.operations import first_frame
from generation.engine.protocol import VideoSpec


class Pipeline(LTX2ConditionPipeline):
    """LTX2ConditionPipeline that can also start from a source, with a noise level per latent frame.

    The pipeline multiplies the noise level of a token by 1 - strength of its condition; a source
    that starts at level s, where the highest is s_max, counts as one of strength 1 - s / s_max.
    """

    source: tuple[Tensor, Tensor] | None = None  # latents [1, C, T, H, W] and levels [T]

    def prepare_latents(
        self, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
        latents, mask, clean, coords = super().prepare_latents(*args, **kwargs)
        if self.source is None:
            return latents, mask, clean, coords
        given, levels = self.source
        cells = given.shape[3] * given.shape[4]
        level = levels.to(latents).repeat_interleave(cells)[None, :, None]
        highest = level.max()
        base = level.shape[1]
        free = mask[:, :base] == 0
        packed = self._pack_latents(given.to(latents), 1, 1)
        noise = latents[:, :base] / highest  # a free token is noise at the highest level
        latents[:, :base] = torch.where(
            free, torch.lerp(packed, noise, level.expand_as(packed)), latents[:, :base]
        )
        clean[:, :base] = torch.where(free, packed, clean[:, :base])
        mask[:, :base] = torch.where(free, 1 - level / highest, mask[:, :base])
        return latents, mask, clean, coords


class LTX2(Family):
    pipelines = ("LTX2Pipeline", "LTX2ImageToVideoPipeline", "LTX2ConditionPipeline")

    @classmethod
    def load(cls, model_dir: Path, **arguments: Any) -> Any:
        return Pipeline.from_pretrained(model_dir, **arguments)

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
        grid = self.grid(drawn)  # tokens of conditions come last
        return Tensor(self.pipe._unpack_latents(state[:, : math.prod(grid)], *grid, 1, 1))

    def draw(
        self, spec: VideoSpec, drawn: Drawn, generator: torch.Generator, on_step: StepCallback
    ) -> Tensor:
        whole_schedule, sigmas = self.pipe.scheduler, None
        if spec.source is not None:
            levels = self.levels(spec, drawn)
            self.pipe.source = self.encode(spec.source, drawn), levels
            sigmas = part_of_schedule(
                self.schedule(spec.steps, drawn), float(levels.max()), spec.steps
            )
            self.pipe.scheduler = FlowMatchEulerDiscreteScheduler()  # takes the levels as they are
        try:
            latents, _ = self.pipe(
                prompt=spec.prompts[0].text,
                negative_prompt=spec.negative_prompt,
                conditions=self.conditions(spec, drawn) or None,
                width=drawn.width,
                height=drawn.height,
                num_frames=drawn.frames,
                frame_rate=float(spec.fps),
                num_inference_steps=spec.steps,
                sigmas=sigmas,
                guidance_scale=spec.guidance,
                generator=generator,
                max_sequence_length=self.tokens,
                output_type="latent",
                return_dict=False,
                callback_on_step_end=on_step,
            )
        finally:
            self.pipe.source, self.pipe.scheduler = None, whole_schedule
        return Tensor(latents)

    def schedule(self, steps: int, drawn: Drawn) -> np.ndarray[Any, Any]:
        """Noise levels of a whole run at this size."""
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(self.pipe.scheduler.config)
        mu = calculate_shift(
            math.prod(self.grid(drawn)),
            scheduler.config.get("base_image_seq_len", 1024),
            scheduler.config.get("max_image_seq_len", 4096),
            scheduler.config.get("base_shift", 0.95),
            scheduler.config.get("max_shift", 2.05),
        )
        scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps), mu=mu)
        return np.asarray(scheduler.sigmas[:-1].numpy())

    def conditions(self, spec: VideoSpec, drawn: Drawn) -> list[LTX2VideoCondition]:
        """Latent frame k > 0 begins at frame ratio (k - 1) + 1. A clip begins at the next latent frame
        and leaves out what comes before, so that what is shown stays at its moment."""
        found = []
        last = self.grid(drawn)[0] - 1
        for condition in spec.conditioning:
            begin, frames = first_frame(condition, spec.fps), held(condition, spec, drawn)
            exact = (begin - 1) / self.ratio + 1  # of the latent that begins there
            index = max(0, round(exact)) if begin else 0
            if len(frames) > 1 and begin > 0:
                later = max(1, math.ceil(exact))
                late = (later - 1) * self.ratio + 1 - begin
                if late < len(frames):
                    index, frames = later, frames[late:]
            found.append(
                LTX2VideoCondition(
                    frames=fit_all(frames, drawn.width, drawn.height),
                    index=min(index, last),
                    strength=condition.strength,
                )
            )
        return found
