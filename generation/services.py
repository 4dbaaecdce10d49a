"""Every write on generations and videos that means something to a user."""

from __future__ import annotations

import builtins
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import audit, restrictions
from accounts.models import User, Workspace
from billing import services as billing
from generation import (
    estimates,
    hooks,
    incidents,
    likeness,
    presenting,
    probing,
    progress,
    receipts,
    scheduling,
    screening,
    tasks,
    vision,
)
from generation.capabilities import engine_capabilities
from generation.editing.plan import MAX_SECONDS, EditPlan, Rewriting
from generation.edits import Sources, Wish, make_plan, price, relationship_of, seconds_shown
from generation.engine.capabilities import Capabilities, UnsupportedSpec
from generation.errors import (
    EditNotRevertible,
    InvalidPromptText,
    InvalidRequest,
    InvalidSize,
    KeyReused,
    NotCancellable,
    PlanLimit,
    PromptRefused,
    SourceGone,
    TooManyOpen,
)
from generation.models import Chore, Fingerprint, Generation, SafetyCheck, Source, Upload, Video
from generation.provenance.fingerprint import FrameHash, bands
from moderation.screening.decision import Decision
from moderation.screening.gate import InvalidPrompt, clean_prompt
from moderation.screening.protocol import Verdict
from sora_site.lib import storage
from sora_site.lib.realtime import send_on_commit

Status = Generation.Status
VARIATIONS = (1, 2, 4)
HELD = "held_for_review"


@dataclass(frozen=True)
class Request:
    """One request after every check that needs no money: what will be made and what it costs."""

    plan: EditPlan
    sources: Sources
    prompt: str
    cost_credits: int  # of one variation


def check_request(workspace: Workspace, *, by: User, wish: Wish) -> Request:
    """Refuse what can't be made, naming the field and the allowed values; else fill in the rest.

    Raises InvalidPromptText, InvalidSize, InvalidEdit (400), PlanLimit (402).
    """
    engine = engine_capabilities()
    wish = replace(
        wish,
        prompt=_clean(wish.prompt, "prompt") if _needs_prompt(wish) else wish.prompt,
        negative_prompt=_clean(wish.negative_prompt, "negative_prompt")
        if wish.negative_prompt
        else "",
    )
    _check_numbers(wish, engine)
    plan, sources = make_plan(by, wish)
    plan = replace(
        plan,
        prompts=tuple(
            replace(card, text=_clean(card.text, f"plan.prompts[{index}].text"))
            for index, card in enumerate(plan.prompts)
        ),
    )
    tier = billing.plan_of(workspace)
    width, height, _ = plan.full or (plan.width, plan.height, plan.steps)
    if not tier.allows_size(width, height):
        raise PlanLimit(f"The {tier.title} plan makes no {width}x{height} videos.", param="size")
    if plan.seconds > tier.max_seconds + 1e-6:
        raise PlanLimit(
            f"The {tier.title} plan makes videos of at most {tier.max_seconds} seconds.",
            param="seconds",
        )
    prompt = "\n".join(card.text for card in plan.prompts)
    return Request(plan, sources, prompt, price(plan))


def _needs_prompt(wish: Wish) -> bool:
    return wish.plan is None and (bool(wish.prompt) or wish.tool == "text")


def _clean(text: str, param: str) -> str:
    try:
        return clean_prompt(text, max_chars=settings.SORA_MAX_PROMPT_CHARS)
    except InvalidPrompt as error:
        raise InvalidPromptText(error.message, param=param, remedy=error.remedy or None) from error


