"""What of a clip is given, in LTXConditionPipeline's own terms: pure functions on latents.

The pipeline knows three ways to give something (`prepare_latents`), and the editor uses all of them:

* in place: the first latent frames of the clip are known (image to video, extend forward);
* a keyframe: one picture, encoded alone, as extra tokens at its moment (storyboard, last frame);
* a segment: a piece of video encoded from its own start; its first two latents are extra tokens at
  their moment, the rest stands in place (extend backward, fill, loop, blend).

Every token has its own noise level: given tokens stay at 1 - strength, the others move from 1 to 0.
Shape letters: B batch, C channels, T H W latent frames, rows, columns, S tokens, L text tokens.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from diffusers import LTXConditionPipeline
from torch import Tensor

PREFIX = 2  # latents of a segment that become extra tokens: num_prefix_latent_frames
HARD_NOISE = 0.15  # image_cond_noise_scale
MASKED = -10_000.0


class Ratios(NamedTuple):
    """Frames per latent frame, and pixels per latent row or column."""

    time: int
    space: int


@dataclass(frozen=True)
class Piece:
    """Clean latents [B, C, k, H, W] given as extra tokens; row b begins at pixel frame at[b]."""

    latents: Tensor
    at: Tensor  # int64 [B]


@dataclass(frozen=True)
class Given:
    """What is known of a batch of clips: strength per latent frame, and extra pieces before it.

    strength [B, T] in [0, 1]: 0 is drawn, 1 is given; between, the token is held at 1 - strength.
    """

    clip: Tensor  # latents [B, C, T, H, W] with given frames as they are encoded
    strength: Tensor
    pieces: list[Piece] = field(default_factory=list)

    @property
    def nothing(self) -> bool:
        return not self.pieces and not bool(self.strength.any())


def coordinates(
    shape: tuple[int, int, int], at: Tensor, ratios: Ratios, fps: float, device: torch.device | str
) -> Tensor:
    """Positions [B, 3, T*H*W] in seconds, pixels, pixels of latents that begin at frames at[B]."""
    grid = LTXConditionPipeline._prepare_video_ids(len(at), *shape, device=device)
    scaled = LTXConditionPipeline._scale_video_ids(
        grid, scale_factor=ratios.space, scale_factor_t=ratios.time, frame_index=0, device=device
    ).float()
    scaled[:, 0] = (scaled[:, 0] + at.to(device)[:, None]) * (1.0 / fps)
    return scaled


def pack(latents: Tensor) -> Tensor:
    """[B, C, T, H, W] to tokens [B, T*H*W, C]."""
    return LTXConditionPipeline._pack_latents(latents, 1, 1)


class Tokens(NamedTuple):
    """What the transformer gets and what it should say."""

    hidden: Tensor  # [B, S, C]
    levels: Tensor  # [B, S], or [B, 1] where nothing is given: noise level 0 to 1
    coords: Tensor  # [B, 3, S]
    velocity: Tensor  # [B, S, C] noise minus data
    drawn: Tensor  # [B, S] 1 where the prediction is used, so where it is learned
    extra: int  # tokens of pieces, which come first


def tokens(given: Given, t: Tensor, noise: Tensor, ratios: Ratios, fps: float) -> Tokens:
    """The pipeline's input at noise level t [B] with that noise (same shape as the clip).

    Hard conditions (strength 1) get a little noise of their own, 0.15 t^2, as in
    `add_noise_to_image_conditioning_latents`.
    """
    b, _, frames, rows, columns = given.clip.shape
    device = given.clip.device
    clean, noises = pack(given.clip), pack(noise)
    start = torch.zeros(b, dtype=torch.int64)
    coords = [coordinates((frames, rows, columns), start, ratios, fps, device)]
    strength = given.strength.to(device).repeat_interleave(rows * columns, 1)
    extra = 0
    for piece in reversed(given.pieces):
        shape = (piece.latents.shape[2], rows, columns)
        coords.insert(0, coordinates(shape, piece.at, ratios, fps, device))
        packed = pack(piece.latents)
        clean = torch.cat([packed, clean], 1)
        noises = torch.cat([torch.randn_like(packed), noises], 1)
        strength = torch.cat([torch.ones(packed.shape[:2], device=device), strength], 1)
        extra += packed.shape[1]
    t = t.view(b, 1)
    levels = t if given.nothing else torch.minimum(t, 1 - strength)
    hidden = (1 - levels[..., None]) * clean + levels[..., None] * noises
    if not given.nothing:
        hard = (strength > 1 - 1e-6)[..., None]
        own = HARD_NOISE * t[..., None] ** 2 * torch.randn_like(clean)
        hidden = torch.where(hard, clean + own, hidden)
    drawn = (t - 1e-6 < 1 - strength).float()
    return Tokens(hidden, levels, torch.cat(coords, 2), noises - clean, drawn, extra)


# --- Which operations are trained ------------------------------------------------------------

MODES = ("none", "first", "prefix", "keyframes", "tail", "both")


def choose(shares: dict[str, float], rng: random.Random) -> str:
    """A mode by its share; what the shares leave of 1 is "none"."""
    r = rng.random()
    for mode, share in shares.items():
        if r < share:
            return mode
        r -= share
    return "none"


def give(
    mode: str,
    clip: Tensor,
    pictures: Tensor | None,
    tail: Tensor | None,
    ratio: int,
    rng: random.Random,
    *,
    soft: float = 0.0,
) -> Given:
    """Decide what is given of a batch of clips.

    none       nothing: text to video
    first      the first picture: image to video
    prefix     2 to T-1 latent frames: extend forward
    keyframes  1 to 3 pictures at their moments, often the last; half the time the first as well
    tail       the last piece of the clip: extend backward
    both       the beginning and the last piece: fill a gap, loop, blend

    pictures: [B, C, T, H, W], every frame at a latent's moment encoded alone (for keyframes).
    tail: [B, C, n, H, W], the clip's last ratio * (n - 1) + 1 frames encoded from their own start.
    soft: share of batches whose in-place frames are given with a strength between 0.5 and 1.
    """
    b, _, frames = clip.shape[:3]
    strength = torch.zeros(b, frames)
    pieces: list[Piece] = []
    if mode in ("first", "prefix", "both"):
        for row in range(b):
            least, most = {
                "first": (1, 1),
                "prefix": (2, frames - 1),
                "both": (1, frames - 1 - (tail.shape[2] if tail is not None else 0)),
            }[mode]
            strength[row, : rng.randint(least, max(least, most))] = 1
    if mode == "keyframes" and pictures is not None:
        moments = torch.tensor([_moments(frames, count, rng) for count in [rng.randint(1, 3)] * b])
        for k in range(moments.shape[1]):
            picked = moments[:, k].to(clip.device).view(b, 1, 1, 1, 1)
            index = picked.expand(b, clip.shape[1], 1, *clip.shape[3:])
            pieces.append(Piece(pictures.gather(2, index), moments[:, k] * ratio))
        if rng.random() < 0.5:
            strength[:, 0] = 1
    if mode in ("tail", "both") and tail is not None:
        begins = frames - tail.shape[2]
        pieces.append(Piece(tail[:, :, :PREFIX], torch.full((b,), begins * ratio)))
        if tail.shape[2] > PREFIX:
            clip = torch.cat([clip[:, :, : begins + PREFIX], tail[:, :, PREFIX:]], 2)
            strength[:, begins + PREFIX :] = 1
    if rng.random() < soft:
        strength = strength * (0.5 + 0.5 * rng.random())
    return Given(clip, strength, pieces)


def possible(mode: str, frames: int, pictures: bool, tail: int) -> bool:
    """Can a clip of so many latent frames be given in this mode, with these latents at hand?"""
    return {
        "none": True,
        "first": frames > 1,
        "prefix": frames > 2,
        "keyframes": frames > 1 and pictures,
        "tail": PREFIX <= tail < frames,
        "both": PREFIX <= tail < frames - 1,
    }[mode]


def _moments(frames: int, count: int, rng: random.Random) -> list[int]:
    """So many latent frames after the first, in order; the last one is among them half the time."""
    later = list(range(1, frames))
    chosen = set(rng.sample(later, min(count, len(later))))
    if rng.random() < 0.5:
        chosen = set(sorted(chosen)[: len(chosen) - 1]) | {frames - 1}
    while len(chosen) < min(count, len(later)):
        chosen.add(rng.choice(later))
    return sorted(chosen)


# --- Text --------------------------------------------------------------------------------------


def trim(states: Tensor, mask: Tensor, multiple: int = 8) -> tuple[Tensor, Tensor]:
    """Drop text tokens [B, L, D] that are padding in every row; L stays a multiple (fewer shapes)."""
    longest = int(mask.sum(1).max())
    keep = min(mask.shape[1], max(multiple, -(-longest // multiple) * multiple))
    return states[:, :keep], mask[:, :keep]


def moments(frames: int, ratio: int, fps: float) -> Tensor:
    """When each latent frame begins, in seconds: [T]."""
    step = torch.arange(frames)
    return ((step - 1) * ratio + 1).clamp(min=0) / fps


def span_bias(
    masks: list[Tensor], starts: Tensor, frames: int, cells: int, extra: int, ratio: int, fps: float
) -> Tensor:
    """Additive bias [B, S, sum of L]: each latent frame reads the caption of its own span.

    masks: bool [B, L] per span; starts: seconds [B, spans], the first at or before 0. Extra tokens
    read the first span. A 2-D mask would be turned into a bias by the transformer, a 3-D one passes.
    """
    when = moments(frames, ratio, fps).to(starts.device)
    begun = starts[:, None, :] <= when[None, :, None]  # [B, T, spans]
    begun[:, :, 0] = True
    order = torch.arange(1, starts.shape[1] + 1, device=starts.device)
    own = (begun * order).argmax(-1)  # [B, T] last span that has begun
    own = own.repeat_interleave(cells, 1)
    own = torch.cat([own.new_zeros(len(own), extra), own], 1)  # [B, S]
    columns = [
        (own == k)[..., None] & mask.to(own.device)[:, None, :] for k, mask in enumerate(masks)
    ]
    return torch.where(torch.cat(columns, -1), 0.0, MASKED)
