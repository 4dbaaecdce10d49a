"""How a plan becomes pixels, said where it costs and where it is signed. Pure; no torch, no Django."""

from __future__ import annotations

from dataclasses import dataclass

from generation.editing.plan import EditPlan
from generation.editing.render import passes
from generation.engine.capabilities import Capabilities
from generation.engine.plan import describe


@dataclass(frozen=True)
class Making:
    """passes: how often the engine draws for the longest stretch, 0 for not at all.

    resampled: how what it draws becomes the delivered size, as "drawn at 160x96, enlarged to
    1920x1080"; "" where nothing is drawn or changed.
    """

    passes: int
    resampled: str


def how_made(plan: EditPlan, engine: Capabilities) -> Making:
    count = max(passes(plan, engine), default=0)
    drawn, asked = engine.drawn_size(plan.width, plan.height), (plan.width, plan.height)
    return Making(count, describe(drawn, asked, plan.fps, plan.fps) if count else "")
