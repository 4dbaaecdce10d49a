"""Long clips in windows, and the plan that says so beforehand. A drawn stand-in keeps this quick."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from collections import deque
from dataclasses import replace

import numpy as np
import pytest

from generation.engine import windows
from generation.engine.capabilities import UnsupportedSpec, from_table
from generation.engine.families import LTX, LTX2
from generation.engine.frames import retime
from generation.engine.plan import make_plan, plan_windows
from generation.engine.protocol import Conditioning, Progress, PromptSegment, VideoSpec

TABLE = {
    **LTX,
    "name": "counting",
    "version": "1",
    "sizes": [[64, 36], [128, 72]],
    "native": {"64x36": "64x40", "128x72": "64x40"},
    "seconds": [2, 4],
    "fps": 12,
    "default_size": [64, 36],
    "default_seconds": 4,
    "frame_step": 4,
}


class Counting:
    """An engine whose frames count on from what they are given: brightness is the frame's number."""

    name, version = "counting", "1"

    def __init__(self, **changes):
        self.capabilities = from_table({**TABLE, **changes})
        self.seen = []

    def generate(self, spec, *, on_progress):
        self.seen.append(spec)
        assert spec.frames <= self.capabilities.native_frames
        for step in range(spec.steps + 1):
            on_progress(Progress("denoise", step, spec.steps))
        on_progress(Progress("decode", 0, 1))
        on_progress(Progress("decode", 1, 1))
        begin = 0
        if spec.conditioning and spec.conditioning[0].at == 0:
            begin = int(spec.conditioning[0].frames[0, 0, 0, 0])
        for index in range(spec.frames):
            yield np.full((spec.height, spec.width, 3), (begin + index) % 256, np.uint8)


def spec(seconds=20, **changes):
    fields = {
        "prompts": (PromptSegment("a red ball"),),
        "width": 64,
        "height": 36,
        "frames": seconds * 12,
        "fps": 12,
        "steps": 2,
        "seed": 5,
    }
    return VideoSpec(**{**fields, **changes})


def draw(engine, wanted, on_progress=lambda progress: None):
    return list(windows.generate(engine, wanted, on_progress=on_progress))


def test_twenty_seconds_come_from_a_four_second_engine_without_a_jump():
    engine = Counting()
    frames = draw(engine, spec())
    assert [int(f[0, 0, 0]) for f in frames] == [k % 256 for k in range(240)]
    assert {f.shape for f in frames} == {(36, 64, 3)}
    assert len(engine.seen) == 6
    assert {(s.width, s.height) for s in engine.seen} == {(64, 40)}  # never through another size


def test_what_one_pass_makes_goes_straight_to_the_engine():
    engine = Counting()
    wanted = spec(4)
    assert len(draw(engine, wanted)) == 48
    assert engine.seen == [wanted]


def test_every_window_goes_on_from_the_last_frames_with_a_seed_of_its_own():
    engine = Counting()
    draw(engine, spec())
    given = [s.conditioning[0].frames[:, 0, 0, 0].tolist() for s in engine.seen[1:]]
    assert given[0] == list(range(40, 49)) and given[1] == list(range(80, 89))
    assert [s.seed for s in engine.seen] == [5, 6, 7, 8, 9, 10]


def test_memory_is_that_of_one_window_however_long_the_clip():
    def peak(seconds):
        engine = Counting()
        engine.seen = deque(maxlen=1)  # the stand-in's own notes are not the question
        wanted = spec(seconds, width=1280, height=720)
        tracemalloc.start()
        for _ in windows.generate(engine, wanted, on_progress=lambda p: None):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(6)  # what is imported on first use
    assert peak(20) <= 1.1 * peak(6)


def test_progress_is_one_line_over_all_windows():
    seen = []
    draw(Counting(), spec(), seen.append)
    steps = [(p.step, p.total) for p in seen if p.stage == "denoise"]
    assert steps[0] == (0, 12) and steps[-1] == (12, 12)
    assert steps == sorted(steps) and {total for _, total in steps} == {12}
    assert [p.stage for p in seen if p.stage == "decode"] == ["decode"] * 2
    assert [p.stage for p in seen][-2:] == ["decode", "decode"]


def test_cancelling_stops_in_the_window_at_work():
    class Enough(Exception):
        pass

    def stop(progress):
        if progress.step == 5:
            raise Enough

    engine = Counting()
    with pytest.raises(Enough):
        draw(engine, spec(), stop)
    assert len(engine.seen) == 3  # of 6


def test_nothing_is_drawn_before_its_frames_are_asked_for():
    engine = Counting()
    frames = windows.generate(engine, spec(), on_progress=lambda p: None)
    for _ in range(30):
        next(frames)
    assert len(engine.seen) == 1
    frames.close()


def test_pictures_come_in_the_window_they_lie_in_at_their_moment():
    engine = Counting()
    picture = np.full((1, 36, 64, 3), 9, np.uint8)
    last = Conditioning(picture, at=239 / 12)
    middle = Conditioning(picture, at=60 / 12, strength=0.5)
    draw(engine, spec(conditioning=(middle, last)))
    extra = [[(round(c.at * 12), c.strength) for c in s.conditioning] for s in engine.seen]
    assert extra[0] == []
    assert extra[1] == [(0, 1.0), (20, 0.5)]  # window 1 begins at frame 40
    assert extra[-1] == [(0, 1.0), (39, 1.0)]  # the last one at frame 200
    assert engine.seen[1].conditioning[1].frames.shape == (1, 40, 64, 3)


