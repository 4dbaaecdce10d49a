"""Fine-tune real LTX-Video weights by LoRA: `python -m generation.training.lora runs/lora.toml`.

The corpus, its cache and the loss are those of the small model; only the encoders are the ones of the
weights' own folder, and only the low-rank matrices that PEFT adds to the attention are trained. The
result is one small file in `work/lora/`, in diffusers' format: set SORA_LORA to that folder.

A run may be stopped at any moment: every save keeps the matrices and the optimiser's moments, each step
draws from its own seed, and the next start goes on from there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo, LTXConditionPipeline, LTXVideoTransformer3DModel
from diffusers.training_utils import _collate_lora_metadata, cast_training_params
from peft import LoraConfig, get_peft_model_state_dict
from torch import Tensor

from generation.engine.integrity import check_folder
from generation.engine.ltx import LTX
from generation.engine.protocol import ModelMissing
from generation.training import checkpoint
from generation.training.cache import CacheBuilder, Encoder, Grid
from generation.training.conditions import Ratios
from generation.training.config import RunConfig, RunError, read_run
from generation.training.loop import rate_at, seed_step, stage_at, total_steps
from generation.training.train_dit import Trainer, open_groups


class FolderText:
    """Captions to the states of a folder's own text model: bf16 [n, tokens, width] and mask."""

    def __init__(self, folder: Path, tokens: int, device: str) -> None:
        self.pipe = LTXConditionPipeline.from_pretrained(
            folder, transformer=None, vae=None, local_files_only=True, dtype=torch.float32
        ).to(device)
        self.tokens = tokens

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        found = [
            self.pipe._get_t5_prompt_embeds(texts[at : at + 16], max_sequence_length=self.tokens)
            for at in range(0, len(texts), 16)
        ]
        states = torch.cat([states.to(torch.bfloat16).cpu() for states, _ in found])
        return states, torch.cat([mask.cpu() for _, mask in found])


class FolderCache(CacheBuilder):
    """The cache of a run, made by the autoencoder and the text model of a model folder."""

    def __init__(self, run: RunConfig, model_dir: Path) -> None:
        self.run, self.settings, self.model_dir = run, run["cache"], model_dir
        self.groups = {g["name"]: g for g in self.settings["groups"]}
        self._checked: set[str] = set()
        ratios = self.ratios
        self.grid = Grid(ratios.time, ratios.space)

    @cached_property
    def ratios(self) -> Ratios:
        vae = self.encoder.vae
        return Ratios(vae.temporal_compression_ratio, vae.spatial_compression_ratio)

    @cached_property
    def text(self) -> FolderText:  # type: ignore[override]
        return FolderText(self.model_dir, self.settings["tokens"], self.run.device)

    @cached_property
    def encoder(self) -> Encoder:
        vae = AutoencoderKLLTXVideo.from_pretrained(
            self.model_dir / "vae", local_files_only=True
        ).to(self.run.device)
        return Encoder(vae.eval(), self.run.bf16)


def prepare(run: RunConfig, model_dir: Path) -> FolderCache:
    """Make what is missing of the cache. Raises RunError."""
    builder = FolderCache(run, model_dir)
    for name in builder.groups:
        for number in range(builder.shards(name)):
            builder.make(name, number)
    return builder


def with_lora(model_dir: Path, settings: dict[str, Any], bf16: bool) -> LTXVideoTransformer3DModel:
    """The folder's transformer, frozen, with new low-rank matrices that train in float32."""
    transformer = LTXVideoTransformer3DModel.from_pretrained(
        model_dir / "transformer",
        local_files_only=True,
        dtype=torch.bfloat16 if bf16 else torch.float32,
    )
    transformer.requires_grad_(False)
    if settings.get("checkpointing"):
        transformer.enable_gradient_checkpointing()
    transformer.add_adapter(
        LoraConfig(
            r=settings["rank"],
            lora_alpha=settings["alpha"],
            init_lora_weights="gaussian",
            target_modules=settings["targets"],
        )
    )
    cast_training_params(transformer, dtype=torch.float32)
    return transformer


