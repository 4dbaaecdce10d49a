"""The training loops at a toy size: they run, they learn, they write what the engine loads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.engine.capabilities import read_capabilities
from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.protocol import PromptSegment, VideoSpec
from generation.training import train_dit, train_vae
from generation.training.cache import CacheBuilder
from generation.training.config import RunConfig, read_run
from generation.training.export import export
from generation.training.muon import orthogonalise
from generation.training.render import render_shard

RUNS = Path(train_dit.__file__).parent / "runs"


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunConfig:
    """The shipped run file, shrunk."""
    full = read_run(RUNS / "cpu.toml")
    tables = json.loads(json.dumps(full.tables))
    tables["vae"] |= {"minutes": 1, "steps": 30, "save_minutes": 9, "adam_rate": 3e-3}
    tables["vae"]["model"] |= {
        "latent_channels": 16,
        "block_out_channels": [16, 16, 32],
        "decoder_block_out_channels": [16, 32],
    }
    tables["vae"]["stages"] = [
        {
            "until": 2.0,
            "batch": [2, 5, 32, 32],
            "image_batch": [2, 1, 32, 32],
            "gradient_weight": 0.1,
        }
    ]
    tables["cache"]["groups"] = [
        {
            "name": "frames",
            "frames": 1,
            "height": 32,
            "width": 64,
            "fps": 12.0,
            "wordings": 1,
            "mirror": True,
            "per_shard": 20,
            "shards": 1,
            "after": 0.0,
        },
    ]
    tables["dit"] |= {"minutes": 1, "steps": 40, "compile": False, "warm_up": 5, "save_minutes": 9}
    tables["dit"]["model"] = {"heads": 1, "layers": 2}
    tables["dit"]["stages"] = [
        {"until": 2.0, "mix": [{"group": "frames", "share": 1.0, "batch": 8}]}
    ]
    return RunConfig(tmp_path_factory.mktemp("run"), "cpu", 1, False, tables)


@pytest.fixture(scope="module")
def vae_losses(run) -> list[float]:
    torch.manual_seed(0)
    folder = run.work / "clips"
    folder.mkdir()
    render_shard(folder / "train-00000.npy", 0, 4, frames=5, height=32, width=64, fps=12.0)
    crops = train_vae.ClipCrops(folder)
    held_out = torch.from_numpy(np.load(folder / "train-00000.npy")[:1]).float() / 127.5 - 1
    vae = train_vae.build_vae(run["vae"]["model"])
    return train_vae.train(vae, crops, held_out, run["vae"], run.work / "vae", bf16=False)


@pytest.fixture(scope="module")
def dit_losses(run, vae_losses) -> list[float]:
    torch.manual_seed(0)
    cache = CacheBuilder(run)
    cache.grow("frames")
    states, mask = cache.text([""])
    dit = train_dit.build_dit(run["dit"]["model"], 16, states.shape[-1])
    group = train_dit.Group(run.work / "cache" / "frames", 12.0)
    trainer = train_dit.Trainer(
        dit,
        {"frames": group},
        (states[0].float(), mask[0]),
        run["dit"],
        (4, 16),
        run.work / "dit",
        False,
    )
    trainer.refresh()
    return trainer.train()


def test_the_autoencoder_learns(vae_losses):
    assert np.mean(vae_losses[-5:]) < 0.8 * np.mean(vae_losses[:5])


def test_the_transformer_learns(dit_losses):
    assert np.mean(dit_losses[-8:]) < 0.9 * np.mean(dit_losses[:8])


def test_the_engine_draws_with_what_was_exported(run, dit_losses, tmp_path):
    export(run, tmp_path / "model")
    assert read_capabilities(tmp_path / "model").name == "sora-small"
    engine = DiffusersEngine(tmp_path / "model", threads=1)
    spec = VideoSpec((PromptSegment("a red ball"),), width=64, height=32, frames=5, fps=12, steps=2)
    assert [f.shape for f in engine.generate(spec, on_progress=lambda progress: None)] == [
        (32, 64, 3)
    ] * 5


def test_cached_latents_are_normalised_and_kept(run, dit_losses):
    shard = train_dit.Group(run.work / "cache" / "frames", 12.0)
    shard.refresh()
    latents = shard.shards[0]["latents"].float()
    assert latents.shape == (20, 16, 1, 2, 4)
    assert 0.3 < latents.std() < 3
    CacheBuilder(run).grow("frames")  # all is there: nothing is made twice
    assert len(list((run.work / "cache" / "frames").glob("*.latents.safetensors"))) == 1


def test_the_log_variance_of_a_fresh_autoencoder_is_fixed(run):
    vae = train_vae.build_vae(run["vae"]["model"])
    posterior = vae.encode(torch.rand(1, 3, 1, 32, 32) * 2 - 1).latent_dist
    assert torch.allclose(posterior.logvar, torch.full_like(posterior.logvar, -5.0))


def test_orthogonalised_matrices_have_singular_values_near_one():
    singular = torch.linalg.svdvals(orthogonalise(torch.randn(3, 20, 50), iterations=6))
    assert singular.min() > 0.5 and singular.max() < 1.5


@pytest.mark.parametrize("name", ["cpu.toml", "gpu.toml"])
def test_every_run_file_is_complete(name):
    run = read_run(RUNS / name)
    groups = {g["name"] for g in run["cache"]["groups"]}
    for stage in run["dit"]["stages"]:
        assert {m["group"] for m in stage["mix"]} <= groups
    assert run["dit"]["stages"][-1]["until"] > 1
    assert run["vae"]["stages"][-1]["until"] > 1
