"""Teach a student to draw in a few steps without guidance: `python -m generation.training.distill RUN.toml`.

The student begins as a copy of the finished transformer, its teacher, which stays as it is. Two kinds
of stage, each so many training steps long:

* `grid = 0`: at any noise level the student learns the teacher's guided velocity
  v_empty + guidance (v_caption - v_empty), so one call stands for two (Meng et al. 2023, "On
  Distillation of Guided Diffusion Models").
* `grid = n`: on the n noise levels the engine will use, the student learns in one step where
  `substeps` guided Euler steps of the teacher lead (Salimans & Ho 2022, "Progressive Distillation").
  A first stage on 16 levels and a second on 8 halve the steps twice.

The teacher may take its substeps from pictures that were noised from data, so no trajectory is stored.
The student is written to `work/distilled`; draw with `guidance = 1` and as many steps as the last grid.
"""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from generation.training.conditions import Given, Tokens, tokens
from generation.training.config import RunConfig, read_run
from generation.training.loop import Step
from generation.training.train_dit import Group, Trainer, follow, times, velocity


def noise_levels(steps: int, shift: float) -> Tensor:
    """The engine's schedule, from 1 down to 0: [steps + 1].

    t' = s t / (1 + (s - 1) t), Esser et al. 2024, "Scaling Rectified Flow Transformers", eq. 23.
    """
    t = torch.linspace(1, 0, steps + 1)
    return shift * t / (1 + (shift - 1) * t)


def advance(seen: Tokens, v: Tensor, t: Tensor, to: Tensor) -> Tokens:
    """One Euler step of the tokens that are drawn, from noise level t [B] to `to` [B]."""
    moves = seen.drawn[..., None].bool()
    step = (t - to).view(-1, 1, 1)
    hidden = torch.where(moves, seen.hidden - step * v, seen.hidden)
    if seen.levels.shape[1] == 1:  # nothing is given: one level for all tokens
        return seen._replace(hidden=hidden, levels=to.view(-1, 1))
    levels = torch.where(seen.drawn.bool(), to.view(-1, 1), seen.levels)
    return seen._replace(hidden=hidden, levels=levels)


class Distiller(Trainer):
    """A `Trainer` whose targets come from a teacher instead of from data."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.teacher = copy.deepcopy(self.dit).eval().requires_grad_(False)
        if self.settings["compile"]:
            self.teacher.compile_repeated_blocks()

    def loss(self, model: torch.nn.Module, step: Step) -> Tensor:
        group, batch = self.draw(step)
        size, device = len(batch.latents), batch.latents.device
        self.teacher.to(device)
        given = self.given(batch, step)
        flow = self.flow(group)
        if grid := step.stage["grid"]:
            levels = noise_levels(grid, self.settings["draw_shift"])
            at = torch.from_numpy(step.numpy.integers(0, grid, size))
            t, to = levels[at].to(device), levels[at + 1].to(device)
        else:
            t = times(size, self.settings["time_shift"]).to(device)
            to = torch.zeros_like(t)
        seen = tokens(given, t, torch.randn_like(batch.latents), self.ratios, group.fps)
        text = flow.text(batch, seen)
        target = self.target(seen, text, t, to, step.stage["substeps"] if grid else 1)
        return flow.error(velocity(model, seen, *text), target, seen, batch.cover)

    @torch.no_grad()
    def target(
        self, seen: Tokens, text: tuple[Tensor, Tensor], t: Tensor, to: Tensor, substeps: int
    ) -> Tensor:
        """The mean guided velocity of the teacher between t and `to`: [B, S, C]."""
        mean = torch.zeros_like(seen.hidden)
        for k in range(substeps):
            here, there = (t + (to - t) * n / substeps for n in (k, k + 1))
            v = self.guided(seen, *text)
            mean = mean + v / substeps
            seen = advance(seen, v, here, there)
        return mean

    def guided(self, seen: Tokens, text: Tensor, mask: Tensor) -> Tensor:
        rows = len(text)
        states, real = (x.to(text.device) for x in self.empty)
        real_length = int(real.sum())
        empty = states[:real_length].expand(rows, -1, -1)
        with torch.autocast(text.device.type, torch.bfloat16, enabled=self.settings["bf16"]):
            nothing = velocity(self.teacher, seen, empty, real[:real_length].expand(rows, -1))
            said = velocity(self.teacher, seen, text, mask)
        return nothing + self.settings["guidance"] * (said - nothing)

    @torch.no_grad()
    def held_out_loss(self, group: Group) -> float:
        """How far the student is from the guided velocity, on clips never trained on."""
        batch = group.held_out().to(self.dit.device)
        clips, _, frames = batch.latents.shape[:3]
        noise = torch.randn(batch.latents.shape, generator=torch.Generator().manual_seed(1))
        t = torch.linspace(0.05, 0.98, clips, device=batch.latents.device)
        given = Given(batch.latents, torch.zeros(clips, frames))
        seen = tokens(given, t, noise.to(batch.latents.device), self.ratios, group.fps)
        flow = self.flow(group)
        text = flow.text(batch, seen)
        wanted = self.guided(seen, *text)
        return flow.error(velocity(self.dit, seen, *text), wanted, seen, None).item()


def train(
    run: RunConfig, *, minutes: float | None = None, stop_after: int | None = None
) -> list[float]:
    """The table [distill], from its checkpoint on. Returns the losses of the new steps."""
    settings = run.merged("dit", "distill") | {"soft_share": 0.0}
    settings |= {"draw_shift": run["capabilities"]["time_shift"], "bf16": run.bf16}
    return follow(run, "distilled", settings, Distiller, minutes=minutes, stop_after=stop_after)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run file, as generation/training/runs/cpu.toml")
    parser.add_argument("--minutes", type=float, help="stop with a checkpoint after so long")
    args = parser.parse_args()
    run = read_run(args.run)
    run.prepare()
    train(run, minutes=args.minutes)


if __name__ == "__main__":
    main()