def save_lora(transformer: LTXVideoTransformer3DModel, folder: Path) -> None:
    """One file that `load_lora_weights` and SORA_LORA read."""
    LTXConditionPipeline.save_lora_weights(
        folder,
        transformer_lora_layers=get_peft_model_state_dict(transformer),
        **_collate_lora_metadata({"transformer": transformer}),
    )


class State:
    """What a checkpoint keeps: the matrices, and AdamW's moments of each."""

    def __init__(self, model: torch.nn.Module, optimiser: torch.optim.AdamW, folder: Path) -> None:
        self.parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        self.optimiser, self.folder = optimiser, folder

    def save(self, step: int, seed: int) -> None:
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            state = self.optimiser.state[parameter]
            tensors[f"weight/{name}"] = parameter.data
            tensors[f"first/{name}"] = state["exp_avg"]
            tensors[f"second/{name}"] = state["exp_avg_sq"]
        checkpoint.save(self.folder, step, tensors, {"seed": seed})

    def load(self, seed: int) -> int:
        """The step to go on from; 0 where there is nothing. Raises RunError for another run's."""
        found = checkpoint.load(self.folder)
        if found is None:
            return 0
        tensors, facts = found
        shapes = {n: tuple(p.shape) for n, p in self.parameters.items()}
        have = {n[7:]: tuple(t.shape) for n, t in tensors.items() if n.startswith("weight/")}
        if shapes != have or facts["seed"] != seed:
            raise RunError(
                f"The checkpoint in {self.folder} is of a run with another model, rank, targets or "
                "seed. Delete it to begin again, or put the settings back."
            )
        for name, parameter in self.parameters.items():
            parameter.data.copy_(tensors[f"weight/{name}"])
            self.optimiser.state[parameter] = {
                "step": torch.tensor(float(facts["step"])),
                "exp_avg": tensors[f"first/{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"second/{name}"].to(parameter.device),
            }
        return int(facts["step"])


def train(run: RunConfig, *, stop_after: int | None = None) -> list[float]:
    """Train from the last checkpoint on. Returns the losses of the new steps. Raises RunError."""
    settings = run["lora"]
    model_dir = run.path(settings["model"])
    try:
        check_folder(model_dir, pipelines=LTX.pipelines)
    except ModelMissing as error:
        raise RunError(f"[lora] model: {error}") from error
    builder = prepare(run, model_dir)
    empty_states, empty_mask = builder.text([""])
    torch.manual_seed(settings["seed"])
    transformer = with_lora(model_dir, settings, run.bf16).to(run.device)
    trainer = Trainer(
        transformer,
        open_groups(run, settings),
        (empty_states[0].float(), empty_mask[0]),
        settings,
        builder.ratios,
        run.work / "lora",
    )
    parameters = [p for p in transformer.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(
        parameters, lr=settings["rate"], weight_decay=settings["weight_decay"]
    )
    state = State(transformer, optimiser, run.work / "lora.state")
    losses: list[float] = []
    total = total_steps(settings)
    device = torch.device(run.device).type
    for number in range(state.load(settings["seed"]), total):
        if stop_after is not None and len(losses) >= stop_after:
            break
        step = seed_step(settings["seed"], number, 0, stage_at(settings, number))
        for group in optimiser.param_groups:
            group["lr"] = settings["rate"] * rate_at(settings, number)
        with torch.autocast(device, torch.bfloat16, enabled=run.bf16):
            loss = trainer.loss(transformer, step)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(loss.item())
        if (number + 1) % settings["log_steps"] == 0:
            recent = np.mean(losses[-settings["log_steps"] :])
            print(f"step {number + 1}/{total} loss {recent:.4f}", flush=True)
        if (number + 1) % settings["save_steps"] == 0 or number + 1 == total:
            state.save(number + 1, settings["seed"])
            save_lora(transformer, run.work / "lora")
    return losses


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", help="a run file, such as generation/training/runs/lora.toml")
    run = read_run(parser.parse_args(arguments).run)
    run.prepare()
    train(run)
    print(f"Set SORA_LORA={run.work / 'lora'} to draw with it.")


if __name__ == "__main__":
    main()
