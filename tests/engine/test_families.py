"""Every supported family of weights behind one engine, on tiny folders in each exact layout."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from diffusers import LTX2ConditionPipeline, LTXConditionPipeline, LTXPipeline, WanVACEPipeline

from generation.engine.blend import mix
from generation.engine.capabilities import UnsupportedSpec, read_capabilities
from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.family import Drawn, part_of_schedule
from generation.engine.operations import OPERATIONS, operations_of
from generation.engine.preview import Projection, projection_file
from generation.engine.protocol import Conditioning, EngineError, PromptSegment, VideoSpec
from tests.engine import tiny_models

FOLDERS = tiny_models.FOLDERS
WIDTH, HEIGHT = 64, 64
PICTURE = np.full((1, HEIGHT, WIDTH, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def engines(tmp_path_factory):
    loaded: dict[str, DiffusersEngine] = {}

    def load(name):
        if name not in loaded:
            folder = FOLDERS[name](tmp_path_factory.mktemp(name) / "model")
            loaded[name] = DiffusersEngine(folder, threads=1)
        return loaded[name]

    return load


@pytest.fixture(params=FOLDERS)
def engine(request, engines):
    return engines(request.param)


def spec(engine, **changes):
    able = engine.capabilities
    fields = {
        "prompts": (PromptSegment("a red ball"),),
        "width": WIDTH,
        "height": HEIGHT,
        "frames": 2 * able.frame_step + 1,
        "fps": able.fps,
        "seed": 3,
        "steps": 2,
    }
    return VideoSpec(**{**fields, **changes})


def draw(engine, wanted, on_progress=lambda progress: None):
    return np.stack(list(engine.generate(wanted, on_progress=on_progress)))


def clip(frames):
    """Something that moves: a bright bar goes to the right."""
    pixels = np.zeros((frames, HEIGHT, WIDTH, 3), np.uint8)
    for index in range(frames):
        at = index * WIDTH // frames
        pixels[index, :, at : at + 8] = (250, 180, 40)
    return pixels


def cases(engine):
    """operation -> what it adds to a plain spec."""
    able = engine.capabilities
    step, fps = able.frame_step, able.fps
    frames = 2 * step + 1
    source, levels = mix(clip(frames), clip(frames)[::-1], np.linspace(0, 1, frames))
    head, tail = clip(frames)[: step + 1], clip(frames)[-step - 1 :]
    return {
        "text": {},
        "image": {"conditioning": (Conditioning(PICTURE),)},
        "last_frame": {"conditioning": (Conditioning(PICTURE, at=(frames - 1) / fps),)},
        "keyframes": {"conditioning": (Conditioning(PICTURE, at=step / fps),)},
        "extend": {"conditioning": (Conditioning(head),)},
        "fill": {
            "frames": 4 * step + 1,
            "conditioning": (Conditioning(head), Conditioning(tail, at=3 * step / fps)),
        },
        "remix": {"source": clip(frames), "source_strength": 0.5},
        "blend": {"source": source, "source_strength": levels},
        "storyboard": {
            "prompts": (PromptSegment("a red ball"), PromptSegment("a cat", start=step / fps))
        },
        "negative_prompt": {"negative_prompt": "rain"},
    }


def able_to(engine):
    return [name for name in cases(engine) if name in engine.capabilities.operations]


# --- The contract, for every family --------------------------------------------------------------


def test_every_operation_of_its_table_is_drawn(engine):
    plain = draw(engine, spec(engine))
    for operation in able_to(engine):
        wanted = spec(engine, **cases(engine)[operation])
        assert operation in operations_of(wanted, engine.capabilities.frame_step)
        made = draw(engine, wanted)
        assert made.shape == (wanted.frames, HEIGHT, WIDTH, 3), operation
        if operation != "text":
            assert not np.array_equal(made[: len(plain)], plain), operation


def test_what_is_not_in_its_table_is_refused_by_name(engine):
    missing = set(cases(engine)) - set(able_to(engine))
    for operation in missing:
        with pytest.raises(EngineError, match=operation):
            draw(engine, spec(engine, **cases(engine)[operation]))


def test_a_seed_means_the_same_frames_and_another_seed_others(engine):
    first = draw(engine, spec(engine))
    assert np.array_equal(first, draw(engine, spec(engine)))
    assert not np.array_equal(first, draw(engine, spec(engine, seed=4)))


def test_raising_from_progress_stops_within_one_step(engine):
    class Enough(Exception):
        pass

    seen = []

    def stop(progress):
        seen.append(progress.step)
        if progress.step == 1:
            raise Enough

    with pytest.raises(Enough):
        draw(engine, spec(engine, steps=4), stop)
    assert seen == [0, 1]
    assert len(draw(engine, spec(engine))) == spec(engine).frames  # and it goes on working


def test_previews_have_the_size_of_what_is_drawn(engine):
    seen = []
    draw(engine, spec(engine, steps=3), seen.append)
    previews = [p.preview for p in seen if p.preview is not None]
    assert previews
    assert {p.shape for p in previews} == {(HEIGHT, WIDTH, 3)}


def test_lengths_and_sizes_between_those_of_the_model_are_cut_to_what_was_asked(engine):
    odd = spec(engine, frames=engine.capabilities.frame_step + 3, width=50, height=30)
    assert draw(engine, odd).shape == (odd.frames, 30, 50, 3)


def test_more_of_the_source_goes_with_more_strength(engine):
    family, frames = engine.family, clip(spec(engine).frames)
    drawn = Drawn(WIDTH, HEIGHT, len(frames))
    with torch.no_grad():
        kept = engine.decode(family.denormalise(family.encode(frames, drawn))).astype(int)
    apart = [
        np.abs(draw(engine, spec(engine, source=frames, source_strength=s)) - kept).mean()
        for s in (0.02, 0.3, 1.0)
    ]
    assert apart[0] < apart[1] < apart[2]


@pytest.mark.parametrize("name", ["ltx", "ltx_first", "ltx2"])
def test_frames_of_strength_zero_stay_and_the_others_are_redrawn(engines, name):
    engine = engines(name)
    step = engine.capabilities.frame_step
    frames = clip(2 * step + 1)
    levels = (0.0,) * (step + 1) + (0.9,) * step
    family = engine.family
    state = {}
    decode = family.decode

    def keep(latents):
        state["latents"] = family.normalise(latents.float())
        return decode(latents)

    family.decode = keep
    try:
        draw(engine, spec(engine, source=frames, source_strength=levels))
    finally:
        del family.decode
    with torch.no_grad():
        given = family.encode(frames, Drawn(WIDTH, HEIGHT, len(frames)))
    apart = (state["latents"] - given).abs().mean((0, 1, 3, 4))
    assert apart[0] < 0.05 and apart[1] < 0.05
    assert apart[2] > 5 * apart[:2].max()


# --- The same frames as diffusers' own pipelines -------------------------------------------------


def stock(kind, engine, **arguments):
    pipe = kind(**dict(engine._pipe.components))
    pipe.set_progress_bar_config(disable=True)
    wanted = spec(engine)
    out = pipe(
        prompt=wanted.prompts[0].text,
        width=WIDTH,
        height=HEIGHT,
        num_frames=wanted.frames,
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance,
        generator=torch.Generator().manual_seed(wanted.seed),
        max_sequence_length=engine.family.tokens,
        output_type="np",
        **arguments,
    ).frames[0]
    return (out * 255).round().astype(np.uint8)


@pytest.mark.parametrize(
    ("name", "kind", "rate"),
    [
        ("ltx", LTXConditionPipeline, {"frame_rate": 24}),
        ("ltx2", LTX2ConditionPipeline, {"frame_rate": 24.0}),
        ("wan_vace", WanVACEPipeline, {}),
    ],
)
def test_a_clip_from_text_is_bit_equal_to_the_stock_pipeline(engines, name, kind, rate):
    engine = engines(name)
    assert np.array_equal(draw(engine, spec(engine)), stock(kind, engine, **rate))


def test_a_clip_from_older_weights_is_the_one_of_their_own_pipeline(engines):
    engine = engines("ltx_first")
    parts = {**engine._pipe.components, "scheduler": engine.family.sized}
    pipe = LTXPipeline(**parts)
    pipe.set_progress_bar_config(disable=True)
    wanted = spec(engine)
    with torch.no_grad():
        text = engine.family.text(wanted, Drawn(WIDTH, HEIGHT, wanted.frames), 0)
    theirs = pipe(
        width=WIDTH,
        height=HEIGHT,
        num_frames=wanted.frames,
        frame_rate=wanted.fps,
        num_inference_steps=wanted.steps,
        guidance_scale=wanted.guidance,
        generator=torch.Generator().manual_seed(wanted.seed),
        output_type="np",
        **text,  # LTXPipeline alone lets words attend to padding
    ).frames[0]
    apart = np.abs(draw(engine, wanted) / 255 - theirs)
    assert apart.max() < 0.01


# --- How a plan becomes the arguments of each pipeline -------------------------------------------


def test_ltx_puts_conditions_on_its_latent_grid(engines):
    engine = engines("ltx")
    wanted = spec(
        engine,
        frames=40,
        conditioning=(
            Conditioning(PICTURE, at=9 / 24),
            Conditioning(clip(20), at=20 / 24),  # to the end of the clip
        ),
    )
    drawn = Drawn(WIDTH, HEIGHT, 41)
    picture, span = engine.family.conditions(wanted, drawn)[0]
    assert (picture.frame_index, span.frame_index) == (8, 24)
    assert len(span.video) == 17  # 16 left of 20, and the last one held to what is drawn
    assert np.array_equal(np.asarray(span.video[0]), clip(20)[4])  # frame 24 stays frame 24


def test_ltx2_counts_conditions_in_latent_frames(engines):
    engine = engines("ltx2")
    wanted = spec(
        engine,
        frames=41,
        conditioning=(
            Conditioning(PICTURE),
            Conditioning(PICTURE, at=17 / 24),
            Conditioning(clip(17), at=24 / 24),
        ),
    )
    first, middle, span = engine.family.conditions(wanted, Drawn(WIDTH, HEIGHT, 41))
    assert (first.index, middle.index, span.index) == (0, 3, 4)
    assert np.array_equal(span.frames[0], clip(17)[1])  # latent frame 4 begins at frame 25


def test_wan_gets_a_video_and_a_mask_that_is_black_where_frames_are_kept(engines):
    engine = engines("wan_vace")
    wanted = spec(
        engine, frames=12, conditioning=(Conditioning(clip(5)), Conditioning(PICTURE, at=11 / 16))
    )
    plan = engine.family.plan(wanted, Drawn(WIDTH, HEIGHT, 13))
    kept = [index for index, mask in enumerate(plan["mask"]) if not np.asarray(mask).any()]
    assert kept == [0, 1, 2, 3, 4, 11, 12]
    assert np.array_equal(np.asarray(plan["video"][12]), PICTURE[0])
    assert np.asarray(plan["video"][7]).min() == np.asarray(plan["video"][7]).max() == 128


def test_part_of_a_schedule_starts_where_it_should_and_keeps_its_shape():
    whole = np.array([1.0, 0.99, 0.98, 0.6, 0.3])
    part = part_of_schedule(whole, 0.6, 4)
    assert part[0] == 0.6 and part == sorted(part, reverse=True) and len(set(part)) == 4
    assert part_of_schedule(whole, 1.0, 5) == pytest.approx(list(whole))


# --- Refusals before anything is charged ---------------------------------------------------------


def refusal(engine, **changes):
    able = engine.capabilities
    width, height = able.default_size
    wanted = spec(engine, width=width, height=height, **changes)
    with pytest.raises(UnsupportedSpec) as refused:
        able.check_spec(wanted)
    return refused.value


def test_the_table_accepts_what_the_engine_draws(engine):
    able = engine.capabilities
    width, height = able.default_size
    for operation in able_to(engine):
        able.check_spec(spec(engine, width=width, height=height, **cases(engine)[operation]))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("prompts", {"prompts": ()}),
        ("prompts", {"prompts": (PromptSegment("a", start=1.0),)}),
        ("steps", {"steps": 0}),
        ("guidance", {"guidance": 99.0}),
        ("fps", {"fps": 17}),
        ("seconds", {"frames": 24 * 3600}),
        ("seconds", {"frames": 0}),
        ("conditioning[0].at", {"conditioning": (Conditioning(PICTURE, at=9.0),)}),
        ("conditioning[0].strength", {"conditioning": (Conditioning(PICTURE, strength=1.5),)}),
        ("conditioning[1].at", {"conditioning": (Conditioning(PICTURE), Conditioning(PICTURE))}),
        ("conditioning[0]", {"conditioning": (Conditioning(PICTURE[:0]),)}),
        ("conditioning[0]", {"conditioning": (Conditioning(PICTURE.astype(np.float32)),)}),
        ("source", {"source": PICTURE[0]}),
        ("source_strength", {"source": PICTURE, "source_strength": (0.5, 0.5)}),
        ("source_strength", {"source": PICTURE, "source_strength": 0.0}),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused_by_the_name_of_its_field(engines, field, changes):
    assert refusal(engines("ltx"), **changes).field == field


def test_an_operation_that_the_family_lacks_names_those_it_has(engines):
    frames = spec(engines("wan_vace")).frames
    error = refusal(engines("wan_vace"), source=clip(frames), source_strength=(0.5,) * frames)
    assert error.field == "operation"
    assert "blend" in error.message and "remix" in error.message


def test_a_family_without_soft_conditions_refuses_them(engines):
    error = refusal(engines("wan_vace"), conditioning=(Conditioning(PICTURE, strength=0.5),))
    assert error.field == "conditioning[0].strength"


def test_every_name_in_a_table_is_a_known_operation(engine):
    assert engine.capabilities.operations <= OPERATIONS.keys()
    assert all(engine.capabilities.makes(name) for name in engine.capabilities.operations)


# --- Which adapter, and what it learns -----------------------------------------------------------


def test_the_pipeline_class_of_the_folder_chooses_the_adapter(engines):
    families = {name: engines(name).capabilities.family for name in FOLDERS}
    assert families == {
        "ltx": "ltx",
        "ltx_first": "ltx",
        "ltx2": "ltx2",
        "ltx2_condition": "ltx2",
        "wan_vace": "wan_vace",
    }


def test_the_frame_step_is_read_from_the_autoencoder_itself(tmp_path):
    folder = tiny_models.ltx(tmp_path / "model")
    config = json.loads((folder / "vae" / "config.json").read_text())
    (folder / "vae" / "config.json").write_text(
        json.dumps({**config, "temporal_compression_ratio": 4})
    )
    assert read_capabilities(folder).frame_step == 4


def test_a_projection_finds_the_colours_of_latents_that_hold_them(tmp_path):
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(6, 3)) * 0.05
    latents = rng.normal(size=(3, 4, 6, 6))
    colours = (latents @ truth + 0.5).clip(0, 1)  # [t, rows, columns, 3]
    frames = np.repeat(colours[[0] + [1] * 4 + [2] * 4], 8, 1).repeat(8, 2)
    projection = Projection(tmp_path / "a" / "colours.npy")
    given = torch.from_numpy(latents).permute(3, 0, 1, 2)[None]
    projection.fit(given, (frames * 255).round().astype(np.uint8))
    shown = Projection(tmp_path / "a" / "colours.npy").show(given)  # as another process would
    small = shown[4::8, 4::8] / 255
    assert shown.shape == (32, 48, 3)
    assert np.abs(small - colours[0]).mean() < 0.05


def test_a_big_autoencoder_is_previewed_by_colours_after_its_first_clip(tmp_path):
    from generation.engine.options import EngineOptions

    folder = tiny_models.ltx(tmp_path / "model")
    engine = DiffusersEngine(
        folder, threads=1, options=EngineOptions(previews="projection"), state_dir=tmp_path
    )
    first, second = [], []
    draw(engine, spec(engine, steps=3), first.append)
    draw(engine, spec(engine, steps=3), second.append)
    assert not any(p.preview is not None for p in first)
    assert any(p.preview is not None for p in second)
    assert projection_file(folder, tmp_path).is_file()
    again = DiffusersEngine(
        folder, threads=1, options=EngineOptions(previews="projection"), state_dir=tmp_path
    )
    third = []
    draw(again, spec(engine, steps=3), third.append)
    assert any(p.preview is not None for p in third)


def test_previews_come_at_most_twice_a_second(engines):
    import time

    engine = engines("ltx")
    seen = []
    start = time.monotonic()
    draw(engine, spec(engine, steps=40), seen.append)
    took = time.monotonic() - start
    count = sum(p.preview is not None for p in seen)
    assert 1 <= count <= math.ceil(took * 2) + 2  # and the last one


def test_a_blend_mixes_along_the_curve_and_redraws_most_in_the_middle():
    black, white = np.zeros((3, 4, 4, 3), np.uint8), np.full((2, 4, 4, 3), 255, np.uint8)
    source, levels = mix(black, white, (0.0, 0.5, 1.0, 2.0), strength=0.8)
    assert [int(f.mean()) for f in source] == [0, 128, 255, 255]
    assert levels == pytest.approx((0.0, 0.8, 0.0, 0.0))


def test_a_clip_held_shorter_than_the_plan_keeps_its_last_frame(engines):
    engine = engines("ltx")
    wanted = spec(engine, source=clip(3), source_strength=0.4)
    longer = replace(wanted, source=np.concatenate([clip(3), *[clip(3)[-1:]] * 20]))
    assert np.array_equal(draw(engine, wanted), draw(engine, longer))
