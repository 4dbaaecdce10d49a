"""Pages of the storyboard and of stitching. They look up and render; the API does the writes."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import access
from accounts.models import Membership, User, Workspace
from accounts.permissions import adult_required, signed_in
from billing import services as billing
from generation import boards, choices
from generation.capabilities import engine_capabilities
from generation.drafts_api import row_of
from generation.editing.plan import MAX_CARDS, MAX_SECONDS, MediaRef
from generation.edits import find_sources
from generation.models import Draft
from sora_site.lib.pages import InvalidCursor, keyset_page

PAGE = 24


@require_safe
@never_cache
@adult_required
def drafts(request: HttpRequest) -> HttpResponse:
    """GET /storyboards/: the drafts, the one worked on last first."""
    workspace = access.working_workspace(request)
    rows = Draft.objects.filter(workspace=workspace)
    order, status = ("updated_at", "id"), 200
    try:
        found, following = keyset_page(rows, order, request.GET.get("cursor"), size=PAGE)
    except InvalidCursor as error:
        status = error.http_status
        found, following = keyset_page(rows, order, None, size=PAGE)
    context = {
        "workspace": workspace,
        "drafts": [{**row_of(row), "moment": row.updated_at} for row in found],
        "next_cursor": following,
    }
    return render(request, "generation/storyboards.html", context, status=status)


@require_safe
@never_cache
@adult_required
def new(request: HttpRequest) -> HttpResponse:
    """GET /storyboard/new/: an empty one; ?clip=<id> lays that clip on it. Saved with its first change."""
    user = signed_in(request)
    plan, media = _beginning(user, request.GET.get("clip"))
    workspace = access.working_workspace(request, Membership.Role.CREATOR)
    return _editor(request, user, workspace, {"plan": plan, "media": media})


@require_safe
@never_cache
@adult_required
def editor(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """GET /storyboard/<draft>/: the deep link of one."""
    user = signed_in(request)
    draft = Draft.objects.visible_to(user).filter(pk=draft_id).select_related("workspace").first()
    if draft is None:
        raise Http404
    if boards.kind_of(draft) == "sequence":
        return redirect("generation:sequence-draft", draft.pk)
    plan = boards.board_of(draft.plan)
    return _editor(request, user, draft.workspace, _shown(user, draft, plan))


def _shown(user: User, draft: Draft, plan: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(draft.pk),
        "title": draft.title,
        "version": draft.version,
        "plan": plan,
        "media": boards.media_of(user, plan),
    }


def _editor(
    request: HttpRequest, user: User, workspace: Workspace, draft: dict[str, Any]
) -> HttpResponse:
    engine, plan = engine_capabilities(), billing.plan_of(workspace)
    board = draft["plan"]
    size = f"{board.get('width', engine.default_size[0])}x{board.get('height', engine.default_size[1])}"
    tools = choices.tools_for_script(engine)
    context = {
        "workspace": workspace,
        "draft": draft,
        "sizes": choices.sizes(engine, plan, size),
        "styles": choices.styles(workspace, str(board.get("style", ""))),
        "cameras": choices.cameras(str(board.get("camera", ""))),
        "fits": choices.FITS,
        "balance": billing.balance(workspace),
        "tools": tools,
        "closed": [tools[tool]["reason"] for tool in ("storyboard", "image", "extend")],
        "settings": {
            "workspace": workspace.pk,
            "fps": engine.fps,
            "seconds": float(engine.default_seconds),
            "longest": min(MAX_SECONDS, plan.max_seconds),
            "most": MAX_CARDS,
            "tools": tools,
        },
    }
    return render(request, "generation/storyboard.html", context)


def _beginning(user: User, clip: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """An empty text card, or a clip with a card for what comes after it."""
    if not clip:
        return {"cards": [{"type": "text", "text": "", "at": 0}]}, {}
    shown = _clip(user, clip)
    length = round(shown["seconds"], 3)
    cards = [
        {"type": "clip", "media": shown["ref"], "start": 0, "end": length, "at": 0},
        {"type": "text", "text": shown["name"], "at": 0},
    ]
    return {"cards": cards, "seconds": length + 4}, {shown["ref"]: shown}


def _clip(user: User, text: str) -> dict[str, Any]:
    """The clip of a link, or 404 when it may not be used."""
    try:
        ref = MediaRef("video", UUID(text))
    except ValueError:
        raise Http404 from None
    video = find_sources(user, [ref]).videos.get(ref)
    if video is None:
        raise Http404
    return boards.show_video(video)


# --- Stitching -------------------------------------------------------------------------------------


@require_safe
@never_cache
@adult_required
def sequence(request: HttpRequest) -> HttpResponse:
    """GET /sequence/: clips and parts of clips one after another; ?clip=<id> is the first. Saved with
    its first change."""
    user = signed_in(request)
    workspace = access.working_workspace(request, Membership.Role.CREATOR)
    parts, media = [], {}
    if clip := request.GET.get("clip"):
        shown = _clip(user, clip)
        parts, media = [{"media": shown["ref"]}], {shown["ref"]: shown}
    plan = {"kind": "sequence", "parts": parts}
    return _sequence(request, workspace, {"plan": plan, "media": media})


@require_safe
@never_cache
@adult_required
def sequence_draft(request: HttpRequest, draft_id: UUID) -> HttpResponse:
    """GET /sequence/<draft>/: the deep link of one."""
    user = signed_in(request)
    draft = Draft.objects.visible_to(user).filter(pk=draft_id).select_related("workspace").first()
    if draft is None:
        raise Http404
    if boards.kind_of(draft) != "sequence":
        return redirect("generation:storyboard", draft.pk)
    return _sequence(request, draft.workspace, _shown(user, draft, draft.plan))


def _sequence(request: HttpRequest, workspace: Workspace, draft: dict[str, Any]) -> HttpResponse:
    engine, plan = engine_capabilities(), billing.plan_of(workspace)
    width, height = engine.default_size
    context = {
        "workspace": workspace,
        "sizes": choices.sizes(engine, plan, f"{width}x{height}"),
        "fits": choices.FITS,
        "balance": billing.balance(workspace),
        "draft": draft,
        "settings": {
            "workspace": workspace.pk,
            "longest": min(MAX_SECONDS, plan.max_seconds),
            "most": MAX_CARDS,
            "fps": engine.fps,
        },
    }
    return render(request, "generation/sequence.html", context)
