"""Train the text-to-video transformer: `python -m generation.training.train_dit RUN.toml [TABLE]`.

Flow matching on cached latents with the conventions of diffusers' LTXConditionPipeline: the model
sees (1 - t) x + t n and predicts n - x; positions are pixels and seconds; what is given of a clip
(a first picture, a beginning, keyframes, an end: see `conditions`) has noise levels of its own.

TABLE is the table of the run file to follow, `dit` unless told: a list of stages, single frames
first (few tokens, thousands of cheap samples teach the words), then clips with every operation of
the editor. A killed run goes on where its last checkpoint was. `accelerate launch -m
generation.training.train_dit RUN.toml` runs the same on several devices.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import LTXVideoTransformer3DModel
from torch import Tensor

from generation.training.cache import TextStates, read_shard
from generation.training.conditions import (
    Given,
    Ratios,
    Tokens,
    choose,
    give,
    possible,
    span_bias,
    tokens,
    trim,
)
from generation.training.config import RunConfig, RunError, read_run
from generation.training.loop import Loop, Step, accelerator_of
from generation.training.thinning import choose_tokens, take

OUTER = ("proj_in", "proj_out", "time_embed", "caption_projection", "scale_shift_table")
HELD_OUT = 16  # first clips of a group's first shard: never trained on


@dataclass
class Batch:
    """Some clips of one size with everything that was cached of them; optional parts may be None."""

    latents: Tensor  # [B, C, T, H, W]
    text: Tensor  # [B, L, D]
    mask: Tensor  # bool [B, L]
    cover: Tensor | None = None  # [B, T, H, W] share of each cell that actors cover
    pictures: Tensor | None = None  # [B, C, T, H, W] frames at latent moments, encoded alone
    tail: Tensor | None = None  # [B, C, n, H, W] the end, encoded from its own start
    text2: Tensor | None = None  # a second caption, from second `then` on
    mask2: Tensor | None = None
    then: Tensor | None = None  # [B]

    def to(self, device: torch.device | str) -> Batch:
        return Batch(**{k: v if v is None else v.to(device) for k, v in vars(self).items()})

    def beginning(self, length: int) -> Batch:
        """The first `length` latent frames: the encoder is causal, so they are a shorter clip's own."""
        cut = {
            "latents": self.latents[:, :, :length],
            "cover": None if self.cover is None else self.cover[:, :length],
            "pictures": None if self.pictures is None else self.pictures[:, :, :length],
            "tail": None,  # of another moment
        }
        return Batch(**(vars(self) | cut))


# Names in a shard, of the clip and of its left-right mirror image.
PARTS = {
    "latents": ("latents", "mirrored"),
    "cover": ("cover", "mirrored_cover"),
    "pictures": ("frames_latents", "mirrored_frames_latents"),
    "tail": ("tail_latents", "mirrored_tail_latents"),
}


@dataclass
class Group:
    """The cached shards of one clip size. `use(n)` opens the first n; files are mapped, not read."""

    folder: Path
    fps: float
    shards: list[dict[str, Any]] = field(default_factory=list)

    @property
    def latent_frames(self) -> int:
        return int(self.shards[0]["latents"].shape[2])

    def _paths(self) -> list[Path]:
        return sorted(self.folder.glob("*.latents.safetensors"))

    def use(self, count: int | None = None) -> None:
        """Open shards up to that number (all there are by default). Raises RunError."""
        paths = self._paths()
        if not paths:
            raise RunError(
                f"There are no cached latents in {self.folder}. "
                "Make them with: python -m generation.training.cache RUN.toml"
            )
        if count is not None and count > len(paths):
            raise RunError(
                f"The checkpoint was made with {count} shards in {self.folder}, {len(paths)} are there. "
                "Bring the others back, or make them with: python -m generation.training.cache RUN.toml"
            )
        self.shards += [read_shard(path) for path in paths[len(self.shards) : count]]

    def batch(self, size: int, rng: np.random.Generator, span_share: float = 0.0) -> Batch:
        """Random clips, wordings and mirrorings; of clips that change, so many as two captions."""
        rows = []
        for _ in range(size):
            number = int(rng.integers(len(self.shards)))
            clips, wordings = self.shards[number]["mask"].shape[:2]
            first = HELD_OUT if number == 0 and clips > HELD_OUT else 0
            clip, wording = int(rng.integers(first, clips)), int(rng.integers(wordings))
            mirrored, spans = bool(rng.integers(2)), bool(rng.random() < span_share)
            rows.append(self._row(number, clip, wording, mirrored=mirrored, spans=spans))
        return _stack(rows)

    def held_out(self) -> Batch:
        clips = min(HELD_OUT, len(self.shards[0]["mask"]))
        return _stack([self._row(0, k, 0, mirrored=False, spans=False) for k in range(clips)])

    def _row(
        self, number: int, clip: int, wording: int, *, mirrored: bool, spans: bool
    ) -> dict[str, Tensor | None]:
        shard = self.shards[number]
        side = 1 if mirrored and "mirrored" in shard else 0
        prefix = ("", "mirrored_")[side]
        row: dict[str, Tensor | None] = {
            key: shard[names[side]][clip] if names[side] in shard else None
            for key, names in PARTS.items()
        }
        told = spans and "then" in shard and bool(torch.isfinite(shard["then"][clip]))
        words = "1" if told else ""
        row["text"] = shard[f"{prefix}states{words}"][clip, wording]
        row["mask"] = shard[f"{prefix}mask{words}"][clip, wording]
        if "then" in shard:
            row["text2"] = shard[f"{prefix}states2"][clip, wording]
            row["mask2"] = shard[f"{prefix}mask2"][clip, wording] & told
            row["then"] = shard["then"][clip]
        return row


