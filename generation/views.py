"""Pages: composer, activity, one clip, verify. They parse, look up, call, render."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.errors import Forbidden
from accounts.models import Membership, User, Workspace
from accounts.permissions import adult_required
from billing import services as billing
from billing.plans import FREE
from generation import choices, presenting, services
from generation.api import verify_upload
from generation.capabilities import engine_capabilities
from generation.cards import card_of, with_cards
from generation.credentials import explain
from generation.editing.offers import lengths
from generation.editing.plan import FITS
from generation.edits import Wish
from generation.engine.capabilities import Capabilities
from generation.errors import EngineUnavailable, InvalidFile
from generation.lineage import lineage_of
from generation.models import Generation, Video
from generation.renditions import present_all
from generation.rewriting import vocabulary_of_engine
from generation.shelf import settings_of
from sora_site.lib.errors import SoraError
from sora_site.lib.pages import InvalidCursor, keyset_page

ACTIVITY_PAGE = 20
IDEAS = (
    "A red balloon rises over the ocean at sunset",
    "A yellow ball bounces across a green meadow at noon",
    "A blue boat drifts on a calm lake under the stars",
    "A white bird glides over snowy hills at dawn",
)


# --- Composer ----------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def composer(request: HttpRequest) -> HttpResponse:
    """GET /create/: write a prompt. POST is the way without script; both use the same service."""
    if not request.user.is_authenticated:
        goal = urlencode({"next": request.get_full_path()})
        return redirect(f"{reverse('account_signup')}?{goal}")
    return _composer(request)


@adult_required
def _composer(request: HttpRequest) -> HttpResponse:
    try:
        workspace = access.working_workspace(request, Membership.Role.CREATOR)
        engine = engine_capabilities()
    except (EngineUnavailable, Forbidden) as error:
        context = {"problem": error}
        return render(request, "generation/composer_closed.html", context, status=error.http_status)
    draft = _draft(request.POST or _asked(request), engine)
    if request.method == "GET":
        _keep_offered(draft, engine)
    problem: SoraError | None = None
    if request.method == "POST":
        try:
            _request_from_form(request, workspace, draft)
        except SoraError as error:
            problem = error
        else:
            return redirect("generation:activity")
    plan = billing.plan_of(workspace)
    sizes = choices.sizes(engine, plan, draft["size"])
    offered_lengths = choices.lengths(engine, plan, draft["seconds"])
    under_way = (
        Generation.objects.filter(workspace=workspace)
        .open()
        .select_related("video")
        .prefetch_related("sources")
    )
    context = {
        "workspace": workspace,
        "engine": engine,
        "plan": plan,
        "sizes": sizes,
        "lengths": offered_lengths,
        "some_closed": any(choice["by_plan"] for choice in (*sizes, *offered_lengths)),
        "missing_shapes": choices.missing_shapes(engine),
        "variations": choices.VARIATIONS,
        "styles": choices.styles(workspace, draft["style"]),
        "cameras": choices.cameras(draft["camera"]),
        "fits": choices.FITS,
        "tools": choices.tools_for_script(engine),
        "can_avoid": engine.makes("negative_prompt"),
        "may_describe": vocabulary_of_engine() is None,
        "describes": settings.SORA_DIVERSIFY,
        "draft": draft,
        "problem": problem,
        "balance": billing.balance(workspace),
        "jobs": [presenting.present(job) for job in under_way.order_by("created_at", "id")],
        "ideas": IDEAS,
    }
    return render(
        request, "generation/composer.html", context, status=problem.http_status if problem else 200
    )


def _draft(data: Any, engine: Capabilities) -> dict[str, str]:
    """The form's values as texts: what was sent, else the engine's defaults."""
    width, height = engine.default_size
    size, seconds = f"{width}x{height}", str(engine.default_seconds)
    return {
        "prompt": data.get("prompt", ""),
        "size": data.get("size", size),
        "seconds": data.get("seconds", seconds),
        "seed": data.get("seed", ""),
        "steps": data.get("steps", ""),
        "variations": data.get("variations", "1"),
        "style": data.get("style", ""),
        "camera": data.get("camera", ""),
        "negative_prompt": data.get("negative_prompt", ""),
        "guidance": data.get("guidance", ""),
        "fit": data.get("fit", "crop"),
        "expand": "on" if data.get("expand") == "on" else "",
        "diversify": data.get("diversify", "") if data.get("diversify") in ("on", "off") else "",
        "share": "on" if data.get("share") == "on" else "",
        "draft": "on" if data.get("draft") == "on" else "",
        "request_key": data.get("request_key") or uuid4().hex,
    }


def _asked(request: HttpRequest) -> Any:
    """The query; with ?from=<clip> the settings of that clip, as far as the person may see it."""
    if not (wanted := request.GET.get("from")):
        return request.GET
    try:
        clip_id = UUID(wanted)
    except ValueError:
        raise Http404 from None
    visible = Video.objects.visible_to(request.user)  # type: ignore[arg-type]
    video = visible.filter(pk=clip_id).select_related("generation").first()
    if video is None:
        raise Http404
    found = settings_of(video)
    plan = found.pop("plan") or {}
    if plan.get("full"):  # of a draft: as it was asked for
        found["width"], found["height"], found["steps"] = plan["full"]
        found["draft"] = "on"
    size = f"{found['width']}x{found['height']}"
    for name in ("style", "camera", "negative_prompt", "guidance", "fit"):
        found[name] = plan.get(name, "")
    return {**{key: str(value) for key, value in found.items()}, "size": size}


def _keep_offered(draft: dict[str, str], engine: Capabilities) -> None:
    """Links into the composer may carry values of another engine: those fall back to ours."""
    width, height = engine.default_size
    if draft["size"] not in {f"{w}x{h}" for w, h in engine.sizes}:
        draft["size"] = f"{width}x{height}"
    if draft["seconds"] not in {str(seconds) for seconds, _ in lengths(engine)}:
        draft["seconds"] = str(engine.default_seconds)


def _request_from_form(
    request: HttpRequest, workspace: Workspace, draft: dict[str, str]
) -> Generation:
    """Raises SoraError; the texts stay in the form."""
    assert isinstance(request.user, User)
    width, _, height = draft["size"].partition("x")
    wish = Wish(
        prompt=draft["prompt"],
        width=_whole(width, "size"),
        height=_whole(height, "size"),
        seconds=_whole(draft["seconds"], "seconds"),
        seed=_whole(draft["seed"], "seed") if draft["seed"] else None,
        steps=_whole(draft["steps"], "steps") if draft["steps"] else None,
        negative_prompt=draft["negative_prompt"],
        guidance=_number(draft["guidance"], "guidance") if draft["guidance"] else None,
        style=draft["style"][:60],
        camera=draft["camera"][:60],
        fit=draft["fit"] if draft["fit"] in FITS else "crop",
        draft=draft["draft"] == "on",
        rewriting=_wishes(draft),
    )
    return services.request_variations(
        workspace,
        by=request.user,
        wish=wish,
        variations=_whole(draft["variations"], "variations"),
        share=draft["share"] == "on",
        request_key=draft["request_key"],
    )[0]


def _wishes(draft: dict[str, str]) -> dict[str, Any] | None:
    """What the form says about the rewriter; None where it says nothing."""
    diversify = {"on": True, "off": False}.get(draft["diversify"])
    if diversify is None and not draft["expand"]:
        return None
    return {"expand": draft["expand"] == "on", "diversify": diversify}


def _number(text: str, param: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}([.,][0-9]{1,6})?", text):
        raise SoraError("Enter a number.", param=param)
    return float(text.replace(",", "."))


def _whole(text: str, param: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise SoraError("Enter a whole number.", param=param)
    return int(text)


# --- Activity --------------------------------------------------------------------------------------


@require_safe
@never_cache
@adult_required
def activity(request: HttpRequest) -> HttpResponse:
    """GET /activity/: the workspace's jobs, newest first, kept live by script."""
    workspace = access.working_workspace(request)
    rows = (
        Generation.objects.filter(workspace=workspace)
        .select_related("video")
        .prefetch_related("sources")
    )
    cursor = request.GET.get("cursor")
    status = 200
    try:
        found, following = keyset_page(rows, ("created_at", "id"), cursor, size=ACTIVITY_PAGE)
    except InvalidCursor as error:
        cursor, status = None, error.http_status
        found, following = keyset_page(rows, ("created_at", "id"), None, size=ACTIVITY_PAGE)
    context = {
        "workspace": workspace,
        "jobs": [presenting.present(job) for job in found],
        "next_cursor": following,
        "deep": bool(cursor),
    }
    return render(request, "generation/activity.html", context, status=status)


