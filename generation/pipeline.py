"""The worker's one page: rewrite, review, generate, review, mark, encode, sign, fingerprint, store.

Every step is a plain call in this order. Whatever fails closes: nothing is delivered, the credits
come back, the user is told why (`reason_of`).
"""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from generation import media, services, signing
from generation.attempt import Attempt, CancelAsked, LeaseLost, StopAsked
from generation.capabilities import engine_capabilities
from generation.engine.protocol import (
    EngineError,
    EngineOutOfMemory,
    ModelMissing,
    PromptSegment,
    VideoSpec,
)
from generation.errors import EngineUnavailable
from generation.loading import load_classifiers, load_engine
from generation.models import Generation, SafetyCheck, Video
from generation.provenance.c2pa import SigningError
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark
from generation.rewriting import rewrite_for_engine
from generation.screening import frame_review, review_prompt
from moderation.screening.protocol import ScreeningUnavailable, Verdict
from sora_site.lib import storage

logger = logging.getLogger(__name__)
Status = Generation.Status
Stage = SafetyCheck.Stage


class Refused(Exception):
    """A check decided against this job. `code` is a public policy code."""

    def __init__(self, verdict: Verdict) -> None:
        self.code = verdict.reasons[0] if verdict.reasons else "policy"
        super().__init__(self.code)


def run(generation: Generation) -> None:
    """Take one claimed job to its end. Raises nothing: every way out is a status."""
    try:
        with Attempt(generation) as attempt:
            produce(generation, attempt)
    except LeaseLost:
        logger.warning("job taken over or ended; its late work was dropped")
    except StopAsked:
        services.put_back(generation, tried=False)
    except CancelAsked:
        services.end_without_clip(generation, Status.CANCELLED, "cancelled")
    except Refused as refusal:
        services.end_without_clip(generation, Status.REFUSED, refusal.code)
    except EngineOutOfMemory:
        try_again(generation, "out_of_memory")
    except (OperationalError, InterfaceError):
        logger.warning("the database went away; the job is not to blame", exc_info=True)
        connection.close()
        with suppress(OperationalError, InterfaceError):  # still away: the sweeper finds the job
            try_again(generation, "worker_lost")
    except Exception as error:
        logger.exception("job failed")
        services.end_without_clip(generation, Status.FAILED, reason_of(error))
    finally:
        shutil.rmtree(work_folder(generation), ignore_errors=True)


def try_again(generation: Generation, reason: str) -> None:
    """Queue the job once more, or fail it with `reason` after the last attempt."""
    if generation.attempts < settings.SORA_MAX_ATTEMPTS:
        services.put_back(generation)
    else:
        services.end_without_clip(generation, Status.FAILED, reason)


def reason_of(error: Exception) -> str:
    """The code in generation.errors.JOB_REASONS that tells the user what failed."""
    if isinstance(error, ModelMissing | EngineUnavailable):
        return "model_missing"
    if isinstance(error, ScreeningUnavailable):
        return "screening_unavailable"
    if isinstance(error, SigningError):
        return "signing_failed"
    if isinstance(error, media.MediaError):
        return "storage_full" if error.code == "disk_full" else "encoding_failed"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "storage_full"
    if isinstance(error, OSError):
        return "storage_failed"
    if isinstance(error, EngineError):
        return "engine_failed"
    return "internal_error"


def work_folder(generation: Generation) -> Path:
    return Path(settings.SORA_STATE_DIR) / "work" / f"{generation.pk}.{generation.epoch}"


