"""Wan 2.1 and 2.2 VACE through WanVACEPipeline.

VACE takes a plan as a video: frames to keep in their places, grey everywhere else, and a mask that is
white where it may draw. It has one noise level for the whole clip, so a source can be redrawn as a
whole (remix) but not by parts, and one prompt.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanVACEPipeline
from diffusers.utils.torch_utils import randn_tensor
from PIL import Image
from torch import Tensor

from generation.engine.family import Drawn, Family, StepCallback, held, part_of_schedule
from generation.engine.frames import fit_all
from generation.engine.operations import first_frame
from generation.engine.protocol import VideoSpec

GREY = 128


class FixedLevels(FlowMatchEulerDiscreteScheduler):
    """Goes through the levels it was given, however many steps it is asked for."""

    levels: list[float]

    def set_timesteps(self, num_inference_steps: int, device: Any = None, **_: Any) -> None:
        super().set_timesteps(sigmas=self.levels, device=device)


class WanVACE(Family):
    pipelines = ("WanVACEPipeline",)

    @classmethod
    def load(cls, model_dir: Path, **arguments: Any) -> Any:
        return WanVACEPipeline.from_pretrained(model_dir, **arguments)

    def temporal_ratio(self) -> int:
        return int(self.pipe.vae_scale_factor_temporal)

    def spatial_ratio(self) -> int:
        return int(self.pipe.vae_scale_factor_spatial)

    def _statistics(self, latents: Tensor) -> tuple[Tensor, Tensor]:
        config, shape = self.pipe.vae.config, (1, -1, 1, 1, 1)
        mean = torch.tensor(config.latents_mean).view(shape).to(latents)
        return mean, torch.tensor(config.latents_std).view(shape).to(latents)

    def denormalise(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics(latents)
        return latents / (1.0 / std) + mean  # as the pipeline writes it, to the last bit

    def normalise(self, latents: Tensor) -> Tensor:
        mean, std = self._statistics(latents)
        return (latents - mean) / std

    def unpack(self, state: Tensor, drawn: Drawn) -> Tensor:
        return state

    def draw(
        self, spec: VideoSpec, drawn: Drawn, generator: torch.Generator, on_step: StepCallback
    ) -> Tensor:
        whole_schedule, latents = self.pipe.scheduler, None
        if spec.source is not None:
            start = float(self.levels(spec, drawn).max())
            clean = self.encode(spec.source, drawn)
            noise = randn_tensor(clean.shape, generator, clean.device, clean.dtype)
            latents = torch.lerp(clean, noise, start)
            whole_schedule.set_timesteps(spec.steps)
            partial = FixedLevels()
            partial.levels = part_of_schedule(whole_schedule.sigmas[:-1].numpy(), start, spec.steps)
            self.pipe.scheduler = partial
        try:
            (found,) = self.pipe(
                prompt=spec.prompts[0].text,
                negative_prompt=spec.negative_prompt,
                width=drawn.width,
                height=drawn.height,
                num_frames=drawn.frames,
                num_inference_steps=spec.steps,
                guidance_scale=spec.guidance,
                generator=generator,
                latents=latents,
                max_sequence_length=self.tokens,
                output_type="latent",
                return_dict=False,
                callback_on_step_end=on_step,
                **self.plan(spec, drawn),
            )
        finally:
            self.pipe.scheduler = whole_schedule
        return self.denormalise(found.to(self.pipe.vae.dtype))

    def plan(self, spec: VideoSpec, drawn: Drawn) -> dict[str, Any]:
        """The conditions as `video` and `mask`, one picture per frame; nothing when there are none."""
        if not spec.conditioning:
            return {}
        video = np.full((drawn.frames, drawn.height, drawn.width, 3), GREY, np.uint8)
        free = np.full((drawn.frames, drawn.height, drawn.width), 255, np.uint8)
        for condition in spec.conditioning:
            at = first_frame(condition, spec.fps)
            kept = held(condition, spec, drawn, pictures=True)[: drawn.frames - at]
            frames = fit_all(kept, drawn.width, drawn.height)
            video[at : at + len(frames)] = frames
            free[at : at + len(frames)] = 0
        return {
            "video": [Image.fromarray(frame) for frame in video],
            "mask": [Image.fromarray(frame) for frame in free],
        }