# --- One clip --------------------------------------------------------------------------------------


@require_safe
@never_cache
def clip(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """GET /clips/<id>/: the clip and all that is known about it. 404 unless one may see it."""
    visible = Video.objects.visible_to(request.user)  # type: ignore[arg-type]
    video = (
        visible.filter(pk=video_id)
        .select_related("generation", "creator", "workspace")
        .defer("manifest")
        .first()
    )
    if video is None:
        raise Http404
    context = {
        "video": presenting.present_video(video),
        "job": video.generation,
        "edits": presenting.edits_of(video.generation),
        "creator": video.creator,
        "made": video.created_at,
        "file": {"frames": video.frames, "fps": video.fps, "bytes": video.bytes},
        "credentials": explain(video.credentials),
        "may_manage": _may_manage(request, video),
        "remixable": video.remixable,
        "trashed": video.trashed_at is not None,
        "lineage": lineage_of(video, request.user),  # type: ignore[arg-type]
        "formats": present_all(video),
        "siblings": _siblings(video, request.user),
        "panel": _panel(request, video),
    }
    return render(request, "generation/clip.html", context)


@adult_required
@require_POST
def revert(request: HttpRequest, generation_id: UUID) -> HttpResponse:
    """POST /jobs/<id>/revert/: the clip again with one of the person's own words."""
    user = request.user
    assert isinstance(user, User)  # adult_required let nobody else in
    job = Generation.objects.visible_to(user).filter(pk=generation_id).first()
    if job is None:
        raise Http404
    access.get_workspace(user, job.workspace_id, role=Membership.Role.CREATOR)
    place = request.POST.get("edit", "")
    try:
        services.revert_edits(
            job,
            by=user,
            edits=[int(place)] if place.isdecimal() and len(place) < 4 else [],
            request_key=request.POST.get("request_key") or uuid4().hex,
        )
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy}".strip())
        return redirect("generation:activity")
    messages.success(request, "A new clip is on its way with your word; this one stays.")
    return redirect("generation:activity")


