"""Say what is wrong with a plan before anything is queued or charged. Pure; no torch, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generation.editing.drafting import check_draft
from generation.editing.plan import (
    MAX_SECONDS,
    EditPlan,
    MediaRef,
    PlanError,
    Redrawn,
    timeline,
)
from generation.engine.capabilities import Capabilities
from generation.engine.operations import OPERATIONS

STRICT_ASPECT = 0.02  # relative difference that still counts as the same aspect
SLACK = 1e-3  # seconds; times travel as decimal text


@dataclass(frozen=True)
class MediaFacts:
    """What is known of one upload or clip. seconds is 0 for a picture."""

    kind: Literal["image", "video"]
    width: int
    height: int
    seconds: float = 0.0


Facts = Mapping[MediaRef, MediaFacts]


def check_plan(plan: EditPlan, engine: Capabilities, facts: Facts) -> None:
    """Raise PlanError for the first thing that can't be made, naming the card."""
    if not 1 / plan.fps <= plan.seconds + SLACK or plan.seconds > MAX_SECONDS + SLACK:
        raise PlanError(
            "seconds",
            f"A clip has at least one frame and at most {MAX_SECONDS:g} seconds, not "
            f"{plan.seconds:g}.",
            "Trim less or leave out a part.",
        )
    _check_media(plan, facts)
    _check_prompts(plan)
    _check_kept(plan, facts)
    _check_pictures(plan, facts)
    _check_redraw(plan, facts)
    _check_engine(plan, engine)
    check_draft(plan, engine)


def operations(plan: EditPlan) -> frozenset[str]:
    """What an engine has to be able to do for this plan, in the words of the capability tables."""
    needed: set[str] = set()
    stretches = timeline(plan) if plan.redraw is None else []
    for index, stretch in enumerate(stretches):
        if stretch.span is not None:
            continue
        before, after = index > 0, index + 1 < len(stretches)
        if plan.loop and index == len(stretches) - 2:
            needed.add("loop")
        elif before and after:
            needed.add("fill")
        elif before or after:
            needed.add("extend")
        else:
            needed.add("text")
    for card in plan.pictures:
        frame = plan.frame_of(card)
        if frame == 0:
            needed.add("image")
        elif frame == plan.frames - 1:
            needed.add("last_frame")
        else:
            needed.add("keyframes")
    if plan.redraw is not None:
        needed.add("blend" if plan.redraw.second else "remix")
    if needed and len(plan.prompts) > 1:
        needed.add("storyboard")
    if needed and plan.negative_prompt:
        needed.add("negative_prompt")
    return frozenset(needed)


def _check_media(plan: EditPlan, facts: Facts) -> None:
    for name, media in _named_media(plan):
        found = facts.get(media)
        if found is None:
            raise PlanError(
                name,
                "This picture or clip is not there (any more).",
                "Choose another one.",
            )
        ours, theirs = plan.width / plan.height, found.width / found.height
        if plan.fit == "strict" and abs(ours / theirs - 1) > STRICT_ASPECT:
            raise PlanError(
                name,
                f"It is {found.width}x{found.height}, another shape than {plan.width}x{plan.height}.",
                "Choose crop or pad, or a size of its shape.",
            )


def _named_media(plan: EditPlan) -> list[tuple[str, MediaRef]]:
    found = [(f"plan.keep[{i}]", span.media) for i, span in enumerate(plan.keep)]
    found += [(f"plan.pictures[{i}]", card.media) for i, card in enumerate(plan.pictures)]
    found = [(f"{name}.media", media) for name, media in found]
    if plan.redraw is not None:
        found.append(("plan.redraw.first", plan.redraw.first))
        if plan.redraw.second is not None:
            found.append(("plan.redraw.second", plan.redraw.second))
    return found


def _check_prompts(plan: EditPlan) -> None:
    if plan.draws and not any(card.text.strip() for card in plan.prompts):
        raise PlanError("prompt", "There is nothing to draw yet.", "Describe what to show.")
    last = -1
    for index, card in enumerate(plan.prompts):
        name = f"plan.prompts[{index}]"
        if not card.text.strip():
            raise PlanError(f"{name}.text", "This card is empty.", "Describe it or remove it.")
        if card.start >= plan.seconds:
            raise PlanError(
                f"{name}.start",
                f"The card begins at {card.start:g} s, after the end of the clip at "
                f"{plan.seconds:g} s.",
                "Move it forward or make the clip longer.",
            )
        frame = round(card.start * plan.fps)
        if frame <= last:
            raise PlanError(
                f"{name}.start",
                "Two cards begin at the same moment, or they are not in order.",
                "Leave at least one frame between them.",
            )
        last = frame