def _check_numbers(wish: Wish, engine: Capabilities) -> None:
    """What the engine's table decides before anything is looked up."""
    if wish.seconds is not None and not 0 < wish.seconds <= MAX_SECONDS:
        raise InvalidSize(
            f"{engine.title} makes clips of up to {engine.most_seconds} seconds, not "
            f"{wish.seconds:g}.",
            param="seconds",
            remedy="Choose one of the lengths that are offered.",
        )
    if wish.width is not None and wish.height is not None:
        seconds = engine.default_seconds if wish.seconds is None else wish.seconds
        whole = wish.tool == "text" and wish.plan is None
        try:
            in_windows = max(engine.seconds) < seconds <= engine.most_seconds
            if whole and seconds == int(seconds) and not in_windows:
                engine.check(wish.width, wish.height, int(seconds))
            else:
                engine.check(wish.width, wish.height, engine.default_seconds)
        except UnsupportedSpec as error:
            raise InvalidSize(error.message, param=error.field) from error
    if wish.steps is not None and not 1 <= wish.steps <= engine.max_steps:
        raise InvalidSize(f"Choose between 1 and {engine.max_steps} steps.", param="steps")
    if wish.seed is not None and not 0 <= wish.seed < 2**31:
        raise InvalidSize(f"A seed lies between 0 and {2**31 - 1}.", param="seed")
    if wish.guidance is not None and not 1 <= wish.guidance <= 20:
        raise InvalidSize("Guidance goes from 1 to 20.", param="guidance")


def request_generation(
    workspace: Workspace,
    *,
    by: User,
    request_key: str,
    share: bool = False,
    **wish: Any,
) -> Generation:
    """Queue one video, or refuse; see request_variations. `wish`: the fields of edits.Wish."""
    return request_variations(
        workspace, by=by, request_key=request_key, share=share, wish=Wish(**wish)
    )[0]


def request_variations(
    workspace: Workspace,
    *,
    by: User,
    request_key: str,
    wish: Wish,
    variations: int = 1,
    share: bool = False,
    profile: str = "default",
) -> list[Generation]:
    """Queue the variations of one request, all or none. Calling again with the same key returns them.

    Each is a job of its own, with its own hold and the next seed. profile: of the screening policy,
    "api" for requests by access token. Raises the errors of
    check_request, and PromptRefused, KeyReused, TooManyOpen or InsufficientCredits; then nothing is
    queued and nothing charged.
    """
    if not request_key or len(request_key) > 240 or not request_key.isprintable():
        raise InvalidRequest(
            "An Idempotency-Key has 1 to 240 printable characters.", param="Idempotency-Key"
        )
    if variations not in VARIATIONS:
        raise InvalidSize("Choose 1, 2 or 4 variations.", param="variations")
    asked = check_request(workspace, by=by, wish=wish)
    # A separator that no request's own key can hold: its neighbours' keys are never taken for it.
    keys = [request_key, *(f"{request_key}\x1f{n}" for n in range(2, variations + 1))]
    known = list(
        Generation.objects.filter(workspace=workspace, request_key=request_key).order_by(
            "variation"
        )
    )
    if known:
        return _same_request(known[0], asked, wish, variations, share=share)

    restrictions.check(by, "generate")
    if any(v.creator_id != by.pk for v in asked.sources.videos.values()):
        restrictions.check(by, "remix")
    if share:
        restrictions.check(by, "share")
    probing.admit(by)
    seed = asked.plan.seed if wish.seed is not None or wish.plan is not None else None
    profile = likeness.profile_of(asked.sources.all(), profile)
    # Before the transaction: never hold a lock for it.
    verdict = _screen(workspace, by, asked, seed, profile)
    try:
        likeness.refuse_misuse(by, asked.sources.all(), asked.plan.texts(), verdict.signals)
    except PromptRefused as refusal:
        receipt = receipts.for_misuse(workspace, by, refusal, asked.prompt)
        refusal.extra.update(receipts.links(receipt))
        raise
    verdict = probing.second_look(by, verdict)

    with transaction.atomic():
        made = []
        batch = uuid.uuid4()
        for number, key in enumerate(keys):
            plan = replace(asked.plan, seed=(asked.plan.seed + number) % 2**31)
            generation, created = Generation.objects.get_or_create(
                workspace=workspace,
                request_key=key,
                defaults={
                    "requested_by": by,
                    "prompt": asked.prompt,
                    "seconds": seconds_shown(plan),
                    "width": plan.width,
                    "height": plan.height,
                    "seed": plan.seed,
                    "steps": plan.steps,
                    "tool": plan.tool,
                    "plan": plan.to_json(),
                    "batch": batch,
                    "variation": number,
                    "share": share,
                    "profile": profile,
                    "cost_credits": asked.cost_credits,
                    "drawing_seconds": estimates.drawing_seconds(plan),
                },
            )
            if not created:
                return _same_request(generation, asked, wish, variations, share=share)
            _queue(workspace, by, generation, asked, verdict)
            made.append(generation)
        waiting = Generation.objects.filter(workspace=workspace).open().count()
        if waiting > settings.SORA_MAX_OPEN_GENERATIONS:
            raise TooManyOpen(
                f"A workspace may have {settings.SORA_MAX_OPEN_GENERATIONS} videos waiting."
            )
        probing.note_queued(
            workspace,
            by,
            batch=batch,
            text=" ".join(asked.plan.texts()),
            verdict=verdict,
            seed=seed,
            sources=_named(asked.plan),
        )
        transaction.on_commit(tasks.wake_worker)
    return made