def _panel(request: HttpRequest, video: Video) -> dict[str, Any] | None:
    """The tools of the clip, bounded by the plan of the workspace the viewer works in."""
    viewer = request.user
    if not isinstance(viewer, User):
        return choices.panel_of(video, viewer, FREE)
    try:
        workspace = access.working_workspace(request, Membership.Role.CREATOR)
    except Forbidden as error:
        return choices.panel_of(video, viewer, FREE, closed=f"{error.message} {error.remedy}")
    return choices.panel_of(video, viewer, billing.plan_of(workspace))


def _siblings(video: Video, viewer: User | AnonymousUser) -> list[dict[str, Any]]:
    """The variations of its request, this one included, as far as the viewer may see them."""
    batch = video.generation.batch
    if batch is None:
        return []
    found = with_cards(Video.objects.visible_to(viewer).filter(generation__batch=batch))  # type: ignore[arg-type]
    cards = [card_of(one) for one in found.order_by("generation__variation")]
    return cards if len(cards) > 1 else []


def _may_manage(request: HttpRequest, video: Video) -> bool:
    """May this viewer share the clip or take it back? Members from creator on may."""
    if not request.user.is_authenticated:
        return False
    member = Membership.objects.filter(user=request.user, workspace=video.workspace_id).first()
    return member is not None and member.allows(Membership.Role.CREATOR)


# --- Verify ------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def verify(request: HttpRequest) -> HttpResponse:
    """GET /verify/, POST a file: where it comes from. Open to everybody; nothing is kept."""
    if request.method != "POST":
        return render(request, "generation/verify.html", {})
    upload = request.FILES.get("file")
    try:
        if upload is None:
            raise InvalidFile("No file was sent.", remedy="Choose a video or an image first.")
        report = verify_upload(upload, viewer=request.user)
    except SoraError as error:
        return render(
            request, "generation/verify.html", {"problem": error}, status=error.http_status
        )
    context = {
        "name": upload.name,
        "credentials": explain(report["c2pa"]),
        "visible_mark": report["visible_watermark"],
        "matches": report["matches"],
        "checked": True,
    }
    return render(request, "generation/verify.html", context)
