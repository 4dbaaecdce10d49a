"""Every write on generations and videos that means something to a user."""

from __future__ import annotations

import builtins
import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit
from accounts.models import User, Workspace
from billing import services as billing
from billing.plans import price_in_credits
from generation import progress, scheduling, tasks
from generation.capabilities import engine_capabilities
from generation.engine.capabilities import UnsupportedSpec
from generation.errors import (
    InvalidPromptText,
    InvalidRequest,
    InvalidSize,
    KeyReused,
    NotCancellable,
    PlanLimit,
    PromptRefused,
    TooManyOpen,
)
from generation.models import Chore, Fingerprint, Generation, SafetyCheck, Video
from generation.provenance.fingerprint import FrameHash, bands
from moderation.screening.gate import InvalidPrompt, clean_prompt, screen_prompt
from moderation.screening.protocol import Verdict
from sora_site.lib import storage
from sora_site.lib.realtime import send_on_commit

Status = Generation.Status


@dataclass(frozen=True)
class Request:
    """One request after every check that needs no database: what will be made and what it costs."""

    prompt: str
    width: int
    height: int
    seconds: int
    seed: int
    steps: int
    cost_credits: int


def check_request(
    workspace: Workspace,
    *,
    prompt: str,
    width: int,
    height: int,
    seconds: int,
    seed: int | None,
    steps: int | None,
) -> Request:
    """Refuse what can't be made, naming the field and the allowed values; else fill in the rest.

    Raises InvalidPromptText, InvalidSize (400), PlanLimit (402).
    """
    engine = engine_capabilities()
    try:
        prompt = clean_prompt(prompt, max_chars=settings.SORA_MAX_PROMPT_CHARS)
    except InvalidPrompt as error:
        raise InvalidPromptText(error.message, remedy=error.remedy or None) from error
    try:
        engine.check(width, height, seconds)
    except UnsupportedSpec as error:
        raise InvalidSize(error.message, param=error.field) from error
    steps = engine.default_steps if steps is None else steps
    if not 1 <= steps <= engine.max_steps:
        raise InvalidSize(f"Choose between 1 and {engine.max_steps} steps.", param="steps")
    if seed is None:
        seed = secrets.randbelow(2**31)
    if not 0 <= seed < 2**31:
        raise InvalidSize(f"A seed lies between 0 and {2**31 - 1}.", param="seed")
    plan = billing.plan_of(workspace)
    if not plan.allows_size(width, height):
        raise PlanLimit(f"The {plan.title} plan makes no {width}x{height} videos.", param="size")
    if seconds > plan.max_seconds:
        raise PlanLimit(
            f"The {plan.title} plan makes videos of at most {plan.max_seconds} seconds.",
            param="seconds",
        )
    cost = price_in_credits(width, height, seconds)
    return Request(prompt, width, height, seconds, seed, steps, cost)


def request_generation(
    workspace: Workspace,
    *,
    by: User,
    prompt: str,
    width: int,
    height: int,
    seconds: int,
    request_key: str,
    seed: int | None = None,
    steps: int | None = None,
    share: bool = False,
) -> Generation:
    """Queue one video, or refuse. Calling again with the same key returns the first one.

    Raises the errors of check_request, and PromptRefused, KeyReused, TooManyOpen or
    InsufficientCredits; then nothing is queued and nothing charged.
    """
    if not request_key or len(request_key) > 255 or not request_key.isprintable():
        raise InvalidRequest(
            "An Idempotency-Key has 1 to 255 printable characters.", param="Idempotency-Key"
        )
    asked = check_request(
        workspace,
        prompt=prompt,
        width=width,
        height=height,
        seconds=seconds,
        seed=seed,
        steps=steps,
    )
    known = Generation.objects.filter(workspace=workspace, request_key=request_key).first()
    if known is not None:
        return _same_request(known, asked, seed_given=seed is not None, share=share)

    verdict = screen_prompt(asked.prompt)  # before the transaction: never hold a lock for it
    if not verdict.allowed:
        audit.record(
            audit.GENERATION_REFUSED_AT_GATE,
            workspace=workspace,
            actor=by,
            target=workspace,
            categories=list(verdict.categories),
            reasons=list(verdict.reasons),
            prompt_sha256=hashlib.sha256(asked.prompt.encode()).hexdigest(),
        )
        raise PromptRefused(reasons=list(verdict.reasons))

    with transaction.atomic():
        generation, created = Generation.objects.get_or_create(
            workspace=workspace,
            request_key=request_key,
            defaults={
                "requested_by": by,
                "prompt": asked.prompt,
                "seconds": asked.seconds,
                "width": asked.width,
                "height": asked.height,
                "seed": asked.seed,
                "steps": asked.steps,
                "share": share,
                "cost_credits": asked.cost_credits,
            },
        )
        if not created:
            return _same_request(generation, asked, seed_given=seed is not None, share=share)
        # The hold locks the workspace's account, so the count below is exact for this workspace.
        billing.reserve_credits(workspace, asked.cost_credits, str(generation.pk))
        waiting = Generation.objects.filter(workspace=workspace).open().count()
        if waiting > settings.SORA_MAX_OPEN_GENERATIONS:
            raise TooManyOpen(
                f"A workspace may have {settings.SORA_MAX_OPEN_GENERATIONS} videos waiting."
            )
        generation.fair_tag = scheduling.fair_tag(
            workspace, seconds=scheduling.seconds_of(generation)
        )
        generation.save(update_fields=["fair_tag"])
        record_check(generation, SafetyCheck.Stage.GATE, verdict)
        audit.record(audit.GENERATION_REQUESTED, workspace=workspace, actor=by, target=generation)
        announce(generation)
        transaction.on_commit(tasks.wake_worker)
    return generation