def _named(plan: EditPlan) -> list[tuple[str, UUID]]:
    return [(ref.kind, ref.id) for ref in plan.media()]


def _screen(
    workspace: Workspace, by: User, asked: Request, seed: int | None, profile: str
) -> Decision:
    """The gate over every text of a plan, and over all of them read together."""
    texts = asked.plan.texts()
    verdict = screening.gate(texts, profile=profile)
    if not verdict.allowed:
        digest = hashlib.sha256(asked.prompt.encode()).hexdigest()
        with transaction.atomic():
            receipt = receipts.for_text(workspace, by, verdict, prompt_sha256=digest)
            audit.record(
                audit.GENERATION_REFUSED_AT_GATE,
                workspace=workspace,
                actor=by,
                target=workspace,
                categories=list(verdict.categories),
                reasons=list(verdict.reasons),
                prompt_sha256=digest,
                decision=receipt.public_id,
            )
        incidents.note_text(
            "gate", verdict, [("prompt", " ".join(texts))], workspace=workspace, person=by
        )
        slowed = probing.note_refused(
            workspace,
            by,
            text=" ".join(texts),
            verdict=verdict,
            seed=seed,
            sources=_named(asked.plan),
        )
        said = probing.in_words(slowed) if slowed is not None else None
        raise PromptRefused(
            remedy=f"{said['message']} {said['remedy']}" if said is not None else None,
            reasons=list(verdict.reasons),
            slowed=said,
            **receipts.links(receipt),
        )
    return verdict


def _queue(
    workspace: Workspace, by: User, generation: Generation, asked: Request, verdict: Verdict
) -> None:
    """Inside the transaction of the request: the hold, the sources, the place in the queue."""
    # The hold locks the workspace's account, so counting open jobs is exact for this workspace.
    billing.reserve_credits(workspace, generation.cost_credits, str(generation.pk))
    Source.objects.bulk_create(
        Source(
            workspace=workspace,
            generation=generation,
            video=asked.sources.videos.get(ref),
            upload=asked.sources.uploads.get(ref),
            relationship=relationship_of(asked.plan, ref),
        )
        for ref in asked.plan.media()
    )
    generation.fair_tag = scheduling.fair_tag(workspace, seconds=estimates.seconds_of(generation))
    generation.fair_tag += probing.slower_by(by)
    generation.save(update_fields=["fair_tag"])
    record_check(generation, SafetyCheck.Stage.GATE, verdict)
    audit.record(audit.GENERATION_REQUESTED, workspace=workspace, actor=by, target=generation)
    announce(generation)


def _same_request(
    known: Generation, asked: Request, wish: Wish, variations: int, *, share: bool
) -> list[Generation]:
    """The jobs of a repeated request. Raises KeyReused when it asks for something else."""
    rows = [known]
    if known.batch is not None:
        rows = list(Generation.objects.filter(batch=known.batch).order_by("variation"))
    plan = asked.plan.to_json()
    stored = dict(rows[0].plan)
    if wish.seed is None and wish.plan is None:
        plan.pop("seed"), stored.pop("seed", None)
    if stored != plan or rows[0].share != share or len(rows) != variations:
        raise KeyReused()
    return rows