def _stack(rows: list[dict[str, Tensor | None]]) -> Batch:
    columns: dict[str, Tensor | None] = {}
    for key in rows[0]:
        values = [row[key] for row in rows]
        whole = [v for v in values if v is not None]
        column = torch.stack(whole) if len(whole) == len(values) else None
        columns[key] = (
            column.float() if column is not None and column.is_floating_point() else column
        )
    latents, text, mask = columns.pop("latents"), columns.pop("text"), columns.pop("mask")
    assert latents is not None and text is not None and mask is not None
    return Batch(latents, text, mask, **columns)


def cover_weight(cover: Tensor | None, strength: float) -> Tensor | float:
    """How much each latent cell counts: 1 + strength * cover, with mean 1. [B, T, H, W] or [B, S]."""
    if cover is None or strength == 0:
        return 1.0
    weight = 1 + strength * cover
    return weight / weight.mean()


def text_of(batch: Batch, given_tokens: int, ratio: int, fps: float) -> tuple[Tensor, Tensor]:
    """Text states, and their 2-D mask or (where a clip has a second caption) the 3-D bias."""
    text, mask = trim(batch.text, batch.mask)
    if batch.text2 is None or batch.mask2 is None or batch.then is None or not batch.mask2.any():
        return text, mask
    text2, mask2 = trim(batch.text2, batch.mask2)
    then = torch.where(mask2.any(1), batch.then, torch.inf)
    _, _, frames, rows, columns = batch.latents.shape
    starts = torch.stack([torch.zeros_like(then), then], 1)
    bias = span_bias([mask, mask2], starts, frames, rows * columns, given_tokens, ratio, fps)
    return torch.cat([text, text2], 1), bias


def velocity(model: torch.nn.Module, seen: Tokens, text: Tensor, mask: Tensor) -> Tensor:
    """What the model says about these tokens: [B, S, C]."""
    return model(
        hidden_states=seen.hidden,
        encoder_hidden_states=text,
        timestep=seen.levels * 1000,
        encoder_attention_mask=mask,
        video_coords=seen.coords,
        return_dict=False,
    )[0].float()


@dataclass
class Flow:
    """Turns a batch into a loss."""

    ratios: Ratios
    fps: float
    object_weight: float
    keep: float = 1.0  # share of the tokens a step is shown; see thinning

    def loss(
        self, model: torch.nn.Module, batch: Batch, given: Given, t: Tensor, noise: Tensor
    ) -> Tensor:
        """Mean squared error of the velocity over the tokens that are drawn, cells weighed by cover."""
        seen = tokens(given, t, noise, self.ratios, self.fps)
        text, mask = self.text(batch, seen)
        if self.keep == 1 or batch.cover is None:
            said = velocity(model, seen, text, mask)
            return self.error(said, seen.velocity, seen, batch.cover)
        cover = torch.nn.functional.pad(batch.cover.flatten(1), (seen.extra, 0))
        drawn = seen.drawn.clone()
        drawn[:, : seen.extra] = 0
        index = choose_tokens(cover, self.keep)
        seen, mask = take(seen._replace(drawn=drawn), mask, index)
        said = velocity(model, seen, text, mask)
        return self.error(said, seen.velocity, seen, cover.gather(1, index))

    def text(self, batch: Batch, seen: Tokens) -> tuple[Tensor, Tensor]:
        return text_of(batch, seen.extra, self.ratios.time, self.fps)

    def error(self, said: Tensor, wanted: Tensor, seen: Tokens, cover: Tensor | None) -> Tensor:
        """Of the clip's own tokens; extra ones are thrown away when drawing."""
        error = (said - wanted).square().mean(-1)[:, seen.extra :]
        counts = seen.drawn[:, seen.extra :]
        weight = cover_weight(cover, self.object_weight)  # of the same tokens, in any shape
        if isinstance(weight, Tensor):
            counts = counts * weight.flatten(1).to(counts.device)
        return (error * counts).sum() / counts.sum()


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


