"""How long a job will take: by what is done in it, and by what the last ones really took."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Workspace
from generation import estimates, scheduling
from generation.editing import tools
from generation.editing.plan import EditPlan, KeptSpan, MediaRef
from generation.models import Generation, StageTiming
from tests.factories import make_generation

pytestmark = pytest.mark.django_db
CLIP = MediaRef.parse("video:6f9619ff-8b86-4d01-b42d-00cf4fc964ff", "clip")
CANVAS = tools.Canvas(width=512, height=288, fps=12, seed=1, steps=20, guidance=3.0)


def text(seconds: float = 4) -> EditPlan:
    return tools.text(CANVAS, "a red balloon", seconds)


def stitch() -> EditPlan:
    whole = tools.Span(CLIP, 0, 4)
    return tools.stitch(CANVAS, [whole, whole])


def took(workspace: Workspace, wall: float, **fields: Any) -> Generation:
    """A delivered job that took so many seconds."""
    job = make_generation(workspace, status="succeeded", steps=20, **fields)
    for stage, share in (("generate", 0.8), ("sign", 0.2)):
        StageTiming.objects.create(
            workspace=workspace,
            generation=job,
            attempt=job.attempts,
            stage=stage,
            seconds=share * wall,
        )
    return job


def test_only_what_is_drawn_counts_as_drawing() -> None:
    assert estimates.drawing_seconds(stitch()) == 0
    extended = tools.extend(CANVAS, "go on", tools.Span(CLIP, 0, 8), after=2)
    assert 0 < estimates.drawing_seconds(extended) < estimates.drawing_seconds(text(4))
    remix = [tools.remix(CANVAS, "at night", tools.Span(CLIP, 0, 4), s) for s in (0.3, 0.75)]
    weak, strong = map(estimates.drawing_seconds, remix)
    assert weak < strong < estimates.drawing_seconds(text(4))


def test_without_any_measurement_the_models_own_figures_stand() -> None:
    assert estimates.expected_seconds(stitch()) < 5
    assert estimates.expected_seconds(text()) > 5 * estimates.expected_seconds(stitch())


def test_jobs_of_exactly_this_kind_are_believed(workspace: Workspace) -> None:
    drawing = estimates.drawing_seconds(text())
    for wall in (10.0, 14.0):
        took(workspace, wall, seconds=4, drawing_seconds=drawing)
    took(workspace, 500.0, seconds=4, drawing_seconds=0, tool="stitch")

    assert estimates.expected_seconds(text()) == pytest.approx(12.0)


def test_other_jobs_correct_the_rates_of_drawing_and_of_delivery_apart(
    workspace: Workspace,
) -> None:
    before = estimates.expected_seconds(text(2)), estimates.expected_seconds(stitch())
    took(workspace, 4 * before[0], seconds=4, drawing_seconds=estimates.drawing_seconds(text()))
    slower = estimates.expected_seconds(text(2)), estimates.expected_seconds(stitch())
    assert slower[0] > 1.5 * before[0]
    assert slower[1] == before[1]  # a slow model doesn't make a stitch slow

    took(workspace, 30.0, seconds=8, width=1024, height=576, drawing_seconds=0, tool="stitch")
    assert estimates.expected_seconds(stitch()) > slower[1]


def test_a_job_from_before_this_was_noted_is_estimated_all_the_same(workspace: Workspace) -> None:
    assert estimates.seconds_of(make_generation(workspace, drawing_seconds=None)) > 1


def test_the_queue_ahead_is_summed_up_in_the_same_number_of_queries(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    def waiting(count: int) -> float:
        for _ in range(count):
            make_generation(workspace, drawing_seconds=10.0, fair_tag=1.0)
        with django_assert_max_num_queries(8):
            return scheduling.wait_seconds(before_tag=2.0)

    one = waiting(1)
    assert waiting(29) == pytest.approx(30 * one, rel=1e-6)


def test_what_a_running_job_has_done_already_is_taken_off(workspace: Workspace) -> None:
    fields = {"drawing_seconds": 100.0, "lease_expires_at": timezone.now() + timedelta(hours=1)}
    job = make_generation(workspace, status="running", **fields)
    Generation.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    job.refresh_from_db()
    whole = estimates.seconds_of(job)
    assert scheduling.wait_seconds() == pytest.approx(whole - 60, abs=2)


def test_kept_frames_of_any_plan_need_no_engine() -> None:
    plan = CANVAS.plan("storyboard", 4)
    kept = EditPlan(**{**vars(plan), "keep": (KeptSpan(CLIP, 0, 4, at=0),)})
    assert estimates.drawing_seconds(kept) == 0
