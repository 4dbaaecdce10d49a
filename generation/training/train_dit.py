"""Train the text-to-video transformer: `python -m generation.training.train_dit runs/cpu.toml`.

Flow matching on cached latents with the conventions of diffusers' LTXConditionPipeline: the model
sees x_t = (1 - t) x + t n and predicts n - x; positions are pixels and seconds; condition frames are
clean tokens with their own timestep 0. Training begins with single frames: few tokens, so thousands
of cheap samples teach the words. With a second argument `motion` it goes on from those weights by the
table [motion], with short and whole clips among the frames.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import LTXConditionPipeline, LTXVideoTransformer3DModel
from safetensors.torch import load_file
from torch import Tensor

from generation.training.cache import CacheBuilder, TextStates
from generation.training.config import run_from_argv
from generation.training.muon import MuonWithAdam
from generation.training.train_vae import Ema

OUTER = ("proj_in", "proj_out", "time_embed", "caption_projection", "scale_shift_table")


@dataclass
class Batch:
    """Latents [B,C,T,H,W], text states [B,L,D] and mask [B,L], all of one size."""

    latents: Tensor
    text: Tensor
    mask: Tensor


@dataclass
class Group:
    """All cached shards of one clip size, held in memory; picks up new shards on `refresh`."""

    folder: Path
    fps: float
    shards: list[dict[str, Tensor]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    used: int = 0

    @property
    def reuse(self) -> float:
        """How often each clip was used so far, on average."""
        have = sum(len(s["latents"]) * (2 if "mirrored" in s else 1) for s in self.shards)
        return self.used / have if have else math.inf

    def refresh(self) -> None:
        for path in sorted(self.folder.glob("*.latents.safetensors")):
            if path.name not in self.names:
                text = path.with_name(path.name.replace(".latents.", ".text."))
                self.shards.append({**load_file(path), **load_file(text)})
                self.names.add(path.name)

    def batch(self, size: int, rng: np.random.Generator) -> Batch:
        """Random clips, wordings and mirrorings. The first 16 of the first shard are held out."""
        self.used += size
        rows: list[tuple[Tensor, Tensor, Tensor]] = []
        for _ in range(size):
            number = int(rng.integers(len(self.shards)))
            shard = self.shards[number]
            clips, wordings = shard["mask"].shape[:2]
            k = int(rng.integers(16 if number == 0 else 0, clips))
            w = int(rng.integers(wordings))
            if "mirrored" not in shard or rng.random() < 0.5:
                rows.append((shard["latents"][k], shard["states"][k, w], shard["mask"][k, w]))
            else:
                rows.append(
                    (
                        shard["mirrored"][k],
                        shard["mirrored_states"][k, w],
                        shard["mirrored_mask"][k, w],
                    )
                )
        latents, text, mask = (torch.stack(column) for column in zip(*rows, strict=True))
        return Batch(latents.float(), text.float(), mask)

    def held_out(self) -> Batch:
        first = self.shards[0]
        return Batch(
            first["latents"][:16].float(), first["states"][:16, 0].float(), first["mask"][:16, 0]
        )


def video_coords(
    batch: int, frames: int, height: int, width: int, ratio_t: int, ratio: int, fps: float
) -> Tensor:
    """Positions [B, 3, tokens] of latent frames, rows and columns: seconds, pixels, pixels."""
    grid = LTXConditionPipeline._prepare_video_ids(batch, frames, height, width, device="cpu")
    coords = LTXConditionPipeline._scale_video_ids(
        grid, scale_factor=ratio, scale_factor_t=ratio_t, frame_index=0, device="cpu"
    ).float()
    coords[:, 0] /= fps
    return coords


def flow_loss(
    model: LTXVideoTransformer3DModel,
    batch: Batch,
    *,
    t: Tensor,
    noise: Tensor,
    first_frame: bool,
    ratios: tuple[int, int],
    fps: float,
    bf16: bool,
) -> Tensor:
    """Mean squared error of the predicted velocity; with `first_frame` that frame is given clean."""
    x = batch.latents
    b, _, frames, height, width = x.shape
    coords = video_coords(b, frames, height, width, *ratios, fps).to(x.device)
    x = LTXConditionPipeline._pack_latents(x, 1, 1)
    n = LTXConditionPipeline._pack_latents(noise, 1, 1)
    given = torch.zeros(x.shape[1], device=x.device)
    if first_frame:
        given[: height * width] = 1
    at = t.view(b, 1) if not first_frame else torch.minimum(t.view(b, 1), 1 - given)
    noisy = (1 - at[..., None]) * x + at[..., None] * n
    if first_frame:  # the pipeline also noises conditions a little, by the square of t
        noisy = noisy + given.view(1, -1, 1) * 0.15 * t.view(b, 1, 1) ** 2 * torch.randn_like(x)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        velocity = model(
            hidden_states=noisy,
            encoder_hidden_states=batch.text,
            timestep=at * 1000,
            encoder_attention_mask=batch.mask,
            video_coords=coords,
            return_dict=False,
        )[0]
    error = (velocity.float() - (n - x)).square().mean(-1)
    wanted = 1 - given
    return (error * wanted).sum() / (wanted.sum() * b)


def build_dit(
    model: dict[str, Any], channels: int, text_channels: int
) -> LTXVideoTransformer3DModel:
    width = model["heads"] * 64
    dit = LTXVideoTransformer3DModel(
        in_channels=channels,
        out_channels=channels,
        num_attention_heads=model["heads"],
        attention_head_dim=64,
        cross_attention_dim=width,
        num_layers=model["layers"],
        caption_channels=text_channels,
    )
    torch.nn.init.zeros_(dit.proj_out.weight)
    torch.nn.init.zeros_(dit.proj_out.bias)
    return dit


@dataclass
class Trainer:
    """The loop with all it needs. `ratios` are the autoencoder's (time, space)."""

    dit: LTXVideoTransformer3DModel
    groups: dict[str, Group]
    empty: tuple[Tensor, Tensor]  # text states [L, D] and mask [L] of the empty caption
    settings: dict[str, Any]
    ratios: tuple[int, int]
    folder: Path
    bf16: bool
    cache: CacheBuilder | None = None  # makes more clips when those there are have been used enough

    def times(self, size: int) -> Tensor:
        """Logit-normal moments, moved towards noise, where the layout is decided."""
        return torch.sigmoid(torch.randn(size) + self.settings["time_shift"])

    def loss(self, name: str, size: int, rng: np.random.Generator) -> Tensor:
        batch = self.groups[name].batch(size, rng)
        drop = torch.rand(size) < self.settings["caption_dropout"]
        batch.text[drop], batch.mask[drop] = self.empty
        device = self.dit.device
        batch = Batch(batch.latents.to(device), batch.text.to(device), batch.mask.to(device))
        first_frame = (
            batch.latents.shape[2] > 1 and rng.random() < self.settings["image_condition_share"]
        )
        return flow_loss(
            self.dit,
            batch,
            t=self.times(size).to(device),
            noise=torch.randn_like(batch.latents),
            first_frame=first_frame,
            ratios=self.ratios,
            fps=self.groups[name].fps,
            bf16=self.bf16,
        )

    @torch.no_grad()
    def held_out_loss(self, name: str) -> float:
        """On 16 clips never trained on, always with the same noise and moments."""
        batch = self.groups[name].held_out()
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(batch.latents.shape, generator=generator)
        device = self.dit.device
        batch = Batch(batch.latents.to(device), batch.text.to(device), batch.mask.to(device))
        return flow_loss(
            self.dit,
            batch,
            t=torch.linspace(0.05, 0.98, 16, device=device),
            noise=noise.to(device),
            first_frame=False,
            ratios=self.ratios,
            fps=self.groups[name].fps,
            bf16=self.bf16,
        ).item()

    def train(self) -> list[float]:
        """Run until `minutes` are over (or `steps` are made). Returns the loss of every step."""
        s = self.settings
        optimiser = MuonWithAdam(
            self.dit,
            muon_rate=s["muon_rate"],
            adam_rate=s["adam_rate"],
            decay=s["weight_decay"],
            outer=OUTER,
        )
        ema = Ema(self.dit, s["ema"])
        rng = np.random.default_rng(s["seed"])
        losses: list[float] = []
        recent: dict[str, list[float]] = {}
        began = saved = time.monotonic()
        while (done := (time.monotonic() - began) / (60 * s["minutes"])) < 1 and len(
            losses
        ) < s.get("steps", 10**9):
            warm = min(1.0, (len(losses) + 1) / s["warm_up"])
            optimiser.rate(warm * min(1.0, max(0.02, (1 - done) / max(s["decay_share"], 1e-9))))
            stage = next(stage for stage in s["stages"] if done < stage["until"])
            share = np.array([m["share"] for m in stage["mix"]])
            mix = stage["mix"][rng.choice(len(share), p=share / share.sum())]
            self.feed(self.groups[mix["group"]])
            loss = self.loss(mix["group"], mix["batch"], rng)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.dit.parameters(), 1.0)
            optimiser.step()
            ema.update()
            losses.append(loss.item())
            recent.setdefault(mix["group"], []).append(losses[-1])
            if len(losses) % 50 == 0:
                self.refresh()
                seconds = time.monotonic() - began
                text = " ".join(f"{k} {np.mean(v):.4f}" for k, v in recent.items())
                print(
                    f"step {len(losses)} {seconds:.0f}s {seconds / len(losses):.2f} s/step {text}",
                    flush=True,
                )
                recent.clear()
            if time.monotonic() - saved > 60 * s["save_minutes"]:
                self.save(ema, len(losses))
                saved = time.monotonic()
        self.save(ema, len(losses))
        return losses

    def feed(self, group: Group) -> None:
        """See that a group has its first shards, and one more whenever its clips grow old."""
        while self.cache and (
            len(group.shards) < self.settings["first_shards"]
            or group.reuse > self.settings["reuse"]
        ):
            before = len(group.shards)
            self.cache.grow(group.folder.name)
            group.refresh()
            if len(group.shards) == before:
                break  # all of its shards are there
        if not group.shards:
            raise FileNotFoundError(
                f"no shards in {group.folder}: run generation.training.cache first"
            )

    def refresh(self) -> None:
        for group in self.groups.values():
            group.refresh()

    def save(self, ema: Ema, steps: int) -> None:
        """Write the averaged weights, and print their held-out losses."""
        ema.swap()
        self.dit.save_pretrained(self.folder)
        scores = {k: round(self.held_out_loss(k), 4) for k, g in self.groups.items() if g.shards}
        ema.swap()
        print(f"saved at step {steps}: held-out {scores}", flush=True)


