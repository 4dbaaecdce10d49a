"""The whole way: the smoke run, slices that are carried, distillation, the launcher, the GPU table."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import gpu_table
from generation.engine.capabilities import read_capabilities
from generation.training import checkpoint, distill, slices, smoke
from generation.training.cache import TextStates
from generation.training.conditions import Given, Piece, Ratios, tokens
from generation.training.config import RunConfig, RunError, read_run
from generation.training.train_dit import build_dit

ROOT = Path(smoke.__file__).parents[2]


def small(work: Path) -> RunConfig:
    """The smoke run with a handful of steps, all clips from the renderer."""
    run = read_run(smoke.RUN)
    tables = json.loads(json.dumps(run.tables))
    for table, steps in (("vae", [4]), ("decoder", [2]), ("dit", [2, 2]), ("distill", [2, 2])):
        for stage, count in zip(tables[table]["stages"], steps, strict=True):
            stage["steps"] = count
    for group in tables["cache"]["groups"]:
        group.pop("manifest", None)
        group["per_shard"] = 4
    tables["clips"]["per_shard"] = 2
    return replace(run, work=work, tables=tables)


def progress(rows: list[tuple[str, str]]) -> dict[str, str]:
    return {name: text.split(",")[0] for name, text in rows}


@pytest.mark.slow
def test_everything_fits_together(tmp_path):
    """Draw, filter, encode, 30 steps each, export, evaluate; the model folder can be drawn with."""
    rows = dict(smoke.smoke(replace(read_run(smoke.RUN), work=tmp_path)))

    assert {"filter", "autoencoder", "transformer", "distill", "vae_psnr", "object"} <= set(rows)
    assert "30 steps" in rows["transformer"] and "30 steps" in rows["distill"]
    assert read_capabilities(tmp_path / "model").name == "sora-small"


@pytest.mark.slow
def test_slices_go_on_until_all_is_done_and_on_a_machine_that_keeps_nothing(tmp_path):
    carry, out = tmp_path / "carry", tmp_path / "model"
    first = small(tmp_path / "a")
    nothing = slices.slice_of(first, out, minutes=0.0, carry=carry, clips=0)
    assert progress(nothing)["vae"] == "0 of 4 steps"
    assert nothing[-1] == ("all done", "no: call it again")

    # A slice whose time is over once the autoencoder is trained.
    clock = slices.Clock.left
    with pytest.MonkeyPatch.context() as patch:
        trained = first.work / "vae.state"
        patch.setattr(slices.Clock, "left", lambda self: -1 if trained.exists() else clock(self))
        rows = slices.slice_of(first, out, minutes=10.0, carry=carry, clips=0)
    assert progress(rows)["vae"] == "4 of 4 steps" and progress(rows)["dit"] == "0 of 4 steps"
    vae = {p.name: p.read_bytes() for p in (carry / "vae").iterdir()}

    second = small(tmp_path / "b")  # another machine: only the carried folder is there
    rows = slices.slice_of(second, out, minutes=10.0, carry=carry, clips=0)

    assert rows[-1] == ("all done", "yes")
    assert progress(rows)["dit"] == "4 of 4 steps" and progress(rows)["distill"] == "4 of 4 steps"
    assert not (second.work / "vae.state").exists()  # was not trained again
    assert {p.name for p in (carry / "vae").iterdir()} == vae.keys()
    assert {p.name for p in carry.iterdir()} == {"carry.json", "vae", "dit"}
    sizes = [p.stat().st_size for p in carry.rglob("*") if p.is_file()]
    assert max(sizes) <= 15_000_000 and sum(sizes) <= 60_000_000
    assert read_capabilities(out).name == "sora-small"

    third = small(tmp_path / "c")
    rows = slices.slice_of(third, out, minutes=10.0, carry=carry, clips=0)
    assert rows[-1] == ("all done", "yes")
    assert list(third.work.glob("*.state")) == []  # nothing was left to do


def test_what_was_carried_broken_is_named(tmp_path):
    carry = tmp_path / "carry"
    carry.mkdir()
    (carry / "carry.json").write_text(
        json.dumps({"slices": 1, "steps": {"vae": 4}, "hours": {"vae": 0.1}, "models": ["vae"]})
    )
    with pytest.raises(RunError, match=r"(?s)carried in .*carry can't be used.*Copy it again"):
        slices.unpack(small(tmp_path / "work"), carry)


# --- Distillation --------------------------------------------------------------------------------


class Straight(torch.nn.Module):
    """A teacher whose flow is known: with a caption it moves by 1, without one by 0."""

    def forward(self, *, hidden_states, encoder_hidden_states, timestep, **rest):
        moved = 1.0 if encoder_hidden_states.shape[1] > 2 else 0.0
        return (torch.full_like(hidden_states, moved) * timestep[..., None] / 1000,)


def distiller(**settings) -> distill.Distiller:
    dit = build_dit({"heads": 1, "layers": 1}, 8, 384)
    states, mask = TextStates(8)([""])
    settings = {"compile": False, "bf16": False, "guidance": 3.0, **settings}
    made = distill.Distiller(dit, {}, (states[0].float(), mask[0]), settings, Ratios(4, 16), Path())
    made.teacher = Straight()
    return made


def test_the_student_is_taught_what_guided_substeps_of_the_teacher_lead_to():
    clip = torch.zeros(2, 8, 3, 2, 2)
    text = (torch.zeros(2, 8, 384), torch.ones(2, 8, dtype=torch.bool))
    t, to = torch.tensor([1.0, 0.8]), torch.tensor([0.5, 0.0])
    seen = tokens(Given(clip, torch.zeros(2, 3)), t, torch.randn_like(clip), Ratios(4, 16), 12.0)

    one = distiller().target(seen, text, t, to, 1)
    four = distiller().target(seen, text, t, to, 4)

    # v = 3 t: one step sees t, four substeps their mean over t, t - d, t - 2 d, t - 3 d.
    assert torch.allclose(one[:, 0, 0], 3 * t)
    assert torch.allclose(four[:, 0, 0], 3 * (t + 0.375 * (to - t)))


def test_what_is_given_stays_while_the_teacher_steps():
    clip = torch.zeros(1, 8, 3, 2, 2)
    strength = torch.tensor([[1.0, 0.0, 0.0]])
    piece = Piece(torch.zeros(1, 8, 1, 2, 2), torch.tensor([8]))
    seen = tokens(
        Given(clip, strength, [piece]), torch.ones(1), torch.randn_like(clip), Ratios(4, 16), 12.0
    )

    after = distill.advance(seen, torch.ones_like(seen.hidden), torch.ones(1), torch.tensor([0.5]))

    moved = (after.hidden != seen.hidden).any(-1)[0]
    assert moved.tolist() == [False] * 8 + [True] * 8
    assert after.levels[0].tolist() == [0.0] * 8 + [0.5] * 8


def test_the_students_noise_levels_are_those_the_engine_draws_at(engine):
    shift = engine.family.table["time_shift"]
    theirs = torch.tensor(engine.family.timesteps(8, None)) / 1000
    assert torch.allclose(distill.noise_levels(8, shift)[:-1], theirs, atol=1e-6)
    assert distill.noise_levels(8, shift)[-1] == 0


# --- The launcher ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_processes_of_accelerate_train_one_model(tmp_path):
    """Under `accelerate launch` with two processes; each draws its own share, one writes."""
    run = small(tmp_path / "work")
    for phase in slices.PHASES[:1]:
        slices.supply_clips(run, 0.0, 0)
        assert phase.table == "vae"
    text = smoke.RUN.read_text().replace("var/training/smoke", str(run.work))
    text = text.replace("steps = 30", "steps = 4")
    (tmp_path / "run.toml").write_text(text)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2"]
    command += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
    command += ["-m", "generation.training.train_vae", str(tmp_path / "run.toml")]
    result = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert result.returncode == 0, result.stderr[-2000:]
    assert result.stdout.count("saved at step 4") == 1
    found = checkpoint.load(run.work / "vae.state")
    assert found is not None and found[1]["step"] == 4
    shutil.rmtree(run.work)


# --- The GPU table ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_gpu_table_has_every_row_at_toy_shapes():
    found = gpu_table.run(toy=True)

    for name in (
        "gemm_tflops",
        "copy_gb_per_second",
        "ltx_2b_toy.eager_of_peak",
        "ltx_2b_toy.compiled_seconds",
        "wan_1.3b_toy.eager_seconds",
        "small_model.stock_seconds",
        "small_model.engine_seconds",
        "small_model.engine_compiled_seconds",
    ):
        assert found["measures"][name] > 0, name
    assert found["context"]["toy_shapes"] is True
    assert "wan_1.3b_toy.tflop" in gpu_table.rows(found)
