"""Edit plans on paper: what each tool compiles to, and every way a plan is refused by its card."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from generation.editing import tools
from generation.editing.checks import MediaFacts, check_plan, operations
from generation.editing.offers import TITLES, lengths, offers
from generation.editing.plan import (
    MAX_CARDS,
    TOOLS,
    EditPlan,
    KeptSpan,
    MediaRef,
    Picture,
    PlanError,
    PromptCard,
    Redrawn,
    gaps,
    timeline,
)
from generation.editing.reading import read_plan
from generation.editing.requests import compile_edit, media_in
from generation.editing.tools import Canvas, Span
from generation.edits import price
from generation.engine.capabilities import Capabilities, from_table
from generation.engine.families import LTX

CLIP, OTHER = MediaRef("video", UUID(int=1)), MediaRef("video", UUID(int=2))
STILL, GONE = MediaRef("upload", UUID(int=3)), MediaRef("upload", UUID(int=4))
FACTS = {
    CLIP: MediaFacts("video", 512, 288, 4.0),
    OTHER: MediaFacts("video", 512, 288, 3.0),
    STILL: MediaFacts("image", 640, 640),
}
CANVAS = Canvas(width=512, height=288, fps=12, seed=7, steps=20, guidance=3.0)
WORDS = "a red balloon rises"


def engine(**changes: Any) -> Capabilities:
    table = {
        **LTX,
        "name": "drawn",
        "version": "1",
        "title": "Drawn",
        "sizes": [[512, 288], [288, 512]],
        "seconds": [2, 4],
        "fps": 12,
        "default_size": [512, 288],
        "default_seconds": 4,
    }
    return from_table({**table, **changes})


def form(tool: str, edit: dict[str, Any], *, seconds: float = 4.0, prompt: str = WORDS) -> EditPlan:
    """A request's form, compiled as the API does it; what is not there is not in the facts."""
    wanted = {ref for _, ref in media_in(edit)}
    facts = {ref: fact for ref, fact in FACTS.items() if ref in wanted}
    return compile_edit(tool, edit, canvas=CANVAS, prompt=prompt, seconds=seconds, facts=facts)


def clip(**more: Any) -> dict[str, Any]:
    return {"clip": str(CLIP), **more}


FORMS: dict[str, dict[str, Any]] = {
    "text": {},
    "image": {"image": str(STILL)},
    "keyframes": {
        "pictures": [{"media": str(STILL), "at": 0}, {"media": str(STILL), "at": 4}],
    },
    "remix": clip(strength="strong"),
    "extend": clip(after=2, before=1.5),
    "fill": {**clip(), "from": 1, "to": 2.5},
    "recut": clip(start=1, end=3, at=1),
    "blend": clip(second=str(OTHER), mode="sample"),
    "loop": clip(seam="short"),
    "storyboard": {
        "cards": [
            {"type": "text", "text": "a boat", "at": 0},
            {"type": "text", "text": "a house", "at": 2},
            {"type": "image", "media": str(STILL), "at": 1},
            {"type": "clip", "media": str(CLIP), "start": 0, "end": 1, "at": 3},
        ]
    },
    "stitch": {"parts": [{"media": str(CLIP)}, {"media": str(OTHER), "end": 2}], "fade": 0.5},
}


def plan_for(tool: str) -> EditPlan:
    if tool == "upgrade":
        return tools.upgrade(plan_for("extend"), OTHER, width=512, height=288, steps=30)
    return form(tool, FORMS[tool])


# --- What the tools compile to -------------------------------------------------------------------


