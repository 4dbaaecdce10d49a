"""Train the video autoencoder: `python -m generation.training.train_vae RUN.toml [TABLE]`.

TABLE is `vae` unless told. A table with `train = "decoder"` trains the finished autoencoder's decoder
alone: latents keep their meaning, so this may follow (or go beside) the transformer's training. With
`start_from` an existing autoencoder is trained on, with it whole its latents change and everything
cached has to be encoded again. `linear_start = N` begins a fresh one at the best linear code of N
clips (see `linear_start`); a stage of no steps keeps it as it is. A killed run goes on where its last
checkpoint was.

The model is diffusers' AutoencoderKLLTXVideo. Two things differ from a textbook recipe:

* LTX shares one log-variance channel between all latent channels. Adam lets the KL term win there
  early and the code drowns in noise, so that channel is frozen at a standard deviation of e^-2.5
  and the means are held near zero by a small penalty instead.
* Objects cover a few per cent of the pixels; a plain L1 ignores them for thousands of steps.
  Actors, edges and moving regions therefore weigh more.
"""

from __future__ import annotations

import argparse
import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLLTXVideo
from torch import Tensor

from generation.training import checkpoint
from generation.training.basis import turn
from generation.training.config import RunConfig, RunError, read_run
from generation.training.linear_start import start_linear
from generation.training.loop import Loop, Step, accelerator_of
from generation.training.render import cover_path

OUTER = ("conv_in", "conv_out")