def _check_kept(plan: EditPlan, facts: Facts) -> None:
    frame, until, free = 1 / plan.fps, 0.0, 0.0  # `free`: where the part before is alone
    for index, span in sorted(enumerate(plan.keep), key=lambda pair: pair[1].at):
        name = f"plan.keep[{index}]"
        found = facts[span.media]
        if found.kind != "video":
            raise PlanError(
                f"{name}.media", "A picture has no span to keep.", "Place it as a picture card."
            )
        if span.seconds < frame - SLACK:
            raise PlanError(
                f"{name}.end",
                "The span holds no frame.",
                "Let its end lie at least one frame after its start.",
            )
        if span.end > found.seconds + frame + SLACK:
            raise PlanError(
                f"{name}.end",
                f"The span ends at {span.end:g} s; the clip has {found.seconds:g} s.",
                "End it inside the clip.",
            )
        if span.until > plan.seconds + frame / 2 + SLACK:
            raise PlanError(
                f"{name}.at",
                f"The clip part reaches to {span.until:g} s, past the end at {plan.seconds:g} s.",
                "Move it forward, trim it, or make the plan longer.",
            )
        if span.fade > min(span.seconds, until - free) + SLACK:
            raise PlanError(
                f"{name}.fade",
                "The cross-fade is longer than what it fades between.",
                "Make it shorter.",
            )
        if span.at < until - span.fade - frame / 2 - SLACK:
            raise PlanError(
                f"{name}.at",
                f"It begins at {span.at:g} s, before the part ahead of it ends at {until:g} s.",
                "Move one of them, trim one, or give it a cross-fade of that length.",
            )
        if span.fade > frame / 2 and span.at > until - span.fade + frame / 2 + SLACK:
            raise PlanError(
                f"{name}.at",
                f"A cross-fade of {span.fade:g} s begins that much before the part ahead of it "
                f"ends, at {until - span.fade:g} s.",
                "Move it there, or take the cross-fade away.",
            )
        free, until = max(until, span.at), max(until, span.until)
    _check_loop(plan)


def _check_loop(plan: EditPlan) -> None:
    if not plan.loop:
        return
    half = 0.5 / plan.fps + SLACK
    if not plan.keep or min(span.at for span in plan.keep) > half:
        raise PlanError(
            "plan.loop",
            "A loop closes on the clip it begins with; there is none at 0 s.",
            "Move a clip to the beginning, or make the clip first and loop it then.",
        )
    if max(span.until for span in plan.keep) > plan.seconds - 4 * half:
        raise PlanError(
            "plan.loop",
            "There is no room for the seam behind the last kept part.",
            "Make the plan longer, or trim the part.",
        )


def _check_pictures(plan: EditPlan, facts: Facts) -> None:
    taken: dict[int, int] = {}
    stretches = timeline(plan)
    for index, card in enumerate(plan.pictures):
        name = f"plan.pictures[{index}]"
        found = facts[card.media]
        if card.moment > found.seconds + SLACK:
            raise PlanError(
                f"{name}.moment",
                f"The clip has {found.seconds:g} s; there is no frame at {card.moment:g} s.",
                "Choose a moment inside it.",
            )
        if card.at > plan.seconds:
            raise PlanError(
                f"{name}.at",
                f"The picture is placed at {card.at:g} s, past the end at {plan.seconds:g} s.",
                "Move it forward or make the clip longer.",
            )
        frame = plan.frame_of(card)
        if any(s.span and s.first <= frame < s.last for s in stretches):
            raise PlanError(
                f"{name}.at",
                "The picture lies in a part that is kept unchanged.",
                "Move it to a part that is drawn.",
            )
        if frame in taken:
            raise PlanError(
                f"{name}.at",
                f"It lies on the same frame as picture {taken[frame] + 1}.",
                "Move one of them.",
            )
        taken[frame] = index


