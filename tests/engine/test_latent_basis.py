"""The latent basis of an autoencoder is turned without changing what it computes."""

from __future__ import annotations

import copy

import pytest
import torch

from generation.training.basis import turn
from generation.training.train_vae import build_vae

TINY = {
    "latent_channels": 8,
    "block_out_channels": [8, 16, 16],
    "decoder_block_out_channels": [8, 16],
    "layers_per_block": [1, 1, 1],
    "decoder_layers_per_block": [1, 1, 1],
    "patch_size": 4,
}


@pytest.fixture(scope="module")
def clips() -> torch.Tensor:
    """Smooth pictures that move: [8, 3, 5, 64, 64] in [-1, 1]."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(8, 3, 2, 4, 4, generator=generator)
    return torch.nn.functional.interpolate(coarse, (5, 64, 64), mode="trilinear").clamp(-1, 1)


@pytest.fixture(scope="module")
def pair(clips: torch.Tensor):
    torch.manual_seed(0)
    before = build_vae(TINY).eval()
    with torch.no_grad():
        latents = before.encode(clips).latent_dist.mode()
    after = copy.deepcopy(before)
    energy = turn(after, latents)
    return before, after, energy


def test_it_computes_the_same_pictures(pair, clips) -> None:
    before, after, _ = pair
    with torch.no_grad():
        old = before.decode(before.encode(clips).latent_dist.mode()).sample
        new = after.decode(after.encode(clips).latent_dist.mode()).sample

    assert (old - new).abs().max() < 1e-3 * old.abs().max()


def test_channels_are_uncorrelated_and_sorted_by_energy(pair, clips) -> None:
    _, after, energy = pair
    with torch.no_grad():
        raw = after.encode(clips).latent_dist.mode()
    wide = (1, -1, 1, 1, 1)
    latents = (raw - after.latents_mean.view(wide)) / after.latents_std.view(wide)
    flat = latents.transpose(0, 1).reshape(8, -1)

    correlation = torch.corrcoef(flat) - torch.eye(8)
    assert correlation.abs().max() < 0.02
    assert flat.mean(1).abs().max() < 1e-2
    assert (energy.diff() <= 0).all()
    assert (flat.std(1).diff() <= 1e-4).all()


def test_the_first_quarter_of_the_channels_has_unit_deviation_on_average(pair, clips) -> None:
    _, after, _ = pair
    with torch.no_grad():
        raw = after.encode(clips).latent_dist.mode()
    wide = (1, -1, 1, 1, 1)
    latents = (raw - after.latents_mean.view(wide)) / after.latents_std.view(wide)

    assert latents[:, :2].std((0, 2, 3, 4)).square().mean().item() == pytest.approx(1, abs=0.05)
