"""Draw, caption and encode the clips of the transformer: `python -m generation.training.cache runs/cpu.toml`.

For every group of a run file (single frames, short clips, whole clips; one size each) and every
shard of it, three files appear in `work/cache/<group>/`:

    00000.pixels.npy            uint8 [n, 3, frames, height, width]; needs no model, deleted once encoded
    00000.text.safetensors      states [n, wordings, tokens, 384] and mask, plus those of the mirrored clip
    00000.latents.safetensors   normalised latents [n, channels, t, h, w], and mirrored ones

The word `pixels` as a further argument stops after the first two (the autoencoder may still be in
training then); names of groups restrict the work to them. Everything done is kept and skipped in
the next run; training may read along.
"""

from __future__ import annotations

import os
import random
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKLLTXVideo
from safetensors.torch import save_file
from torch import Tensor

from generation.engine.text_encoder import load_minilm
from generation.training.captions import caption, mirrored
from generation.training.config import RunConfig, run_from_argv
from generation.training.render import to_uint8
from generation.training.world import Scene, render, sample_scene


class TextStates:
    """Captions to MiniLM states: bf16 [n, tokens, 384] and a bool mask [n, tokens]."""

    def __init__(self, tokens: int, device: str = "cpu") -> None:
        self.model, self.tokenizer = load_minilm()
        self.model.to(device)
        self.tokens, self.device = tokens, device

    @torch.no_grad()
    def __call__(self, texts: list[str]) -> tuple[Tensor, Tensor]:
        states, masks = [], []
        for at in range(0, len(texts), 64):
            batch = self.tokenizer(
                texts[at : at + 64],
                padding=True,
                max_length=self.tokens,
                truncation=True,
                return_tensors="pt",
            ).to(self.device)
            out = self.model(**batch)[0].to(torch.bfloat16).cpu()
            pad = self.tokens - out.shape[1]
            states.append(torch.nn.functional.pad(out, (0, 0, 0, pad)))
            masks.append(torch.nn.functional.pad(batch["attention_mask"].bool().cpu(), (0, pad)))
        return torch.cat(states), torch.cat(masks)


def scene_of(group: str, number: int) -> tuple[Scene, random.Random]:
    """Scene `number` of a group, and the generator that goes on to choose its moment and wording."""
    rng = random.Random(f"{group}/{number}")
    return sample_scene(rng), rng


def draw_shard(
    stem: Path, group: dict[str, Any], first: int, text: TextStates, device: str
) -> None:
    """Write the pixels and the text states of one shard."""
    scenes = [scene_of(group["name"], first + k) for k in range(group["per_shard"])]
    shape = (3, group["frames"], group["height"], group["width"])
    pixels = np.empty((len(scenes), *shape), np.uint8)
    wordings: list[str] = []
    for k, (scene, rng) in enumerate(scenes):
        latest = max(0.0, 4.0 - group["frames"] / group["fps"])
        clip = render(
            scene,
            frames=group["frames"],
            height=group["height"],
            width=group["width"],
            fps=group["fps"],
            start=rng.uniform(0.0, latest),
            device=device,
        )
        pixels[k] = to_uint8(clip)
        wordings += [caption(scene, rng) for _ in range(group["wordings"])]
    plain, plain_mask = text(wordings)
    other, other_mask = plain.clone(), plain_mask.clone()
    if changed := [k for k, w in enumerate(wordings) if mirrored(w) != w]:
        other[changed], other_mask[changed] = text([mirrored(wordings[k]) for k in changed])
    shape4 = (len(scenes), group["wordings"], text.tokens)
    _save(
        stem.with_suffix(".text.safetensors"),
        {
            "states": plain.view(*shape4, -1),
            "mask": plain_mask.view(shape4),
            "mirrored_states": other.view(*shape4, -1),
            "mirrored_mask": other_mask.view(shape4),
        },
    )
    part = stem.with_suffix(f".{os.getpid()}.part")
    with open(part, "wb") as file:
        np.save(file, pixels)
    os.replace(part, stem.with_suffix(".pixels.npy"))


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, part)
    os.replace(part, path)


