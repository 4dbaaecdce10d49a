"""A draft: the same plan small and in few steps, to be made again at full size (`tools.upgrade`)."""

from __future__ import annotations

from dataclasses import replace

from generation.editing.plan import EditPlan, PlanError
from generation.engine.capabilities import Capabilities

STEPS_SHARE = 0.4  # of the engine's own steps; a draft costs this share of the small size's price
SAME_SHAPE = 0.02  # relative difference of two aspects


def draft_size(engine: Capabilities, width: int, height: int) -> tuple[int, int]:
    """The engine's smallest size of that shape; the size itself where there is no other."""
    shape = width / height
    same = [(w, h) for w, h in engine.sizes if abs(w / h / shape - 1) < SAME_SHAPE]
    return min([(width, height), *same], key=lambda size: size[0] * size[1])


def draft_steps(engine: Capabilities) -> int:
    return max(1, round(engine.default_steps * STEPS_SHARE))


def as_draft(plan: EditPlan, engine: Capabilities) -> EditPlan:
    """Raises PlanError where a draft would save nothing."""
    if not plan.draws:
        raise PlanError(
            "draft", "Nothing is drawn here, so a draft saves nothing.", "Ask for the clip itself."
        )
    width, height = draft_size(engine, plan.width, plan.height)
    return replace(
        plan,
        width=width,
        height=height,
        steps=min(plan.steps, draft_steps(engine)),
        full=(plan.width, plan.height, plan.steps),
    )


def check_draft(plan: EditPlan, engine: Capabilities) -> None:
    """That a plan which says to be a draft is one: it is paid as one. Raises PlanError."""
    if plan.full is None:
        return
    width, height, steps = plan.full
    small = (plan.width, plan.height) == draft_size(engine, width, height)
    if not small or plan.steps > draft_steps(engine) or not plan.draws:
        raise PlanError(
            "plan.full",
            f"A draft has the smallest size of its shape and at most {draft_steps(engine)} steps.",
            "Send the plan without full, or ask with draft.",
        )
    if (width, height) not in engine.sizes or not 1 <= steps <= engine.max_steps:
        raise PlanError(
            "plan.full",
            f"{engine.title} can't make this draft at full size, {width}x{height} in {steps} steps.",
            "Choose a size and steps that are offered.",
        )