def _same_request(
    known: Generation, asked: Request, *, seed_given: bool, share: bool
) -> Generation:
    same = (
        known.prompt == asked.prompt
        and (known.width, known.height) == (asked.width, asked.height)
        and known.seconds == asked.seconds
        and known.steps == asked.steps
        and known.share == share
        and (known.seed == asked.seed or not seed_given)
    )
    if not same:
        raise KeyReused()
    return known


def cancel_generation(generation: Generation, *, by: User) -> Generation:
    """Stop a job. Waiting: at once. Running: the worker stops after the step it is in.

    Raises NotCancellable once it has ended.
    """
    with transaction.atomic():
        generation = Generation.objects.select_for_update().get(pk=generation.pk)
        if not generation.is_open:
            raise NotCancellable()
        audit.record(
            audit.GENERATION_CANCELLED,
            workspace=generation.workspace,
            actor=by,
            target=generation,
            was=generation.status,
        )
        if generation.status == Status.QUEUED:
            end_without_clip(generation, Status.CANCELLED, "cancelled")
        elif generation.cancel_requested_at is None:
            generation.cancel_requested_at = timezone.now()
            generation.save(update_fields=["cancel_requested_at"])
            announce(generation)
    return generation


def end_without_clip(generation: Generation, status: Generation.Status, reason: str) -> bool:
    """End a job that delivers nothing: status, released hold and audit in one transaction.

    False: another process ended or took the job first; then nothing changed.
    """
    events = {
        Status.REFUSED: audit.GENERATION_REFUSED,
        Status.FAILED: audit.GENERATION_FAILED,
    }
    with transaction.atomic():
        if not generation.move_to(status, reason_code=reason):
            return False
        billing.release_credits(str(generation.pk))
        if status in events:
            audit.record(
                events[status],
                workspace=generation.workspace,
                target=generation,
                reason=reason,
                attempt=generation.attempts,
            )
        announce(generation)
    progress.forget(str(generation.pk))
    return True


def put_back(generation: Generation, *, tried: bool = True) -> bool:
    """Queue a running job again: its worker died, ran out of memory or is ending. The hold stays.

    `tried=False` takes the attempt off the count: nothing was wrong with the job.
    """
    attempts = generation.attempts if tried else max(0, generation.attempts - 1)
    with transaction.atomic():
        if not generation.move_to(Status.QUEUED, worker="", attempts=attempts):
            return False
        announce(generation)
        transaction.on_commit(tasks.wake_worker)
    return True


@dataclass(frozen=True)
class FinishedClip:
    """What the pipeline made of one job; the files are already in the private area."""

    video_id: Any
    media_key: str
    poster_key: str
    width: int
    height: int
    frames: int
    fps: int
    bytes: int
    sha256: str
    manifest: builtins.bytes  # `bytes` is the field above
    credentials: dict[str, Any]
    hashes: Sequence[FrameHash]
    engine: str
    publish: bool


