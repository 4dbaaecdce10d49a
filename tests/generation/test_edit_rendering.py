"""From a plan to frames: on drawn stand-ins, and on tiny models of every family of weights."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest

import generation.engine
from generation.editing import render, tools
from generation.editing.checks import MediaFacts, check_plan, operations
from generation.editing.making import Making, how_made
from generation.editing.offers import offers
from generation.editing.plan import EditPlan, KeptSpan, MediaRef, Picture, PlanError, PromptCard
from generation.editing.tools import Canvas, Span
from generation.engine.capabilities import Capabilities, from_table
from generation.engine.families import FAMILIES, LTX
from generation.engine.frames import fit as cropped
from generation.engine.protocol import Frames, Progress, VideoSpec
from generation.engine.registry import get_engine
from tests.engine import tiny_models

CLIP, OTHER = MediaRef("video", UUID(int=1)), MediaRef("video", UUID(int=2))
STILL, TALL = MediaRef("upload", UUID(int=3)), MediaRef("upload", UUID(int=4))
WIDTH, HEIGHT, FPS = 64, 64, 12
CANVAS = Canvas(width=WIDTH, height=HEIGHT, fps=FPS, seed=7, steps=2, guidance=3.0)
WORDS = "a red ball"
TABLE = {
    **LTX,
    "name": "drawn",
    "version": "1",
    "title": "Drawn",
    "sizes": [[64, 64], [64, 36], [640, 360]],
    "native": {"64x36": "64x64", "640x360": "64x64"},
    "seconds": [2, 4],
    "fps": FPS,
    "default_size": [64, 64],
    "default_seconds": 2,
    "default_steps": 2,
}


def moving(frames: int, colour: tuple[int, int, int], *, side: int = 64) -> Frames:
    """A soft bar that goes to the right in front of a slope: [frames, side, side, 3]."""
    columns = np.arange(side)[None, :]
    clip = np.empty((frames, side, side, 3), np.uint8)
    for index in range(frames):
        bar = np.exp(-(((columns - index * side / 40) / (side / 10)) ** 2))
        clip[index] = (40 + 1.2 * np.arange(side)[:, None, None] * 64 / side) * (1 - bar[..., None])
        clip[index] += (bar[..., None] * colour).astype(np.uint8)
    return clip


class Reel:
    """Clips of arrays, (frames [n, h, w, 3], rate) by name, and how often they were read."""

    def __init__(self) -> None:
        self.clips: dict[MediaRef, tuple[Frames, float]] = {
            CLIP: (moving(24, (250, 160, 40)), 12.0),
            OTHER: (moving(24, (40, 90, 250))[:, ::-1], 12.0),
            STILL: (moving(20, (30, 200, 90))[15:16], 12.0),
            TALL: (moving(1, (200, 40, 90), side=128)[:, :, 32:96], 12.0),
        }
        self.asked: list[tuple[MediaRef, float, int]] = []

    @property
    def facts(self) -> dict[MediaRef, MediaFacts]:
        return {
            ref: MediaFacts("video", f.shape[2], f.shape[1], len(f) / rate)
            if len(f) > 1
            else MediaFacts("image", f.shape[2], f.shape[1])
            for ref, (f, rate) in self.clips.items()
        }

    def frames(
        self,
        media: MediaRef,
        start: float,
        count: int,
        *,
        fps: int,
        width: int,
        height: int,
        fit: str,
    ) -> Iterator[Frames]:
        self.asked.append((media, start, count))
        clip, rate = self.clips[media]
        for k in range(count):
            index = min(len(clip) - 1, int((start + k / fps) * rate + 1e-3))
            yield cropped(clip[index], width, height)

    def picture(
        self, media: MediaRef, moment: float, *, width: int, height: int, fit: str
    ) -> Frames:
        return next(self.frames(media, moment, 1, fps=FPS, width=width, height=height, fit=fit))


class Between:
    """An engine as it should be: shows what it is given and goes straight from one to the next."""

    name, version = "between", "1"

    def __init__(self, **changes: Any) -> None:
        self.capabilities = from_table({**TABLE, **changes})
        self.seen: list[VideoSpec] = []

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        self.seen.append(spec)
        assert spec.frames <= self.capabilities.native_frames
        for step in range(spec.steps + 1):
            on_progress(Progress("denoise", step, spec.steps))
        on_progress(Progress("decode", 0, 1))
        on_progress(Progress("decode", 1, 1))
        yield from self.draw(spec)

    def draw(self, spec: VideoSpec) -> Iterator[Frames]:
        size = self.capabilities.drawn_size(spec.width, spec.height)
        given: dict[int, Frames] = {}
        for condition in spec.conditioning:
            for k, frame in enumerate(condition.frames):
                given[round(condition.at * spec.fps) + k] = cropped(frame, *size)
        if spec.source is not None:
            given = {k: cropped(f, *size) for k, f in enumerate(spec.source)}
        given = given or {0: np.full((size[1], size[0], 3), 128, np.uint8)}
        for index in range(spec.frames):
            before = max((k for k in given if k <= index), default=min(given))
            after = min((k for k in given if k >= index), default=max(given))
            share = 0.0 if after == before else (index - before) / (after - before)
            frame = given[before] * (1 - share) + given[after] * share
            yield cropped(np.rint(frame).astype(np.uint8), spec.width, spec.height)


class Grey(Between):
    """The worst engine: whatever it is given, it draws the same grey."""

    def draw(self, spec: VideoSpec) -> Iterator[Frames]:
        for _ in range(spec.frames):
            yield np.full((spec.height, spec.width, 3), 200, np.uint8)


def draw(plan: EditPlan, engine: Any, reel: Reel | None = None, on_progress: Any = None) -> Frames:
    """All frames of a plan that passes its checks."""
    reel = reel or Reel()
    check_plan(plan, engine.capabilities, reel.facts)
    told = on_progress or (lambda progress: None)
    made = np.stack(list(render.frames(plan, engine, reel, on_progress=told)))
    assert made.shape == (plan.frames, plan.height, plan.width, 3)
    assert made.dtype == np.uint8
    return made


def steps_between(frames: Frames) -> np.ndarray:
    return np.abs(np.diff(frames.astype(int), axis=0)).mean((1, 2, 3))


def clip_of(ref: MediaRef = CLIP) -> Frames:
    return Reel().clips[ref][0]


TWO_GAPS = replace(
    CANVAS.plan("storyboard", 5.0, WORDS),
    keep=(KeptSpan(CLIP, 0, 1, at=0.5), KeptSpan(OTHER, 0.5, 1.5, at=3.0)),
    pictures=(Picture(STILL, at=2.25), Picture(STILL, at=5.0)),
)
PLANS: dict[str, EditPlan] = {
    "text": tools.text(CANVAS, WORDS, 2),
    "image": tools.image(CANVAS, WORDS, 2, STILL),
    "keyframes": tools.keyframes(CANVAS, WORDS, 2, [(STILL, 0), (TALL, 1), (STILL, 2)]),
    "remix": tools.remix(CANVAS, WORDS, Span(CLIP, 0.5, 2), 0.5),
    "extend": tools.extend(CANVAS, WORDS, Span(CLIP, 0, 2), after=1),
    "extend backward": tools.extend(CANVAS, WORDS, Span(CLIP, 0, 2), before=1),
    "extend both ways": tools.extend(CANVAS, WORDS, Span(CLIP, 0, 2), before=0.75, after=0.5),
    "fill": tools.fill(CANVAS, WORDS, Span(CLIP, 0, 2), start=0.75, end=1.5),
    "recut": tools.recut(CANVAS, WORDS, Span(CLIP, 0.5, 1.25), at=0.25, seconds=2),
    "blend": tools.blend(
        CANVAS, WORDS, Span(CLIP, 0, 2), Span(OTHER, 0, 1.5), curve=tools.BLENDS["transition"]
    ),
    "loop": tools.loop(CANVAS, WORDS, Span(CLIP, 0, 1.5), tools.SEAMS["short"]),
    "storyboard": tools.storyboard(
        CANVAS,
        3,
        [PromptCard("a red ball"), PromptCard("a cat", 1.0)],
        [Picture(STILL, at=0.5), Picture(TALL, at=1.5, strength=0.5)],
        [KeptSpan(CLIP, 0.5, 1.0, at=2.5)],
    ),
    "stitch": tools.stitch(CANVAS, [Span(CLIP, 0, 1), Span(OTHER, 0.5, 1.5)], fade=0.25),
    "upgrade": tools.upgrade(TWO_GAPS, CLIP, width=64, height=36, steps=3),
    "two gaps": TWO_GAPS,
    "long": tools.text(CANVAS, WORDS, 5),
    "long way back": tools.loop(CANVAS, WORDS, Span(CLIP, 0, 1.5), 5),
}


# --- Every tool on every family of weights -------------------------------------------------------

FOLDERS = tiny_models.FOLDERS
WEIGHTS = Path(generation.engine.__file__).parent / "weights"


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    from generation.engine.diffusers_engine import DiffusersEngine

    loaded: dict[str, Any] = {}

    def load(name: str) -> Any:
        if name not in loaded:
            folder: Path = FOLDERS[name](tmp_path_factory.mktemp(name) / "model")
            index = json.loads((folder / "model_index.json").read_text())
            table = {**TABLE, **FAMILIES[index["_class_name"]]}
            kept = ("name", "version", "sizes", "native", "seconds", "fps", "default_size")
            table |= {key: TABLE[key] for key in (*kept, "default_seconds", "default_steps")}
            (folder / "capabilities.json").write_text(json.dumps(table))
            loaded[name] = DiffusersEngine(folder, threads=1)
        return loaded[name]

    return load


@pytest.mark.parametrize("family", FOLDERS)
def test_every_tool_of_an_engines_table_makes_all_its_frames(
    engines: Callable[[str], Any], family: str
) -> None:
    engine = engines(family)
    able = engine.capabilities
    for name, plan in PLANS.items():
        plan = made_for(plan, able)
        missing = [needed for needed in operations(plan) if not able.makes(needed)]
        assert missing == (["blend"] if (family, name) == ("wan_vace", "blend") else []), name
        if not missing:
            draw(plan, engine)


def test_the_shipped_model_makes_every_tool_of_its_table_and_refuses_the_others_by_name() -> None:
    engine = get_engine(
        "generation.engine.diffusers_engine.DiffusersEngine", WEIGHTS, device="cpu", threads=1
    )
    able, offered = engine.capabilities, offers(engine.capabilities)
    for name, plan in PLANS.items():
        plan = replace(made_for(plan, able), steps=1)
        if plan.draws and max(plan.drawn_seconds, 1 / able.fps) > able.most_seconds:
            field, words = "seconds", f"{able.title} draws up to {able.most_seconds} seconds"
        elif not all(able.makes(needed) for needed in operations(plan)):
            field, words = "tool", f"{able.title} can't"
        else:
            assert offered[plan.tool].able, name
            draw(plan, engine)
            continue
        with pytest.raises(PlanError) as refused:
            check_plan(plan, able, Reel().facts)
        assert refused.value.field in (field, "tool"), name
        assert refused.value.message.startswith((words, f"{able.title} can't")), name


def made_for(plan: EditPlan, able: Capabilities) -> EditPlan:
    """The same plan within the table of another engine: its size, and pictures shown whole if so."""
    if (plan.width, plan.height) not in able.sizes:
        plan = replace(plan, width=able.default_size[0], height=able.default_size[1])
    if not able.soft_conditions:
        plan = replace(plan, pictures=tuple(replace(p, strength=1.0) for p in plan.pictures))
    return plan


@pytest.mark.parametrize("missing", [(), ("storyboard",)])
def test_how_often_the_engine_draws_is_known_beforehand(missing: tuple[str, ...]) -> None:
    able = [name for name in LTX["operations"] if name not in missing]
    for name, plan in PLANS.items():
        engine = Between(operations=able)
        draw(plan, engine)
        assert len(engine.seen) == sum(render.passes(plan, engine.capabilities)), name


def test_how_a_clip_is_made_is_said_where_it_is_not_drawn_as_it_is_asked_for() -> None:
    able = Between().capabilities
    assert how_made(PLANS["text"], able) == Making(1, "")
    assert how_made(PLANS["stitch"], able) == Making(0, "")
    assert how_made(PLANS["upgrade"], able) == Making(1, "drawn at 64x64, cut to 64x36")
    assert how_made(PLANS["long"], able).passes == 2


def test_the_same_plan_makes_the_same_frames_and_another_seed_others(
    engines: Callable[[str], Any],
) -> None:
    engine = engines("ltx")
    for name in ("two gaps", "blend", "loop"):
        plan = PLANS[name]
        first = draw(plan, engine)
        assert np.array_equal(first, draw(plan, engine)), name
        assert not np.array_equal(first, draw(replace(plan, seed=8), engine)), name


def test_a_model_that_draws_noise_still_keeps_what_is_to_be_kept(
    engines: Callable[[str], Any],
) -> None:
    made = draw(TWO_GAPS, engines("ltx"))
    still = clip_of(STILL)[0]
    assert np.array_equal(made[6:18], clip_of()[:12])
    assert np.array_equal(made[36:48], clip_of(OTHER)[6:18])
    assert np.array_equal(made[27], still) and np.array_equal(made[59], still)


# --- What is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "where", "what"),
    [
        ("extend", slice(0, 24), slice(0, 24)),
        ("extend backward", slice(12, 36), slice(0, 24)),
        ("extend both ways", slice(9, 33), slice(0, 24)),
        ("recut", slice(3, 12), slice(6, 15)),
        ("loop", slice(0, 18), slice(0, 18)),
        ("storyboard", slice(30, 36), slice(6, 12)),
        ("stitch", slice(0, 9), slice(0, 9)),
    ],
)
def test_kept_frames_pass_through_to_the_bit(name: str, where: slice, what: slice) -> None:
    made = draw(PLANS[name], Grey())
    assert np.array_equal(made[where], clip_of()[what])
    drawn = np.delete(made, np.arange(len(made))[where], axis=0)
    assert len(drawn) and not any(np.array_equal(f, clip_of()[0]) for f in drawn[1:-1])


def test_a_fill_keeps_both_sides_and_draws_only_the_marked_span() -> None:
    made = draw(PLANS["fill"], Grey())
    assert np.array_equal(made[:9], clip_of()[:9]) and np.array_equal(made[18:], clip_of()[18:])
    assert all(not np.array_equal(made[k], clip_of()[k]) for k in range(9, 18))


def test_pictures_are_shown_as_they_are_at_their_frames() -> None:
    made = draw(PLANS["keyframes"], Grey())
    tall = cropped(clip_of(TALL)[0], WIDTH, HEIGHT)
    for index, picture in ((0, clip_of(STILL)[0]), (12, tall), (23, clip_of(STILL)[0])):
        assert np.array_equal(made[index], picture)


def test_a_soft_picture_guides_and_is_not_laid_over_what_is_drawn() -> None:
    engine = Grey()
    soft = replace(PLANS["image"], pictures=(Picture(STILL, strength=0.6),))
    assert (draw(soft, engine) == 200).all()
    (condition,) = engine.seen[0].conditioning
    assert condition.strength == 0.6


def test_no_jump_shows_where_drawn_meets_kept() -> None:
    """Grey against the clip is a jump of about 100; faded in it is never more than a fifth."""
    for name in ("extend", "extend backward", "fill", "image", "keyframes"):
        made = draw(PLANS[name], Grey())
        jump = np.abs(200.0 - clip_of()).mean()
        assert steps_between(made).max() < jump / 4, name


def test_an_engine_that_goes_on_well_is_hardly_corrected() -> None:
    made = draw(PLANS["extend"], Between())
    assert np.abs(made[24:].astype(int) - clip_of()[23]).max() <= 1


def test_what_the_engine_sees_has_the_scale_of_what_it_is_shown_beside() -> None:
    """64x36 is cut from a square drawing: the given frames are its middle, not larger."""
    canvas = replace(CANVAS, width=64, height=36)
    reel, engine = Reel(), Between()
    made = draw(tools.extend(canvas, WORDS, Span(CLIP, 0, 2), after=1), engine, reel)
    last = cropped(clip_of()[23], 64, 36)
    assert np.array_equal(made[23], last)
    assert np.abs(made[24:].astype(int) - last).max() <= 6
    (given,) = engine.seen[0].conditioning
    assert given.frames.shape == (17, 64, 64, 3)
    assert np.abs(cropped(given.frames[-1], 64, 36).astype(int) - last).max() <= 6


def test_a_source_is_redrawn_at_the_size_of_the_model_without_growing() -> None:
    engine = Between()
    plan = tools.remix(replace(CANVAS, width=64, height=36), WORDS, Span(CLIP, 0, 2), 0.5)
    made = draw(plan, engine)
    assert engine.seen[0].source is not None and engine.seen[0].source.shape == (24, 64, 64, 3)
    wanted = np.stack([cropped(frame, 64, 36) for frame in clip_of()])
    assert np.abs(made.astype(int) - wanted).mean() < 1


# --- Loops, fades, blends ------------------------------------------------------------------------


@pytest.mark.parametrize("seam", ["short", "normal", "long"])
def test_a_loop_ends_where_it_began_without_a_jump(seam: str) -> None:
    made = draw(tools.loop(CANVAS, WORDS, Span(CLIP, 0, 1.5), tools.SEAMS[seam]), Between())
    steps = steps_between(made)
    assert np.array_equal(made[-1], made[0])
    assert max(steps[-1], steps[17]) <= 1.5 * steps.mean()


def test_the_engine_sees_the_clip_go_on_behind_the_seam_of_a_loop() -> None:
    engine = Between()
    draw(PLANS["loop"], engine)
    (spec,) = engine.seen
    begin, behind = spec.conditioning
    assert np.array_equal(begin.frames, clip_of()[1:18])
    at, length = round(behind.at * FPS), 17 + 8  # 17 frames of the clip, 8 to draw
    assert at % engine.capabilities.frame_step == 0 and at >= length
    assert np.array_equal(behind.frames, clip_of()[at - length : at - length + 9])


def test_a_gap_is_drawn_in_one_pass_with_as_much_of_its_sides_as_fits() -> None:
    seen = {}
    for gap in (0.5, 1.5, 2.5, 3.5, 6):
        engine = Between()
        keep = (KeptSpan(CLIP, 0, 2, at=0), KeptSpan(OTHER, 0, 2, at=2 + gap))
        draw(replace(CANVAS.plan("fill", gap + 4, WORDS), keep=keep), engine)
        if len(engine.seen) == 1:
            seen[gap] = [len(c.frames) for c in engine.seen[0].conditioning]
    assert seen == {0.5: [17, 17], 1.5: [17, 9], 2.5: [9, 9], 3.5: [1, 1]}


def test_a_cross_fade_goes_evenly_from_one_clip_to_the_other() -> None:
    made = draw(PLANS["stitch"], Between())
    old, new = clip_of()[9:12].astype(float), clip_of(OTHER)[6:9].astype(float)
    for k in range(3):
        share = (k + 1) / 4
        assert np.abs(made[9 + k] - (old[k] * (1 - share) + new[k] * share)).max() <= 0.5
    assert np.array_equal(made[12:], clip_of(OTHER)[9:18])


def test_three_parts_may_fade_into_each_other_without_a_frame_of_their_own() -> None:
    parts = [Span(CLIP, 0, 1), Span(OTHER, 0, 1), Span(CLIP, 1, 2)]
    made = draw(tools.stitch(CANVAS, parts, fade=0.5), Between())
    assert len(made) == 24
    assert np.array_equal(made[-1], clip_of()[23])


def test_a_stitch_asks_nothing_of_the_engine() -> None:
    engine = Between()
    told: list[Progress] = []
    draw(PLANS["stitch"], engine, on_progress=told.append)
    assert engine.seen == [] and told == []


def test_a_blend_follows_its_curve_and_holds_the_shorter_clip() -> None:
    engine = Between()
    made = draw(PLANS["blend"], engine)
    assert np.abs(made[0].astype(int) - clip_of()[0]).mean() < 1
    assert np.abs(made[-1].astype(int) - clip_of(OTHER)[17]).mean() < 6
    (spec,) = engine.seen
    assert isinstance(spec.source_strength, tuple) and len(spec.source_strength) == 24
    assert np.argmax(spec.source_strength) == pytest.approx(12, abs=1)


# --- Words ---------------------------------------------------------------------------------------


def test_each_stretch_is_told_the_prompts_of_its_own_time() -> None:
    cards = (PromptCard("a"), PromptCard("b", 1.0), PromptCard("c", 3.25), PromptCard("d", 4.5))
    engine = Between()
    draw(replace(TWO_GAPS, prompts=cards), engine)
    told = [[(p.text, round(p.start * FPS)) for p in spec.prompts] for spec in engine.seen]
    assert told[0] == [("a", 0)]  # 0 to 0.5 s
    assert told[1] == [("b", 0)]  # 1.5 to 3 s
    assert told[2] == [("c", 0), ("d", 9 + 6)]  # 4 to 5 s, after 9 frames of what is there


def test_the_first_prompt_holds_from_the_beginning_wherever_it_lies() -> None:
    engine = Between()
    draw(replace(PLANS["text"], prompts=(PromptCard("a", 1.0), PromptCard("b", 1.5))), engine)
    assert [(p.text, p.start) for p in engine.seen[0].prompts] == [("a", 0.0), ("b", 1.5)]


# --- Long clips, progress, cancelling ------------------------------------------------------------


def test_a_long_gap_is_drawn_in_windows_and_meets_both_sides() -> None:
    plan = replace(
        CANVAS.plan("fill", 9.0, WORDS),
        keep=(KeptSpan(CLIP, 0, 2, at=0), KeptSpan(OTHER, 0, 2, at=7.0)),
    )
    engine = Between()
    made = draw(plan, engine)
    assert len(engine.seen) >= 3
    assert np.array_equal(made[:24], clip_of()) and np.array_equal(made[84:], clip_of(OTHER))
    assert steps_between(made)[20:88].max() < np.abs(clip_of()[23] - 200.0).mean() / 4


def test_memory_does_not_grow_with_the_length_of_a_clip() -> None:
    def peak(seconds: float) -> int:
        engine, reel = Between(), Reel()
        canvas = replace(CANVAS, width=640, height=360)
        plan = replace(
            tools.extend(canvas, WORDS, Span(CLIP, 0, 2), after=seconds),
            pictures=tuple(Picture(STILL, at=2.5 + k) for k in range(int(seconds))),
        )
        tracemalloc.start()
        for _ in render.frames(plan, engine, reel, on_progress=lambda progress: None):
            engine.seen.clear()
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(3)  # what is imported on first use
    assert peak(15) <= 1.1 * peak(5)


def test_progress_is_one_line_over_all_windows_and_stretches() -> None:
    plan = replace(
        CANVAS.plan("storyboard", 10.0, WORDS),
        keep=(KeptSpan(CLIP, 0, 1, at=4.0), KeptSpan(OTHER, 0, 1, at=6.0)),
    )
    told: list[Progress] = []
    engine = Between()
    draw(plan, engine, on_progress=told.append)
    assert len(engine.seen) >= 3
    shares = [p.step / p.total for p in told if p.stage == "denoise"]
    assert shares[0] == 0 and shares[-1] == 1 and shares == sorted(shares)
    assert [p.stage for p in told[-2:]] == ["decode", "decode"]
    assert sum(p.stage == "decode" for p in told) == 2


def test_cancelling_stops_within_one_step_of_the_stretch_at_work(
    engines: Callable[[str], Any],
) -> None:
    class Enough(Exception):
        pass

    told: list[float] = []

    def stop(progress: Progress) -> None:
        told.append(progress.step / progress.total)
        if progress.stage == "denoise" and progress.step / progress.total > 0.5:
            raise Enough

    shown = 0
    with pytest.raises(Enough):
        for _ in render.frames(TWO_GAPS, engines("ltx"), Reel(), on_progress=stop):
            shown += 1
    assert 18 <= shown < 48
    assert sum(share > 0.5 for share in told) == 1


def test_nothing_is_drawn_before_its_frames_are_asked_for() -> None:
    engine = Between()
    frames = render.frames(PLANS["extend"], engine, Reel(), on_progress=lambda progress: None)
    for _ in range(24):
        next(frames)
    assert engine.seen == []
    next(frames)
    assert len(engine.seen) == 1


# --- Media of another rate -----------------------------------------------------------------------


def test_a_clip_of_another_rate_shows_what_was_there_at_each_moment() -> None:
    reel = Reel()
    reel.clips[CLIP] = (moving(50, (250, 160, 40)), 25.0)
    made = draw(tools.extend(CANVAS, WORDS, Span(CLIP, 0, 2), after=0.5), Grey(), reel)
    wanted = [int(k / 12 * 25 + 1e-3) for k in range(24)]
    assert np.array_equal(made[:24], reel.clips[CLIP][0][wanted])
