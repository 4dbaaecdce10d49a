"""Draw, caption and encode clips for the transformer: `python -m generation.training.cache RUN.toml`.

For every group of a run file (single frames, short clips, whole clips; one size each) and every
shard of it, three files appear in `work/cache/<group>/`:

    00000.pixels.npy            uint8 [n, 3, frames, height, width]; needs no model, deleted once encoded
    00000.text.safetensors      captions as text states, and what is known of the clips; see `draw_shard`
    00000.latents.safetensors   normalised latents; see `encode_shard`

A group with `manifest` takes its clips from that manifest (`generation.training.corpus`), any other
from the renderer. The word `pixels` as a further argument stops after the first two (the autoencoder
may still be in training then); names of groups restrict the work to them. Files appear whole, and
everything done is kept: a killed run goes on with the next file. Training may read along, through
`read_shard`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKLLTXVideo
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from generation.engine.text_encoder import load_minilm
from generation.training.captions import caption, mirrored, spans
from generation.training.config import RunConfig, RunError, read_run
from generation.training.corpus.clips import load_clip
from generation.training.corpus.manifest import Item, Refused, read_manifest
from generation.training.corpus.rendered import scene_of
from generation.training.render import to_uint8
from generation.training.world import OBJECTS, cover, render

FORMAT = 2
SCENE_SECONDS = (
    4.0  # single frames and short clips begin where a clip of this length would still fit
)
AROUND_CHANGE = 0.3  # seconds a clip shows, at least, before and after a second motion begins
TAILS = (17, 9)  # frames; the longest that is shorter than the clip is encoded from its own start
STALE_SECONDS = 6 * 3600.0  # a part file this old was left by a killed run
MAKE_AGAIN = "Delete that folder and make it again: python -m generation.training.cache RUN.toml"


# --- Text --------------------------------------------------------------------------------------


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
            states.append(F.pad(out, (0, 0, 0, pad)))
            masks.append(F.pad(batch["attention_mask"].bool().cpu(), (0, pad)))
        return torch.cat(states), torch.cat(masks)


class PackedStates:
    """Text states of which only real tokens are kept; padded when they are asked for.

    Indexed like the bf16 tensor [clips, wordings, tokens, width] it stands for, in the first
    dimensions: `states[clip, wording]`, `states[:16, 0]`. A caption that occurs often, such as one
    that is the same when mirrored, is stored once.
    """

    def __init__(self, rows: Tensor, begins: Tensor, table: Tensor, tokens: int) -> None:
        """rows: [all tokens, width]; begins: [captions + 1] into rows; table: captions, -1 for none."""
        self._rows, self._begins, self._table, self._tokens = rows, begins, table, tokens

    @property
    def shape(self) -> torch.Size:
        return torch.Size((*self._table.shape, self._tokens, self._rows.shape[1]))

    def __getitem__(self, key: Any) -> Tensor:
        wanted = self._table[key]
        padded = [self._one(number) for number in wanted.flatten().tolist()]
        return torch.stack(padded).view(*wanted.shape, self._tokens, self._rows.shape[1])

    def _one(self, number: int) -> Tensor:
        if number < 0:
            return self._rows.new_zeros(self._tokens, self._rows.shape[1])
        states = self._rows[self._begins[number] : self._begins[number + 1]]
        return F.pad(states, (0, 0, 0, self._tokens - len(states)))

    @property
    def mask(self) -> Tensor:
        """bool [clips, wordings, tokens]."""
        lengths = F.pad(self._begins.diff(), (1, 0))[self._table + 1]  # 0 for -1
        return torch.arange(self._tokens) < lengths[..., None]


class _Captions:
    """Numbers captions, each text once, and packs their states."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def table(self, texts: Sequence[Sequence[str | None]]) -> Tensor:
        """int64 numbers in the shape of `texts`; -1 for None."""
        numbers = self._numbers
        return torch.tensor(
            [
                [-1 if t is None else numbers.setdefault(t, len(numbers)) for t in row]
                for row in texts
            ]
        )

    def packed(self, text: TextStates) -> dict[str, Tensor]:
        """Encoded in order of length, so that little padding is computed."""
        texts = list(self._numbers)
        rows: list[Tensor] = [torch.empty(0)] * len(texts)
        order = sorted(range(len(texts)), key=lambda k: len(texts[k]))
        for at in range(0, len(order), 64):
            some = order[at : at + 64]
            states, mask = text([texts[k] for k in some])
            for k, each, real in zip(some, states, mask, strict=True):
                rows[k] = each[real].clone()
        begins = torch.tensor([0, *(len(row) for row in rows)]).cumsum(0)
        return {"rows": torch.cat(rows), "begins": begins, "tokens": torch.tensor([text.tokens])}