def deliver(generation: Generation, clip: FinishedClip) -> Video | None:
    """Make a finished clip the result of its job and charge for it, in one transaction.

    None: the job was taken over or cancelled meanwhile; nothing changed, the files are orphans.
    """
    with transaction.atomic():
        if not generation.move_to(Status.SUCCEEDED, engine=clip.engine):
            return None
        video = Video.objects.create(
            id=clip.video_id,
            workspace=generation.workspace,
            creator=generation.requested_by,
            generation=generation,
            media_key=clip.media_key,
            poster_key=clip.poster_key,
            width=clip.width,
            height=clip.height,
            frames=clip.frames,
            fps=clip.fps,
            bytes=clip.bytes,
            sha256=clip.sha256,
            manifest=clip.manifest,
            credentials=clip.credentials,
            shared_at=timezone.now() if clip.publish else None,
        )
        Fingerprint.objects.bulk_create(
            Fingerprint(
                workspace=generation.workspace,
                video=video,
                at_ms=round(found.seconds * 1000),
                variant=found.variant,
                hash=found.hash,
                bands=bands(found.hash),
            )
            for found in clip.hashes
        )
        billing.settle_credits(str(generation.pk))
        audit.record(
            audit.GENERATION_SUCCEEDED,
            workspace=generation.workspace,
            target=generation,
            video=str(video.pk),
        )
        if clip.publish:
            audit.record(
                audit.VIDEO_SHARED,
                workspace=generation.workspace,
                actor=generation.requested_by,
                target=video,
            )
        announce(generation)
    progress.forget(str(generation.pk))
    return video


def record_check(
    generation: Generation, stage: SafetyCheck.Stage, verdict: Verdict
) -> SafetyCheck:
    """Store what one stage of screening said."""
    return SafetyCheck.objects.create(
        workspace=generation.workspace,
        generation=generation,
        stage=stage,
        attempt=generation.attempts,
        action=verdict.action,
        profile=verdict.profile,
        policy_version=verdict.policy_version,
        verdict=verdict.to_json(),
    )


def quarantine_video(video: Video, *, by: User | None, reason: str) -> None:
    """Take a clip out of everybody's reach at once, in every list and behind every link."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.quarantined_at is not None:
            return
        video.quarantined_at = timezone.now()
        video.save(update_fields=["quarantined_at"])
        audit.record(
            audit.VIDEO_QUARANTINED,
            workspace=video.workspace,
            actor=by,
            target=video,
            reason=reason,
        )
        for key in _files_of(video):
            storage.quarantine(key)
        for chore in video.workspace.chores.filter(video=None, status="done").exclude(key=""):
            forget_chore(chore)  # an archive with the clip in it; it can be written again


def forget_chore(chore: Chore) -> None:
    """Delete an ended chore with its file."""
    if chore.key:
        storage.delete_private(chore.key)
    if waiting := chore.request.get("key"):
        storage.delete_quarantine(waiting)
    chore.delete()


def _files_of(video: Video) -> list[str]:
    made = video.renditions.exclude(key="").values_list("key", flat=True)
    return [key for key in (video.media_key, video.poster_key, *made) if key]


def restore_video(video: Video, *, by: User | None, reason: str) -> None:
    """Undo quarantine_video; the clip is again where it was, shared or private."""
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.quarantined_at is None:
            return
        for key in _files_of(video):
            storage.restore(key)
        video.quarantined_at = None
        video.save(update_fields=["quarantined_at"])
        audit.record(
            audit.VIDEO_RESTORED, workspace=video.workspace, actor=by, target=video, reason=reason
        )


def record_download(key: str, *, by: User | None, file: str) -> None:
    """Note that a video's file left by a download link. Keys of other things (archives) are not noted."""
    try:
        video_id = UUID(key.split("/")[1])
    except (IndexError, ValueError):
        return
    if video := Video.objects.filter(pk=video_id).select_related("workspace").first():
        audit.record(
            audit.VIDEO_DOWNLOADED, workspace=video.workspace, actor=by, target=video, file=file
        )


def announce(generation: Generation) -> None:
    """Tell the workspace's open pages that this job changed; they read the new state themselves."""
    send_on_commit(
        progress.workspace_group(generation.workspace_id),
        {"op": "changed", "id": str(generation.pk)},
    )

