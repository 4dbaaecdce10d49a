"""One take of a clip: frames stream from the engine through every check into the marked file.

Memory stays flat. A take that is only borderline, of a prompt that is harmless, is drawn once more
with another seed and judged more strictly before the answer is no (docs/policies.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

from django.conf import settings

from generation import media
from generation.attempt import Attempt
from generation.clean import UnderMark
from generation.editing import render
from generation.editing.plan import EditPlan
from generation.engine.capabilities import Capabilities
from generation.engine.protocol import VideoEngine
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark
from generation.screening import JointFrames, frame_review
from generation.sources import StoredMedia
from moderation.screening.decision import Decision, borderline
from moderation.screening.policy import Policy

SECOND_SEED = 104_729  # added to the seed of a second take; any number would do, the same each time


@dataclass(frozen=True)
class Take:
    """What one take left in the work folder, and what the checks of its frames decided."""

    plan: EditPlan
    unsigned: Path
    below: Path
    mark_moves: list[list[int]]
    fingerprint: FingerprintBuilder
    decision: Decision
    joint_frames: JointFrames


def draw(
    plan: EditPlan,
    engine: VideoEngine,
    capabilities: Capabilities,
    sources: StoredMedia,
    attempt: Attempt,
    *,
    video_id: UUID,
    prompt: Decision,
    policy: Policy,
    second: bool = False,
) -> Take:
    """Draw the clip once. Raises what the engine, a check or the lease raises."""
    folder = sources.folder
    attempt.drawing = plan.draws
    frames = render.frames(plan, engine, sources, on_progress=attempt.on_progress)
    review = frame_review(prompt, capabilities, policy=policy, second=second)
    fingerprint, joint = FingerprintBuilder(fps=plan.fps), JointFrames()
    mark = VisibleMark(
        plan.width,
        plan.height,
        text=settings.SORA_WATERMARK_TEXT,
        seed=video_id.int % 2**31,
        fps=plan.fps,
    )
    unsigned, below = folder / "marked.mp4", folder / "under.mp4"
    with (
        attempt.stage("generate"),
        UnderMark(below, mark, plan.fps) as under,
        media.Encoder(
            unsigned,
            width=plan.width,
            height=plan.height,
            fps=plan.fps,
            mark=mark,
            before_mark=under,
            on_luma=fingerprint.add_marked,
        ) as encoder,
    ):
        for index, frame in enumerate(frames):
            review.add(index, index / plan.fps, frame)
            joint.add(index / plan.fps, frame)
            fingerprint.add(index, frame)
            encoder.write(frame)
            if index % plan.fps == 0:  # kept parts pass without a word of the engine
                attempt.check()
            if not attempt.drawing:
                attempt.show("checks", index + 1, plan.frames)
    return Take(plan, unsigned, below, under.moves, fingerprint, review.verdict(), joint)


def deserves_another(take: Take, prompt: Decision, policy: Policy) -> bool:
    """Whether a refused take is worth a second one: the prompt was harmless, the picture borderline,
    and drawing again can give another picture."""
    return (
        policy.rules.second_try
        and take.plan.draws
        and prompt.action == "allow"
        and borderline(take.decision, policy)
    )


def with_another_seed(plan: EditPlan) -> EditPlan:
    return replace(plan, seed=(plan.seed + SECOND_SEED) % 2**31)
