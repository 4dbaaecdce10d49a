"""How a clip looks as a whole: film noir, watercolour, paper, pixels, an old film."""

from __future__ import annotations

import random

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, interpolate

from generation.training.world.draw import rgb

RATE = 12.0  # grain, flicker and scratches change twelve times a second at every frame rate


def apply_style(style: str, image: Tensor, t: Tensor, seed: int) -> Tensor:
    """`image` [3, T, H, W] from 0 to 1, `t` [T, 1, 1] seconds."""
    match style:
        case "film noir":
            return _film_noir(image, t, seed)
        case "watercolour":
            return _watercolour(image, seed)
        case "paper cut-out":
            return _paper(image, seed)
        case "pixel":
            return _pixel(image)
        case "archival":
            return _archival(image, t, seed)
    return image


def _grid(image: Tensor) -> tuple[Tensor, Tensor]:
    """Centres of pixels from -1 to 1: x [1, W], y [H, 1]."""
    height, width = image.shape[-2:]
    y = (torch.arange(height, device=image.device) + 0.5) / height * 2 - 1
    x = (torch.arange(width, device=image.device) + 0.5) / width * 2 - 1
    return x.view(1, -1), y.view(-1, 1)


def _noise(image: Tensor, seed: int, cells: float) -> Tensor:
    """Smooth noise [H, W] from 0 to 1 with about `cells` blobs per picture height."""
    height, width = image.shape[-2:]
    rows = max(2, round(cells))
    columns = max(2, round(cells * width / height))
    source = torch.Generator().manual_seed(seed)
    # a strip that depends on the seed alone, cut to the picture's width
    strip = torch.rand(1, 1, rows, max(columns, 4 * rows), generator=source)[..., :columns]
    smooth = interpolate(strip, size=(height, width), mode="bicubic", align_corners=False)
    return smooth[0, 0].clamp(0, 1).to(image.device)


def _frames(t: Tensor) -> list[int]:
    return [int(k) for k in torch.floor(t.flatten() * RATE + 1e-3).tolist()]