def revert_edits(
    generation: Generation, *, by: User, edits: Sequence[int], request_key: str
) -> Generation:
    """Make the clip of a job again without some of the rewriter's changes: places in its list.

    The new job has the plan and the seed of the first and goes through every check from the start;
    the first job and its clip stay. Raises EditNotRevertible, and the errors of request_variations.
    """
    shown = presenting.edits_of(generation)
    if not generation.plan or not edits:
        raise EditNotRevertible("There is no plan to make this clip again from.")
    chosen = []
    for place in edits:
        if not 0 <= place < len(shown):
            raise EditNotRevertible(f"This job has no change number {place}.")
        if not shown[place]["revertible"]:
            raise EditNotRevertible(shown[place]["why_not"])
        chosen.append(shown[place]["key"])
    rewriting = dict(generation.plan.get("rewriting") or Rewriting().to_json())
    rewriting["keep"] = list(dict.fromkeys([*rewriting.get("keep", []), *chosen]))
    plan = {**generation.plan, "rewriting": rewriting}
    return request_variations(
        generation.workspace, by=by, request_key=request_key, wish=Wish(plan=plan)
    )[0]


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
        if status == Status.REFUSED:
            receipts.ensure_for_refused(generation, reason)
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
    under_key: str
    mark_moves: list[list[int]]
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
    hold: str | None = None  # policy code when a person has to look at it before anybody gets it


def deliver(generation: Generation, clip: FinishedClip) -> Video | None:
    """Make a finished clip the result of its job and charge for it, in one transaction.

    A clip that is held goes into quarantine, opens a case and is charged when a person lets it go.
    None: the job was taken over or cancelled meanwhile; nothing changed, the files are orphans. They
    are so too after SourceGone: a source was taken down meanwhile.
    """
    with transaction.atomic():
        reason = "" if clip.hold is None else HELD
        if not generation.move_to(Status.SUCCEEDED, engine=clip.engine, reason_code=reason):
            return None
        video = Video.objects.create(
            id=clip.video_id,
            workspace=generation.workspace,
            creator=generation.requested_by,
            generation=generation,
            media_key=clip.media_key,
            poster_key=clip.poster_key,
            under_key=clip.under_key,
            mark_moves=clip.mark_moves,
            width=clip.width,
            height=clip.height,
            frames=clip.frames,
            fps=clip.fps,
            bytes=clip.bytes,
            sha256=clip.sha256,
            manifest=clip.manifest,
            credentials=clip.credentials,
            remixable=generation.requested_by.lets_others_remix,
            shared_at=timezone.now() if clip.publish else None,
            flash_area=flash_area_of(generation),
        )
        sources = list(generation.sources.select_related("video"))
        _check_sources(sources)
        video.parents.set([source.video for source in sources if source.video is not None])
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
        for pilot in hooks.pilots:
            pilot.delivered(video)
        if clip.hold is None:
            billing.settle_credits(str(generation.pk))
        else:
            hold_video(video, reason=clip.hold)
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


def _check_sources(sources: Sequence[Source]) -> None:
    """Waits for a takedown of a source that is under way (its rows are locked), and sees what it did.

    Raises SourceGone: what is made from a removed clip is not delivered.
    """
    for model, ids in (
        (Upload, [source.upload_id for source in sources if source.upload_id]),
        (Video, [source.video_id for source in sources if source.video_id]),
    ):
        rows = model.objects.filter(pk__in=ids).order_by("pk")  # type: ignore[attr-defined]
        locked = rows.select_for_update(of=("self",), no_key=True)
        if any(gone for gone in locked.values_list("quarantined_at", flat=True)):
            raise SourceGone()


def flash_area_of(generation: Generation) -> float | None:
    """The largest share of the picture its output scan saw flash too often; None: not measured."""
    check = generation.safety_checks.filter(stage=SafetyCheck.Stage.OUTPUT).order_by("pk").last()
    if check is None or "flashes" in check.verdict.get("not_evaluated", ["flashes"]):
        return None
    area = check.verdict.get("details", {}).get("flash_area")
    return float(area) if isinstance(area, int | float) else None


