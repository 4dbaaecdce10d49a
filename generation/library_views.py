"""Pages of the library: clips, folders, trash. Each form works without script."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts import access
from accounts.models import Membership, User, Workspace
from accounts.permissions import adult_required, signed_in
from generation import library, shelf
from generation.archives import services as archives
from generation.models import Folder, Upload, Video
from generation.uploads.api import present as present_upload
from sora_site.lib.errors import SoraError
from sora_site.lib.pages import InvalidCursor

TOOL_TITLES = {
    "text": "From words",
    "image": "From an image",
    "keyframes": "Keyframes",
    "remix": "Remixes",
    "extend": "Extended",
    "fill": "Filled",
    "recut": "Re-cut",
    "blend": "Blends",
    "loop": "Loops",
    "storyboard": "Storyboards",
    "stitch": "Stitched",
    "upgrade": "Upgrades",
}


@require_safe
@never_cache
@login_required
def page(request: HttpRequest) -> HttpResponse:
    """GET /library/: finished clips; ?show, ?folder, ?tool, ?q narrow it, ?view=list is denser."""
    user = signed_in(request)
    workspace = access.working_workspace(request)
    query = request.GET
    show = query.get("show", "") if query.get("show", "") in shelf.SHOW else ""
    folder = shelf.folder_of(workspace, query.get("folder"))
    words = query.get("q", "").replace("\0", "")[:200]
    tool = query.get("tool", "") if query.get("tool", "") in TOOL_TITLES else ""
    wanted = shelf.Wanted(show, words, tool, folder)
    cursor, status = query.get("cursor"), 200
    try:
        cards, following = shelf.page(workspace, user, wanted, cursor)
    except InvalidCursor as error:
        cursor, status = None, error.http_status
        cards, following = shelf.page(workspace, user, wanted, None)
    kept = {
        "show": show,
        "folder": folder.pk if folder else "",
        "tool": tool,
        "q": words,
        "view": "list" if query.get("view") == "list" else "",
    }
    context = {
        "workspace": workspace,
        "cards": cards,
        "next_query": _query(kept, cursor=following) if following else "",
        "filters": [
            {"label": label, "query": _query(kept, show=code), "current": code == show}
            for code, label in shelf.SHOW.items()
            if code != "trash"  # it has its place beside the folders
        ],
        "folders": [
            {
                "folder": each,
                "query": _query(kept, folder=each.pk, show=""),
                "current": folder is not None and each.pk == folder.pk,
            }
            for each in workspace.folders.with_counts()
        ],
        "everywhere_query": _query(kept, folder="", show=""),
        "tools": [
            {"code": code, "title": title, "current": code == tool}
            for code, title in TOOL_TITLES.items()
        ],
        "views": [
            {"label": "Grid", "query": _query(kept, view=""), "current": not kept["view"]},
            {"label": "List", "query": _query(kept, view="list"), "current": bool(kept["view"])},
        ],
        "wanted": wanted,
        "kept": kept,
        "brought": [
            {**present_upload(upload), "moment": upload.trashed_at}
            for upload in (
                shelf.trashed_uploads(workspace) if show == "trash" and not cursor else ()
            )
        ],
        "here": request.get_full_path(),
        "trash_days": settings.SORA_TRASH_DAYS,
        "deep": bool(cursor),
    }
    part = request.headers.get("X-Feed-Part") == "1"
    template = "generation/_library_page.html" if part else "generation/library.html"
    return render(request, template, context, status=status)


def _creators_workspace(request: HttpRequest) -> Workspace:
    return access.working_workspace(request, Membership.Role.CREATOR)


def _query(kept: dict[str, Any], **changed: Any) -> str:
    return urlencode({key: value for key, value in {**kept, **changed}.items() if value})


@require_POST
@adult_required
def act(request: HttpRequest) -> HttpResponse:
    """POST /library/act/: what the bar does with the chosen clips."""
    user = signed_in(request)
    workspace = _creators_workspace(request)
    clips, brought = _chosen(request, workspace)
    action = request.POST.get("action", "")
    if not clips and not brought:
        messages.error(request, "Choose at least one clip first.")
        return _back(request)
    try:
        if action == "restore":
            count = library.take_from_trash(clips, by=user)
            count += library.take_uploads_from_trash(brought, by=user)
            what = _things(count) if brought else _clips(count)
            messages.success(request, f"Took {what} out of the trash.")
        else:
            messages.success(request, _act(request, workspace, clips, action, user))
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return _back(request)


def _act(
    request: HttpRequest, workspace: Workspace, clips: list[Video], action: str, user: User
) -> str:
    """Do it; what to say. Raises SoraError, Http404."""
    match action:
        case "trash":
            return f"Moved {_clips(library.trash(clips, by=user))} to the trash."
        case "favourite" | "unfavourite":
            library.mark_favourites(clips, by=user, on=action == "favourite")
            return "Marked as favourite." if action == "favourite" else "No longer a favourite."
        case "download":
            archives.ask_for_download(workspace, clips, by=user)
            return "The zip is being written; it waits for you in Settings."
        case "move":
            wanted = request.POST.get("folder", "")
            folder = shelf.folder_of(workspace, wanted)
            if wanted and folder is None:
                raise Http404
            library.move_to_folder(clips, folder)
            where = f"to {folder.name}" if folder else "out of their folders"
            return f"Moved {_clips(len(clips))} {where}."
    raise Http404


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"


def _things(count: int) -> str:
    """Clips and uploads together."""
    return "1 thing" if count == 1 else f"{count} things"


def _chosen(request: HttpRequest, workspace: Workspace) -> tuple[list[Video], list[Upload]]:
    """The clips and the uploads whose boxes are ticked."""
    try:
        ids, brought = (
            [UUID(text) for text in request.POST.getlist(name)[: library.MOST_CHOSEN]]
            for name in ("videos", "uploads")
        )
    except ValueError:
        raise Http404 from None
    found, uploads = shelf.chosen(workspace, ids), shelf.chosen_uploads(workspace, brought)
    if len(found) != len(set(ids)) or len(uploads) != len(set(brought)):
        raise Http404
    return found, uploads


@require_POST
@adult_required
def empty_trash(request: HttpRequest) -> HttpResponse:
    """POST /library/trash/empty/"""
    user = signed_in(request)
    workspace = _creators_workspace(request)
    brought = bool(shelf.trashed_uploads(workspace, most=1))
    count = library.empty_trash(workspace, by=user)
    messages.success(request, f"Deleted {_things(count) if brought else _clips(count)} for good.")
    return redirect(f"{reverse('generation:library')}?show=trash")


@require_POST
@adult_required
def make_folder(request: HttpRequest) -> HttpResponse:
    """POST /library/folders/: then the page of the new folder."""
    user, workspace = signed_in(request), _creators_workspace(request)
    try:
        folder = library.create_folder(workspace, request.POST.get("name", ""), by=user)
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
        return _back(request)
    return redirect(f"{reverse('generation:library')}?folder={folder.pk}")


@require_POST
@adult_required
def change_folder(request: HttpRequest, folder_id: int) -> HttpResponse:
    """POST /library/folders/<id>/: `name` renames it; action=delete lets its clips fall out."""
    user = signed_in(request)
    folder = Folder.objects.filter(pk=folder_id, workspace=_creators_workspace(request)).first()
    if folder is None:
        raise Http404
    if request.POST.get("action") == "delete":
        library.delete_folder(folder, by=user)
        messages.success(request, f"The folder {folder.name} is gone; its clips stay.")
        return redirect("generation:library")
    try:
        library.rename_folder(folder, request.POST.get("name", ""))
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect(f"{reverse('generation:library')}?folder={folder.pk}")


@require_POST
@adult_required
def remixing(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/remixing/: `allowed` on or absent."""
    user = signed_in(request)
    video = Video.objects.filter(pk=video_id, quarantined_at=None, deleted_at=None).first()
    if video is None:
        raise Http404
    access.get_workspace(user, video.workspace_id, role=Membership.Role.CREATOR)
    library.allow_remixing(video, by=user, on=request.POST.get("allowed") == "on")
    return redirect("generation:clip", video_id)


@require_POST
@login_required
def remixing_default(request: HttpRequest) -> HttpResponse:
    """POST /settings/remixing/: `allowed` on or absent; with `also_made` for the old clips too."""
    on = request.POST.get("allowed") == "on"
    changed = library.set_remixing(
        signed_in(request), on=on, also_made=request.POST.get("also_made") == "on"
    )
    says = (
        "Others may remix what you share from now on" if on else "Your new clips can't be remixed"
    )
    messages.success(request, f"{says}; {_clips(changed)} changed." if changed else f"{says}.")
    return redirect(f"{reverse('accounts:settings')}#remixing")


def _back(request: HttpRequest) -> HttpResponse:
    goal = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(
        goal, {request.get_host()}, require_https=request.is_secure()
    ):
        goal = reverse("generation:library")
    return redirect(goal)
