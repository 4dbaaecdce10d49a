"""The loop that the autoencoder, the transformer and the distilled student share.

A run is a list of stages, each so many steps long. Every step draws from its own seed, so what it
does depends on its number alone; a checkpoint every `save_steps` keeps the rest. `accelerate`
launches it: on several devices each process draws its own share and the gradients are averaged.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType
from torch import Tensor

from generation.training import checkpoint
from generation.training.config import RunConfig, RunError
from generation.training.muon import MuonWithAdam

WHOLE = (
    DistributedType.NO,
    DistributedType.MULTI_CPU,
    DistributedType.MULTI_GPU,
    DistributedType.MULTI_NPU,
    DistributedType.MULTI_XPU,
)


@dataclass
class Step:
    """What a step may depend on: its number, its stage, and random numbers of its own."""

    number: int
    stage: dict[str, Any]
    numpy: np.random.Generator
    python: random.Random
    label: str = "loss"  # what the log calls it


def seed_step(seed: int, number: int, process: int, stage: dict[str, Any]) -> Step:
    """Seed torch (all devices), and give the step its generators. A function of its arguments only."""
    key = np.random.SeedSequence((seed, number, process))
    a, b, c = (int(x) for x in key.generate_state(3, np.uint64))
    torch.manual_seed(a % 2**63)
    return Step(number, stage, np.random.default_rng(b), random.Random(c))


def total_steps(settings: dict[str, Any]) -> int:
    return sum(stage["steps"] for stage in settings["stages"])


def stage_at(settings: dict[str, Any], number: int) -> dict[str, Any]:
    for stage in settings["stages"]:
        if number < stage["steps"]:
            return stage
        number -= stage["steps"]
    return settings["stages"][-1]


def rate_at(settings: dict[str, Any], number: int, begun_at: int = 0) -> float:
    """Share of the full learning rate: linear warm-up, level, cosine fall over the last share."""
    total = total_steps(settings)
    warm = min(1.0, (number - begun_at + 1) / max(1, settings["warm_up"]))
    fall = settings["decay_share"] * total
    if number <= total - fall:
        return warm
    done = (number - (total - fall)) / fall
    return warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))


class Ema:
    """A running average of the weights; `swap` exchanges it with the live ones."""

    def __init__(self, model: torch.nn.Module, longest: float) -> None:
        self.model, self.longest = model, longest
        self.average = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def update(self, updates: int) -> None:
        decay = min(self.longest, (1 + updates) / (10 + updates))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.model.parameters()], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        for average, live in zip(self.average, self.model.parameters(), strict=True):
            kept = live.detach().clone()
            live.copy_(average)
            average.copy_(kept)


def accelerator_of(run: RunConfig) -> Accelerator:
    """Raises RunError where the launcher was told to shard the weights."""
    accelerator = Accelerator(cpu=run.device == "cpu", mixed_precision="bf16" if run.bf16 else "no")
    if (kind := accelerator.distributed_type) not in WHOLE:
        raise RunError(
            f"accelerate is set to {kind.value}, which splits weights between devices; Muon needs whole "
            "matrices, and these models fit one device. Choose multi-GPU without FSDP or DeepSpeed in "
            "`accelerate config`."
        )
    return accelerator


class Loop:
    """Train `model` by `settings`, from the newest checkpoint in `folder` if there is one.

    loss: one step's loss, already averaged over the batch. finished: writes the model for others to
    use (called with the averaged weights in place) and returns figures to print.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: torch.nn.Module,
        settings: dict[str, Any],
        folder: Path,
        *,
        outer: tuple[str, ...],
        loss: Callable[[torch.nn.Module, Step], Tensor],
        finished: Callable[[], dict[str, float]],
        starts: Callable[[], dict[str, Any]] = dict,
        resumes: Callable[[dict[str, Any]], None] = lambda facts: None,
    ) -> None:
        """starts, resumes: facts of the data that a checkpoint keeps, and how to go back to them."""
        self.accelerator, self.settings, self.folder = accelerator, settings, folder
        self.model = model.to(accelerator.device)
        self.loss, self.finished, self.starts, self.resumes = loss, finished, starts, resumes
        self.optimiser = MuonWithAdam(
            model,
            muon_rate=settings["muon_rate"],
            adam_rate=settings["adam_rate"],
            decay=settings["weight_decay"],
            outer=outer,
        )
        self.ema = Ema(model, settings["ema"])
        # A model carried here without its optimiser begins at its step with a new warm-up.
        self.number = self.begun_at = settings.get("carried_steps", 0)
        self.hours = settings.get("carried_hours", 0.0)

    def run(self, *, minutes: float | None = None, stop_after: int | None = None) -> list[float]:
        """Go on to the end, or until the minutes or the steps are over. Returns the new losses."""
        self._resume()
        wrapped = self.accelerator.prepare_model(self.model)
        total, losses = total_steps(self.settings), []
        began = self.counted = time.monotonic()
        recent: dict[str, list[float]] = {}
        spent = time.process_time()
        while self.number < total:
            late = minutes is not None and time.monotonic() - began > 60 * minutes
            if late or (stop_after is not None and len(losses) >= stop_after):
                break
            stage = stage_at(self.settings, self.number)
            step = seed_step(
                self.settings["seed"], self.number, self.accelerator.process_index, stage
            )
            self.optimiser.rate(rate_at(self.settings, self.number, self.begun_at))
            loss = self.loss(wrapped, step)  # the wrapped model alone computes in bf16
            self.accelerator.backward(loss)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.number += 1
            self.ema.update(self.number - self.begun_at)
            losses.append(loss.item())
            recent.setdefault(step.label, []).append(losses[-1])
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(
                    f"The loss is {losses[-1]} at step {self.number}. Lower muon_rate and adam_rate; "
                    f"the checkpoint in {self.folder} is from before."
                )
            if self.number % self.settings["log_steps"] == 0:
                cpu = (time.process_time() - spent) / len(losses)
                wall = (time.monotonic() - began) / len(losses)
                text = " ".join(f"{k} {np.mean(v):.4f}" for k, v in recent.items())
                self._say(f"step {self.number}/{total} {text} {wall:.2f} s/step ({cpu:.2f} of CPU)")
                recent.clear()
            if self.number % self.settings["save_steps"] == 0 and self.number < total:
                self.save()
        if losses or self.number == total:
            self.save()
        return losses

    def save(self) -> None:
        """The averaged model for whoever wants to use it, and then a checkpoint."""
        # Every process rounds its own copy, so that they stay equal; one writes.
        tensors = checkpoint.pack_state(self.model, self.ema.average, self.optimiser.moments())
        if self.accelerator.is_main_process:
            self.ema.swap()
            figures = {k: round(v, 4) for k, v in self.finished().items()}
            self.ema.swap()
            facts = {"seed": self.settings["seed"], "begun_at": self.begun_at}
            now = time.monotonic()
            self.hours, self.counted = self.hours + (now - self.counted) / 3600, now
            facts |= {"hours": self.hours, "figures": figures, "data": self.starts()}
            checkpoint.save(self.folder, self.number, tensors, facts)
            self._say(f"saved at step {self.number}: {figures}")
        else:
            self.starts()
        self.accelerator.wait_for_everyone()

    def _resume(self) -> None:
        if (kept := checkpoint.load(self.folder)) is None:
            return
        tensors, facts = kept
        checkpoint.unpack_state(tensors, self.model, self.ema.average, self.optimiser.moments())
        self.number, self.begun_at = int(facts["step"]), int(facts["begun_at"])
        self.hours = float(facts["hours"])
        self.optimiser.set_steps(self.number - self.begun_at)
        self.resumes(facts["data"])
        self._say(f"goes on from step {self.number}")

    def _say(self, text: str) -> None:
        if self.accelerator.is_main_process:
            print(text, flush=True)