# --- One clip ----------------------------------------------------------------------------------


@dataclass
class Sample:
    """One clip before any model has seen it.

    pixels: uint8 [3, frames, height, width].
    wordings: captions of the whole clip.
    spans: for each wording, the caption of the beginning and that from second `then` on; or None.
    cover: [t, rows, columns], mean share of each latent cell that actors cover.
    """

    pixels: NDArray[np.uint8]
    wordings: list[str]
    cover: Tensor
    spans: list[tuple[str, str]] | None = None
    then: float = math.inf


@dataclass(frozen=True)
class Grid:
    """How an autoencoder divides a clip: frames per latent frame, pixels per row and column."""

    time: int
    space: int

    def of(self, group: dict[str, Any]) -> tuple[int, int, int]:
        """(t, rows, columns) of a group's latents. Raises RunError for a size that doesn't fit."""
        frames, height, width = group["frames"], group["height"], group["width"]
        if (frames - 1) % self.time or height % self.space or width % self.space:
            raise RunError(
                f"cache group {group['name']}: {width}x{height}x{frames} doesn't fit the autoencoder; "
                f"sizes must be multiples of {self.space}, frames one more than one of {self.time}."
            )
        return (frames - 1) // self.time + 1, height // self.space, width // self.space


def cell_means(values: Tensor, grid: tuple[int, int, int]) -> Tensor:
    """[frames, H, W] to means over latent cells [t, rows, columns]; the first frame is a cell alone."""
    t, rows, columns = grid
    small = F.adaptive_avg_pool2d(values, (rows, columns))
    if t == 1:
        return small
    later = small[1:].view(t - 1, -1, rows, columns).mean(1)
    return torch.cat([small[:1], later])


def rendered_sample(
    seed: str,
    group: dict[str, Any],
    grid: tuple[int, int, int],
    long_share: float,
    device: str,
    objects: Collection[str] = (),
) -> Sample:
    """The scene of a seed at a group's size: drawn, covered and worded. objects: see `scene_of`."""
    scene, rng = scene_of(seed, objects)
    frames, fps = group["frames"], group["fps"]
    length = frames / fps
    told = spans(scene, rng) if frames > 1 else []
    if len(told) > 1:  # the clip must show the change that its captions tell
        change = told[1][0]
        start = rng.uniform(max(0.0, change + AROUND_CHANGE - length), change - AROUND_CHANGE)
        start = start if length < SCENE_SECONDS else 0.0
    else:
        start = rng.uniform(0.0, max(0.0, SCENE_SECONDS - length))
    when: dict[str, Any] = {"frames": frames, "fps": fps, "start": start, "device": device}
    video = render(scene, height=group["height"], width=group["width"], **when)
    # A quarter of the size is enough for means over cells of a latent.
    shares = cover(scene, height=4 * grid[1], width=4 * grid[2], **when)
    sample = Sample(
        to_uint8(video),
        [
            caption(scene, rng, length="long" if rng.random() < long_share else "short")
            for _ in range(group["wordings"])
        ],
        cell_means(shares, grid).cpu(),
    )
    if len(told) > 1:
        worded = [told, *(spans(scene, rng) for _ in range(group["wordings"] - 1))]
        sample.spans = [(first[1], second[1]) for first, second in worded]
        sample.then = told[1][0] - start
    return sample


