"""Whether a model fits, from the headers of its files; and folders that are not what they say."""

from __future__ import annotations

import json
import struct
from io import StringIO
from pathlib import Path

import pytest

from generation.engine import fit
from generation.engine.capabilities import read_capabilities
from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.fit import GB, check_fit, demand, device_memory, read_components
from generation.engine.options import EngineOptions, read_options
from generation.engine.protocol import EngineError, ModelMissing, ModelTooLarge
from tests.engine import tiny_models
from tests.engine.conftest import WEIGHTS

BILLION = 10**9


def header_only(path: Path, parameters: int, kind: str = "BF16") -> None:
    """A safetensors header for weights that are not there: what is measured is the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    size = parameters * fit.BITS[kind] // 8
    table = {"w": {"dtype": kind, "shape": [parameters // 1000, 1000], "data_offsets": [0, size]}}
    text = json.dumps(table).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


@pytest.fixture
def big(tmp_path):
    """The shape of LTX-Video 13B: 13 billion parameters, T5-XXL, a large autoencoder."""
    (tmp_path / "model_index.json").write_text('{"_class_name": "LTXConditionPipeline"}')
    header_only(tmp_path / "transformer" / "a-00001-of-00002.safetensors", 7 * BILLION)
    header_only(tmp_path / "transformer" / "a-00002-of-00002.safetensors", 6 * BILLION)
    header_only(tmp_path / "text_encoder" / "model.safetensors", 4_760_000_000)
    header_only(tmp_path / "vae" / "model.safetensors", 1_250_000_000)
    (tmp_path / "transformer" / "config.json").write_text(
        '{"num_attention_heads": 32, "attention_head_dim": 128, "num_layers": 48}'
    )
    (tmp_path / "vae" / "config.json").write_text(
        '{"spatial_compression_ratio": 32, "temporal_compression_ratio": 8, "patch_size": 4, '
        '"decoder_block_out_channels": [256, 512, 1024]}'
    )
    return tmp_path


def check(folder, gigabytes, options=None, device="cuda", **more):
    return check_fit(
        folder,
        read_capabilities(folder),
        options or EngineOptions(),
        available=gigabytes * GB,
        device=device,
        **more,
    )


def test_parameters_are_counted_by_part_over_all_shards(big):
    parts = {p.name: p for p in read_components(big)}
    assert read_components(big)[0].name == "transformer"
    assert parts["transformer"].parameters == 13 * BILLION
    assert parts["transformer"].stored == {"BF16": 26 * BILLION}
    assert parts["text_encoder"].bytes_at(2) == pytest.approx(9.52 * GB)


def test_packed_integers_keep_their_size_whatever_floats_become(big):
    header_only(big / "transformer" / "b.safetensors", 2 * BILLION, "U8")
    part = next(p for p in read_components(big) if p.name == "transformer")
    assert part.bytes_at(4) == (13 * 4 + 2) * BILLION


def test_a_model_that_fits_is_let_through_with_its_figures(big):
    need = check(big, 80)
    assert 38 * GB < need.total < 46 * GB
    assert need.weights == pytest.approx(38.02 * GB)


def test_a_model_too_large_names_what_is_needed_what_is_there_and_the_setting(big):
    with pytest.raises(ModelTooLarge) as refused:
        check(big, 36)
    message = str(refused.value)
    assert "this GPU has 36" in message and "needs about 4" in message
    assert 'SORA_ENGINE_OPTIONS={"fp8": true}' in message


@pytest.mark.parametrize(
    ("gigabytes", "setting"),
    [
        (36, {"fp8": True}),
        (24, {"fp8": True, "offload": "model"}),
        (8, {"offload": "group"}),
    ],
)
def test_the_setting_it_names_makes_it_fit(big, gigabytes, setting):
    with pytest.raises(ModelTooLarge) as refused:
        check(big, gigabytes)
    named = json.loads(str(refused.value).split("SORA_ENGINE_OPTIONS=")[1].split(" (about")[0])
    assert named == setting
    check(big, gigabytes, read_options(json.dumps(named)))


def test_a_setting_that_is_on_already_stays_in_the_advice(big):
    with pytest.raises(ModelTooLarge) as refused:
        check(big, 24, EngineOptions(fp8=True))
    assert '{"fp8": true, "offload": "model"}' in str(refused.value)


def test_where_nothing_helps_it_says_so(big):
    with pytest.raises(ModelTooLarge, match="smaller model in SORA_MODEL_DIR"):
        check(big, 1.5)


def test_larger_clips_need_more_work_and_tiles_less(big):
    def work(width, height, frames, **options):
        return demand(big, EngineOptions(**options), width=width, height=height, frames=frames).work

    assert work(768, 512, 121) < work(1216, 704, 121) < work(1216, 704, 241)
    assert work(1216, 704, 121, vae_tiling=True) < work(1216, 704, 121)


def test_a_size_that_is_asked_for_counts_and_not_only_the_default(big):
    small = check(big, 80, size=(768, 512), seconds=2)
    large = check(big, 80, size=(1216, 704), seconds=10)
    assert large.work > 3 * small.work and large.weights == small.weights


def test_the_engine_refuses_before_it_loads(tmp_path, monkeypatch):
    folder = tiny_models.ltx(tmp_path / "model")
    monkeypatch.setattr("generation.engine.diffusers_engine.device_memory", lambda device: 0.1 * GB)
    monkeypatch.setattr(
        "generation.engine.diffusers_engine._load", lambda *_: pytest.fail("it was loaded")
    )
    with pytest.raises(ModelTooLarge, match=r"this machine has 0\.1"):
        DiffusersEngine(folder, threads=1)


def test_the_check_can_be_switched_off(tmp_path, monkeypatch):
    folder = tiny_models.ltx(tmp_path / "model")
    monkeypatch.setattr("generation.engine.diffusers_engine.device_memory", lambda device: 0.1 * GB)
    assert (
        DiffusersEngine(folder, threads=1, options=EngineOptions(fit_check=False)).name == "model"
    )


def test_this_machine_has_memory_and_the_shipped_model_fits_it():
    have = device_memory("cpu")
    assert have > 0
    assert (
        demand(
            WEIGHTS, EngineOptions(), width=160, height=96, frames=48, bytes_per_parameter=4
        ).total
        < 1.5 * GB
    )


def test_a_torn_file_is_named(big):
    path = big / "vae" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ModelMissing, match=r"vae/model\.safetensors"):
        read_components(big)


def test_a_folder_without_weights_is_named(tmp_path):
    with pytest.raises(ModelMissing, match="SORA_MODEL_DIR"):
        read_components(tmp_path)
    (tmp_path / "model_index.json").write_text("{}")
    with pytest.raises(ModelMissing, match=r"no \*\.safetensors"):
        read_components(tmp_path)


# --- The command ---------------------------------------------------------------------------------


def model_fit(*arguments: str) -> str:
    from django.core.management import call_command

    out = StringIO()
    call_command("model_fit", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_table_and_the_advice(big):
    text = model_fit(str(big), "--device-memory-gb", "24")
    assert "transformer" in text and "13000.0" in text
    assert "too large" in text and "fits" in text
    assert 'SORA_ENGINE_OPTIONS={"fp8": true, "offload": "model"}' in text


def test_the_command_prints_json(big):
    table = json.loads(model_fit(str(big), "--device-memory-gb", "80", "--json"))
    assert table["modes"]["as it is"]["fits"] is True
    assert table["advice"] == "It fits as it is."


def test_the_command_names_what_it_cannot_read(tmp_path):
    from django.core.management.base import CommandError

    with pytest.raises(CommandError, match="nowhere"):
        model_fit(str(tmp_path / "nowhere"))
    with pytest.raises(CommandError, match="WIDTHxHEIGHT"):
        model_fit(str(WEIGHTS), "--size", "big")


# --- Folders that are not what they say ----------------------------------------------------------


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda f: (f / "transformer" / "diffusion_pytorch_model.safetensors").unlink(),
            "transformer",
        ),
        (lambda f: change(f / "vae" / "config.json", _class_name="AutoencoderKLWan"), "vae/config"),
        (lambda f: change(f / "vae" / "config.json", _diffusers_version="9.0.0"), "newer than"),
        (lambda f: change(f / "transformer" / "config.json", wings=2), "wings"),
        (
            lambda f: change(f / "model_index.json", _class_name="CogVideoXPipeline"),
            "SORA_MODEL_DIR",
        ),
    ],
)
def test_a_spoilt_folder_is_refused_by_the_name_of_its_file(tmp_path, spoil, words):
    folder = tiny_models.ltx(tmp_path / "model")
    spoil(folder)
    with pytest.raises(EngineError, match=words):
        DiffusersEngine(folder, threads=1)
