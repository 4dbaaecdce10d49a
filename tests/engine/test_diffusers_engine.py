"""The contract of VideoEngine, on the shipped weights at a few steps."""

from __future__ import annotations

import numpy as np
import pytest

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.protocol import (
    Conditioning,
    EngineError,
    EngineOutOfMemory,
    ModelMissing,
    PromptSegment,
    VideoSpec,
)
from generation.engine.registry import get_engine
from tests.engine.conftest import ENGINE, WEIGHTS

BALLOON = (PromptSegment("a red balloon rises over the ocean at sunset"),)


def spec(**changes):
    fields = {
        "prompts": BALLOON,
        "width": 160,
        "height": 96,
        "frames": 5,
        "fps": 12,
        "seed": 1,
        "steps": 2,
    }
    return VideoSpec(**{**fields, **changes})


def draw(engine, wanted, on_progress=lambda progress: None):
    return list(engine.generate(wanted, on_progress=on_progress))


@pytest.mark.parametrize("frames", [1, 5, 6, 24])
def test_exactly_the_frames_asked_for_come_out(engine, frames):
    made = draw(engine, spec(frames=frames))
    assert len(made) == frames
    assert all(f.shape == (96, 160, 3) and f.dtype == np.uint8 for f in made)


@pytest.mark.parametrize("size", [(512, 288), (864, 480), (1280, 720), (100, 150)])
def test_every_size_comes_out_as_asked(engine, size):
    made = draw(engine, spec(width=size[0], height=size[1], frames=2))
    assert [f.shape for f in made] == [(size[1], size[0], 3)] * 2


def test_larger_sizes_show_the_same_picture(engine):
    small = draw(engine, spec(frames=1))[0][3:93].mean((0, 1))  # the 16:9 part of 160x96
    large = draw(engine, spec(frames=1, width=512, height=288))[0].mean((0, 1))
    assert np.abs(small - large).max() < 3


def test_the_same_seed_gives_the_same_frames(engine):
    assert np.array_equal(draw(engine, spec()), draw(engine, spec()))


def test_another_seed_gives_other_frames(engine):
    assert not np.array_equal(draw(engine, spec()), draw(engine, spec(seed=2)))


def test_another_prompt_gives_other_frames(engine):
    other = (PromptSegment("a green car in the city at night"),)
    assert not np.array_equal(draw(engine, spec()), draw(engine, spec(prompts=other)))


def test_progress_counts_every_step_up_to_the_end(engine):
    seen = []
    draw(engine, spec(steps=4), seen.append)
    steps = [p.step for p in seen if p.stage == "denoise"]
    assert steps == [0, 1, 2, 3, 4]
    assert all(p.total == 4 for p in seen if p.stage == "denoise")
    assert [p.stage for p in seen] == sorted(
        (p.stage for p in seen), key=["denoise", "decode"].index
    )


def test_a_preview_shows_the_clip_before_it_is_done(engine):
    seen = []
    final = draw(engine, spec(steps=8), seen.append)
    previews = [p.preview for p in seen if p.preview is not None]
    assert previews
    assert previews[-1].shape == (96, 160, 3) and previews[-1].dtype == np.uint8
    assert np.abs(previews[-1].astype(int) - final[0].astype(int)).mean() < 25


class Cancelled(RuntimeError):
    """A RuntimeError on purpose: the engine must not take it for one of torch's."""


def test_raising_from_progress_stops_at_that_step(engine):
    seen = []

    def stop(progress):
        seen.append(progress.step)
        if progress.step == 2:
            raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        draw(engine, spec(steps=6), stop)
    assert seen == [0, 1, 2]
    assert len(draw(engine, spec())) == 5  # and the engine goes on working


def test_a_first_picture_is_kept(engine):
    picture = np.zeros((1, 96, 160, 3), np.uint8)
    picture[..., 2] = 200
    picture[:, 30:60, 60:100] = (220, 30, 30)
    kept = draw(engine, spec(conditioning=(Conditioning(picture),), steps=4))[0]
    free = draw(engine, spec(steps=4))[0]
    distance = [np.abs(f.astype(int) - picture[0]).mean() for f in (kept, free)]
    assert distance[0] < 0.6 * distance[1]


def test_a_picture_of_another_size_is_cut_to_fit(engine):
    picture = np.full((1, 333, 200, 3), 90, np.uint8)
    assert len(draw(engine, spec(conditioning=(Conditioning(picture),)))) == 5


def test_a_video_and_a_later_picture_can_be_given_together(engine):
    frames = np.full((9, 96, 160, 3), 90, np.uint8)
    given = (Conditioning(frames), Conditioning(frames[:1], at=16 / 12))
    assert len(draw(engine, spec(frames=24, conditioning=given))) == 24


def test_prompts_can_change_on_the_way(engine):
    story = (*BALLOON, PromptSegment("a blue star in the desert at night", start=1.0))
    changed = draw(engine, spec(prompts=story, frames=24, steps=4))
    plain = draw(engine, spec(frames=24, steps=4))
    assert len(changed) == 24
    assert not np.array_equal(changed[-1], plain[-1])


def test_a_full_device_is_reported_as_such(engine, monkeypatch):
    def full(*args, **kwargs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(engine._pipe.transformer, "forward", full)
    with pytest.raises(EngineOutOfMemory):
        draw(engine, spec())


def test_another_error_of_the_device_is_final(engine, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr(engine._pipe.transformer, "forward", broken)
    with pytest.raises(EngineError) as failed:
        draw(engine, spec())
    assert not isinstance(failed.value, EngineOutOfMemory)


def test_a_missing_folder_is_named_with_its_setting(tmp_path):
    with pytest.raises(ModelMissing, match=r"gone.*SORA_MODEL_DIR"):
        DiffusersEngine(tmp_path / "gone")


def test_a_folder_without_its_parts_is_named(tmp_path):
    for name in ("capabilities.json", "model_index.json"):
        (tmp_path / name).write_text((WEIGHTS / name).read_text())
    with pytest.raises(ModelMissing, match=r"scheduler is missing.*Copy the whole folder"):
        DiffusersEngine(tmp_path)


def test_one_engine_serves_the_whole_process():
    # Not the fixture: an engine asked for with other settings in between has replaced it.
    first = get_engine(ENGINE, WEIGHTS, device="cpu", threads=1)
    assert get_engine(ENGINE, WEIGHTS, device="cpu", threads=1) is first


def test_an_unknown_engine_is_named():
    with pytest.raises(EngineError, match=r"generation\.engine\.nothing\.Engine"):
        get_engine("generation.engine.nothing.Engine", WEIGHTS, device="cpu")
