"""Train the video autoencoder: `python -m generation.training.train_vae runs/cpu.toml`.

With a second argument `decoder` the finished autoencoder's decoder alone is trained on, by the table
[decoder]: latents keep their meaning, so this may follow (or go beside) the transformer's training.

The model is diffusers' AutoencoderKLLTXVideo. Two things differ from a textbook recipe:

* LTX shares one log-variance channel between all latent channels. Adam lets the KL term win there
  early and the code drowns in noise, so that channel is frozen at a standard deviation of e^-2.5
  and the means are held near zero by a small penalty instead.
* Objects cover a few per cent of the pixels; a plain L1 ignores them for thousands of steps.
  Edges and moving regions therefore weigh more.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor

from generation.training.config import run_from_argv
from generation.training.muon import MuonWithAdam


class ClipCrops:
    """Random crops from the shards of `render`; looks for new shards now and then."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self.folder, self.rng = folder, np.random.default_rng(seed)
        self.shards: list[np.ndarray] = []
        self.refresh()

    def refresh(self) -> None:
        while not (paths := sorted(self.folder.glob("train-*.npy"))):
            time.sleep(1)
        self.shards = [np.load(p, mmap_mode="r") for p in paths]

    def batch(self, clips: int, frames: int, height: int, width: int) -> Tensor:
        """float32 [clips, 3, frames, height, width] in [-1, 1], mirrored at random."""
        out = []
        for _ in range(clips):
            shard = self.shards[self.rng.integers(len(self.shards))]
            clip = shard[self.rng.integers(len(shard))]
            t, y, x = (
                self.rng.integers(have - want + 1)
                for have, want in zip(clip.shape[1:], (frames, height, width), strict=True)
            )
            crop = clip[:, t : t + frames, y : y + height, x : x + width]
            out.append(crop[..., ::-1] if self.rng.random() < 0.5 else crop)
        return torch.from_numpy(np.stack(out)).float() / 127.5 - 1


def build_vae(model: dict[str, Any]) -> AutoencoderKLLTXVideo:
    """A fresh autoencoder in 0.9.5-style blocks with the shared log-variance channel frozen."""
    stages = len(model["decoder_block_out_channels"])
    vae = AutoencoderKLLTXVideo(
        latent_channels=model["latent_channels"],
        block_out_channels=tuple(model["block_out_channels"]),
        decoder_block_out_channels=tuple(model["decoder_block_out_channels"]),
        layers_per_block=tuple(model["layers_per_block"]),
        decoder_layers_per_block=tuple(model["decoder_layers_per_block"]),
        down_block_types=("LTXVideo095DownBlock3D",) * stages,
        downsample_type=("spatiotemporal",) * stages,
        spatio_temporal_scaling=(True,) * stages,
        decoder_spatio_temporal_scaling=(True,) * stages,
        decoder_inject_noise=(False,) * (stages + 1),
        upsample_residual=(True,) * stages,
        upsample_factor=(2,) * stages,
        timestep_conditioning=False,
        patch_size=model["patch_size"],
        patch_size_t=1,
        encoder_causal=True,
        decoder_causal=False,
        spatial_compression_ratio=model["patch_size"] * 2**stages,
        temporal_compression_ratio=2**stages,
    )
    freeze_log_variance(vae)
    return vae


def freeze_log_variance(vae: AutoencoderKLLTXVideo) -> None:
    head = vae.encoder.conv_out.conv
    with torch.no_grad():
        head.bias[-1] = -5.0
        head.weight[-1] = 0.0

    def stop_last(grad: Tensor) -> Tensor:
        grad = grad.clone()
        grad[-1] = 0
        return grad

    head.weight.register_hook(stop_last)
    head.bias.register_hook(stop_last)


def attention_map(x: Tensor) -> Tensor:
    """[B,1,T,H,W], mean 1: larger on edges and where something moves."""
    grey = x.mean(1, keepdim=True)
    edge = F.pad(grey.diff(dim=-1).abs(), (0, 1)) + F.pad(grey.diff(dim=-2).abs(), (0, 0, 0, 1))
    weight = 1 + 3.0 * F.max_pool3d(edge, (1, 3, 3), 1, (0, 1, 1)).clamp(max=0.7)
    if x.shape[2] > 1:
        moving = (grey - grey.mean(2, keepdim=True)).abs()
        weight = weight + 3.0 * F.max_pool3d(moving, (1, 3, 3), 1, (0, 1, 1)).clamp(max=0.7)
    return weight / weight.mean()


def reconstruction_loss(y: Tensor, x: Tensor, gradient_weight: float) -> Tensor:
    """Weighted L1 + L2, two coarser L1 terms, and differences along x, y and time."""
    weight = attention_map(x)
    error = y - x
    loss = (weight * (error.abs() + error**2)).mean()
    for k in (2, 4):
        loss = loss + 0.25 * F.l1_loss(F.avg_pool3d(y, (1, k, k)), F.avg_pool3d(x, (1, k, k)))
    for dim in (2, 3, 4):
        if x.shape[dim] > 1:
            loss = loss + gradient_weight * F.l1_loss(y.diff(dim=dim), x.diff(dim=dim))
    return loss


