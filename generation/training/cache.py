"""Draw, caption and encode the clips of the transformer: `python -m generation.training.cache runs/cpu.toml`.

For every group of a run file (single frames, short clips, whole clips; one size each) and every
shard of it, three files appear in `work/cache/<group>/`:

    00000.pixels.npy            uint8 [n, 3, frames, height, width]; needs no model, deleted once encoded
    00000.text.safetensors      states [n, wordings, tokens, 384] and mask, plus those of the mirrored clip
    00000.latents.safetensors   normalised latents [n, channels, t, h, w], and mirrored ones

Give the word `pixels` as a second argument to stop after the first two (the autoencoder may still be
in training then). Everything done is kept and skipped in the next run; training may read along.
"""

from __future__ import annotations

import os
import random
import sys
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
                texts[at : at + 64], padding=True, max_length=self.tokens, truncation=True, return_tensors="pt"
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


def draw_shard(stem: Path, group: dict[str, Any], first: int, text: TextStates, device: str) -> None:
    """Write the pixels and the text states of one shard."""
    scenes = [scene_of(group["name"], first + k) for k in range(group["per_shard"])]
    shape = (3, group["frames"], group["height"], group["width"])
    pixels = np.empty((len(scenes), *shape), np.uint8)
    wordings: list[str] = []
    for k, (scene, rng) in enumerate(scenes):
        latest = max(0.0, 4.0 - group["frames"] / group["fps"])
        clip = render(
            scene, frames=group["frames"], height=group["height"], width=group["width"],
            fps=group["fps"], start=rng.uniform(0.0, latest), device=device,
        )  # fmt: skip
        pixels[k] = to_uint8(clip)
        wordings += [caption(scene, rng) for _ in range(group["wordings"])]
    plain, plain_mask = text(wordings)
    other, other_mask = plain.clone(), plain_mask.clone()
    if changed := [k for k, w in enumerate(wordings) if mirrored(w) != w]:
        other[changed], other_mask[changed] = text([mirrored(wordings[k]) for k in changed])
    shape4 = (len(scenes), group["wordings"], text.tokens)
    _save(stem.with_suffix(".text.safetensors"), {
        "states": plain.view(*shape4, -1), "mask": plain_mask.view(shape4),
        "mirrored_states": other.view(*shape4, -1), "mirrored_mask": other_mask.view(shape4),
    })  # fmt: skip
    part = stem.with_suffix(".part")
    with open(part, "wb") as file:
        np.save(file, pixels)
    os.replace(part, stem.with_suffix(".pixels.npy"))


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    part = path.with_suffix(".part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, part)
    os.replace(part, path)


def normalise(vae: AutoencoderKLLTXVideo, latents: Tensor) -> Tensor:
    """Zero mean and unit variance per channel, as the pipeline's `_normalize_latents`."""
    shape = (1, -1, 1, 1, 1)
    return (latents - vae.latents_mean.view(shape)) / vae.latents_std.view(shape)


@torch.no_grad()
def encode_shard(stem: Path, vae: AutoencoderKLLTXVideo, bf16: bool, *, mirror: bool, keep_pixels: bool) -> None:
    """Write the latents of one shard; with `mirror` also those of its left-right mirrored clips."""
    pixels = np.load(stem.with_suffix(".pixels.npy"), mmap_mode="r")
    device = vae.device.type
    out: dict[str, list[Tensor]] = {"latents": [], "mirrored": []} if mirror else {"latents": []}
    step = max(1, 32 // pixels.shape[2])
    for at in range(0, len(pixels), step):
        x = torch.from_numpy(np.ascontiguousarray(pixels[at : at + step])).to(vae.device).float() / 127.5 - 1
        for name in out:
            clip = x if name == "latents" else x.flip(-1)
            with torch.autocast(device, torch.bfloat16, enabled=bf16):
                latents = vae.encode(clip.to(memory_format=torch.channels_last_3d)).latent_dist.mode()
            out[name].append(normalise(vae, latents.float()).to(torch.float16).cpu())
    _save(stem.with_suffix(".latents.safetensors"), {k: torch.cat(v) for k, v in out.items()})
    if not keep_pixels:
        stem.with_suffix(".pixels.npy").unlink()


def shard_order(groups: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """All groups grow side by side, each from its share `after` of the work on."""
    todo = [(g["after"] + (1 - g["after"]) * k / g["shards"], g["name"], k) for g in groups for k in range(g["shards"])]
    by_name = {g["name"]: g for g in groups}
    return [(by_name[name], number) for _, name, number in sorted(todo)]


def build(run: RunConfig, *, pixels_only: bool) -> None:
    settings = run["cache"]
    text: TextStates | None = None
    vae: AutoencoderKLLTXVideo | None = None
    if not pixels_only:
        vae = AutoencoderKLLTXVideo.from_pretrained(run.work / "vae").to(run.device).eval()
        vae.to(memory_format=torch.channels_last_3d)
    for group, number in shard_order(settings["groups"]):
        folder = run.work / "cache" / group["name"]
        folder.mkdir(parents=True, exist_ok=True)
        stem = folder / f"{number:05}"
        if stem.with_suffix(".latents.safetensors").exists():
            continue
        if not stem.with_suffix(".pixels.npy").exists():
            text = text or TextStates(settings["tokens"], run.device)
            draw_shard(stem, group, number * group["per_shard"], text, run.device)
        if vae is not None:
            mirror, keep = group["mirror"], settings["keep_pixels"]
            encode_shard(stem, vae, run.bf16, mirror=mirror, keep_pixels=keep)


def main() -> None:
    run = run_from_argv()
    build(run, pixels_only=sys.argv[2:] == ["pixels"])


if __name__ == "__main__":
    main()