def load_dit(folder: Path, dit: LTXVideoTransformer3DModel) -> None:
    """Copy the weights of a model folder into `dit`. Raises RunError when they don't fit."""
    if not (folder / "config.json").exists():
        raise RunError(
            f"start_from names {folder}, where no transformer is. Name a folder that has a config.json, "
            "or remove the line to begin with random weights."
        )
    found = LTXVideoTransformer3DModel.from_pretrained(folder, local_files_only=True)
    try:
        dit.load_state_dict(found.state_dict())
    except RuntimeError as error:
        raise RunError(
            f"The transformer in {folder} has another shape than [dit.model] and the autoencoder ask for: "
            f"{str(error).splitlines()[-1].strip()}. Change the table, or remove start_from."
        ) from error


def times(size: int, shift: float) -> Tensor:
    """Logit-normal noise levels, moved towards noise, where the layout is decided. [size] in (0, 1).

    Esser et al. 2024, "Scaling Rectified Flow Transformers", eq. 19 with m = shift, s = 1.
    """
    return torch.sigmoid(torch.randn(size) + shift)


class Trainer:
    """What `Loop` needs to know about the transformer."""

    def __init__(
        self,
        dit: LTXVideoTransformer3DModel,
        groups: dict[str, Group],
        empty: tuple[Tensor, Tensor],
        settings: dict[str, Any],
        ratios: Ratios,
        folder: Path,
    ) -> None:
        """empty: text states [L, D] and mask [L] of the empty caption. folder: gets the model."""
        self.dit, self.groups, self.empty = dit, groups, empty
        self.settings, self.ratios, self.folder = settings, ratios, folder
        self.rescan()

    def flow(self, group: Group, keep: float = 1.0) -> Flow:
        return Flow(self.ratios, group.fps, self.settings["object_weight"], keep)

    def loss(self, model: torch.nn.Module, step: Step) -> Tensor:
        group, batch = self.draw(step)
        t = times(len(batch.latents), self.settings["time_shift"]).to(batch.latents.device)
        given = self.given(batch, step)
        flow = self.flow(group, step.stage.get("keep_tokens", 1.0))
        return flow.loss(model, batch, given, t, torch.randn_like(batch.latents))

    def draw(self, step: Step) -> tuple[Group, Batch]:
        """Clips of one group of the stage, chosen by its share; some captions left out.

        `lengths` of a group: latent frames, of which one is chosen and that beginning of the clips
        taken, so many more clips the shorter it is.
        """
        mix = step.stage["mix"]
        share = np.array([m["share"] for m in mix])
        chosen = mix[step.numpy.choice(len(share), p=share / share.sum())]
        step.label = chosen["group"]
        group, size, spans = (
            self.groups[chosen["group"]],
            chosen["batch"],
            self.settings["span_share"],
        )
        whole = group.latent_frames
        length = int(step.numpy.choice(chosen.get("lengths", [whole])))
        if length < whole:  # a caption of the whole clip may tell what is cut off: take spans
            size, spans = size * whole // length, 1.0
        batch = group.batch(size, step.numpy, spans)
        if length < whole:
            batch = batch.beginning(length)
        drop = torch.rand(size) < self.settings["caption_dropout"]
        batch.text[drop], batch.mask[drop] = self.empty
        if batch.mask2 is not None:
            batch.mask2[drop] = False
        return group, batch.to(self.dit.device)

    def given(self, batch: Batch, step: Step) -> Given:
        mode = choose(step.stage.get("modes", {}), step.python)
        frames = batch.latents.shape[2]
        tail = 0 if batch.tail is None else batch.tail.shape[2]
        if not possible(mode, frames, batch.pictures is not None, tail):
            mode = "none"
        return give(
            mode,
            batch.latents,
            batch.pictures,
            batch.tail,
            self.ratios.time,
            step.python,
            soft=self.settings["soft_share"],
        )

    @torch.no_grad()
    def held_out_loss(self, group: Group) -> float:
        """On clips never trained on, always with the same noise and noise levels."""
        batch = group.held_out().to(self.dit.device)
        clips, _, frames = batch.latents.shape[:3]
        generator = torch.Generator().manual_seed(1)
        noise = torch.randn(batch.latents.shape, generator=generator).to(batch.latents.device)
        nothing = Given(batch.latents, torch.zeros(clips, frames))
        batch.cover = None  # so that figures of different weights can be compared
        t = torch.linspace(0.05, 0.98, clips, device=batch.latents.device)
        return self.flow(group).loss(self.dit, batch, nothing, t, noise).item()

    def finished(self) -> dict[str, float]:
        """Write the model; the held-out loss of every group."""
        self.dit.save_pretrained(self.folder)
        return {name: self.held_out_loss(group) for name, group in self.groups.items()}

    def rescan(self) -> dict[str, int]:
        """Take in new shards (at a save, so that a resumed run sees them at the same step)."""
        for group in self.groups.values():
            group.use()
        return {name: len(group.shards) for name, group in self.groups.items()}

    def reopen(self, counts: dict[str, int]) -> None:
        """Back to the shards a checkpoint was made with."""
        for name, count in counts.items():
            if name in self.groups:
                group = self.groups[name]
                group.shards.clear()
                group.use(count)