def normalise(vae: AutoencoderKLLTXVideo, latents: Tensor) -> Tensor:
    """Zero mean and unit variance per channel, as the pipeline's `_normalize_latents`."""
    shape = (1, -1, 1, 1, 1)
    return (latents - vae.latents_mean.view(shape)) / vae.latents_std.view(shape)


@torch.no_grad()
def encode_shard(
    stem: Path, vae: AutoencoderKLLTXVideo, bf16: bool, *, mirror: bool, keep_pixels: bool
) -> None:
    """Write the latents of one shard; with `mirror` also those of its left-right mirrored clips."""
    pixels = np.load(stem.with_suffix(".pixels.npy"), mmap_mode="r")
    device = vae.device.type
    out: dict[str, list[Tensor]] = {"latents": [], "mirrored": []} if mirror else {"latents": []}
    step = max(1, 32 // pixels.shape[2])
    for at in range(0, len(pixels), step):
        x = torch.from_numpy(np.array(pixels[at : at + step])).to(vae.device).float() / 127.5 - 1
        for name in out:
            clip = x if name == "latents" else x.flip(-1)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                latents = vae.encode(
                    clip.to(memory_format=torch.channels_last_3d)
                ).latent_dist.mode()
            out[name].append(normalise(vae, latents.float()).to(torch.float16).cpu())
    _save(stem.with_suffix(".latents.safetensors"), {k: torch.cat(v) for k, v in out.items()})
    if not keep_pixels:
        stem.with_suffix(".pixels.npy").unlink()


class CacheBuilder:
    """Makes shards one by one; loads the encoders on first use."""

    def __init__(self, run: RunConfig) -> None:
        self.run, self.settings = run, run["cache"]
        self.groups = {g["name"]: g for g in self.settings["groups"]}

    @cached_property
    def text(self) -> TextStates:
        return TextStates(self.settings["tokens"], self.run.device)

    @cached_property
    def vae(self) -> AutoencoderKLLTXVideo:
        vae = (
            AutoencoderKLLTXVideo.from_pretrained(self.run.work / "vae").to(self.run.device).eval()
        )
        return vae.to(memory_format=torch.channels_last_3d)

    def make(self, name: str, number: int, *, pixels_only: bool = False) -> None:
        """Make one shard, or what is missing of it."""
        group = self.groups[name]
        stem = self.run.work / "cache" / name / f"{number:05}"
        stem.parent.mkdir(parents=True, exist_ok=True)
        if stem.with_suffix(".latents.safetensors").exists():
            return
        if not stem.with_suffix(".pixels.npy").exists():
            draw_shard(stem, group, number * group["per_shard"], self.text, self.run.device)
        if not pixels_only:
            mirror, keep = group["mirror"], self.settings["keep_pixels"]
            encode_shard(stem, self.vae, self.run.bf16, mirror=mirror, keep_pixels=keep)

    def grow(self, name: str) -> None:
        """Make the next shard of a group, first one that is drawn already."""
        folder = self.run.work / "cache" / name
        todo = [
            k
            for k in range(self.groups[name]["shards"])
            if not (folder / f"{k:05}.latents.safetensors").exists()
        ]
        if todo:
            self.make(name, min(todo, key=lambda k: not (folder / f"{k:05}.pixels.npy").exists()))

    def order(self) -> list[tuple[str, int]]:
        """All groups grow side by side, each from its share `after` of the work on."""
        todo = [
            (g["after"] + (1 - g["after"]) * k / g["shards"], g["name"], k)
            for g in self.groups.values()
            for k in range(g["shards"])
        ]
        return [(name, number) for _, name, number in sorted(todo)]


def main() -> None:
    builder = CacheBuilder(run_from_argv())
    wanted = [word for word in sys.argv[2:] if word != "pixels"] or list(builder.groups)
    for name, number in builder.order():
        if name in wanted:
            builder.make(name, number, pixels_only="pixels" in sys.argv)


if __name__ == "__main__":
    main()