def real_sample(
    item: Item, root: Path, group: dict[str, Any], grid: tuple[int, int, int], long_share: float
) -> Sample:
    """A random moment of an item of a manifest. Raises Refused if it can't be read any more."""
    rng = random.Random(f"{group['name']}/{item.id}")
    size = {key: group[key] for key in ("frames", "height", "width", "fps")}
    pixels = load_clip(item, root, **size, rng=rng)
    texts = [c.text for c in item.captions]
    if not texts:
        raise Refused("no caption", item.id)
    wordings = [texts[-1 if rng.random() < long_share else 0] for _ in range(group["wordings"])]
    return Sample(np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), wordings, torch.zeros(grid))


# --- Shards ------------------------------------------------------------------------------------


def draw_shard(stem: Path, samples: list[Sample], text: TextStates) -> None:
    """Write the pixels and the text file of one shard.

    The text file holds packed states (`rows`, `begins`, `tokens`, and tables of caption numbers
    [n, wordings] named `states`, `states1`, `states2` and the same with `mirrored_`), `then` [n]
    (seconds from the first frame at which states2 begins; inf: never), and `cover` and
    `mirrored_cover` [n, t, rows, columns]. states1, states2 and then are left out of single frames.
    """
    captions = _Captions()
    wordings = [s.wordings for s in samples]
    tables: dict[str, Sequence[Sequence[str | None]]] = {"states": wordings}
    if samples[0].pixels.shape[1] > 1:
        none: list[tuple[str | None, str | None]] = [(None, None)] * len(wordings[0])
        pairs = [s.spans or none for s in samples]
        tables["states1"] = [
            [pair[0] or whole for pair, whole in zip(row, words, strict=True)]
            for row, words in zip(pairs, wordings, strict=True)
        ]
        tables["states2"] = [[pair[1] for pair in row] for row in pairs]
    tensors = {name: captions.table(texts) for name, texts in tables.items()}
    for name, texts in tables.items():
        swapped = [[None if t is None else mirrored(t) for t in row] for row in texts]
        tensors[f"mirrored_{name}"] = captions.table(swapped)
    if "states2" in tables:
        tensors["then"] = torch.tensor([s.then for s in samples])
    shares = torch.stack([s.cover for s in samples]).half()
    tensors |= {"cover": shares, "mirrored_cover": shares.flip(-1)}
    _save(stem.with_suffix(".text.safetensors"), tensors | captions.packed(text))
    pixels = np.stack([s.pixels for s in samples])
    _whole(stem.with_suffix(".pixels.npy"), lambda part: _save_pixels(part, pixels))


def _save_pixels(part: Path, pixels: NDArray[np.uint8]) -> None:
    with open(part, "wb") as file:  # np.save would add a suffix to a name
        np.save(file, pixels)


def _save(path: Path, tensors: dict[str, Tensor]) -> None:
    _whole(path, lambda part: save_file({k: v.contiguous() for k, v in tensors.items()}, part))


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    """Write beside `path` and rename: readers see a whole file or none."""
    part = path.with_suffix(f".{os.getpid()}.part")
    write(part)
    os.replace(part, path)


def normalise(vae: AutoencoderKLLTXVideo, latents: Tensor) -> Tensor:
    """Zero mean and unit variance per channel, as the pipeline's `_normalize_latents`."""
    shape = (1, -1, 1, 1, 1)
    return (latents - vae.latents_mean.view(shape)) / vae.latents_std.view(shape)


