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
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from generation import media, probing, services, signing
from generation.attempt import Attempt, CancelAsked, LeaseLost, StopAsked
from generation.capabilities import engine_capabilities
from generation.clean import UnderMark
from generation.editing import render
from generation.editing.making import how_made
from generation.edits import plan_of
from generation.engine.protocol import (
    EngineError,
    EngineOutOfMemory,
    ModelMissing,
    ModelTooLarge,
)
from generation.errors import EngineUnavailable, SourceGone
from generation.loading import load_classifiers, load_engine
from generation.models import Generation, SafetyCheck, Video
from generation.provenance.c2pa import SigningError
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark
from generation.rewriting import rewrite_for_engine
from generation.screening import frame_review, review_prompts
from generation.sources import StoredMedia, ingredients, is_guarded, sources_of
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
    if isinstance(error, SourceGone):
        return "source_gone"
    if isinstance(error, ModelTooLarge):
        return "model_too_large"
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
    plan = plan_of(generation)
    with attempt.stage("prompt"):
        rewrites = [rewrite_for_engine(card.text) for card in plan.prompts]
        generation.rewritten_prompt = "\n".join(rewrite.text for rewrite in rewrites)
        generation.prompt_edits = [edit.to_json() for r in rewrites for edit in r.edits]
        generation.understood = list(dict.fromkeys(w for r in rewrites for w in r.understood))
        generation.unknown_words = list(dict.fromkeys(w for r in rewrites for w in r.unknown))
        generation.save(
            update_fields=["rewritten_prompt", "prompt_edits", "understood", "unknown_words"]
        )

        # 2. Review both texts; a minor reference makes every later check strict.
        load_classifiers()
        prompt_verdict = review_prompts(
            [(card.text, r.text) for card, r in zip(plan.prompts, rewrites, strict=True)]
        )
        prompt_verdict = probing.second_look(
            generation.requested_by, prompt_verdict, at=generation.created_at
        )
        keep(generation, Stage.PROMPT, prompt_verdict)

    # 3-5. Frames stream from the decoder through the checks into the marked file: flat memory.
    capabilities = engine_capabilities()
    with attempt.stage("load"):
        sources = sources_of(generation)
        engine = load_engine()
    folder = work_folder(generation)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = replace(
        plan,
        prompts=tuple(
            replace(card, text=r.text) for card, r in zip(plan.prompts, rewrites, strict=True)
        ),
    )
    attempt.drawing = plan.draws
    frames = render.frames(
        drawn, engine, StoredMedia(sources, folder), on_progress=attempt.on_progress
    )
    video_id = uuid.uuid4()
    review = frame_review(prompt_verdict.profile, capabilities)
    fingerprint = FingerprintBuilder(fps=plan.fps)
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
            fingerprint.add(index, frame)
            encoder.write(frame)
            if index % plan.fps == 0:  # kept parts pass without a word of the engine
                attempt.check()
            if not attempt.drawing:
                attempt.show("checks", index + 1, plan.frames)

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
            rewritten=any(r.changed for r in rewrites),
            making=how_made(plan, engine.capabilities),
            fingerprint=fingerprint.digest(),
        )
        parents = ingredients(generation, folder)
        manifest = signing.sign(unsigned, clip, claim, parents)
        media.save_poster(poster_frame(unsigned), folder / "poster-unsigned.webp")
        signing.sign(folder / "poster-unsigned.webp", poster, claim, parents)
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
            under_key=f"{key}/under.mp4",
            mark_moves=under.moves,
            width=plan.width,
            height=plan.height,
            frames=plan.frames,
            fps=plan.fps,
            bytes=clip.stat().st_size,
            sha256=file_sha256(clip),
            manifest=manifest,
            credentials=report.to_json(),
            hashes=fingerprint.hashes(),
            engine=f"{engine.name} {engine.version}",
            publish=generation.share
            and "guard" not in (prompt_verdict.action, output_verdict.action)
            and not any(is_guarded(source) for source in sources.values()),
        )
        storage.store_private(clip, finished.media_key)
        storage.store_private(poster, finished.poster_key)
        storage.store_private(below, finished.under_key)
        attempt.check()
    video = deliver(generation, finished)
    if video is None:
        for name in (finished.media_key, finished.poster_key, finished.under_key):
            storage.delete_private(name)
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
