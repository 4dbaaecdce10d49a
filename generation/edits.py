"""From a request to an edit plan: look up what it refers to, compile, check, price."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass, replace
from typing import Any

from accounts.models import User
from billing.plans import price_in_credits
from generation.capabilities import engine_capabilities
from generation.editing import checks, reading, requests, tools
from generation.editing.checks import MediaFacts
from generation.editing.drafting import STEPS_SHARE, as_draft
from generation.editing.plan import EditPlan, MediaRef, PlanError
from generation.editing.tools import Canvas
from generation.errors import InvalidEdit
from generation.models import Generation, StylePreset, Upload, Video
from generation.presets import with_presets


@dataclass(frozen=True)
class Wish:
    """What one request asks for, as the API and the pages hand it over. None: the engine's default."""

    prompt: str = ""
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    seed: int | None = None
    steps: int | None = None
    tool: str = "text"
    edit: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None  # a whole plan in place of a tool's form
    negative_prompt: str = ""
    guidance: float | None = None
    style: str = ""
    camera: str = ""
    fit: str = "crop"
    rewriting: dict[str, Any] | None = None  # see plan.Rewriting; None: as the plan has it
    draft: bool = False  # small and in few steps first, see editing/drafting.py


@dataclass(frozen=True)
class Sources:
    """What a plan refers to, as this person may use it now."""

    videos: dict[MediaRef, Video]
    uploads: dict[MediaRef, Upload]

    def all(self) -> list[Video | Upload]:
        return [*self.videos.values(), *self.uploads.values()]

    @property
    def facts(self) -> dict[MediaRef, MediaFacts]:
        found = {
            ref: MediaFacts("video", video.width, video.height, video.seconds)
            for ref, video in self.videos.items()
        }
        for ref, upload in self.uploads.items():
            still = upload.kind == Upload.Kind.IMAGE
            found[ref] = MediaFacts(
                "image" if still else "video",
                upload.width or 1,
                upload.height or 1,
                0.0 if still else upload.seconds or 0.0,
            )
        return found


def find_sources(user: User, refs: list[MediaRef]) -> Sources:
    """The clips and uploads among `refs` that `user` may make something of.

    Own clips unless in the trash; others' shared clips where their owner lets them be remixed; own
    workspaces' checked uploads. What is missing here is refused by the plan's checks, in the same
    words whether it never existed or may not be seen.
    """
    videos = Video.objects.visible_to(user).filter(
        pk__in=[ref.id for ref in refs if ref.kind == "video"], trashed_at=None, deleted_at=None
    )
    mine = set(user.memberships.values_list("workspace_id", flat=True))
    uploads = (
        Upload.objects.visible_to(user)
        .usable()
        .filter(pk__in=[ref.id for ref in refs if ref.kind == "upload"])
    )
    return Sources(
        {MediaRef("video", v.pk): v for v in videos if v.remixable or v.workspace_id in mine},
        {MediaRef("upload", u.pk): u for u in uploads},
    )


def make_plan(user: User, wish: Wish) -> tuple[EditPlan, Sources]:
    """The checked plan of a request. Raises InvalidEdit naming the card or value, and the remedy."""
    try:
        return _make_plan(user, wish)
    except PlanError as error:
        raise InvalidEdit(error.message, param=error.field, remedy=error.remedy) from error


def _make_plan(user: User, wish: Wish) -> tuple[EditPlan, Sources]:
    engine = engine_capabilities()
    edit = wish.edit or {}
    if wish.plan is not None:
        plan = reading.read_plan(wish.plan)
        sources = find_sources(user, list(plan.media()))
        if plan.upgraded_from is not None and plan.upgraded_from not in sources.videos:
            plan = replace(plan, upgraded_from=None)
    elif wish.tool == "upgrade":
        plan, sources = _upgrade(user, wish, edit)
    else:
        sources = find_sources(user, [ref for _, ref in requests.media_in(edit)])
        seconds = engine.default_seconds if wish.seconds is None else wish.seconds
        own = own_style(user, wish.style)
        plan = requests.compile_edit(
            wish.tool,
            edit,
            canvas=_canvas(wish, edit, sources),
            prompt=wish.prompt or _inherited_prompt(edit, sources),
            seconds=seconds,
            facts=sources.facts,
        )
        texts = [
            with_presets(card.text, style=wish.style, camera=wish.camera, own=own)
            if card.text.strip()
            else card.text
            for card in plan.prompts
        ]
        cards = tuple(replace(c, text=t) for c, t in zip(plan.prompts, texts, strict=True))
        plan = replace(plan, prompts=cards)
    if wish.rewriting is not None:
        plan = replace(plan, rewriting=reading.read_rewriting(wish.rewriting, "rewriting"))
    if wish.draft:
        checks.check_plan(plan, engine, sources.facts)  # what can't be made needs no draft
        plan = as_draft(plan, engine)
    checks.check_plan(plan, engine, sources.facts)
    return plan, sources


