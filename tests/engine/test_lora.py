"""LoRA of a tiny folder in the layout of LTX-Video 0.9.5: trained, resumed, loaded by the setting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import generation.training
from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.options import InvalidOptions, read_lora
from generation.engine.protocol import ModelMissing, PromptSegment, VideoSpec
from generation.training import lora
from generation.training.config import RunConfig, RunError, read_run
from tests.engine import tiny_models

RUN = Path(generation.training.__file__).parent / "runs" / "lora.toml"


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    return tiny_models.ltx(tmp_path_factory.mktemp("lora") / "model")


def small_run(work: Path, model_dir: Path, steps: int = 4) -> RunConfig:
    run = read_run(RUN)
    cache = run["cache"]
    clips = {
        **cache["groups"][0],
        "frames": 9,
        "height": 64,
        "width": 64,
        "fps": 12.0,
        "per_shard": 4,
        "shards": 1,
    }
    del clips["manifest"]  # rendered clips stand for footage
    stage = {**run["lora"]["stages"][0], "steps": steps}
    settings = {
        **run["lora"],
        "model": str(model_dir),
        "rank": 4,
        "alpha": 8,
        "rate": 1e-2,
        "warm_up": 1,
        "save_steps": 2,
        "checkpointing": False,
        "stages": [stage],
    }
    tables = {"cache": {**cache, "tokens": 32, "groups": [clips]}, "lora": settings}
    return replace(run, work=work, device="cpu", threads=1, bf16=False, tables=tables)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, model_dir):
    run = small_run(tmp_path_factory.mktemp("run"), model_dir)
    return run, lora.train(run)


def clip(folder, **changes):
    engine = DiffusersEngine(folder, threads=1, **changes)
    spec = VideoSpec((PromptSegment("a red ball"),), 64, 64, 9, 24, steps=2, seed=1)
    return np.stack(list(engine.generate(spec, on_progress=lambda p: None))), engine


def test_training_changes_what_is_drawn_and_the_scale_how_much(trained, model_dir):
    run, losses = trained
    assert len(losses) == 4 and np.isfinite(losses).all()
    plain, _ = clip(model_dir)
    weak, _ = clip(model_dir, lora=(run.work / "lora", 0.05))
    full, engine = clip(model_dir, lora=(run.work / "lora", 1.0))
    apart = [np.abs(made.astype(int) - plain).mean() for made in (weak, full)]
    assert 0 < apart[0] < apart[1]
    assert "lora" in engine.version  # what made the clip is in its manifest


def test_only_the_low_rank_matrices_are_written(trained):
    run, _ = trained
    files = [p.name for p in (run.work / "lora").iterdir()]
    assert files == ["pytorch_lora_weights.safetensors"]
    assert (run.work / "lora" / files[0]).stat().st_size < 200_000


def test_a_run_that_was_stopped_ends_like_one_that_was_not(trained, tmp_path, model_dir):
    whole, losses = trained
    run = small_run(tmp_path, model_dir)
    first = lora.train(run, stop_after=3)  # the last save was at step 2
    second = lora.train(run)
    assert first == losses[:3] and second == losses[2:]
    one, other = (
        load_file(r.work / "lora" / "pytorch_lora_weights.safetensors") for r in (whole, run)
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_checkpoint_of_other_settings_is_refused(trained, model_dir):
    run, _ = trained
    other = {**run.tables, "lora": {**run["lora"], "rank": 2}}
    with pytest.raises(RunError, match="another model, rank"):
        lora.train(replace(run, tables=other))


def test_a_folder_of_another_family_is_named(tmp_path):
    folder = tiny_models.wan_vace(tmp_path / "wan")
    with pytest.raises(RunError, match="WanVACEPipeline"):
        lora.train(small_run(tmp_path, folder))


def test_a_lora_of_another_model_is_refused_by_its_setting(tmp_path, model_dir):
    save_file(
        {"transformer.nothing.lora_A.weight": torch.zeros(2, 2)},
        tmp_path / "pytorch_lora_weights.safetensors",
    )
    with pytest.raises(ModelMissing, match="SORA_LORA"):
        clip(model_dir, lora=(tmp_path, 1.0))


def test_the_setting_is_a_path_and_perhaps_a_scale(tmp_path):
    assert read_lora("") is None
    assert read_lora(str(tmp_path)) == (tmp_path, 1.0)
    assert read_lora(f"{tmp_path},0.6") == (tmp_path, 0.6)
    with pytest.raises(InvalidOptions, match="does not exist"):
        read_lora(str(tmp_path / "gone"))
    with pytest.raises(InvalidOptions, match="PATH,SCALE"):
        read_lora(f"{tmp_path},much")