def test_a_source_and_its_strengths_are_cut_to_the_window():
    engine = Counting()
    source = np.arange(240, dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    draw(engine, spec(source=source, source_strength=tuple(k / 240 for k in range(240))))
    second = engine.seen[1]
    assert second.source[0, 0, 0, 0] == 40 and len(second.source) == second.frames
    assert second.source_strength[0] == 40 / 240


def test_a_storyboard_runs_on_the_clock_of_each_window():
    engine = Counting()
    story = (PromptSegment("a"), PromptSegment("b", start=5.0), PromptSegment("c", start=15.0))
    draw(engine, spec(prompts=story))
    told = [[(p.text, round(p.start, 2)) for p in s.prompts] for s in engine.seen]
    assert told[0] == [("a", 0.0)]
    assert told[1] == [("a", 0.0), ("b", round(20 / 12, 2))]
    assert [t[-1][0] for t in told][-1] == "c"


def test_an_engine_of_one_prompt_draws_a_storyboard_in_a_window_per_prompt():
    engine = Counting(operations=LTX2["operations"])
    story = (PromptSegment("a"), PromptSegment("b", start=1.5), PromptSegment("c", start=3.0))
    frames = draw(engine, spec(4, prompts=story))
    assert [int(f[0, 0, 0]) for f in frames] == list(range(48))
    assert [[p.text for p in s.prompts] for s in engine.seen] == [["a"], ["b"], ["c"]]


@pytest.mark.parametrize("frames", [1, 2, 48, 49, 50, 51, 88, 89, 90, 240, 481])
def test_windows_cover_every_frame_once_within_what_the_model_draws(frames):
    found = plan_windows(frames, longest=49, overlap=9, step=4)
    shown = [k for w in found for k in range(w.start + w.overlap, w.end)]
    assert shown == list(range(frames))
    assert all(w.frames <= 49 for w in found)
    assert all(w.overlap == 9 for w in found[1:])


def test_an_overlap_as_long_as_a_window_is_refused():
    with pytest.raises(ValueError, match="nothing new"):
        plan_windows(100, longest=9, overlap=9, step=4)


# --- The plan ------------------------------------------------------------------------------------


def test_a_plan_says_what_is_drawn_and_what_becomes_of_it():
    plan = make_plan(Counting().capabilities, width=128, height=72, seconds=20, fps=24)
    assert (plan.width, plan.height, plan.passes) == (64, 40, 6)
    assert plan.resampling == (
        "drawn at 64x40, cut and enlarged to 128x72; "
        "drawn at 12 frames a second, frames repeated for 24"
    )
    assert len(plan.warnings) == 3
    assert any("6 parts" in text for text in plan.warnings)


def test_what_is_drawn_as_asked_has_nothing_to_say():
    able = replace(Counting().capabilities, native={}, sizes=((64, 64),))
    plan = make_plan(able, width=64, height=64, seconds=4)
    assert (plan.resampling, plan.warnings, plan.passes) == ("", (), 1)


def test_a_longer_clip_is_planned_to_cost_more():
    able = Counting().capabilities
    costs = [make_plan(able, width=64, height=36, seconds=s).engine_seconds for s in (2, 4, 8, 20)]
    assert costs == sorted(costs) and len(set(costs)) == 4


def test_a_plan_beyond_what_can_be_made_names_the_field():
    able = Counting().capabilities
    with pytest.raises(UnsupportedSpec) as refused:
        make_plan(able, width=64, height=36, seconds=300)
    assert refused.value.field == "seconds" and "20" in refused.value.message
    with pytest.raises(UnsupportedSpec) as refused:
        make_plan(able, width=7, height=36, seconds=2)
    assert refused.value.field == "size"
    text_only = replace(able, operations=frozenset({"text"}))
    with pytest.raises(UnsupportedSpec) as refused:
        make_plan(text_only, width=64, height=36, seconds=5)
    assert refused.value.field == "seconds" and "4" in refused.value.message
    with pytest.raises(UnsupportedSpec) as refused:
        make_plan(text_only, width=64, height=36, seconds=4, starts=(0.0, 2.0))
    assert refused.value.field == "prompts"


def test_planning_loads_no_torch():
    code = (
        "import sys, generation.engine.plan, generation.engine.windows, generation.engine.fit, "
        "generation.engine.options; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("want", "shown"), [(24, "001122"), (12, "012"), (6, "02"), (18, "00122")])
def test_another_frame_rate_shows_what_was_there_at_that_moment(want, shown):
    made = retime(iter([np.uint8(0), np.uint8(1), np.uint8(2)]), 12, want)
    assert "".join(str(k) for k in made) == shown


def test_the_shipped_model_goes_on_from_its_own_frames(engine):
    able = engine.capabilities
    wanted = VideoSpec(
        (PromptSegment("a red balloon rises over the ocean"),),
        *(160, 96),
        frames=able.native_frames + 8,
        fps=able.fps,
        steps=2,
    )
    able_to_extend = replace(able, operations=able.operations | {"extend"})

    class Extends:
        capabilities = able_to_extend
        generate = staticmethod(engine.generate)

    made = np.stack(draw(Extends(), wanted)).astype(int)
    jumps = np.abs(np.diff(made, axis=0)).mean((1, 2, 3))
    seam = windows.plan_windows(
        wanted.frames, longest=able.native_frames, overlap=able.overlap, step=able.frame_step
    )[0].end
    assert len(made) == wanted.frames
    assert jumps[seam - 1] < 40  # an independent clip would differ by far more