def _check_redraw(plan: EditPlan, facts: Facts) -> None:
    redraw = plan.redraw
    if redraw is None:
        return
    name, frame = "plan.redraw", 1 / plan.fps
    if plan.keep or plan.pictures or plan.loop:
        raise PlanError(
            name,
            "A clip is redrawn as a whole, not together with kept parts or pictures.",
            "Do it in two steps.",
        )
    spans = [("first", "end", redraw.first, redraw.start, redraw.end)]
    if redraw.second is not None:
        spans.append(
            ("second", "second_end", redraw.second, redraw.second_start, redraw.second_end)
        )
    for which, ends, media, start, end in spans:
        found = facts[media]
        if found.kind != "video":
            raise PlanError(
                f"{name}.{which}", "This is a picture.", "Choose a clip, or animate the picture."
            )
        if end - start < frame - SLACK:
            raise PlanError(f"{name}.{ends}", "The span holds no frame.", "Trim less.")
        if end > found.seconds + frame + SLACK:
            raise PlanError(
                f"{name}.{ends}",
                f"The span ends at {end:g} s; the clip has {found.seconds:g} s.",
                "End it inside the clip.",
            )
        if end - start > plan.seconds + frame:
            raise PlanError(
                f"{name}.{ends}",
                f"The span has {end - start:g} s, the plan {plan.seconds:g} s.",
                "Trim it, or make the plan longer.",
            )
    if redraw.strength <= 0:
        raise PlanError(
            f"{name}.strength", "With a strength of 0 nothing is redrawn.", "Take 0.05 or more."
        )
    if redraw.second is not None:
        _check_blend(plan, redraw)
    elif plan.seconds > redraw.end - redraw.start + frame:
        raise PlanError(
            f"{name}.end",
            f"The span has {redraw.end - redraw.start:g} s, the plan {plan.seconds:g} s.",
            "Make the plan as long as the span, or extend the clip first.",
        )


def _check_blend(plan: EditPlan, redraw: Redrawn) -> None:
    if redraw.second == redraw.first and abs(redraw.start - redraw.second_start) < 1 / plan.fps:
        raise PlanError(
            "plan.redraw.second",
            "A clip blended with itself stays what it is.",
            "Choose another clip, or another part of it.",
        )
    times = [point[0] for point in redraw.curve]
    if not times or times != sorted(times):
        raise PlanError(
            "plan.redraw.curve", "The curve has to go from left to right.", "Draw it again."
        )
    if not any(0 < redraw.influence(k / plan.fps) < 1 for k in range(plan.frames)):
        raise PlanError(
            "plan.redraw.curve",
            "The curve never shows both clips at once.",
            "Draw it between 0 and 1 for a while, or stitch the clips.",
        )


def _check_engine(plan: EditPlan, engine: Capabilities) -> None:
    if (plan.width, plan.height) not in engine.sizes:
        allowed = ", ".join(f"{w}x{h}" for w, h in engine.sizes)
        raise PlanError(
            "size", f"{engine.title} makes these sizes: {allowed}.", "Choose one of them."
        )
    if plan.fps != engine.fps:
        raise PlanError(
            "plan.fps",
            f"{engine.title} makes {engine.fps} frames a second; this plan has {plan.fps}.",
            f"Set fps to {engine.fps}.",
        )
    if plan.steps > engine.max_steps:
        raise PlanError(
            "steps", f"{engine.title} takes 1 to {engine.max_steps} steps.", "Take fewer steps."
        )
    for needed in sorted(operations(plan)):
        if not engine.makes(needed):
            raise PlanError(
                "tool",
                f"{engine.title} can't {OPERATIONS[needed]}.",
                "Choose another tool, or ask the operator for another model.",
            )
    for index, card in enumerate(plan.pictures):
        if card.strength < 1 and not engine.soft_conditions:
            raise PlanError(
                f"plan.pictures[{index}].strength",
                f"{engine.title} shows pictures as they are.",
                "Set the strength to 1.",
            )
    longest = engine.most_seconds
    if plan.drawn_seconds > longest + SLACK:
        raise PlanError(
            "seconds",
            f"{engine.title} draws up to {longest:g} seconds; this plan draws "
            f"{plan.drawn_seconds:g}.",
            "Make it shorter, or in two parts.",
        )
