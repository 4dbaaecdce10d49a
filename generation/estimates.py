"""How long a job takes from claim to delivery, by what has to be done in it.

A job draws (the engine's part: none for a stitch, the new seconds of an extend) and delivers (read,
check, mark, encode and sign every frame). `drawing_seconds` is the engine's own figure for the first
part; what the last jobs really took corrects both. Jobs of exactly this kind count before any rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Count, F, FloatField, QuerySet, Sum
from django.db.models.functions import Cast

from generation.capabilities import engine_capabilities
from generation.editing.plan import EditPlan, gaps
from generation.edits import seconds_shown
from generation.engine.plan import plan_windows
from generation.models import Generation, StageTiming

RECENT = 20  # jobs that a rate is measured on
OVERHEAD_SECONDS = 1.0  # load, sign, store: whatever the length
# Reading, marking, checking and encoding one megapixel of picture for one second of clip, on two CPU
# cores: the figure before anything was delivered here.
DELIVERY_SECONDS = 0.4


def drawing_seconds(plan: EditPlan) -> float:
    """Engine seconds by the model's own figures, pass by pass; 0 when all is kept."""
    engine = engine_capabilities()

    def passes(frames: int) -> float:
        windows = plan_windows(
            frames, longest=engine.native_frames, overlap=engine.overlap, step=engine.frame_step
        )
        return sum(
            engine.estimate_seconds(plan.width, plan.height, window.frames / engine.fps, plan.steps)
            for window in windows
        )

    if plan.redraw is not None:
        # Redrawing begins part of the way down from the noise: so many of the steps are taken.
        return passes(plan.frames) * (max(plan.redraw.strength, 1 / plan.steps))
    return sum(passes(max(1, round((end - start) * plan.fps))) for start, end in gaps(plan))


@dataclass(frozen=True)
class Rates:
    """drawing: real seconds for one of the engine's own. delivery: for one megapixel-second."""

    drawing: float
    delivery: float

    def seconds(self, drawing: float, megapixel_seconds: float) -> float:
        return OVERHEAD_SECONDS + self.drawing * drawing + self.delivery * megapixel_seconds


MEGAPIXEL_SECONDS = (
    Cast(F("width"), FloatField()) * F("height") * F("seconds") / 1e6
)  # of delivered picture; by rows


def measured_rates() -> Rates:
    """What the last jobs took. Without any the model's and our own figures stand."""
    delivered = _measured(_ended().filter(drawing_seconds=0))
    delivery = DELIVERY_SECONDS
    if delivered is not None and delivered.megapixels > 0:
        rest = delivered.seconds - OVERHEAD_SECONDS * delivered.jobs
        delivery = max(0.02, rest / delivered.megapixels)
    drawn = _measured(_ended().filter(drawing_seconds__gt=0))
    drawing = 1.0
    if drawn is not None:
        rest = drawn.seconds - OVERHEAD_SECONDS * drawn.jobs - delivery * drawn.megapixels
        drawing = max(0.02, rest / drawn.drawing)
    return Rates(drawing, delivery)


def expected_seconds(plan: EditPlan) -> float:
    """Seconds from claim to delivery of one job with this plan."""
    shape = {
        "tool": plan.tool,
        "width": plan.width,
        "height": plan.height,
        "seconds": seconds_shown(plan),
        "steps": plan.steps,
    }
    return _expected(shape, drawing_seconds(plan))


def seconds_of(generation: Generation) -> float:
    """The same for a job that is there already."""
    if generation.drawing_seconds is None:  # asked for before this was noted
        engine = engine_capabilities()
        generation.drawing_seconds = engine.estimate_seconds(
            generation.width, generation.height, generation.seconds, generation.steps
        )
    shape = {
        name: getattr(generation, name) for name in ("tool", "width", "height", "seconds", "steps")
    }
    return _expected(shape, generation.drawing_seconds)


def work_of(generations: QuerySet[Generation], rates: Rates) -> float:
    """Seconds that all of them take together, in one query."""
    found = generations.aggregate(
        jobs=Count("pk"), drawing=Sum("drawing_seconds"), megapixels=Sum(MEGAPIXEL_SECONDS)
    )
    if not found["jobs"]:
        return 0.0
    rest = rates.seconds(float(found["drawing"] or 0), float(found["megapixels"] or 0))
    return rest + OVERHEAD_SECONDS * (int(found["jobs"]) - 1)


def _expected(shape: dict[str, Any], drawing: float) -> float:
    same = _measured(
        _ended().filter(
            **shape,
            drawing_seconds__gte=drawing * 0.99 - 1e-6,
            drawing_seconds__lte=drawing * 1.01 + 1e-6,
        )
    )
    if same is not None:
        return same.seconds / same.jobs
    megapixels = shape["width"] * shape["height"] * shape["seconds"] / 1e6
    return measured_rates().seconds(drawing, megapixels)


@dataclass(frozen=True)
class Measured:
    jobs: int
    seconds: float
    drawing: float
    megapixels: float


def _ended() -> QuerySet[Generation]:
    return Generation.objects.filter(status=Generation.Status.SUCCEEDED)


def _measured(jobs: QuerySet[Generation]) -> Measured | None:
    """The last of them that have timings; None when there is none."""
    recent = list(
        jobs.annotate(megapixels=MEGAPIXEL_SECONDS)
        .order_by("-finished_at")
        .values_list("pk", "drawing_seconds", "megapixels")[:RECENT]
    )
    took = dict(
        StageTiming.objects.filter(
            generation__in=[pk for pk, _, _ in recent], attempt=F("generation__attempts")
        )
        .values_list("generation")
        .annotate(total=Sum("seconds"))
    )
    known = [(drawing or 0.0, size) for pk, drawing, size in recent if pk in took]
    if not known:
        return None
    return Measured(
        jobs=len(known),
        seconds=float(sum(took.values())),
        drawing=float(sum(drawing for drawing, _ in known)),
        megapixels=float(sum(size for _, size in known)),
    )