def _grain(image: Tensor, t: Tensor, seed: int, amount: float) -> Tensor:
    """The same tile everywhere, rolled to another place at every tick."""
    height, width = image.shape[-2:]
    cell = max(1, round(height / 96 * 1.5))
    source = torch.Generator().manual_seed(seed)
    tile = torch.randn(1, 1, height // cell + 1, width // cell + 1, generator=source)
    tile = interpolate(tile, scale_factor=cell, mode="bilinear")[0, 0, :height, :width]
    rolled = []
    for k in _frames(t):
        rng = random.Random(seed * 7919 + k)
        rolled.append(tile.roll((rng.randrange(height), rng.randrange(width)), (0, 1)))
    return image + amount * torch.stack(rolled).to(image.device)


def _blur(image: Tensor, size: int) -> Tensor:
    """Box blur of [C, T, H, W]; `size` odd."""
    pad = size // 2
    padded = torch.nn.functional.pad(image, (pad, pad, pad, pad), mode="replicate")
    return avg_pool2d(padded, size, stride=1)


def _odd(image: Tensor, share: float) -> int:
    """An odd number of pixels near `share` of the picture's height, at least 3."""
    return max(3, 2 * round(share * image.shape[-2] / 2) + 1)


def _luma(image: Tensor) -> Tensor:
    return 0.30 * image[:1] + 0.59 * image[1:2] + 0.11 * image[2:]


def _film_noir(image: Tensor, t: Tensor, seed: int) -> Tensor:
    grey = _luma(image)
    grey = grey + 2.4 * (grey - grey.square()) * (grey - 0.42)  # deep blacks, bright whites
    x, y = _grid(image)
    vignette = 1 - 0.62 * ((0.72 * x.square() + 0.82 * y.square()) / 1.5).clamp(0, 1) ** 1.3
    return _grain(grey.clamp(0, 1) * vignette, t, seed, 0.022).expand(3, -1, -1, -1)


def _archival(image: Tensor, t: Tensor, seed: int) -> Tensor:
    grey = _luma(image)
    grey = (1.12 * grey.clamp(0, 1) ** 0.80 - 0.02).clamp(0, 1)
    grey = grey + 1.2 * (grey - grey.square()) * (grey - 0.5)
    dark, light = rgb((0.20, 0.11, 0.05), image), rgb((1.0, 0.90, 0.70), image)
    sepia = dark + (light - dark) * grey
    x, y = _grid(image)
    vignette = 1 - 0.55 * ((x.abs() ** 3 + y.abs() ** 3) / 1.7).clamp(0, 1)
    flicker, marks = [], []
    height, width = image.shape[-2:]
    thin = max(1.0, height / 96)
    columns = torch.arange(width, device=image.device).view(1, -1)
    for k in _frames(t):
        rng = random.Random(seed * 104_729 + k)
        flicker.append(rng.uniform(0.97, 1.02))  # more would count as flashing
        scratch = random.Random(seed * 31 + k // 5)  # stays for a few frames
        at = scratch.uniform(0.08, 0.92) * width + rng.uniform(-0.5, 0.5) * thin
        line = (1 - (columns - at).abs() / thin).clamp(0, 1) * (scratch.random() < 0.6) * 0.30
        marks.append(line.expand(height, width))
    bright = torch.tensor(flicker, device=image.device).view(-1, 1, 1)
    aged = sepia * vignette * bright
    aged = aged + (light - aged) * torch.stack(marks)
    return _grain(aged, t, seed, 0.014)


def _pixel(image: Tensor) -> Tensor:
    """Blocks of a thirty-second of the picture's height, few shades per channel."""
    height, width = image.shape[-2:]
    block = max(2, round(height / 32)) if height <= width else max(2, round(width / 32))
    frames = image.transpose(0, 1)
    pad = (0, -width % block, 0, -height % block)
    small = avg_pool2d(torch.nn.functional.pad(frames, pad, mode="replicate"), block)
    mean = small.mean(1, keepdim=True)
    vivid = mean + 1.12 * (small - mean)
    shades = (vivid.clamp(0, 1) * 8).round() / 8
    large = interpolate(shades, scale_factor=block, mode="nearest")[..., :height, :width]
    return large.transpose(0, 1)


def _watercolour(image: Tensor, seed: int) -> Tensor:
    """Edges that wander and gather pigment, blotches, white paper around."""
    height, width = image.shape[-2:]
    wander = torch.stack(
        [_noise(image, seed + 1, 9) - 0.5, _noise(image, seed + 2, 9) - 0.5], dim=-1
    )
    x, y = _grid(image)
    grid = torch.stack(torch.broadcast_tensors(x, y), dim=-1)
    grid = grid + wander * torch.tensor((0.04 * height / width, 0.04), device=image.device)
    frames = image.transpose(0, 1)
    frames = grid_sample(
        frames,
        grid.unsqueeze(0).expand(len(frames), -1, -1, -1),
        padding_mode="border",
        align_corners=False,
    )
    wash = frames.transpose(0, 1)
    soft = _blur(wash, _odd(image, 0.03))
    pigment = (_blur(soft, _odd(image, 0.07)) - soft).abs().amax(0, keepdim=True)
    blotches = 0.70 * _noise(image, seed + 3, 5) + 0.30 * _noise(image, seed + 4, 16)
    wash = 0.65 * wash + 0.35 * soft
    thin = (0.04 + 0.34 * blotches).clamp(0, 1)
    paper = rgb((0.985, 0.975, 0.95), image)
    wash = wash + (paper - wash) * thin
    wash = wash * (1 - 0.9 * pigment).clamp(0.5, 1)
    edge = torch.minimum((1 - x.abs()) * width / height, 1 - y.abs())
    torn = edge - 0.05 - 0.11 * _noise(image, seed + 5, 11)
    return paper + (wash - paper) * (torn / 0.05).clamp(0, 1)


def _paper(image: Tensor, seed: int) -> Tensor:
    """A fibre that catches the light."""
    fibre = _noise(image, seed + 1, 40) - _noise(image, seed + 1, 40).roll((1, 1), (0, 1))
    return image * (1 + 0.07 * fibre)


def paper_halo(alpha: Tensor) -> tuple[Tensor, Tensor]:
    """(shadow on what lies behind, bright cut edge) of a sheet with coverage `alpha` [T, H, W]."""
    size = _odd(alpha, 0.055)
    spread = _blur(alpha.unsqueeze(0), size)[0]
    shift = max(1, round(alpha.shape[-2] * 0.012))
    height, width = alpha.shape[-2:]
    padded = torch.nn.functional.pad(spread, (shift, 0, shift, 0), mode="replicate")
    fallen = padded[..., :height, :width]
    inner = 1 - _blur((1 - alpha).unsqueeze(0), 3)[0]
    return 0.62 * fallen, (alpha - inner).clamp(0, 1)