def produce(generation: Generation, attempt: Attempt) -> None:
    """The way of one clip. Returns when it is delivered; raises what stopped it."""
    # 1. Rewrite: names out. Both texts stay with the job.
    with attempt.stage("prompt"):
        rewrite = rewrite_for_engine(generation.prompt)
        generation.rewritten_prompt = rewrite.text
        generation.prompt_edits = [edit.to_json() for edit in rewrite.edits]
        generation.understood = list(rewrite.understood)
        generation.unknown_words = list(rewrite.unknown)
        generation.save(
            update_fields=["rewritten_prompt", "prompt_edits", "understood", "unknown_words"]
        )

        # 2. Review both texts; a minor reference makes every later check strict.
        load_classifiers()
        prompt_verdict = review_prompt(generation.prompt, rewrite.text)
        keep(generation, Stage.PROMPT, prompt_verdict)

    # 3-5. Frames stream from the decoder through the checks into the marked file: flat memory.
    capabilities = engine_capabilities()
    with attempt.stage("load"):
        engine = load_engine()
    spec = VideoSpec(
        prompts=(PromptSegment(rewrite.text),),
        width=generation.width,
        height=generation.height,
        frames=generation.seconds * capabilities.fps,
        fps=capabilities.fps,
        seed=generation.seed,
        steps=generation.steps,
        guidance=capabilities.guidance,
    )
    video_id = uuid.uuid4()
    folder = work_folder(generation)
    folder.mkdir(parents=True, exist_ok=True)
    review = frame_review(prompt_verdict.profile, capabilities)
    fingerprint = FingerprintBuilder(fps=spec.fps)
    mark = VisibleMark(
        spec.width,
        spec.height,
        text=settings.SORA_WATERMARK_TEXT,
        seed=video_id.int % 2**31,
        fps=spec.fps,
    )
    unsigned = folder / "marked.mp4"
    with (
        attempt.stage("generate"),
        media.Encoder(
            unsigned,
            width=spec.width,
            height=spec.height,
            fps=spec.fps,
            mark=mark,
            on_luma=fingerprint.add_marked,
        ) as encoder,
    ):
        for index, frame in enumerate(engine.generate(spec, on_progress=attempt.on_progress)):
            review.add(index, index / spec.fps, frame)
            fingerprint.add(index, frame)
            encoder.write(frame)
            attempt.show("checks", index + 1, spec.frames)

    with attempt.stage("checks"):
        output_verdict = review.verdict()
        if not output_verdict.allowed:
            storage.store_quarantine(unsigned, f"{generation.workspace_id}/{video_id}/refused.mp4")
        keep(generation, Stage.OUTPUT, output_verdict)

    # 6. Credentials on every file that leaves, the poster included.
    with attempt.stage("sign"):
        clip, poster = folder / "clip.mp4", folder / "poster.webp"
        claim = signing.claim_for(
            generation,
            video_id,
            engine,
            rewritten=rewrite.changed,
            fingerprint=fingerprint.digest(),
        )
        manifest = signing.sign(unsigned, clip, claim)
        media.save_poster(poster_frame(unsigned), folder / "poster-unsigned.webp")
        signing.sign(folder / "poster-unsigned.webp", poster, claim)
        report = signing.read(clip)
        if report.state not in ("trusted", "valid"):
            raise SigningError("signing_failed", f"the signed file reads as {report.state}")

    # 7. Files first, then the row that points to them; charging is part of that transaction.
    with attempt.stage("store"):
        key = f"{generation.workspace_id}/{video_id}"
        finished = services.FinishedClip(
            video_id=video_id,
            media_key=f"{key}/clip.mp4",
            poster_key=f"{key}/poster.webp",
            width=spec.width,
            height=spec.height,
            frames=spec.frames,
            fps=spec.fps,
            bytes=clip.stat().st_size,
            sha256=file_sha256(clip),
            manifest=manifest,
            credentials=report.to_json(),
            hashes=fingerprint.hashes(),
            engine=f"{engine.name} {engine.version}",
            publish=generation.share
            and "guard" not in (prompt_verdict.action, output_verdict.action),
        )
        storage.store_private(clip, finished.media_key)
        storage.store_private(poster, finished.poster_key)
        attempt.check()
    video = deliver(generation, finished)
    if video is None:
        storage.delete_private(finished.media_key)
        storage.delete_private(finished.poster_key)
        raise LeaseLost()


def deliver(generation: Generation, finished: services.FinishedClip) -> Video | None:
    """The last gate: somebody suspended while the clip was made gets their credits back, not the clip."""
    generation.requested_by.refresh_from_db()
    if generation.requested_by.is_suspended:
        services.end_without_clip(generation, Status.FAILED, "account_suspended")
        return None
    return services.deliver(generation, finished)


def keep(generation: Generation, stage: Stage, verdict: Verdict) -> None:
    """Store the verdict; raise Refused when it says no."""
    services.record_check(generation, stage, verdict)
    if not verdict.allowed:
        raise Refused(verdict)


def poster_frame(path: Path) -> media.Pixels:
    """The picture a third of the way into the marked file: it carries the visible mark too."""
    info = media.probe(path)
    wanted = info.duration / 3
    for seconds, frame in media.sample_frames(path, per_second=4.0):
        if seconds >= wanted:
            return frame
    return frame


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