def record_check(
    generation: Generation, stage: SafetyCheck.Stage, verdict: Verdict, *, final: bool = True
) -> SafetyCheck:
    """Store what one stage of screening said. Not final: it ends nothing and tells nothing about the
    person (a first take that is drawn again, a clip that only stays out of the feed).

    What refuses, the feed's included, gets its statement of reasons in the same transaction."""
    said = final or stage == SafetyCheck.Stage.FEED
    with transaction.atomic():
        if final:
            probing.note_check(generation, stage, verdict)
        vision.note_matches(generation.workspace, f"generation:{generation.pk}", verdict)
        receipt = None
        if said and not verdict.allowed:
            receipt = receipts.for_job(generation, verdict, stage=str(stage))
        return SafetyCheck.objects.create(
            workspace=generation.workspace,
            generation=generation,
            stage=stage,
            attempt=generation.attempts,
            action=verdict.action,
            profile=verdict.profile,
            policy_version=verdict.policy_version,
            verdict=verdict.to_json(),
            final=said,
            receipt=receipt,
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
        for withdraw in hooks.withdrawals:
            withdraw(video)
        for key in _files_of(video):
            storage.quarantine(key)
        for chore in video.workspace.chores.filter(video=None, status="done").exclude(key=""):
            forget_chore(chore)  # an archive with the clip in it; it can be written again


def hold_video(video: Video, *, reason: str) -> None:
    """Keep a finished clip from everybody until a person has looked. In the caller's transaction.

    Its files stay where they are: nobody ever had a link to them, and the person who looks needs one.
    """
    video.held_at = video.quarantined_at = timezone.now()
    video.save(update_fields=["held_at", "quarantined_at"])
    audit.record(audit.VIDEO_HELD, workspace=video.workspace, target=video, reason=reason)
    for tell in hooks.reviews:
        tell(video, reason)


def end_hold(video: Video, *, by: User, release: bool, reason: str) -> None:
    """What a person decided about a held clip: out to its owner, who pays now, or kept for good.

    Nothing happens to a clip that is not held.
    """
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.held_at is None:
            return
        video.held_at = video.quarantined_at = None
        video.save(update_fields=["held_at", "quarantined_at"])
        job = video.generation
        job.reason_code = "" if release else "held_refused"
        job.save(update_fields=["reason_code"])
        if release:
            billing.settle_credits(str(job.pk))
            audit.record(
                audit.VIDEO_RELEASED,
                workspace=video.workspace,
                actor=by,
                target=video,
                reason=reason,
            )
        else:
            billing.release_credits(str(job.pk))
            quarantine_video(video, by=by, reason=reason)
        announce(job)


def deliver_after_all(video: Video, *, by: User) -> None:
    """A clip that was held and then removed goes to its owner: the removal was wrong. Not charged."""
    with transaction.atomic():
        job = video.generation
        job.reason_code = ""
        job.save(update_fields=["reason_code"])
        audit.record(
            audit.VIDEO_RELEASED,
            workspace=video.workspace,
            actor=by,
            target=video,
            reason="overturned",
        )
        announce(job)


def release_video(video: Video, *, by: User, reason: str) -> None:
    """Let a guarded clip be shared: a person looked and found the checks too careful.

    Nothing happens to a clip that was released already.
    """
    with transaction.atomic():
        video = Video.objects.select_for_update().get(pk=video.pk)
        if video.released_at is not None:
            return
        video.released_at = timezone.now()
        video.save(update_fields=["released_at"])
        audit.record(
            audit.VIDEO_RELEASED, workspace=video.workspace, actor=by, target=video, reason=reason
        )
        announce(video.generation)


def forget_chore(chore: Chore) -> None:
    """Delete an ended chore with its file."""
    if chore.key:
        storage.delete_private(chore.key)
    if waiting := chore.request.get("key"):
        storage.delete_quarantine(waiting)
    chore.delete()


def _files_of(video: Video) -> list[str]:
    made = video.renditions.exclude(key="").values_list("key", flat=True)
    return [key for key in (video.media_key, video.poster_key, video.under_key, *made) if key]


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
