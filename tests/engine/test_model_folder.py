"""A damaged, incomplete or foreign model folder is refused with its file and a way out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from generation.engine.integrity import SUMS, check_folder, check_sums, write_sums
from generation.engine.protocol import ModelMissing
from tests.engine.conftest import WEIGHTS

LTX = ("LTXConditionPipeline",)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped model, without its list of hashes, to be damaged."""
    copy = tmp_path / "model"
    shutil.copytree(WEIGHTS, copy)
    (copy / SUMS).unlink(missing_ok=True)
    check_folder(copy, pipelines=LTX)
    return copy


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(folder: Path) -> str:
    with pytest.raises(ModelMissing) as failed:
        check_folder(folder, pipelines=LTX)
    return str(failed.value)


def first_shard(folder: Path) -> Path:
    return sorted((folder / "transformer").glob("*.safetensors"))[0]


def test_the_shipped_folder_is_whole():
    check_folder(WEIGHTS, pipelines=LTX)


def test_a_missing_shard_is_named(folder):
    shard = first_shard(folder)
    shard.unlink()
    said = refused(folder)
    assert shard.name in said or "transformer" in said
    assert "Copy the whole folder" in said


@pytest.mark.parametrize("cut", [1, 5000, None])
def test_a_truncated_shard_is_named(folder, cut):
    shard = first_shard(folder)
    data = shard.read_bytes()
    shard.write_bytes(data[:-cut] if cut else data[:4])
    said = refused(folder)
    assert str(shard) in said and "truncated" in said


def test_a_shard_with_a_damaged_header_is_named(folder):
    shard = first_shard(folder)
    data = bytearray(shard.read_bytes())
    data[8:12] = b"\xff\xff\xff\xff"
    shard.write_bytes(data)
    assert f"{shard} has a damaged header" in refused(folder)


def test_weights_of_a_type_that_is_no_weight_are_named(folder):
    for shard in (folder / "vae").glob("*.safetensors*"):
        shard.unlink()
    save_file(
        {"decoder.weight": torch.zeros(2, dtype=torch.int32)},
        folder / "vae" / "diffusion_pytorch_model.safetensors",
    )
    said = refused(folder)
    assert "decoder.weight as I32" in said and "Convert" in said


def test_an_index_of_another_version_than_its_shards_is_named(folder):
    shard = first_shard(folder)
    index = shard.with_name("diffusion_pytorch_model.safetensors.index.json")
    index.write_text(json.dumps({"weight_map": {"a.new.layer": shard.name}}))
    said = refused(folder)
    assert "a.new.layer" in said and str(shard) in said


def test_a_missing_part_is_named(folder):
    shutil.rmtree(folder / "vae")
    assert str(folder / "vae") in refused(folder)


def test_weights_in_another_format_are_refused(folder):
    for shard in (folder / "vae").glob("*.safetensors*"):
        shard.rename(shard.with_suffix(".bin"))
    said = refused(folder)
    assert str(folder / "vae") in said and "safetensors" in said


def test_a_pipeline_of_another_family_is_named_with_those_that_run(folder):
    edit(folder / "model_index.json", _class_name="StableDiffusionPipeline")
    said = refused(folder)
    assert "StableDiffusionPipeline" in said and "LTXConditionPipeline" in said
    assert "SORA_MODEL_DIR" in said


def test_a_part_of_another_class_is_named(folder):
    config = folder / "transformer" / "config.json"
    edit(config, _class_name="WanTransformer3DModel")
    said = refused(folder)
    assert str(config) in said
    assert "WanTransformer3DModel" in said and "LTXVideoTransformer3DModel" in said


def test_a_class_that_this_diffusers_lacks_is_named(folder):
    edit(folder / "model_index.json", transformer=["diffusers", "LTX9Transformer"])
    edit(folder / "transformer" / "config.json", _class_name="LTX9Transformer")
    said = refused(folder)
    assert "LTX9Transformer" in said and "Upgrade diffusers" in said


@pytest.mark.parametrize("name", ["model_index.json", "vae/config.json"])
def test_a_file_of_a_newer_diffusers_is_named(folder, name):
    edit(folder / name, _diffusers_version="99.1.0")
    said = refused(folder)
    assert str(folder / name) in said
    assert "99.1.0" in said and "Upgrade diffusers" in said


def test_settings_that_would_be_ignored_are_named(folder):
    config = folder / "transformer" / "config.json"
    edit(config, use_double_attention=True)
    said = refused(folder)
    assert str(config) in said and "use_double_attention" in said


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_an_unreadable_index_is_named(folder, content):
    path = folder / "model_index.json"
    path.unlink() if content is None else path.write_text(content)
    assert str(path) in refused(folder)


def test_a_changed_file_is_found_by_its_hash(folder):
    write_sums(folder)
    check_folder(folder, pipelines=LTX)
    shard = first_shard(folder)
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1  # one bit of one weight: every header still fits
    shard.write_bytes(data)
    said = refused(folder)
    assert str(shard) in said and "sha256" in said


def test_a_listed_file_that_is_gone_is_named(folder):
    write_sums(folder)
    (folder / "vocabulary.json").unlink()
    with pytest.raises(ModelMissing, match=r"vocabulary\.json is missing"):
        check_sums(folder)


def test_a_folder_without_a_list_is_not_hashed(folder):
    check_sums(folder)