class Encoder:
    """Pixels to normalised latents, as the pipeline's conditions would be."""

    def __init__(self, vae: AutoencoderKLLTXVideo, bf16: bool) -> None:
        self.vae, self.bf16 = vae, bf16
        self.ratio = vae.temporal_compression_ratio

    def clip(self, x: Tensor) -> Tensor:
        """[b, 3, frames, h, w] in [-1, 1] to float16 [b, c, t, rows, columns] on the CPU."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.bf16):
            posterior = self.vae.encode(x.to(memory_format=torch.channels_last_3d)).latent_dist
        return normalise(self.vae, posterior.mode().float()).to(torch.float16).cpu()

    def pictures(self, x: Tensor) -> Tensor:
        """The frame at which each latent begins (0, r, 2 r, …), encoded alone: [b, c, t, …]."""
        frames = x[:, :, :: self.ratio].transpose(1, 2)
        b, t = frames.shape[:2]
        alone = self.clip(frames.reshape(b * t, frames.shape[2], 1, *frames.shape[3:]))
        return alone.squeeze(2).view(b, t, *alone.shape[1:2], *alone.shape[3:]).transpose(1, 2)

    def tail(self, x: Tensor) -> Tensor | None:
        """The last frames as a clip of their own, [b, c, n, …]; None of a clip that is too short."""
        length = next((n for n in TAILS if n < x.shape[2] and (n - 1) % self.ratio == 0), None)
        return None if length is None else self.clip(x[:, :, -length:])


@torch.no_grad()
def encode_shard(stem: Path, encoder: Encoder, *, mirror: bool, keep_pixels: bool) -> None:
    """Write the latents of one shard, float16, all of the same n clips:

    latents         [n, channels, t, rows, columns]
    frames_latents  the same shape: every frame at which a latent begins, encoded alone
    tail_latents    [n, channels, k, rows, columns]: the last 17 or 9 frames from their own start

    The last two of clips only, not of single frames. With `mirror` also `mirrored`,
    `mirrored_frames_latents` and `mirrored_tail_latents`, of the left-right mirrored pixels.
    """
    pixels = np.load(stem.with_suffix(".pixels.npy"), mmap_mode="r")
    out: dict[str, list[Tensor]] = {}
    step = max(1, 32 // pixels.shape[2])
    for at in range(0, len(pixels), step):
        x = torch.from_numpy(np.array(pixels[at : at + step])).to(encoder.vae.device)
        x = x.float() / 127.5 - 1
        for side in ("", "mirrored") if mirror else ("",):
            clip = x.flip(-1) if side else x
            parts = {side or "latents": encoder.clip(clip)}
            if clip.shape[2] > 1:
                before = f"{side}_" if side else ""
                parts[f"{before}frames_latents"] = encoder.pictures(clip)
                if (tail := encoder.tail(clip)) is not None:
                    parts[f"{before}tail_latents"] = tail
            for name, latents in parts.items():
                out.setdefault(name, []).append(latents)
    _save(stem.with_suffix(".latents.safetensors"), {k: torch.cat(v) for k, v in out.items()})
    if not keep_pixels:
        stem.with_suffix(".pixels.npy").unlink()


def read_shard(latents: Path) -> dict[str, Any]:
    """Everything of one shard by name; files are mapped, not read. Raises RunError.

    All of `encode_shard` and `draw_shard`, with `states…` as PackedStates [n, wordings, tokens,
    width] and for each of them a dense `mask…` of that name, bool [n, wordings, tokens].
    """
    text = latents.with_name(latents.name.replace(".latents.", ".text."))
    try:
        shard: dict[str, Any] = load_file(text)
        shard |= load_file(latents)
        rows, begins, tokens = (shard.pop(k) for k in ("rows", "begins", "tokens"))
    except (OSError, SafetensorError, KeyError) as error:
        raise RunError(
            f"The cached shard {latents} can't be read ({error!r}). {MAKE_AGAIN}"
        ) from error
    for name in [name for name in shard if "states" in name]:
        states = PackedStates(rows, begins, shard[name], int(tokens))
        shard[name] = states
        shard[name.replace("states", "mask")] = states.mask
    return shard


class CacheBuilder:
    """Makes shards one by one; loads the encoders on first use."""

    def __init__(self, run: RunConfig) -> None:
        self.run, self.settings = run, run["cache"]
        self.groups = {g["name"]: g for g in self.settings["groups"]}
        if unknown := set(self.settings.get("objects", ())) - set(OBJECTS):
            raise RunError(
                f"[cache] objects has {min(unknown)!r}, which is not drawn; what is: {', '.join(OBJECTS)}."
            )
        model = run["vae"]["model"]
        steps = 2 ** len(model["decoder_block_out_channels"])
        self.grid = Grid(steps, steps * model["patch_size"])
        self._checked: set[str] = set()

    @cached_property
    def text(self) -> TextStates:
        return TextStates(self.settings["tokens"], self.run.device)

    @cached_property
    def encoder(self) -> Encoder:
        folder = self.run.work / "vae"
        if not (folder / "config.json").exists():
            raise RunError(
                f"There is no autoencoder in {folder}. Train it first: "
                "python -m generation.training.train_vae RUN.toml"
            )
        vae = AutoencoderKLLTXVideo.from_pretrained(folder, local_files_only=True)
        vae = vae.to(self.run.device).eval().to(memory_format=torch.channels_last_3d)
        return Encoder(vae, self.run.bf16)

    @cached_property
    def _encoder_digest(self) -> str:
        """Of what decides latents: the encoder and the normalisation, not the decoder."""
        digest = hashlib.sha256()
        for name, value in sorted(self.encoder.vae.state_dict().items()):
            if not name.startswith("decoder."):
                digest.update(name.encode() + value.float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def folder(self, name: str) -> Path:
        return self.run.work / "cache" / name

    def items(self, name: str) -> list[Item]:
        """Items of a group's manifest that belong into its size. Raises RunError if there are none."""
        group = self.groups[name]
        rivals = [
            g["width"] / g["height"]
            for g in self.groups.values()
            if g.get("manifest") == group["manifest"] and g["frames"] == group["frames"]
        ]
        length, path = group["frames"] / group["fps"], self.run.path(group["manifest"])
        found = [
            item
            for item in read_manifest(path).kept
            if item.seed or (item.media and item.media.seconds >= length - 0.5 / group["fps"])
            if _nearest(item, rivals) == group["width"] / group["height"]
        ]
        if not found:
            raise RunError(f"cache group {name}: no clip of {path} is {length:.1f} s long.")
        return found

    @cached_property
    def _items(self) -> dict[str, list[Item]]:
        return {name: self.items(name) for name, g in self.groups.items() if g.get("manifest")}

    def shards(self, name: str) -> int:
        """How many shards a group can have."""
        group = self.groups[name]
        if not group.get("manifest"):
            return int(group["shards"])
        full = math.ceil(len(self._items[name]) / group["per_shard"])
        return min(full, group.get("shards", full))

    def make(self, name: str, number: int, *, pixels_only: bool = False) -> None:
        """Make one shard, or what is missing of it."""
        group = self.groups[name]
        stem = self.folder(name) / f"{number:05}"
        self._check(name)
        if stem.with_suffix(".latents.safetensors").exists():
            return
        if not stem.with_suffix(".pixels.npy").exists():
            draw_shard(stem, self._samples(group, number), self.text)
        if not pixels_only:
            self._check(name, encoder=self._encoder_digest)
            mirror, keep = group["mirror"], self.settings["keep_pixels"]
            encode_shard(stem, self.encoder, mirror=mirror, keep_pixels=keep)

    def _samples(self, group: dict[str, Any], number: int) -> list[Sample]:
        grid, long_share = self.grid.of(group), self.settings.get("long_share", 0.5)
        begin, end = number * group["per_shard"], (number + 1) * group["per_shard"]

        def drawn(seed: str) -> Sample:
            return rendered_sample(
                seed, group, grid, long_share, self.run.device, self.settings.get("objects", ())
            )

        if not group.get("manifest"):
            return [drawn(f"{group['name']}/{k}") for k in range(begin, end)]
        root = self.run.path(group["manifest"]).parent
        samples, lost = [], Counter[str]()
        for item in self._items[group["name"]][begin:end]:
            try:
                made = drawn(item.seed) if item.seed else None
                samples.append(made or real_sample(item, root, group, grid, long_share))
            except Refused as why:
                lost[str(why)] += 1
        for reason, count in lost.items():
            print(f"{group['name']}: {count} clips left out: {reason}", flush=True)
        if not samples:
            raise RunError(
                f"cache group {group['name']}: no clip of shard {number} can be read. Build the "
                "corpus again: python -m generation.training.corpus build"
            )
        return samples

    def _check(self, name: str, encoder: str = "") -> None:
        """Refuse to add to a folder that was made in another way. Raises RunError."""
        if name + encoder in self._checked:
            return
        group, folder = self.groups[name], self.folder(name)
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob("*.part"):
            if time.time() - part.stat().st_mtime > STALE_SECONDS:
                part.unlink(missing_ok=True)
        wanted = {key: group[key] for key in ("width", "height", "frames", "fps")} | {
            "format": FORMAT,
            "tokens": self.settings["tokens"],
            "manifest": group.get("manifest", ""),
            "objects": " ".join(sorted(self.settings.get("objects", ()))),
        }
        path = folder / "made_with.json"
        found = json.loads(path.read_text()) if path.exists() else None
        if found is None and any(folder.glob("*.safetensors")):
            raise RunError(f"{folder} was made by an earlier version. {MAKE_AGAIN}")
        found = {"objects": ""} | (found or wanted)  # folders of before showed everything
        for key, value in wanted.items():
            if found.get(key) != value:
                raise RunError(f"{folder} was made with {key} = {found.get(key)!r}. {MAKE_AGAIN}")
        if encoder and found.setdefault("encoder", encoder) != encoder:
            raise RunError(
                f"The latents in {folder} were made by another autoencoder than that in "
                f"{self.run.work / 'vae'}. Delete them (*.latents.safetensors) and made_with.json; "
                "pixels and text can stay."
            )
        _whole(path, lambda part: part.write_text(json.dumps(found)) and None)
        self._checked.add(name + encoder)

    def grow(self, name: str) -> None:
        """Make the next shard of a group, first one that is drawn already."""
        folder = self.folder(name)
        todo = [
            k
            for k in range(self.shards(name))
            if not (folder / f"{k:05}.latents.safetensors").exists()
        ]
        if todo:
            self.make(name, min(todo, key=lambda k: not (folder / f"{k:05}.pixels.npy").exists()))

    def order(self) -> list[tuple[str, int]]:
        """All groups grow side by side, each from its share `after` of the work on."""
        todo = [
            (g["after"] + (1 - g["after"]) * k / self.shards(name), name, k)
            for name, g in self.groups.items()
            for k in range(self.shards(name))
        ]
        return [(name, number) for _, name, number in sorted(todo)]


def _nearest(item: Item, aspects: Sequence[float]) -> float:
    """The aspect of which an item loses least when it is cut; the first for what can be drawn in any."""
    if item.media is None:
        return aspects[0]
    own = item.media.width / item.media.height
    return min(aspects, key=lambda aspect: abs(math.log(aspect / own)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m generation.training.cache")
    parser.add_argument("run", help="a run file, such as generation/training/runs/cpu.toml")
    parser.add_argument("words", nargs="*", help="names of groups; `pixels` stops before encoding")
    given = parser.parse_args(arguments)
    run = read_run(given.run)
    run.prepare()
    builder = CacheBuilder(run)
    names = [word for word in given.words if word != "pixels"] or list(builder.groups)
    if unknown := sorted(set(names) - set(builder.groups)):
        raise RunError(f"no cache group {unknown[0]}: there are {', '.join(builder.groups)}.")
    for name, number in builder.order():
        if name in names:
            builder.make(name, number, pixels_only="pixels" in given.words)


if __name__ == "__main__":
    main()