@pytest.mark.parametrize("tool", TOOLS)
def test_every_tool_makes_a_plan_that_passes_and_comes_back_from_json_as_it_was(tool: str) -> None:
    plan = plan_for(tool)
    check_plan(plan, engine(), FACTS)
    again = read_plan(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.to_json() == plan.to_json()
    assert plan.tool == tool


@pytest.mark.parametrize(
    ("tool", "needs"),
    [
        ("text", {"text"}),
        ("image", {"text", "image"}),
        ("keyframes", {"text", "image", "last_frame"}),
        ("remix", {"remix"}),
        ("extend", {"extend"}),
        ("fill", {"fill"}),
        ("recut", {"extend"}),
        ("blend", {"blend"}),
        ("loop", {"loop"}),
        ("storyboard", {"extend", "keyframes", "storyboard"}),
        ("stitch", set()),
        ("upgrade", {"extend"}),
    ],
)
def test_a_plan_knows_what_an_engine_must_be_able_to_do(tool: str, needs: set[str]) -> None:
    assert operations(plan_for(tool)) == needs


def test_a_negative_prompt_needs_an_engine_that_reads_it() -> None:
    plan = replace(plan_for("text"), negative_prompt="rain")
    assert operations(plan) == {"text", "negative_prompt"}
    # Nothing is drawn by a stitch, so there is nothing to avoid either.
    assert operations(replace(plan_for("stitch"), negative_prompt="rain")) == frozenset()


@pytest.mark.parametrize(
    ("tool", "drawn", "cost"),
    [
        ("text", [(0, 4)], 20),
        ("extend", [(0, 1.5), (5.5, 7.5)], 18),
        ("fill", [(1, 2.5)], 8),
        ("recut", [(0, 1), (3, 4)], 10),
        ("storyboard", [(0, 3)], 15),
        ("stitch", [], 1),
    ],
)
def test_the_price_is_for_what_is_drawn(
    tool: str, drawn: list[tuple[float, float]], cost: int
) -> None:
    plan = plan_for(tool)
    assert [at for gap in gaps(plan) for at in gap] == pytest.approx(
        [at for d in drawn for at in d]
    )
    assert plan.drawn_seconds == pytest.approx(sum(end - start for start, end in drawn))
    assert plan.draws == bool(drawn)
    assert price(plan) == cost


def test_a_remix_and_a_blend_are_paid_for_in_full() -> None:
    assert price(plan_for("remix")) == price(plan_for("blend")) == price(plan_for("text"))


def test_a_loop_ends_with_its_own_first_frame() -> None:
    plan = plan_for("loop")
    kept, drawn, closing = timeline(plan)
    assert (kept.first, kept.last) == (0, 48)
    assert (drawn.first, drawn.last) == (48, 56)
    assert (closing.first, closing.last) == (56, 57) == (plan.frames - 1, plan.frames)
    assert closing.span is not None and closing.span.start == 0.0


def test_times_between_frames_open_no_gap_between_parts_that_touch() -> None:
    parts = [Span(CLIP, 0.0, 1.03), Span(OTHER, 0.4, 1.47), Span(CLIP, 2.0, 2.96)]
    plan = tools.stitch(CANVAS, parts)
    assert not plan.draws
    stretches = timeline(plan)
    assert [s.first for s in stretches[1:]] == [s.last for s in stretches[:-1]]
    assert stretches[-1].last == plan.frames


def test_cross_fades_overlap_and_never_more_than_a_part_has() -> None:
    plan = tools.stitch(CANVAS, [Span(CLIP, 0, 1), Span(OTHER, 0, 1), Span(CLIP, 2, 3)], fade=0.5)
    check_plan(plan, engine(), FACTS)
    assert [(s.first, s.last) for s in timeline(plan)] == [(0, 12), (6, 18), (12, 24)]
    assert plan.seconds == 2.0


def test_a_curve_is_read_between_its_points() -> None:
    redraw = Redrawn(CLIP, 0, 4, OTHER, 0, 3, 0.5, ((0.0, 0.0), (2.0, 1.0), (2.0, 0.5)))
    assert [redraw.influence(t) for t in (0, 0.5, 1, 2, 3)] == [0, 0.25, 0.5, 1.0, 0.5]
    assert Redrawn(CLIP, 0, 4).influence(1.0) == 0.0


def test_an_upgrade_changes_size_and_steps_and_nothing_else() -> None:
    draft = plan_for("extend")
    full = tools.upgrade(draft, OTHER, width=288, height=512, steps=40)
    assert (full.seed, full.prompts, full.keep) == (draft.seed, draft.prompts, draft.keep)
    assert (full.width, full.height, full.steps) == (288, 512, 40)
    assert full.upgraded_from == OTHER


def test_strengths_seams_and_blends_have_names_or_numbers() -> None:
    strength = [form("remix", clip(strength=s)).redraw for s in ("subtle", "mild", "strong", 0.42)]
    assert [r.strength for r in strength if r] == [0.3, 0.5, 0.75, 0.42]
    seams = [form("loop", clip(seam=s)).seconds for s in ("short", "normal", "long", 1)]
    assert seams == [4.75, 5.5, 6.5, 5.0]
    drawn = form("blend", clip(second=str(OTHER), curve=[[0, 0], [0.5, 1], [1, 0.2]]))
    assert drawn.redraw is not None
    assert drawn.redraw.curve == ((0.0, 0.0), (2.0, 1.0), (4.0, 0.2))


def test_a_storyboard_begins_with_its_first_text_and_is_in_order() -> None:
    cards = [
        {"type": "text", "text": "later", "at": 3},
        {"type": "text", "text": "first", "at": 1},
    ]
    plan = form("storyboard", {"cards": cards}, prompt="")
    assert plan.prompts == (PromptCard("first", 0.0), PromptCard("later", 3.0))
    only_pictures = form("storyboard", {"cards": [FORMS["storyboard"]["cards"][2]]})
    assert only_pictures.prompts == (PromptCard(WORDS),)


# --- What a form may not say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tool", "edit", "field"),
    [
        ("image", {}, "edit.image"),
        ("image", {"image": "picture.png"}, "edit.image"),
        ("image", {"image": f"user:{UUID(int=1)}"}, "edit.image"),
        ("image", {"image": str(GONE)}, "edit.image"),
        ("image", {"image": {"media": str(STILL)}}, "edit.image"),
        ("keyframes", {}, "edit.pictures"),
        ("keyframes", {"pictures": []}, "edit.pictures"),
        ("keyframes", {"pictures": "two"}, "edit.pictures"),
        ("keyframes", {"pictures": [{"media": str(STILL)}] * 25}, "edit.pictures"),
        ("keyframes", {"pictures": [{"media": str(STILL)}]}, "edit.pictures[0].at"),
        ("keyframes", {"pictures": [{"media": str(STILL), "at": True}]}, "edit.pictures[0].at"),
        ("keyframes", {"pictures": [5]}, "edit.pictures[0]"),
        ("remix", {}, "edit.clip"),
        ("remix", clip(strength="brutal"), "edit.strength"),
        ("remix", clip(strength=1.5), "edit.strength"),
        ("remix", clip(strength=True), "edit.strength"),
        ("remix", clip(strength=None), "edit.strength"),
        ("remix", clip(start=3, end=3), "edit.end"),
        ("remix", clip(start=3, end=1), "edit.end"),
        ("remix", clip(end=9), "edit.end"),
        ("remix", clip(start=float("nan")), "edit.start"),
        ("remix", clip(start=float("inf")), "edit.start"),
        ("remix", clip(start=-1), "edit.start"),
        ("remix", clip(start="1"), "edit.start"),
        ("remix", clip(end=1e300), "edit.end"),
        ("remix", {"clip": str(STILL)}, "edit.clip"),
        ("extend", clip(), "edit.after"),
        ("extend", clip(after=0.01), "edit.after"),
        ("extend", clip(after=61), "edit.after"),
        ("extend", clip(before=-1), "edit.before"),
        ("fill", clip(), "edit.from"),
        ("fill", {**clip(), "from": 1}, "edit.to"),
        ("fill", {**clip(), "from": 1, "to": 1}, "edit.to"),
        ("fill", {**clip(), "from": 2, "to": 1}, "edit.to"),
        ("fill", {**clip(), "from": 1, "to": 5}, "edit.to"),
        ("fill", {**clip(start=1), "from": 0.5, "to": 2}, "edit.from"),
        ("fill", {**clip(), "from": 0, "to": 4}, "edit.from"),
        ("recut", clip(at=-1), "edit.at"),
        ("blend", clip(), "edit.second"),
        ("blend", clip(second=str(GONE)), "edit.second"),
        ("blend", clip(second=str(OTHER), second_end=3.5), "edit.second_end"),
        ("blend", clip(second=str(OTHER), mode="stir"), "edit.mode"),
        ("blend", clip(second=str(OTHER), mode=["mix"]), "edit.mode"),
        ("blend", clip(second=str(OTHER), curve=[[0, 0]]), "edit.curve"),
        ("blend", clip(second=str(OTHER), curve=[[0, 0], [1]]), "edit.curve[1]"),
        ("blend", clip(second=str(OTHER), curve=[[0, 0], [2, 1]]), "edit.curve[1].time"),
        ("blend", clip(second=str(OTHER), curve=[[0, 0], [1, True]]), "edit.curve[1].share"),
        ("blend", clip(second=str(OTHER), curve=[[k, 0] for k in range(65)]), "edit.curve"),
        ("loop", clip(seam="endless"), "edit.seam"),
        ("loop", clip(seam=0.1), "edit.seam"),
        ("storyboard", {}, "edit.cards"),
        ("storyboard", {"cards": [{"type": "sound"}]}, "edit.cards[0].type"),
        ("storyboard", {"cards": [{"type": "text"}]}, "edit.cards[0].text"),
        ("storyboard", {"cards": [{"type": "text", "text": 5}]}, "edit.cards[0].text"),
        ("storyboard", {"cards": [{"type": "image", "at": 1}]}, "edit.cards[0].media"),
        ("stitch", {}, "edit.parts"),
        ("stitch", {"parts": [{"media": str(CLIP)}]}, "edit.parts"),
        ("stitch", {"parts": [{"media": str(CLIP)}] * 2, "fade": 9}, "edit.fade"),
        ("stitch", {"parts": [{"media": str(CLIP)}, {"media": str(STILL)}]}, "edit.parts[1].media"),
        ("paint", {}, "tool"),
        ("image", {"a": {"b": {"c": {"d": {"e": {}}}}}}, "edit.a.b.c.d"),
        ("image", {"cards": [{}] * 100}, "edit.cards"),
    ],
)
def test_a_form_is_refused_by_the_name_of_its_value(
    tool: str, edit: dict[str, Any], field: str
) -> None:
    with pytest.raises(PlanError) as refused:
        form(tool, edit)
    assert refused.value.field == field
    assert refused.value.message and refused.value.remedy