class ClipCrops:
    """Random crops from the shards of `render`, with the share of each pixel that actors cover."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shards: list[tuple[np.ndarray, np.ndarray | None]] = []

    def use(self, count: int | None = None) -> int:
        """Open the first so many shards (all there are by default). Raises RunError."""
        paths = sorted(self.folder.glob("train-*.npy"))
        if not paths or len(paths) < (count or 0):
            raise RunError(
                f"{len(paths)} shards of clips are in {self.folder}, {count or 'some'} are needed. "
                "Draw them with: python -m generation.training.render RUN.toml"
            )
        self.shards = []
        for path in paths[:count]:
            covers = np.load(cover, mmap_mode="r") if (cover := cover_path(path)).exists() else None
            self.shards.append((np.load(path, mmap_mode="r"), covers))
        return len(self.shards)

    def batch(
        self, size: tuple[int, int, int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        """Clips [n, 3, frames, height, width] in [-1, 1] and cover [n, 1, frames, height, width]."""
        clips, *want = size
        out, covers = [], []
        for _ in range(clips):
            shard, shares = self.shards[rng.integers(len(self.shards))]
            k = rng.integers(len(shard))
            have = shard.shape[2:]
            t, y, x = (int(rng.integers(h - w + 1)) for h, w in zip(have, want, strict=True))
            window = (slice(t, t + want[0]), slice(y, y + want[1]), slice(x, x + want[2]))
            flip = -1 if rng.random() < 0.5 else 1
            out.append(shard[k][(slice(None), *window)][..., ::flip])
            cover = np.zeros(want, np.uint8) if shares is None else shares[k][window]
            covers.append(cover[None, ..., ::flip])
        return (
            torch.from_numpy(np.stack(out)).float() / 127.5 - 1,
            torch.from_numpy(np.stack(covers)).float() / 255,
        )

    def some(self, count: int, object_weight: float) -> tuple[Tensor, Tensor]:
        """The first clips of every shard, about `count`: [n, 3, frames, h, w] in [-1, 1], and how
        much each pixel counts, [n, frames, h, w]."""
        each = max(1, count // len(self.shards))
        clips = np.concatenate([clips[:each] for clips, _ in self.shards])
        covers = [
            np.zeros((len(clips[:each]), *clips.shape[2:]), np.uint8) if c is None else c[:each]
            for clips, c in self.shards
        ]
        share = torch.from_numpy(np.concatenate(covers)).float() / 255
        return torch.from_numpy(clips).float() / 127.5 - 1, 1 + object_weight * share


def build_vae(model: dict[str, Any]) -> AutoencoderKLLTXVideo:
    """A fresh autoencoder in 0.9.5-style blocks with the shared log-variance channel frozen.

    One stage halves height, width and time; `downsample` (a list, "spatial", "temporal" or
    "spatiotemporal" per stage) lets stages of the encoder halve only some of them.
    """
    stages = len(model["decoder_block_out_channels"])
    down = model.get("downsample", ["spatiotemporal"] * stages)
    vae = AutoencoderKLLTXVideo(
        latent_channels=model["latent_channels"],
        block_out_channels=tuple(model["block_out_channels"]),
        decoder_block_out_channels=tuple(model["decoder_block_out_channels"]),
        layers_per_block=tuple(model["layers_per_block"]),
        decoder_layers_per_block=tuple(model["decoder_layers_per_block"]),
        down_block_types=("LTXVideo095DownBlock3D",) * len(down),
        downsample_type=tuple(down),
        spatio_temporal_scaling=(True,) * len(down),
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


def load_vae(folder: Path) -> AutoencoderKLLTXVideo:
    """A trained autoencoder, to be trained on. Raises RunError where there is none."""
    if not (folder / "config.json").exists():
        raise RunError(
            f"There is no autoencoder in {folder}. Train one first: "
            "python -m generation.training.train_vae RUN.toml"
        )
    vae = AutoencoderKLLTXVideo.from_pretrained(folder, local_files_only=True).float().train()
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


def attention_map(x: Tensor, cover: Tensor, object_weight: float) -> Tensor:
    """[B,1,T,H,W], mean 1: larger on actors, on edges and where something moves."""
    grey = x.mean(1, keepdim=True)
    edge = F.pad(grey.diff(dim=-1).abs(), (0, 1)) + F.pad(grey.diff(dim=-2).abs(), (0, 0, 0, 1))
    weight = 1 + object_weight * cover + 3.0 * _spread(edge)
    if x.shape[2] > 1:
        weight = weight + 3.0 * _spread((grey - grey.mean(2, keepdim=True)).abs())
    return weight / weight.mean()


def _spread(values: Tensor) -> Tensor:
    """The largest value among neighbours, at most 0.7."""
    return F.max_pool3d(values, (1, 3, 3), 1, (0, 1, 1)).clamp(max=0.7)


def reconstruction_loss(y: Tensor, x: Tensor, weight: Tensor, gradient_weight: float) -> Tensor:
    """Weighted L1 + L2, coarser L1 terms, and differences along x, y and time at three scales.

    The differences stand for a perceptual network: they see blurred edges, at every scale.
    """
    error = y - x
    loss = (weight * (error.abs() + error**2)).mean()
    for k in (1, 2, 4):
        a, b = (y, x) if k == 1 else (F.avg_pool3d(y, (1, k, k)), F.avg_pool3d(x, (1, k, k)))
        if k > 1:
            loss = loss + 0.25 * F.l1_loss(a, b)
        for dim in (2, 3, 4):
            if x.shape[dim] > 1:
                loss = loss + gradient_weight / k * F.l1_loss(a.diff(dim=dim), b.diff(dim=dim))
    return loss


def psnr(y: Tensor, x: Tensor) -> float:
    """Peak signal to noise ratio in dB of pictures in [-1, 1]."""
    return -10 * math.log10(F.mse_loss(y.clamp(-1, 1), x).item() / 4)


class Codec(torch.nn.Module):
    """Pixels to latents and back, as one forward pass that can be wrapped for several devices."""

    def __init__(self, vae: AutoencoderKLLTXVideo, *, whole: bool, latent_noise: float) -> None:
        """whole: train the encoder too. latent_noise: extra noise, in deviations of the latents."""
        super().__init__()
        self.vae, self.whole, self.latent_noise = vae, whole, latent_noise
        vae.encoder.requires_grad_(whole)
        vae.to(memory_format=torch.channels_last_3d)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The reconstruction, and the latent means."""
        with torch.set_grad_enabled(self.whole and torch.is_grad_enabled()):
            posterior = self.vae.encode(x).latent_dist
        latents = posterior.sample()
        if self.latent_noise:  # what the transformer draws is never exact
            deviation = self.vae.latents_std.view(1, -1, 1, 1, 1)
            latents = latents + self.latent_noise * deviation * torch.randn_like(latents)
        return self.vae.decode(latents).sample.float(), posterior.mean.float()


