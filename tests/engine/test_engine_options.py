"""SORA_ENGINE_OPTIONS: read strictly, and switched on through diffusers' own hooks."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.options import (
    CACHES,
    EngineOptions,
    InvalidOptions,
    options_of,
    read_options,
)
from generation.engine.protocol import EngineError, PromptSegment, VideoSpec
from generation.engine.registry import get_engine
from tests.engine import tiny_models
from tests.engine.conftest import ENGINE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_models.ltx(tmp_path_factory.mktemp("options") / "model")


def load(folder, **options):
    return DiffusersEngine(folder, threads=1, options=options_of(options))


def draw(engine, steps=3):
    spec = VideoSpec((PromptSegment("a red ball"),), 64, 64, 9, 24, steps=steps, seed=1)
    return np.stack(list(engine.generate(spec, on_progress=lambda progress: None)))


def calls_of(engine, block):
    """How often one block of the transformer really runs in a clip."""
    counted = []
    hook = block.attn1.register_forward_hook(lambda *_: counted.append(1))
    draw(engine, steps=6)
    hook.remove()
    return len(counted)


# --- Reading -------------------------------------------------------------------------------------


def test_nothing_set_changes_nothing():
    assert read_options("") == read_options("  ") == EngineOptions()


def test_json_and_toml_say_the_same(tmp_path):
    path = tmp_path / "options.toml"
    path.write_text('fp8 = true\noffload = "model"\n[cache]\nname = "first_block_cache"\n')
    text = '{"fp8": true, "offload": "model", "cache": {"name": "first_block_cache"}}'
    assert read_options(str(path)) == read_options(text)
    assert read_options(text).fp8


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"fp16": True}, r"fp16 is unknown.*fp8"),
        ({"fp8": "yes"}, "fp8 is 'yes'; it must be true/false"),
        ({"offload": "disk"}, "none, model, group"),
        ({"previews": "big"}, "auto, vae, projection, off"),
        ({"cache": {"name": "faster_cache"}}, "first_block_cache"),
        ({"cache": {"name": "first_block_cache", "speed": 2}}, r"cache\.speed.*threshold"),
        ({"cache": {"name": "mag_cache"}}, "mag_ratios"),
        ({"group": {"offload_type": "leaf_level"}}, 'offload is not "group"'),
        ({"offload": "group", "group": {"streams": 1}}, r"group\.streams.*use_stream"),
        ({"vae_tiling": {"size": 3}}, r"vae_tiling\.size.*tile_sample_min_height"),
        ({"compile": {"speed": 1}}, r"compile\.speed.*fullgraph"),
        ({"quantisation": {"settings": {}}}, "backend is missing"),
        ({"quantisation": {"backend": "x"}, "fp8": True}, "choose one"),
        ({"attention": 7}, "attention is 7"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(table, words):
    with pytest.raises(InvalidOptions, match=words):
        read_options(json.dumps(table))


def test_a_file_that_is_not_there_or_no_table_is_named(tmp_path):
    with pytest.raises(InvalidOptions, match=r"gone\.toml"):
        read_options(str(tmp_path / "gone.toml"))
    with pytest.raises(InvalidOptions, match="can't be read"):
        read_options('{"fp8": true')


def test_the_start_up_check_says_it_by_its_id(settings):
    from sora_site.checks import check_engine_options

    settings.SORA_ENGINE_OPTIONS, settings.SORA_LORA = '{"fp9": true}', "/nowhere/lora,1"
    found = list(check_engine_options())
    assert [message.id for message in found] == ["sora.E010", "sora.E010"]
    assert "fp9" in found[0].msg and "/nowhere/lora" in found[1].msg
    settings.SORA_ENGINE_OPTIONS = settings.SORA_LORA = ""
    assert not list(check_engine_options())


def test_the_worker_passes_the_settings_on(settings, monkeypatch, tmp_path):
    from generation import loading

    settings.SORA_ENGINE_OPTIONS, settings.SORA_LORA = '{"fp8": true}', f"{tmp_path},0.5"
    given = loading.engine_settings()
    assert given["options"].fp8 and given["lora"] == (tmp_path, 0.5)
    assert given["state_dir"] == settings.SORA_STATE_DIR
    settings.SORA_ENGINE_OPTIONS = '{"fp9": true}'
    with pytest.raises(EngineError, match="fp9"):
        loading.engine_settings()


# --- Switching on --------------------------------------------------------------------------------


def test_fp8_keeps_the_transformer_in_eight_bits_and_still_draws(folder):
    plain, engine = load(folder), load(folder, fp8=True)
    kinds = {p.dtype for p in engine._pipe.transformer.parameters()}
    assert torch.float8_e4m3fn in kinds
    apart = np.abs(draw(engine).astype(int) - draw(plain)).mean()
    assert 0 < apart < 30


def test_first_block_cache_skips_blocks_and_its_threshold_decides(folder):
    blocks = []
    for threshold in (0.0, 1e9):
        engine = load(folder, cache={"name": "first_block_cache", "threshold": threshold})
        blocks.append(calls_of(engine, engine._pipe.transformer.transformer_blocks[1]))
    assert blocks[0] == 6 and blocks[1] < 3


def test_a_cache_starts_anew_with_every_clip(folder):
    engine = load(folder, cache={"name": "first_block_cache", "threshold": 0.2})
    assert np.array_equal(draw(engine), draw(engine))


@pytest.mark.parametrize(
    "cache",
    [
        {"name": "mag_cache", "mag_ratios": [1.0] * 6, "num_inference_steps": 6},
        {"name": "pyramid_attention_broadcast"},
        {"name": "taylorseer", "cache_interval": 2, "disable_cache_before_step": 1},
    ],
)
def test_every_cache_there_is_can_be_switched_on(folder, cache):
    engine = load(folder, cache=cache)
    assert cache["name"] in CACHES
    assert draw(engine, steps=6).shape == (9, 64, 64, 3)


def test_tiles_are_set_in_space_and_time(folder):
    engine = load(
        folder, vae_tiling={"tile_sample_min_height": 64, "tile_sample_min_num_frames": 16}
    )
    vae = engine._pipe.vae
    assert vae.use_tiling and vae.use_framewise_decoding
    assert (vae.tile_sample_min_height, vae.tile_sample_min_num_frames) == (64, 16)
    assert draw(engine).shape == (9, 64, 64, 3)


def test_attention_backends_are_chosen_by_name(folder):
    plain, engine = load(folder), load(folder, attention="_native_math")
    assert np.abs(draw(engine).astype(int) - draw(plain)).max() <= 2
    with pytest.raises(EngineError, match=r"attention.*warp_drive"):
        load(folder, attention="warp_drive")


def test_compiling_names_the_blocks_diffusers_compiles(folder, monkeypatch):
    from diffusers import LTXVideoTransformer3DModel

    asked = []
    monkeypatch.setattr(
        LTXVideoTransformer3DModel,
        "compile_repeated_blocks",
        lambda self, **settings: asked.append(settings),
    )
    load(folder, compile={"mode": "reduce-overhead"})
    load(folder, compile=True)
    load(folder, compile=False)
    assert asked == [{"mode": "reduce-overhead"}, {}]


@pytest.mark.parametrize("offload", ["model", "group"])
def test_offloaded_parts_are_there_when_they_are_needed(folder, offload):
    """Between processor and processor here: the hooks run, and the frames are the same."""
    plain, engine = load(folder), load(folder, offload=offload)
    assert np.array_equal(draw(engine), draw(plain))
    assert np.array_equal(draw(engine), draw(plain))


def test_a_quantisation_that_this_machine_cannot_do_is_refused_by_name(folder):
    with pytest.raises(EngineError, match="SORA_ENGINE_OPTIONS: quantisation"):
        load(
            folder,
            quantisation={"backend": "bitsandbytes_8bit", "settings": {"load_in_8bit": True}},
        )


def test_the_registry_gives_options_to_engines_that_take_them(folder):
    one = get_engine(
        ENGINE, folder, device="cpu", threads=1, options=options_of({"previews": "off"})
    )
    seen = []
    spec = VideoSpec((PromptSegment("a"),), 64, 64, 9, 24, steps=3)
    list(one.generate(spec, on_progress=seen.append))
    assert not any(p.preview is not None for p in seen)
    other = get_engine(ENGINE, folder, device="cpu", threads=1)
    assert other is not one