# --- What a plan may not say ---------------------------------------------------------------------

PLAIN = CANVAS.plan("text", 4.0, WORDS)


def kept(start: float, end: float, at: float, **more: Any) -> KeptSpan:
    return KeptSpan(more.pop("media", CLIP), start, end, at, **more)


def redraw(**changes: Any) -> EditPlan:
    values: dict[str, Any] = {"first": CLIP, "start": 0.0, "end": 4.0, "strength": 0.5}
    return replace(PLAIN, redraw=Redrawn(**{**values, **changes}))


def blend(**changes: Any) -> EditPlan:
    values = {"second": OTHER, "second_end": 3.0, "curve": ((0.0, 0.0), (4.0, 1.0))}
    return redraw(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        # parts that are kept
        ({"keep": (kept(0, 2, 0), kept(2, 4, 1))}, "plan.keep[1].at"),
        ({"keep": (kept(2, 4, 1), kept(0, 2, 0))}, "plan.keep[0].at"),
        ({"keep": (kept(0, 2, 0), kept(2, 4, 1.5, fade=0.25))}, "plan.keep[1].at"),
        ({"keep": (kept(0, 2, 0), kept(2, 3, 3, fade=0.5))}, "plan.keep[1].at"),
        ({"keep": (kept(0, 3, 2),)}, "plan.keep[0].at"),
        ({"keep": (kept(0, 1, 3.5),)}, "plan.keep[0].at"),
        ({"keep": (kept(3, 5, 0),)}, "plan.keep[0].end"),
        ({"keep": (kept(1, 1, 0),)}, "plan.keep[0].end"),
        ({"keep": (kept(1, 1.02, 0),)}, "plan.keep[0].end"),
        ({"keep": (kept(2, 1, 0),)}, "plan.keep[0].end"),
        ({"keep": (kept(0, 1, 0, fade=0.5),)}, "plan.keep[0].fade"),
        ({"keep": (kept(0, 1, 0), kept(0, 2, 0, fade=2))}, "plan.keep[1].fade"),
        (
            {"keep": (kept(0, 2, 0), kept(0, 1, 1.25, fade=0.75), kept(0, 1, 1.5, fade=0.75))},
            "plan.keep[2].fade",
        ),
        ({"keep": (kept(0, 1, 0, media=STILL),)}, "plan.keep[0].media"),
        ({"keep": (kept(0, 1, 0, media=GONE),)}, "plan.keep[0].media"),
        # pictures
        ({"pictures": (Picture(STILL, at=4.5),)}, "plan.pictures[0].at"),
        ({"pictures": (Picture(STILL, at=1), Picture(STILL, at=1.01))}, "plan.pictures[1].at"),
        ({"pictures": (Picture(STILL, at=1),), "keep": (kept(0, 2, 0),)}, "plan.pictures[0].at"),
        ({"pictures": (Picture(STILL, at=0),), "keep": (kept(0, 4, 0),)}, "plan.pictures[0].at"),
        ({"pictures": (Picture(CLIP, moment=4.5),)}, "plan.pictures[0].moment"),
        ({"pictures": (Picture(STILL, moment=1),)}, "plan.pictures[0].moment"),
        ({"pictures": (Picture(GONE),)}, "plan.pictures[0].media"),
        # words
        ({"prompts": ()}, "prompt"),
        ({"prompts": (PromptCard("  "),)}, "prompt"),
        ({"prompts": (PromptCard("a"), PromptCard(" ", 2))}, "plan.prompts[1].text"),
        ({"prompts": (PromptCard("a"), PromptCard("b", 4))}, "plan.prompts[1].start"),
        ({"prompts": (PromptCard("a"), PromptCard("b", 9))}, "plan.prompts[1].start"),
        ({"prompts": (PromptCard("a"), PromptCard("b", 0.02))}, "plan.prompts[1].start"),
        ({"prompts": (PromptCard("a", 2), PromptCard("b", 1))}, "plan.prompts[1].start"),
        # loops
        ({"loop": True}, "plan.loop"),
        ({"loop": True, "keep": (kept(0, 2, 1),)}, "plan.loop"),
        ({"loop": True, "keep": (kept(0, 4, 0),)}, "plan.loop"),
        # the engine
        ({"width": 500}, "size"),
        ({"steps": 61}, "steps"),
        ({"fps": 24}, "plan.fps"),
        ({"seconds": 30.0}, "seconds"),
        ({"seconds": 61.0}, "seconds"),
        ({"seconds": 0.04}, "seconds"),
        ({"seconds": -1.0}, "seconds"),
        # shapes
        ({"fit": "strict", "pictures": (Picture(STILL),)}, "plan.pictures[0].media"),
        (
            {"fit": "strict", "width": 288, "height": 512, "keep": (kept(0, 1, 0),)},
            "plan.keep[0].media",
        ),
    ],
)
def test_a_plan_is_refused_by_the_name_of_its_card(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(PlanError) as refused:
        check_plan(replace(PLAIN, **changes), engine(), FACTS)
    assert refused.value.field == field
    assert refused.value.message and refused.value.remedy


@pytest.mark.parametrize(
    ("plan", "field"),
    [
        (redraw(first=STILL), "plan.redraw.first"),
        (redraw(first=GONE), "plan.redraw.first"),
        (redraw(start=2.0, end=2.0), "plan.redraw.end"),
        (redraw(end=6.0), "plan.redraw.end"),
        (redraw(end=2.0), "plan.redraw.end"),
        (replace(redraw(), seconds=2.0), "plan.redraw.end"),
        (redraw(strength=0.0), "plan.redraw.strength"),
        (replace(redraw(), keep=(kept(0, 1, 0),)), "plan.redraw"),
        (replace(redraw(), pictures=(Picture(STILL),)), "plan.redraw"),
        (replace(redraw(), fit="strict", width=288, height=512), "plan.redraw.first"),
        (blend(second=STILL), "plan.redraw.second"),
        (blend(second=CLIP, second_end=4.0), "plan.redraw.second"),
        (blend(second_end=3.5), "plan.redraw.second_end"),
        (blend(second_start=3.0), "plan.redraw.second_end"),
        (blend(curve=()), "plan.redraw.curve"),
        (blend(curve=((2.0, 0.0), (1.0, 1.0))), "plan.redraw.curve"),
        (blend(curve=((0.0, 1.0), (4.0, 1.0))), "plan.redraw.curve"),
    ],
)
def test_a_redrawing_is_refused_by_what_is_wrong_with_it(plan: EditPlan, field: str) -> None:
    with pytest.raises(PlanError) as refused:
        check_plan(plan, engine(), FACTS)
    assert refused.value.field == field


def test_a_clip_may_be_blended_with_another_part_of_itself() -> None:
    check_plan(blend(second=CLIP, second_start=1.0, second_end=4.0), engine(), FACTS)


def test_what_the_engine_cannot_do_is_said_in_its_name() -> None:
    able = engine(operations=["text", "image"])
    for tool in ("remix", "extend", "fill", "blend", "loop", "storyboard", "keyframes"):
        with pytest.raises(PlanError) as refused:
            check_plan(plan_for(tool), able, FACTS)
        assert refused.value.field == "tool"
        assert refused.value.message.startswith("Drawn can't")
    for tool in ("text", "image", "stitch"):
        check_plan(plan_for(tool), able, FACTS)


def test_soft_pictures_need_an_engine_that_takes_them() -> None:
    plan = replace(PLAIN, pictures=(Picture(STILL, strength=0.5),))
    check_plan(plan, engine(), FACTS)
    with pytest.raises(PlanError) as refused:
        check_plan(plan, replace(engine(), soft_conditions=False), FACTS)
    assert refused.value.field == "plan.pictures[0].strength"


def test_a_long_clip_needs_an_engine_that_goes_on_from_itself() -> None:
    plan = replace(PLAIN, seconds=12.0)
    check_plan(plan, engine(), FACTS)
    with pytest.raises(PlanError) as refused:
        check_plan(plan, engine(operations=["text"]), FACTS)
    assert (refused.value.field, "4 seconds" in refused.value.message) == ("seconds", True)
    # What is kept is not drawn: a short addition to a long clip is a short drawing.
    long = {**FACTS, CLIP: MediaFacts("video", 512, 288, 19.0)}
    check_plan(tools.extend(CANVAS, WORDS, Span(CLIP, 0, 19), after=1), engine(), long)


def test_offers_say_what_works_how_and_why_not() -> None:
    some = offers(engine(operations=["text", "extend"]))
    assert list(some) == list(TITLES) == list(TOOLS)
    assert (some["text"].how, some["extend"].able) == ("natively", True)
    assert some["storyboard"].how == "in windows"
    assert some["stitch"].how == "without drawing"
    assert (some["blend"].able, some["blend"].reason[:9]) == (False, "Drawn can")
    assert lengths(engine()) == [
        *[(2, "natively"), (4, "natively"), (5, "in windows"), (10, "in windows")],
        *[(15, "in windows"), (20, "in windows")],
    ]
    assert lengths(engine(operations=["text"])) == [(2, "natively"), (4, "natively")]


# --- Plans from outside --------------------------------------------------------------------------

JUNK = {"media": str(STILL), "at": {"deep": [[[[]]]]}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"schema": 2}, "plan.schema"),
        ({"schema": "1"}, "plan.schema"),
        ({"schema": True}, "plan.schema"),
        ({"tool": "paint"}, "plan.tool"),
        ({"tool": None}, "plan.tool"),
        ({"tool": []}, "plan.tool"),
        ({"width": 512.5}, "plan.width"),
        ({"width": True}, "plan.width"),
        ({"height": 10**30}, "plan.height"),
        ({"height": "288"}, "plan.height"),
        ({"seconds": float("nan")}, "plan.seconds"),
        ({"seconds": float("inf")}, "plan.seconds"),
        ({"seconds": 1e308}, "plan.seconds"),
        ({"seconds": 0}, "plan.seconds"),
        ({"seconds": None}, "plan.seconds"),
        ({"fps": 0}, "plan.fps"),
        ({"seed": -1}, "plan.seed"),
        ({"seed": 2**31}, "plan.seed"),
        ({"steps": 0}, "plan.steps"),
        ({"guidance": 0.5}, "plan.guidance"),
        ({"loop": 1}, "plan.loop"),
        ({"fit": "stretch"}, "plan.fit"),
        ({"fit": {}}, "plan.fit"),
        ({"negative_prompt": 5}, "plan.negative_prompt"),
        ({"style": "x" * 61}, "plan.style"),
        ({"upgraded_from": "draft"}, "plan.upgraded_from"),
        ({"prompts": {}}, "plan.prompts"),
        ({"prompts": ["a boat"]}, "plan.prompts[0]"),
        ({"prompts": [{"start": 0}]}, "plan.prompts[0].text"),
        ({"prompts": [{"text": "x" * 4001}]}, "plan.prompts[0].text"),
        ({"prompts": [{"text": "a", "start": True}]}, "plan.prompts[0].start"),
        ({"prompts": [{"text": "a"}] * (MAX_CARDS + 1)}, "plan.prompts"),
        ({"pictures": [JUNK]}, "plan.pictures[0].at"),
        ({"pictures": [{"media": None}]}, "plan.pictures[0].media"),
        ({"pictures": [{"media": str(STILL), "strength": 2}]}, "plan.pictures[0].strength"),
        ({"keep": [{"media": str(CLIP)}]}, "plan.keep[0].end"),
        ({"keep": [{"media": str(CLIP), "end": 1, "fade": -1}]}, "plan.keep[0].fade"),
        ({"keep": [{"media": "video:1", "end": 1}]}, "plan.keep[0].media"),
        ({"redraw": []}, "plan.redraw"),
        ({"redraw": {"first": str(CLIP)}}, "plan.redraw.end"),
        ({"redraw": {"first": str(CLIP), "end": 1, "second": "x"}}, "plan.redraw.second"),
        ({"redraw": {"first": str(CLIP), "end": 1, "curve": "up"}}, "plan.redraw.curve"),
        ({"redraw": {"first": str(CLIP), "end": 1, "curve": [[0]]}}, "plan.redraw.curve[0]"),
        (
            {"redraw": {"first": str(CLIP), "end": 1, "curve": [[0, 5]]}},
            "plan.redraw.curve[0].share",
        ),
        (
            {"redraw": {"first": str(CLIP), "end": 1, "curve": [[0, 0]] * 65}},
            "plan.redraw.curve",
        ),
    ],
)
def test_json_that_is_no_plan_is_refused_by_the_name_of_its_value(
    changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(PlanError) as refused:
        read_plan({**PLAIN.to_json(), **changes})
    assert refused.value.field == field
    assert refused.value.remedy


@pytest.mark.parametrize("data", [None, [], "plan", 5, {}])
def test_what_is_no_object_is_no_plan(data: Any) -> None:
    with pytest.raises(PlanError):
        read_plan(data)


def test_a_plan_names_everything_it_refers_to_once() -> None:
    assert plan_for("storyboard").media() == (CLIP, STILL)
    assert plan_for("blend").media() == (CLIP, OTHER)
    assert plan_for("fill").media() == (CLIP,)
    texts = replace(plan_for("storyboard"), negative_prompt="rain").texts()
    assert texts == ("a boat", "a house", "rain")
