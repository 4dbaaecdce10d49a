"""The worker's one page: rewrite, review, generate, review, mark, encode, sign, fingerprint, store.

Every step is a plain call in this order. Whatever fails closes: nothing is delivered, the credits
come back, the user is told why (`reason_of`).
"""

from __future__ import annotations

import errno
import hashlib
import logging
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from generation import incidents, likeness, media, probing, services, signing, takes
from generation.attempt import Attempt, CancelAsked, LeaseLost, StopAsked
from generation.capabilities import engine_capabilities
from generation.editing.making import how_made
from generation.editing.plan import EditPlan
from generation.edits import plan_of
from generation.engine.capabilities import Capabilities
from generation.engine.protocol import (
    EngineError,
    EngineOutOfMemory,
    ModelMissing,
    ModelTooLarge,
)
from generation.errors import EngineUnavailable, SourceGone
from generation.loading import load_classifiers, load_engine
from generation.models import Generation, SafetyCheck, Video
from generation.policies import active_policy
from generation.prompting import Rewrite
from generation.provenance.c2pa import SigningError
from generation.rewriting import rewrite_for_engine
from generation.screening import (
    filters_set_up,
    review_for_feed,
    review_prompts,
    review_together,
    tightened,
)
from generation.sources import (
    StoredMedia,
    ingredients,
    is_guarded,
    refers_to_minor,
    sources_of,
)
from moderation.screening.protocol import ScreeningUnavailable, Verdict
from sora_site.lib import storage
from sora_site.lib.ids import time_ordered_uuid

logger = logging.getLogger(__name__)
Status = Generation.Status
Stage = SafetyCheck.Stage


class Refused(Exception):
    """A check decided against this job. `code` is a public policy code."""

    def __init__(self, verdict: Verdict) -> None:
        self.code = verdict.reasons[0] if verdict.reasons else "policy"
        super().__init__(self.code)


class Misused(Refused):
    """The texts would misuse somebody's likeness. `code` is a public policy code."""

    def __init__(self, code: str) -> None:
        self.code = code
        Exception.__init__(self, code)


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


def with_avoided(negative: str, rewrites: Sequence[Rewrite], engine: Capabilities) -> str:
    """The negative prompt with what would still lead to a character that was taken out."""
    if "negative_prompt" not in engine.operations:
        return negative
    return ", ".join(dict.fromkeys(t for t in (negative, *(r.avoid for r in rewrites)) if t))


def work_folder(generation: Generation) -> Path:
    return Path(settings.SORA_STATE_DIR) / "work" / f"{generation.pk}.{generation.epoch}"