class Trainer:
    """What `Loop` needs to know about the autoencoder."""

    def __init__(
        self,
        codec: Codec,
        crops: ClipCrops,
        held_out: Tensor,
        settings: dict[str, Any],
        folder: Path,
    ) -> None:
        """held_out: clips [n, 3, frames, height, width] in [-1, 1]. folder: gets the model."""
        self.codec, self.vae = codec, codec.vae
        self.crops, self.held_out = crops, held_out
        self.settings, self.folder = settings, folder
        self.crops.use()

    def loss(self, model: torch.nn.Module, step: Step) -> Tensor:
        """Of one batch: clips, or single frames as image conditions are encoded."""
        s, stage = self.settings, step.stage
        single = step.numpy.random() < s["image_share"]
        step.label = "pictures" if single else "clips"
        x, cover = self.crops.batch(stage["image_batch" if single else "batch"], step.numpy)
        device = self.held_out.device
        x = x.to(device, memory_format=torch.channels_last_3d)
        y, means = model(x)
        weight = attention_map(x, cover.to(device), s["object_weight"])
        loss = reconstruction_loss(y, x, weight, stage["gradient_weight"])
        return loss + s["mean_weight"] * means.square().mean()

    @torch.no_grad()
    def finished(self) -> dict[str, float]:
        """Turn the latent basis by training clips, write the model; the held-out PSNR."""
        vae = self.vae
        _, _, frames, height, width = self.held_out.shape
        if self.codec.whole:  # else the latents are in use as they are
            rng = np.random.default_rng(0)
            have = self.crops.shards[0][0].shape[2:]
            size = (4, *(min(a, b) for a, b in zip((frames, height, width), have, strict=True)))
            batches = [self.crops.batch(size, rng)[0].to(self.held_out.device) for _ in range(8)]
            latents = torch.cat([vae.encode(x).latent_dist.mode().float() for x in batches])
            vae = copy.deepcopy(vae)  # training may go on, in the basis it is in
            turn(vae, latents)
        vae.save_pretrained(self.folder)
        return {"held_out_psnr": held_out_psnr(vae, self.held_out)}


@torch.no_grad()
def held_out_psnr(vae: AutoencoderKLLTXVideo, clips: Tensor) -> float:
    """Mean over clips of what is left after encoding and decoding, in dB."""
    scores = [
        psnr(vae.decode(vae.encode(x[None]).latent_dist.mode()).sample.float(), x[None])
        for x in clips
    ]
    return sum(scores) / len(scores)


def train(
    run: RunConfig,
    table: str = "vae",
    *,
    minutes: float | None = None,
    stop_after: int | None = None,
) -> list[float]:
    """One table of the run file, from its checkpoint on. Returns the losses of the new steps."""
    settings = run.merged("vae", table)
    accelerator = accelerator_of(run)
    torch.manual_seed(settings["seed"])
    start = settings.get("start_from")
    vae = load_vae(run.path(start)) if start else build_vae(settings["model"])
    crops = ClipCrops(run.work / "clips")
    if settings.get("linear_start") and checkpoint.newest(run.work / f"{table}.state") is None:
        crops.use()
        start_linear(vae, *crops.some(settings["linear_start"], settings["object_weight"]))
        freeze_log_variance(vae)
    whole = settings.get("train", "whole") == "whole"
    codec = Codec(vae, whole=whole, latent_noise=settings.get("latent_noise", 0.0))
    held_out = load_held_out(run.work / "clips" / "held_out.npy").to(accelerator.device)
    trainer = Trainer(codec, crops, held_out, settings, run.work / "vae")
    loop = Loop(
        accelerator,
        codec,
        settings,
        run.work / f"{table}.state",
        outer=OUTER,
        loss=trainer.loss,
        finished=trainer.finished,
        starts=lambda: {"shards": crops.use()},
        resumes=lambda facts: crops.use(facts["shards"]),
    )
    return loop.run(minutes=minutes, stop_after=stop_after)


def load_held_out(path: Path) -> Tensor:
    """Clips [n, 3, frames, height, width] in [-1, 1] that are never trained on. Raises RunError."""
    if not path.exists():
        raise RunError(
            f"There are no held-out clips in {path}. "
            "Draw them with: python -m generation.training.render RUN.toml"
        )
    return torch.from_numpy(np.load(path)).float() / 127.5 - 1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run file, as generation/training/runs/cpu.toml")
    parser.add_argument("table", nargs="?", default="vae", help="table to follow (default: vae)")
    parser.add_argument("--minutes", type=float, help="stop with a checkpoint after so long")
    args = parser.parse_args()
    run = read_run(args.run)
    run.prepare()
    train(run, args.table, minutes=args.minutes)


if __name__ == "__main__":
    main()