def main() -> None:
    run = run_from_argv()
    settings, cache = run["dit"], run["cache"]
    if sys.argv[2:] == ["motion"]:
        settings |= run["motion"]
    torch.manual_seed(settings["seed"])
    vae_stages = len(run["vae"]["model"]["decoder_block_out_channels"])
    ratios = (2**vae_stages, run["vae"]["model"]["patch_size"] * 2**vae_stages)
    groups = {g["name"]: Group(run.work / "cache" / g["name"], g["fps"]) for g in cache["groups"]}
    states, mask = TextStates(cache["tokens"])([""])
    dit = build_dit(settings["model"], run["vae"]["model"]["latent_channels"], states.shape[-1])
    if start := settings.get("start_from"):
        dit.load_state_dict(
            LTXVideoTransformer3DModel.from_pretrained(run.work / start).state_dict()
        )
    dit.to(run.device)
    if settings["compile"]:  # needs a C++ compiler; a third faster once warm
        dit.compile_repeated_blocks()
    print(f"{sum(p.numel() for p in dit.parameters()) / 1e6:.2f} M parameters", flush=True)
    trainer = Trainer(
        dit,
        groups,
        (states[0].float(), mask[0]),
        settings,
        ratios,
        run.work / "dit",
        run.bf16,
        CacheBuilder(run),
    )
    trainer.refresh()
    trainer.train()


if __name__ == "__main__":
    main()