def ratios_of(run: RunConfig) -> Ratios:
    """Of the autoencoder the run file describes; must be the one that was trained. Raises RunError."""
    model = run["vae"]["model"]
    halvings = len(model["decoder_block_out_channels"])
    return Ratios(2**halvings, model["patch_size"] * 2**halvings)


def used_groups(settings: dict[str, Any]) -> set[str]:
    return {mix["group"] for stage in settings["stages"] for mix in stage["mix"]}


def open_groups(run: RunConfig, settings: dict[str, Any]) -> dict[str, Group]:
    """The groups that the stages draw from. Raises RunError for names the cache does not have."""
    known = {g["name"]: g for g in run["cache"]["groups"]}
    wanted = used_groups(settings)
    if missing := sorted(wanted - set(known)):
        raise RunError(
            f"A stage draws from group {missing[0]!r}; [[cache.groups]] has {', '.join(sorted(known))}."
        )
    return {name: Group(run.work / "cache" / name, known[name]["fps"]) for name in sorted(wanted)}


def check_channels(run: RunConfig, groups: dict[str, Group]) -> int:
    """Latent channels; the cache must be of the autoencoder the run file describes."""
    channels = int(run["vae"]["model"]["latent_channels"])
    space = ratios_of(run).space
    sizes = {g["name"]: (g["width"], g["height"]) for g in run["cache"]["groups"]}
    for name, group in groups.items():
        group.use(1)
        have = tuple(group.shards[0]["latents"].shape)
        width, height = sizes[name]
        want = (channels, height // space, width // space)
        if (have[1], *have[3:]) != want:
            raise RunError(
                f"The latents in {group.folder} have {have[1]} channels on {have[3]}x{have[4]} cells, "
                f"[vae.model] makes {want[0]} on {want[1]}x{want[2]}. They come from another autoencoder: "
                f"delete {group.folder} and run python -m generation.training.cache again."
            )
    return channels


def train(
    run: RunConfig,
    table: str = "dit",
    *,
    minutes: float | None = None,
    stop_after: int | None = None,
) -> list[float]:
    """One table of the run file, from its checkpoint on. Returns the losses of the new steps."""
    settings = run.merged("dit", table)
    return follow(run, table, settings, Trainer, minutes=minutes, stop_after=stop_after)


def follow(
    run: RunConfig,
    table: str,
    settings: dict[str, Any],
    trainer_class: type[Trainer],
    *,
    minutes: float | None,
    stop_after: int | None,
) -> list[float]:
    """Put everything together and run the loop; also of the distilled student."""
    accelerator = accelerator_of(run)
    groups = open_groups(run, settings)
    channels = check_channels(run, groups)
    states, mask = TextStates(run["cache"]["tokens"])([""])
    torch.manual_seed(settings["seed"])
    dit = build_dit(settings["model"], channels, states.shape[-1])
    if start := settings.get("start_from"):
        load_dit(run.path(start), dit)
    empty = (states[0].float(), mask[0])
    trainer = trainer_class(dit, groups, empty, settings, ratios_of(run), run.work / table)
    if settings["compile"]:  # needs a C++ compiler; a quarter faster once warm
        torch._dynamo.config.recompile_limit = 64  # sizes, masks and what is given have many shapes
        dit.compile_repeated_blocks()
    loop = Loop(
        accelerator,
        dit,
        settings,
        run.work / f"{table}.state",
        outer=OUTER,
        loss=trainer.loss,
        finished=trainer.finished,
        starts=trainer.rescan,
        resumes=trainer.reopen,
    )
    return loop.run(minutes=minutes, stop_after=stop_after)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "run", type=Path, help="a run file, such as generation/training/runs/cpu.toml"
    )
    parser.add_argument("table", nargs="?", default="dit", help="table to follow (default: dit)")
    parser.add_argument("--minutes", type=float, help="stop with a checkpoint after so long")
    args = parser.parse_args()
    run = read_run(args.run)
    run.prepare()
    train(run, args.table, minutes=args.minutes)


if __name__ == "__main__":
    main()