class Ema:
    """A running average of the weights; `swap` exchanges it with the live ones."""

    def __init__(self, model: torch.nn.Module, longest: float) -> None:
        self.model, self.longest, self.updates = model, longest, 0
        self.average = [p.detach().clone() for p in model.parameters()]

    @torch.no_grad()
    def update(self) -> None:
        self.updates += 1
        decay = min(self.longest, (1 + self.updates) / (10 + self.updates))
        torch._foreach_lerp_(self.average, [p.detach() for p in self.model.parameters()], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        for average, live in zip(self.average, self.model.parameters(), strict=True):
            kept = live.detach().clone()
            live.copy_(average)
            average.copy_(kept)


def psnr(y: Tensor, x: Tensor) -> float:
    """Peak signal to noise ratio in dB of pictures in [-1, 1]."""
    return -10 * math.log10(F.mse_loss(y.clamp(-1, 1), x).item() / 4)


@torch.no_grad()
def save_vae(vae: AutoencoderKLLTXVideo, crops: ClipCrops, held_out: Tensor, folder: Path) -> float:
    """Measure the latent statistics on training clips, save, and return the held-out PSNR."""
    device = next(vae.parameters()).device
    _, _, frames, height, width = held_out.shape
    if vae.encoder.conv_in.conv.weight.requires_grad:  # else the latents are in use as they are
        batches = [crops.batch(8, frames, height, width).to(device) for _ in range(8)]
        latents = torch.cat([vae.encode(x).latent_dist.mode().float() for x in batches])
        vae.latents_mean.copy_(latents.mean((0, 2, 3, 4)))
        vae.latents_std.copy_(latents.std((0, 2, 3, 4)))
    vae.save_pretrained(folder)
    scores = [
        psnr(vae.decode(vae.encode(x[None]).latent_dist.mode()).sample.float(), x[None])
        for x in held_out
    ]
    return sum(scores) / len(scores)


def train(
    vae: AutoencoderKLLTXVideo,
    crops: ClipCrops,
    held_out: Tensor,
    settings: dict[str, Any],
    folder: Path,
    *,
    bf16: bool,
) -> list[float]:
    """Run until `minutes` are over (or `steps` are made). Returns the loss of every step."""
    device = held_out.device
    vae.to(memory_format=torch.channels_last_3d)
    ema = Ema(vae, settings["ema"])
    optimiser = MuonWithAdam(
        vae,
        muon_rate=settings["muon_rate"],
        adam_rate=settings["adam_rate"],
        outer=("conv_in", "conv_out"),
    )
    began = saved = time.monotonic()
    budget, losses = 60 * settings["minutes"], []
    rng = np.random.default_rng(0)
    while (done := (time.monotonic() - began) / budget) < 1 and len(losses) < settings.get(
        "steps", 10**9
    ):
        warm = min(1.0, (len(losses) + 1) / 60)
        optimiser.rate(warm * (0.03 + 0.97 * 0.5 * (1 + math.cos(math.pi * done))))
        stage = next(s for s in settings["stages"] if done < s["until"])
        clips, frames, height, width = stage["batch"]
        if rng.random() < settings["image_share"]:  # single frames, as image conditions are encoded
            clips, frames, height, width = stage["image_batch"]
        x = crops.batch(clips, frames, height, width).to(
            device, memory_format=torch.channels_last_3d
        )
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            with torch.set_grad_enabled(vae.encoder.conv_in.conv.weight.requires_grad):
                posterior = vae.encode(x).latent_dist
            latents = posterior.sample()
            if noise := settings.get("latent_noise"):  # what the transformer draws is never exact
                latents = latents + noise * vae.latents_std.view(1, -1, 1, 1, 1) * torch.randn_like(
                    latents
                )
            y = vae.decode(latents).sample
        loss = reconstruction_loss(y.float(), x, stage["gradient_weight"])
        loss = loss + 1e-4 * posterior.mean.float().square().mean()
        loss.backward()
        optimiser.step()
        ema.update()
        losses.append(loss.item())
        if len(losses) % 100 == 0:
            crops.refresh()
            seconds = time.monotonic() - began
            print(
                f"step {len(losses)} {seconds:.0f}s loss {np.mean(losses[-100:]):.4f} "
                f"{seconds / len(losses):.3f} s/step psnr {psnr(y.float(), x):.2f}",
                flush=True,
            )
        if time.monotonic() - saved > 60 * settings["save_minutes"]:
            ema.swap()
            score = save_vae(vae, crops, held_out, folder)
            ema.swap()
            saved = time.monotonic()
            print(f"step {len(losses)}: held-out psnr {score:.2f} dB", flush=True)
    ema.swap()
    print(
        f"{len(losses)} steps, held-out psnr {save_vae(vae, crops, held_out, folder):.2f} dB",
        flush=True,
    )
    return losses


def main() -> None:
    run = run_from_argv()
    torch.manual_seed(0)
    crops = ClipCrops(run.work / "clips")
    held_out = torch.from_numpy(np.load(run.work / "clips" / "held_out.npy")).float() / 127.5 - 1
    if sys.argv[2:] == ["decoder"]:
        settings = run["decoder"]
        vae = AutoencoderKLLTXVideo.from_pretrained(run.work / "vae").train()
        vae.encoder.requires_grad_(False)
    else:
        settings = run["vae"]
        vae = build_vae(settings["model"])
    vae.to(run.device)
    print(f"{sum(p.numel() for p in vae.parameters()) / 1e6:.2f} M parameters", flush=True)
    train(vae, crops, held_out.to(run.device), settings, run.work / "vae", bf16=run.bf16)


if __name__ == "__main__":
    main()