def produce(generation: Generation, attempt: Attempt) -> None:
    """The way of one clip. Returns when it is delivered; raises what stopped it."""
    # 1. Rewrite: names out. Both texts stay with the job.
    plan = plan_of(generation)
    policy = active_policy(generation.workspace_id)  # one policy from here to delivery
    with attempt.stage("prompt"):
        sources = sources_of(generation)
        rewrites = [
            rewrite_for_engine(
                card.text,
                options=plan.rewriting,
                seed=plan.seed,
                context=" ".join(other.text for other in plan.prompts if other is not card),
                card=number,
            )
            for number, card in enumerate(plan.prompts)
        ]
        generation.rewritten_prompt = "\n".join(rewrite.text for rewrite in rewrites)
        generation.prompt_edits = [edit.to_json() for r in rewrites for edit in r.edits]
        generation.understood = list(dict.fromkeys(w for r in rewrites for w in r.understood))
        generation.unknown_words = list(dict.fromkeys(w for r in rewrites for w in r.unknown))
        generation.save(
            update_fields=["rewritten_prompt", "prompt_edits", "understood", "unknown_words"]
        )

        # 2. Review both texts; a minor reference, also of a source, makes every later check strict.
        load_classifiers()
        prompt_verdict = review_prompts(
            [(card.text, r.text) for card, r in zip(plan.prompts, rewrites, strict=True)],
            profile=generation.profile,
            policy=policy,
            minor_reference=any(refers_to_minor(source) for source in sources.values()),
            guarded_source=any(is_guarded(source) for source in sources.values()),
        )
        prompt_verdict = probing.second_look(
            generation.requested_by, prompt_verdict, at=generation.created_at
        )
        keep(generation, Stage.PROMPT, prompt_verdict)
        used = list(sources.values())
        if misuse := likeness.check_use(
            generation.requested_by,
            used,
            [card.text for card in plan.prompts],
            prompt_verdict.signals,
        ):
            raise Misused(misuse[0])

    # 3-5. Frames stream from the decoder through the checks into the marked file: flat memory.
    capabilities = engine_capabilities()
    with attempt.stage("load"):
        engine = load_engine()
    folder = work_folder(generation)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = replace(
        plan,
        prompts=tuple(
            replace(card, text=r.text) for card, r in zip(plan.prompts, rewrites, strict=True)
        ),
        negative_prompt=with_avoided(plan.negative_prompt, rewrites, capabilities),
    )
    stored = StoredMedia(sources, folder)
    video_id = time_ordered_uuid()

    def take_of(plan: EditPlan, *, second: bool = False) -> takes.Take:
        return takes.draw(
            plan,
            engine,
            capabilities,
            stored,
            attempt,
            video_id=video_id,
            prompt=prompt_verdict,
            policy=policy,
            second=second,
        )

    take = take_of(drawn)
    if takes.deserves_another(take, prompt_verdict, policy):
        services.record_check(generation, Stage.OUTPUT, take.decision, final=False)
        take = take_of(takes.with_another_seed(drawn), second=True)
    unsigned, fingerprint, output_verdict = take.unsigned, take.fingerprint, take.decision

    with attempt.stage("checks"):
        if kind := incidents.kind_of(output_verdict):
            hand_over(generation, kind, output_verdict, unsigned)
        if not output_verdict.allowed and unsigned.exists():  # not sealed
            storage.store_quarantine(unsigned, f"{generation.workspace_id}/{video_id}/refused.mp4")
        keep(generation, Stage.OUTPUT, output_verdict)
        decisions = [prompt_verdict, output_verdict]
        together = review_together(
            " ".join(card.text for card in plan.prompts),
            generation.rewritten_prompt,
            stored.pictures_of_uploads() if "joint" in filters_set_up() else [],
            take.joint_frames,
            profile=prompt_verdict.profile,
            policy=policy,
            minor_reference=bool(prompt_verdict.details.get("minor_reference")),
        )
        if together is not None:
            for verdict in (together, tightened(decisions, together, policy=policy)):
                if verdict is None:
                    continue
                if not verdict.allowed:
                    storage.store_quarantine(
                        unsigned, f"{generation.workspace_id}/{video_id}/refused.mp4"
                    )
                keep(generation, Stage.JOINT, verdict)
                decisions.append(verdict)
        held = next((d for d in decisions if d.action == "hold"), None)
        private = held is not None or any(d.action != "allow" for d in decisions)
        if generation.share and not private:
            public = review_for_feed(
                (signal for d in decisions for signal in d.signals),
                minor_reference=bool(prompt_verdict.details.get("minor_reference")),
                policy=policy,
            )
            services.record_check(generation, Stage.FEED, public, final=False)
            private = public.action != "allow"

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

    if likeness.check_use(generation.requested_by, used, ()):  # the consent ended meanwhile
        raise Misused("likeness_consent")

    # 7. Files first, then the row that points to them; charging is part of that transaction.
    with attempt.stage("store"):
        key = f"{generation.workspace_id}/{video_id}"
        finished = services.FinishedClip(
            video_id=video_id,
            media_key=f"{key}/clip.mp4",
            poster_key=f"{key}/poster.webp",
            under_key=f"{key}/under.mp4",
            mark_moves=take.mark_moves,
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
            publish=generation.share and not private,
            hold=likeness.hold_of(generation, used)
            if held is None
            else (held.reasons[0] if held.reasons else "policy"),
        )
        storage.store_private(clip, finished.media_key)
        storage.store_private(poster, finished.poster_key)
        storage.store_private(take.below, finished.under_key)
        attempt.check()
    try:
        video = deliver(generation, finished)
    except SourceGone:
        forget_files(finished)
        raise
    if video is None:
        forget_files(finished)
        raise LeaseLost()


def forget_files(finished: services.FinishedClip) -> None:
    """Of a clip that was not delivered."""
    for name in (finished.media_key, finished.poster_key, finished.under_key):
        storage.delete_private(name)


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
        if stage == Stage.PROMPT:
            incidents.note_text(
                "prompt",
                verdict,
                [("prompt", generation.prompt), ("rewritten", generation.rewritten_prompt)],
                workspace=generation.workspace,
                person=generation.requested_by,
                generation=generation,
            )
        raise Refused(verdict)


def hand_over(
    generation: Generation, kind: incidents.Kind, verdict: Verdict, unsigned: Path
) -> None:
    """A finished clip that may show abuse: sealed, and no copy stays. What can't be sealed goes into
    quarantine, as every refused clip does."""
    try:
        incidents.hand_over(
            incidents.Incident(
                kind=kind,
                stage="output",
                workspace=generation.workspace,
                person=generation.requested_by,
                verdict=verdict,
                texts=(("prompt", generation.prompt), ("rewritten", generation.rewritten_prompt)),
                generation=generation,
                file=unsigned,
                media_type="video/mp4",
                stills=incidents.spread(media.sample_frames(unsigned, per_second=2.0)),
            )
        )
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.critical("a refused clip could not be sealed", exc_info=True)
    else:
        unsigned.unlink()


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
