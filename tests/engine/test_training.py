"""Training at a toy size: it learns, it survives any kill to the bit, and says what is wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.protocol import PromptSegment, VideoSpec
from generation.training import checkpoint, loop, train_dit, train_vae
from generation.training.cache import CacheBuilder, TextStates
from generation.training.config import RunConfig, RunError, read_run
from generation.training.export import export
from generation.training.muon import orthogonalise
from generation.training.render import render_shard

RUNS = Path(train_dit.__file__).parent / "runs"
MODES = {"first": 0.2, "prefix": 0.15, "keyframes": 0.15, "tail": 0.15, "both": 0.15}


def toy(work: Path) -> RunConfig:
    """The shipped run file, shrunk: 32x64 pixels, thousands of parameters, tens of steps."""
    tables = json.loads(json.dumps(read_run(RUNS / "cpu.toml").tables))
    del tables["vae"]["linear_start"]  # toys are too narrow for it, and shall train
    tables["vae"] |= {"muon_rate": 0.02, "adam_rate": 3e-3, "ema": 0.998, "mean_weight": 1e-4}
    tables["vae"] |= {"save_steps": 15, "log_steps": 10, "warm_up": 5}
    tables["vae"]["model"] |= {
        "latent_channels": 16,
        "block_out_channels": [16, 16, 32],
        "decoder_block_out_channels": [16, 32],
    }
    batch = {"batch": [2, 5, 32, 32], "image_batch": [2, 1, 32, 32], "gradient_weight": 0.1}
    tables["vae"]["stages"] = [{"steps": 30, **batch}]
    tables["decoder"]["stages"] = [{"steps": 4, **batch}]
    size = {"height": 32, "width": 64, "fps": 12.0, "wordings": 1, "mirror": True, "after": 0.0}
    tables["cache"]["groups"] = [
        {"name": "frames", "frames": 1, "per_shard": 20, "shards": 1, **size},
        {"name": "short", "frames": 17, "per_shard": 6, "shards": 1, **size},
    ]
    tables["dit"] |= {"compile": False, "warm_up": 5, "save_steps": 6, "log_steps": 10}
    tables["dit"]["model"] = {"heads": 1, "layers": 2}
    tables["dit"]["stages"] = [
        {"name": "frames", "steps": 40, "mix": [{"group": "frames", "share": 1.0, "batch": 8}]},
        {
            "name": "clips",
            "steps": 10,
            "modes": MODES,
            "mix": [
                {"group": "frames", "share": 0.3, "batch": 8},
                {"group": "short", "share": 0.7, "batch": 3},
            ],
        },
    ]
    return RunConfig(work, "cpu", 1, False, tables)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunConfig:
    return toy(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def vae_losses(run) -> list[float]:
    folder = run.work / "clips"
    folder.mkdir()
    size = {"frames": 5, "height": 32, "width": 64, "fps": 12.0}
    render_shard(folder / "train-00000.npy", 0, 4, **size)
    render_shard(folder / "held_out.npy", 10_000_000, 2, held_out=True, **size)
    return train_vae.train(run)


@pytest.fixture(scope="module")
def cached(run, vae_losses) -> RunConfig:
    """A run whose autoencoder is trained and whose clips are encoded."""
    builder = CacheBuilder(run)
    for name in ("frames", "short"):
        builder.grow(name)
    return run


@pytest.fixture
def other(cached, tmp_path) -> RunConfig:
    """The same run in a folder of its own, so that a test may spoil it."""
    for name in ("clips", "cache", "vae"):
        shutil.copytree(cached.work / name, tmp_path / name)
    return toy(tmp_path)


@pytest.fixture(scope="module")
def dit_losses(cached) -> list[float]:
    return train_dit.train(cached)


# --- It learns -----------------------------------------------------------------------------------


def test_the_autoencoder_learns(vae_losses):
    assert np.mean(vae_losses[-5:]) < 0.8 * np.mean(vae_losses[:5])


def test_the_transformer_learns(dit_losses):
    assert np.mean(dit_losses[32:40]) < 0.9 * np.mean(dit_losses[:8])


def test_every_operation_of_the_editor_is_trained(dit_losses):
    assert len(dit_losses) == 50
    assert np.isfinite(dit_losses).all()


def test_the_decoder_is_trained_alone_and_latents_keep_their_meaning(other):
    before = train_vae.load_vae(other.work / "vae")
    train_vae.train(other, "decoder")
    after = train_vae.load_vae(other.work / "vae")

    same = {
        name: torch.equal(tensor, after.state_dict()[name])
        for name, tensor in before.state_dict().items()
    }
    assert all(equal for name, equal in same.items() if not name.startswith("decoder."))
    assert not all(equal for name, equal in same.items() if name.startswith("decoder."))


def test_the_engine_draws_with_what_was_exported(run, dit_losses, tmp_path):
    export(run, tmp_path / "model")
    engine = DiffusersEngine(tmp_path / "model", threads=1)
    spec = VideoSpec((PromptSegment("a red ball"),), width=64, height=32, frames=5, fps=12, steps=2)
    assert [f.shape for f in engine.generate(spec, on_progress=lambda progress: None)] == [
        (32, 64, 3)
    ] * 5


@pytest.fixture
def new_process():
    """accelerate keeps the precision for the life of a process; this test needs another one."""
    AcceleratorState._reset_state(reset_partial_state=True)
    yield
    AcceleratorState._reset_state(reset_partial_state=True)


def test_mixed_precision_trains_with_every_kind_of_mask(other, new_process):
    for module, table in ((train_vae, "vae"), (train_dit, "dit")):
        short = shorter(other, table, 4, save=100)
        shutil.rmtree(other.work / f"{table}.state", ignore_errors=True)
        losses = module.train(replace(short, bf16=True))
        assert len(losses) == 4 and np.isfinite(losses).all()


def test_the_log_variance_of_a_fresh_autoencoder_is_fixed(run):
    vae = train_vae.build_vae(run["vae"]["model"])
    posterior = vae.encode(torch.rand(1, 3, 1, 32, 32) * 2 - 1).latent_dist
    assert torch.allclose(posterior.logvar, torch.full_like(posterior.logvar, -5.0))


@pytest.mark.parametrize("shape", [(3, 20, 24), (3, 20, 50), (3, 50, 20), (20, 20)])
def test_orthogonalised_matrices_have_singular_values_near_one(shape):
    torch.manual_seed(0)
    singular = torch.linalg.svdvals(orthogonalise(torch.randn(shape), iterations=6))
    assert singular.min() > 0.4 and singular.max() < 1.5


@pytest.mark.parametrize("name", ["cpu.toml", "gpu.toml"])
def test_every_run_file_is_complete(name):
    run = read_run(RUNS / name)
    groups = {g["name"] for g in run["cache"]["groups"]}
    assert train_dit.used_groups(run["dit"]) <= groups
    assert loop.total_steps(run["vae"]) > 0 or run["vae"]["linear_start"] > 0
    for table in ("decoder", "dit"):
        assert loop.total_steps(run[table]) > 0
    ratios = train_dit.ratios_of(run)
    for group in run["cache"]["groups"]:
        assert group["width"] % 32 == 0 and group["height"] % 32 == 0
        assert (group["frames"] - 1) % ratios.time == 0


# --- It can be killed ------------------------------------------------------------------------------


def state(run: RunConfig, table: str) -> dict[str, torch.Tensor]:
    kept = checkpoint.load(run.work / f"{table}.state")
    assert kept is not None
    return kept[0]


def assert_equal(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [name for name in a if not torch.equal(a[name], b[name])] == []


def shorter(run: RunConfig, table: str, steps: int, save: int) -> RunConfig:
    """A dozen steps, clips and conditions from the start."""
    tables = json.loads(json.dumps(run.tables))
    tables[table]["save_steps"] = save
    tables[table]["stages"] = [{**tables[table]["stages"][-1], "steps": steps}]
    return RunConfig(run.work, run.device, run.threads, run.bf16, tables)


class Killed(BaseException):
    """As SIGKILL: nothing after it runs."""


@pytest.mark.parametrize("module, table", [(train_dit, "dit"), (train_vae, "vae")])
def test_a_run_killed_at_any_step_goes_on_to_the_same_bits(other, tmp_path_factory, module, table):
    twelve = shorter(other, table, 12, save=6)
    for name in (table, f"{table}.state"):
        shutil.rmtree(twelve.work / name, ignore_errors=True)
    whole = module.train(twelve)
    expected = state(twelve, table)
    weights = {p.name: p.read_bytes() for p in (twelve.work / table).glob("*.safetensors")}
    shutil.rmtree(twelve.work / f"{table}.state")

    with pytest.MonkeyPatch.context() as patch:
        _kill_after(patch, module, steps=9)  # three steps after a checkpoint
        with pytest.raises(Killed):
            module.train(twelve)
    random.seed(99), np.random.seed(99), torch.manual_seed(99)  # whatever the new process has
    rest = module.train(twelve)

    assert rest == whole[6:]
    assert_equal(state(twelve, table), expected)
    assert {p.name: p.read_bytes() for p in (twelve.work / table).glob("*.safetensors")} == weights


def _kill_after(patch: pytest.MonkeyPatch, module, steps: int) -> None:
    made, real = [], module.Trainer.loss

    def loss(self, model, step):
        if len(made) == steps:
            raise Killed
        made.append(step.number)
        return real(self, model, step)

    patch.setattr(module.Trainer, "loss", loss)


def test_a_run_killed_while_it_saves_goes_on_from_the_save_before(other):
    twelve = shorter(other, "dit", 12, save=4)
    whole = train_dit.train(twelve)
    expected = state(twelve, "dit")
    for kill_at in ("second file", "rename", "cleaning"):
        shutil.rmtree(twelve.work / "dit.state")
        with pytest.MonkeyPatch.context() as patch:
            _kill_in_save(patch, kill_at)
            with pytest.raises(Killed):
                train_dit.train(twelve)
        rest = train_dit.train(twelve)

        assert rest == whole[12 - len(rest) :], kill_at
        assert len(rest) == (4 if kill_at == "cleaning" else 8), kill_at
        assert_equal(state(twelve, "dit"), expected)


def _kill_in_save(patch: pytest.MonkeyPatch, where: str) -> None:
    """In the second save of the run."""
    patch.setattr(checkpoint, "LARGEST", 100_000)  # several files
    real_save, real_rename, real_file = checkpoint.save, os.rename, checkpoint.save_file
    saves, files = [], []

    def save(*args, **kwargs):
        saves.append(1)
        files.clear()
        return real_save(*args, **kwargs)

    def write(*args, **kwargs):
        files.append(1)
        if where == "second file" and len(saves) == 2 and len(files) == 2:
            raise Killed
        return real_file(*args, **kwargs)

    def rename(source, target):
        if where == "rename" and len(saves) == 2:
            raise Killed
        real_rename(source, target)
        if where == "cleaning" and len(saves) == 2:
            raise Killed

    patch.setattr(checkpoint, "save", save)
    patch.setattr(checkpoint, "save_file", write)
    patch.setattr(checkpoint.os, "rename", rename)


def test_a_slice_stops_when_its_time_is_over_and_the_next_goes_on(other):
    tables = shorter(other, "dit", 5, save=100)
    first = train_dit.train(tables, minutes=0.0)
    second = train_dit.train(tables, stop_after=2)
    third = train_dit.train(tables)

    assert (len(first), len(second), len(third)) == (0, 2, 3)


def test_files_of_a_checkpoint_are_small(tmp_path):
    tensors = {f"t{k}": torch.randn(1_000_000) for k in range(8)}
    folder = checkpoint.save(tmp_path, 3, tensors, {"seed": 0})

    sizes = [p.stat().st_size for p in folder.iterdir()]
    assert max(sizes) <= 15_000_000
    kept = checkpoint.load(tmp_path)
    assert kept is not None and kept[1]["step"] == 3
    assert_equal(kept[0], tensors)


def test_only_the_newest_checkpoint_is_kept(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, {"a": torch.zeros(1)}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["00000003"]


# --- It says what is wrong -----------------------------------------------------------------------


def test_a_missing_cache_names_the_command(run, tmp_path):
    with pytest.raises(RunError, match=r"python -m generation.training.cache"):
        train_dit.train(toy(tmp_path))


def test_missing_clips_name_the_command(tmp_path):
    with pytest.raises(RunError, match=r"python -m generation.training.render"):
        train_vae.train(toy(tmp_path))


def test_latents_of_another_autoencoder_are_refused(other):
    tables = json.loads(json.dumps(other.tables))
    tables["vae"]["model"]["latent_channels"] = 24
    with pytest.raises(RunError, match=r"16 channels on 2x4 cells.*24 on 2x4.*another autoencoder"):
        train_dit.train(RunConfig(other.work, "cpu", 1, False, tables))


def test_weights_of_another_shape_are_refused(other, dit_losses, cached):
    shutil.copytree(cached.work / "dit", other.work / "start")
    tables = json.loads(json.dumps(other.tables))
    tables["dit"] |= {"start_from": "start", "model": {"heads": 2, "layers": 2}}
    with pytest.raises(RunError, match="another shape than"):
        train_dit.train(RunConfig(other.work, "cpu", 1, False, tables))
    tables["dit"]["start_from"] = "nowhere"
    with pytest.raises(RunError, match="where no transformer is"):
        train_dit.train(RunConfig(other.work, "cpu", 1, False, tables))


def test_a_damaged_checkpoint_is_named(other):
    four = shorter(other, "dit", 4, save=100)
    train_dit.train(four)
    file = next((other.work / "dit.state").glob("*/00.safetensors"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(checkpoint.CheckpointError, match=r"00000004/00\.safetensors is corrupt"):
        train_dit.train(four)
    file.unlink()
    with pytest.raises(checkpoint.CheckpointError, match=r"00\.safetensors is missing"):
        train_dit.train(four)
    (file.parent / "state.json").write_text("{")
    with pytest.raises(checkpoint.CheckpointError, match=r"state\.json is not readable"):
        train_dit.train(four)


def test_a_checkpoint_of_another_model_is_refused(other):
    train_dit.train(shorter(other, "dit", 2, save=100))
    wider = shorter(other, "dit", 4, save=100)
    wider.tables["dit"]["model"] = {"heads": 2, "layers": 2}
    with pytest.raises(checkpoint.CheckpointError, match="another model or optimiser"):
        train_dit.train(wider)


def test_a_checkpoint_whose_shards_are_gone_is_refused(other):
    folder = other.work / "cache" / "frames"
    for kind in ("latents", "text"):
        shutil.copy(folder / f"00000.{kind}.safetensors", folder / f"00001.{kind}.safetensors")
    train_dit.train(shorter(other, "dit", 2, save=100))
    for kind in ("latents", "text"):
        (folder / f"00001.{kind}.safetensors").unlink()
    with pytest.raises(RunError, match=r"made with 2 shards .* 1 are there"):
        train_dit.train(shorter(other, "dit", 4, save=100))


def test_an_unknown_group_table_or_file_is_named(other, tmp_path):
    tables = json.loads(json.dumps(other.tables))
    tables["dit"]["stages"][0]["mix"][0]["group"] = "long"
    with pytest.raises(RunError, match=r"group 'long'.*frames, short"):
        train_dit.train(RunConfig(other.work, "cpu", 1, False, tables))
    with pytest.raises(RunError, match=r"no table \[nonsense\]"):
        train_dit.train(other, "nonsense")
    with pytest.raises(RunError, match="no run file"):
        read_run(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[run")
    with pytest.raises(RunError, match="not TOML"):
        read_run(tmp_path / "bad.toml")


def test_a_loss_that_is_no_number_stops_the_run_before_it_is_saved(other, monkeypatch):
    monkeypatch.setattr(
        train_dit.Flow, "loss", lambda self, model, *rest: model.proj_out.bias.sum() * torch.nan
    )
    with pytest.raises(FloatingPointError, match="Lower muon_rate"):
        train_dit.train(other)
    assert checkpoint.newest(other.work / "dit.state") is None


def trainer_of_short_clips(cached, **changes):
    group = train_dit.open_groups(cached, cached["dit"])["short"]
    group.use()
    empty = TextStates(cached["cache"]["tokens"])([""])
    return train_dit.Trainer(
        train_dit.build_dit({"heads": 1, "layers": 1}, 16, 384),
        {"short": group},
        (empty[0][0].float(), empty[1][0]),
        {**cached["dit"], **changes},
        train_dit.ratios_of(cached),
        cached.work / "none",
    )


def test_a_caption_left_out_leaves_out_both_spans(cached):
    trainer = trainer_of_short_clips(cached, caption_dropout=1.0)
    stage = {"mix": [{"group": "short", "share": 1.0, "batch": 4}]}
    _, batch = trainer.draw(loop.seed_step(0, 0, 0, stage))

    assert torch.equal(batch.mask, trainer.empty[1].expand(4, -1))
    assert batch.mask2 is None or not batch.mask2.any()


def test_the_beginning_of_a_clip_is_trained_as_a_shorter_clip(cached):
    trainer = trainer_of_short_clips(cached, caption_dropout=0.0)
    stage = {"mix": [{"group": "short", "share": 1.0, "batch": 4, "lengths": [2]}]}
    group, batch = trainer.draw(loop.seed_step(0, 0, 0, stage))
    whole = group.latent_frames

    assert batch.latents.shape[:3] == (4 * whole // 2, 16, 2)
    assert batch.cover is None or batch.cover.shape[1] == 2
    assert batch.tail is None
    kept = torch.cat([group.shards[0][side].float() for side in ("latents", "mirrored")])
    assert all((kept[:, :, :2] == clip).flatten(1).all(1).any() for clip in batch.latents)


def test_a_clip_that_changes_is_told_in_two_captions(cached):
    """A shard as the cache writes it, whose clips all change after half a second."""
    group = train_dit.open_groups(cached, cached["dit"])["short"]
    group.use()
    shard = group.shards[0]
    changing = torch.isfinite(shard["then"]) if "then" in shard else torch.zeros(1)
    batch = group.batch(16, np.random.default_rng(0), span_share=1.0)
    text, mask = train_dit.text_of(batch, 0, 4, 12.0)
    if not changing.any():
        assert mask.ndim == 2
        return
    rows = batch.mask2.any(1)
    assert mask.shape == (16, 5 * 8, text.shape[1])
    assert torch.equal(rows, torch.isfinite(batch.then))
    assert ((mask == 0).any(-1)).all()  # every token reads something