def own_style(user: User, style: str) -> StylePreset | None:
    """The preset of one of the person's workspaces that "own:<number>" names.

    Raises PlanError when it is not there (any more); None for a built-in style.
    """
    kind, _, number = style.partition(":")
    if kind != "own":
        return None
    found = None
    if number.isascii() and number.isdigit() and len(number) <= 18:
        mine = user.memberships.values_list("workspace_id", flat=True)
        found = StylePreset.objects.filter(pk=number, workspace__in=mine).first()
    if found is None:
        raise PlanError("style", "This style is not there (any more).", "Choose another style.")
    return found


def _canvas(wish: Wish, edit: dict[str, Any], sources: Sources) -> Canvas:
    """Size, seed and steps: as asked for, else those of the clip that is edited, else the engine's."""
    engine = engine_capabilities()
    width, height = engine.default_size
    for _, ref in requests.media_in(edit):
        if (video := sources.videos.get(ref)) is not None:
            if (video.width, video.height) in engine.sizes:
                width, height = video.width, video.height
            break
    return Canvas(
        width=width if wish.width is None else wish.width,
        height=height if wish.height is None else wish.height,
        fps=engine.fps,
        seed=secrets.randbelow(2**31) if wish.seed is None else wish.seed,
        steps=engine.default_steps if wish.steps is None else wish.steps,
        guidance=engine.guidance if wish.guidance is None else wish.guidance,
        fit=wish.fit,  # type: ignore[arg-type]  # one of FITS, the serializer saw to it
        negative_prompt=wish.negative_prompt,
        style=wish.style,
        camera=wish.camera,
    )


def _inherited_prompt(edit: dict[str, Any], sources: Sources) -> str:
    """Going on from a clip without new words goes on with its own."""
    for _, ref in requests.media_in(edit):
        if (video := sources.videos.get(ref)) is not None:
            return video.generation.prompt
    return ""


def _upgrade(user: User, wish: Wish, edit: dict[str, Any]) -> tuple[EditPlan, Sources]:
    ref = MediaRef.parse(edit.get("clip"), "edit.clip")
    video = find_sources(user, [ref]).videos.get(ref)
    if video is None or not video.generation.plan:
        raise PlanError(
            "edit.clip", "There is no such draft of yours.", "Choose a clip that was made here."
        )
    engine = engine_capabilities()
    draft = reading.read_plan(video.generation.plan)
    width, height, steps = draft.full or (draft.width, draft.height, engine.default_steps)
    plan = tools.upgrade(
        draft,
        ref,
        width=width if wish.width is None else wish.width,
        height=height if wish.height is None else wish.height,
        steps=steps if wish.steps is None else wish.steps,
    )
    return plan, find_sources(user, list(plan.media()))


def plan_of(generation: Generation) -> EditPlan:
    """The stored plan of a job; jobs from before there were plans have a prompt and a size."""
    if generation.plan:
        return reading.read_plan(generation.plan)
    engine = engine_capabilities()
    canvas = Canvas(
        width=generation.width,
        height=generation.height,
        fps=engine.fps,
        seed=generation.seed,
        steps=generation.steps,
        guidance=engine.guidance,
    )
    return tools.text(canvas, generation.prompt, generation.seconds)


def price(plan: EditPlan) -> int:
    """Credits of one clip: for the seconds that are drawn, less for a draft. Putting kept parts
    together costs one."""
    drawn = plan.seconds if plan.redraw is not None else plan.drawn_seconds
    if drawn <= 0:
        return 1
    credits = price_in_credits(plan.width, plan.height, drawn)
    return credits if plan.full is None else max(1, math.ceil(credits * STEPS_SHARE))


def upgraded(plan: EditPlan) -> EditPlan | None:
    """What a draft becomes, for its price; None for what is no draft."""
    if plan.full is None:
        return None
    width, height, steps = plan.full
    return replace(plan, width=width, height=height, steps=steps, full=None)


def relationship_of(plan: EditPlan, ref: MediaRef) -> str:
    """What a source is to the clip, in C2PA's words (2.2, section 18.14): the one clip that was
    edited is its parent; several clips, and pictures, are parts put into it; a draft gave its plan."""
    if ref == plan.upgraded_from:
        return "inputTo"
    edited = [span.media for span in plan.keep]
    if plan.redraw is not None:
        edited += [plan.redraw.first, *([plan.redraw.second] if plan.redraw.second else [])]
    return "parentOf" if set(edited) == {ref} else "componentOf"


def seconds_shown(plan: EditPlan) -> int:
    """Whole seconds, for the plan's limits and the job's row."""
    return max(1, math.ceil(plan.seconds - 1e-6))
