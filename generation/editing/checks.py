"""Say what is wrong with a plan before anything is queued or charged. Pure; no torch, no Django."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from generation.editing.plan import EditPlan, MediaRef, PlanError, gaps
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
    _check_media(plan, facts)
    _check_prompts(plan)
    _check_kept(plan, facts)
    _check_pictures(plan, facts)
    _check_redraw(plan, facts)
    _check_engine(plan, engine)


def operations(plan: EditPlan) -> frozenset[str]:
    """What an engine has to be able to do for this plan, in the words of the capability tables."""
    needed: set[str] = set()
    drawn = list(gaps(plan)) if plan.redraw is None else []
    for start, end in drawn:
        before = any(abs(span.until - start) < SLACK + 1 / plan.fps for span in plan.keep)
        after = any(abs(span.at - end) < SLACK + 1 / plan.fps for span in plan.keep)
        if plan.loop:
            needed.add("loop")
        elif before and after:
            needed.add("fill")
        elif before or after:
            needed.add("extend")
        else:
            needed.add("text")
    for card in plan.pictures:
        if card.at < 0.5 / plan.fps:
            needed.add("image")
        elif card.at > plan.seconds - 1.5 / plan.fps:
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
                f"{name}.media",
                "This picture or clip is not there (any more).",
                "Choose another one.",
            )
        ours, theirs = plan.width / plan.height, found.width / found.height
        if plan.fit == "strict" and abs(ours / theirs - 1) > STRICT_ASPECT:
            raise PlanError(
                f"{name}.media",
                f"It is {found.width}x{found.height}, another shape than {plan.width}x{plan.height}.",
                "Choose crop or pad, or a size of its shape.",
            )


def _named_media(plan: EditPlan) -> list[tuple[str, MediaRef]]:
    found = [(f"plan.keep[{i}]", span.media) for i, span in enumerate(plan.keep)]
    found += [(f"plan.pictures[{i}]", card.media) for i, card in enumerate(plan.pictures)]
    if plan.redraw is not None:
        found.append(("plan.redraw", plan.redraw.first))
        if plan.redraw.second is not None:
            found.append(("plan.redraw", plan.redraw.second))
    return found


def _check_prompts(plan: EditPlan) -> None:
    draws = plan.redraw is not None or any(True for _ in gaps(plan))
    if draws and not any(card.text.strip() for card in plan.prompts):
        raise PlanError("prompt", "There is nothing to draw yet.", "Describe what to show.")
    last = -1.0
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
        if card.start < last + 1 / plan.fps:
            raise PlanError(
                f"{name}.start",
                "Two cards begin at the same moment, or they are not in order.",
                "Leave at least one frame between them.",
            )
        last = card.start


def _check_kept(plan: EditPlan, facts: Facts) -> None:
    frame, until = 1 / plan.fps, 0.0
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
        if span.end > found.seconds + frame:
            raise PlanError(
                f"{name}.end",
                f"The span ends at {span.end:g} s; the clip has {found.seconds:g} s.",
                "End it inside the clip.",
            )
        if span.until > plan.seconds + frame:
            raise PlanError(
                f"{name}.at",
                f"The clip part reaches to {span.until:g} s, past the end at {plan.seconds:g} s.",
                "Move it forward, trim it, or make the plan longer.",
            )
        if span.fade > min(span.seconds, until) + SLACK:
            raise PlanError(
                f"{name}.fade",
                "The cross-fade is longer than what it fades between.",
                "Make it shorter.",
            )
        if span.at < until - span.fade - frame:
            raise PlanError(
                f"{name}.at",
                f"It begins at {span.at:g} s, before the part ahead of it ends at {until:g} s.",
                "Move one of them, trim one, or give it a cross-fade of that length.",
            )
        until = max(until, span.until)


def _check_pictures(plan: EditPlan, facts: Facts) -> None:
    taken: dict[int, int] = {}
    for index, card in enumerate(plan.pictures):
        name = f"plan.pictures[{index}]"
        found = facts[card.media]
        if card.moment > max(0.0, found.seconds):
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
        if any(s.at - SLACK <= card.at < s.until - SLACK for s in plan.keep):
            raise PlanError(
                f"{name}.at",
                "The picture lies in a part that is kept unchanged.",
                "Move it to a part that is drawn.",
            )
        frame = min(plan.frames - 1, round(card.at * plan.fps))
        if frame in taken:
            raise PlanError(
                f"{name}.at",
                f"It lies on the same frame as picture {taken[frame] + 1}.",
                "Move one of them.",
            )
        taken[frame] = index
    if plan.pictures and plan.redraw is None and not any(True for _ in gaps(plan)):
        raise PlanError("plan.pictures", "Nothing of this plan is drawn.", "Remove the pictures.")


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
    spans = [("first", redraw.first, redraw.start, redraw.end)]
    if redraw.second is not None:
        spans.append(("second", redraw.second, redraw.second_start, redraw.second_end))
    for which, media, start, end in spans:
        found = facts[media]
        if found.kind != "video":
            raise PlanError(
                f"{name}.{which}", "This is a picture.", "Choose a clip, or animate the picture."
            )
        if end - start < frame - SLACK:
            raise PlanError(f"{name}.end", "The span holds no frame.", "Trim less.")
        if end > found.seconds + frame:
            raise PlanError(
                f"{name}.end",
                f"The span ends at {end:g} s; the clip has {found.seconds:g} s.",
                "End it inside the clip.",
            )
    if redraw.second is not None:
        same = redraw.second == redraw.first
        if same and abs(redraw.start - redraw.second_start) < frame:
            raise PlanError(
                f"{name}.second",
                "A clip blended with itself stays what it is.",
                "Choose another clip, or another part of it.",
            )
        times = [point[0] for point in redraw.curve]
        if not times or times != sorted(times):
            raise PlanError(
                f"{name}.curve", "The curve has to go from left to right.", "Draw it again."
            )


def _check_engine(plan: EditPlan, engine: Capabilities) -> None:
    if (plan.width, plan.height) not in engine.sizes:
        allowed = ", ".join(f"{w}x{h}" for w, h in engine.sizes)
        raise PlanError(
            "size", f"{engine.title} makes these sizes: {allowed}.", "Choose one of them."
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
    longest = engine.most_seconds
    if plan.drawn_seconds > longest + SLACK:
        raise PlanError(
            "seconds",
            f"{engine.title} draws up to {longest:g} seconds; this plan draws "
            f"{plan.drawn_seconds:g}.",
            "Make it shorter, or in two parts.",
        )
