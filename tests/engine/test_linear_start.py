"""An autoencoder that begins as a linear code: what it reconstructs before any training."""

from __future__ import annotations

import random

import pytest
import torch

from generation.training.linear_start import start_linear
from generation.training.train_vae import build_vae, freeze_log_variance, held_out_psnr
from generation.training.world import cover, render, sample_scene

MODEL = {
    "latent_channels": 32,
    "block_out_channels": [48, 64, 128],
    "decoder_block_out_channels": [128, 256],
    "layers_per_block": [1, 1, 1],
    "decoder_layers_per_block": [1, 1, 1],
    "patch_size": 4,
}
SIZE = {"frames": 9, "height": 64, "width": 96, "fps": 12.0}


@pytest.fixture(scope="module")
def clips() -> tuple[torch.Tensor, torch.Tensor]:
    scenes = [sample_scene(random.Random(seed)) for seed in range(12)]
    drawn = torch.stack([render(scene, **SIZE) for scene in scenes])
    return drawn, torch.stack([cover(scene, **SIZE) for scene in scenes])


@pytest.fixture(scope="module")
def started(clips):
    torch.manual_seed(0)
    vae = build_vae(MODEL)
    start_linear(vae, clips[0], 1 + 3 * clips[1])
    freeze_log_variance(vae)
    return vae.eval()


def components_psnr(clips: torch.Tensor, count: int) -> float:
    """What that many principal components of 16x16x4 blocks keep, in dB, without a network."""
    padded = torch.cat([clips[:, :, :1]] * 3 + [clips], 2)
    n, c, t, h, w = padded.shape
    blocks = padded.view(n, c, t // 4, 4, h // 16, 16, w // 16, 16)
    rows = blocks.permute(0, 2, 4, 6, 1, 3, 5, 7).reshape(-1, c * 4 * 256)
    mean = rows.mean(0)
    _, _, basis = torch.linalg.svd(rows - mean, full_matrices=False)
    kept = (rows - mean) @ basis[:count].T @ basis[:count] + mean
    return -10 * torch.log10((kept - rows).square().mean() / 4).item()


def test_it_reconstructs_nearly_as_well_as_principal_components_do(started, clips):
    assert held_out_psnr(started, clips[0]) > components_psnr(clips[0], 32) - 1.0


def test_it_stays_what_it_is_in_the_precision_it_is_shipped_in(started, clips):
    before = held_out_psnr(started, clips[0])
    rounded = build_vae(MODEL).eval()
    rounded.load_state_dict(started.state_dict())
    rounded = rounded.bfloat16().float()
    assert held_out_psnr(rounded, clips[0]) > before - 0.5


def test_a_single_picture_is_a_clip_that_stands_still(started, clips):
    picture = clips[0][:, :, :1]
    still = picture.repeat(1, 1, 5, 1, 1)
    with torch.no_grad():
        alone = started.encode(picture).latent_dist.mode()
        first = started.encode(still).latent_dist.mode()[:, :, :1]
    assert torch.allclose(alone, first, atol=1e-2)


def test_training_goes_on_from_there(started, clips):
    x = clips[0][:2]
    optimiser = torch.optim.SGD(started.decoder.parameters(), 1e-9)
    first = (started.decode(started.encode(x).latent_dist.mode()).sample - x).square().mean()
    first.backward()
    moved = [p for p in started.decoder.up_blocks.parameters() if p.grad is not None]
    assert any(p.grad.abs().max() > 0 for p in moved)
    optimiser.zero_grad()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"decoder_block_out_channels": [96, 192]}, "decoder_block_out_channels 128"),
        (
            {
                "block_out_channels": [48, 128],
                "decoder_block_out_channels": [128],
                "layers_per_block": [1, 1],
                "decoder_layers_per_block": [1, 1],
            },
            "two halvings",
        ),
    ],
)
def test_an_autoencoder_of_another_build_is_refused(clips, change, says):
    with pytest.raises(ValueError, match=says):
        start_linear(build_vae({**MODEL, **change}), *clips)
