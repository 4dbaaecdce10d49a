"""Pages of uploads: what a workspace brought along, and the agreement before the first file."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from accounts.models import Membership
from accounts.permissions import adult_required, signed_in
from generation.models import Upload
from generation.uploads import agreement as upload_agreement
from generation.uploads import services as uploads
from generation.uploads.api import present
from generation.uploads.clip_import import MOST_PAGE_ROWS
from sora_site.lib.errors import SoraError
from sora_site.lib.pages import InvalidCursor, keyset_page

PAGE = 24


@require_safe
@never_cache
@adult_required
def library(request: HttpRequest) -> HttpResponse:
    """GET /uploads/: the workspace's uploads with their state, newest first."""
    user = signed_in(request)
    workspace = access.working_workspace(request)
    rows = Upload.objects.filter(workspace=workspace, quarantined_at=None, trashed_at=None)
    order, status = ("created_at", "id"), 200
    try:
        found, following = keyset_page(rows, order, request.GET.get("cursor"), size=PAGE)
    except InvalidCursor as error:
        status = error.http_status
        found, following = keyset_page(rows, order, None, size=PAGE)
    context = {
        "workspace": workspace,
        "uploads": [{**present(row), "made": row.created_at} for row in found],
        "next_cursor": following,
        "policy": settings.SORA_UPLOADS,
        "limits": limits(),
        "agreed": uploads.has_agreed(user),
    }
    return render(request, "generation/uploads.html", context, status=status)


@require_safe
@never_cache
@adult_required
def clip_import(request: HttpRequest) -> HttpResponse:
    """GET /library/import/: clips of another place with their prompts. Script sends them as uploads."""
    context = {
        "workspace": access.working_workspace(request, Membership.Role.CREATOR),
        "policy": settings.SORA_UPLOADS,
        "agreed": uploads.has_agreed(signed_in(request)),
        "most": MOST_PAGE_ROWS,
    }
    return render(request, "generation/clip_import.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@adult_required
def agreement(request: HttpRequest) -> HttpResponse:
    """GET, POST /uploads/agreement/: the text and its boxes; works without script."""
    user = signed_in(request)
    goal = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(goal, allowed_hosts={request.get_host()}):
        goal = ""
    context: dict[str, Any] = {
        "version": upload_agreement.VERSION,
        "statements": upload_agreement.STATEMENTS,
        "accepted": uploads.has_agreed(user),
        "next": goal,
    }
    if request.method != "POST":
        return render(request, "generation/upload_agreement.html", context)
    ticked = request.POST.getlist("statements")
    try:
        uploads.agree(user, version=request.POST.get("version", ""), statements=ticked)
    except SoraError as error:
        context |= {"problem": error, "ticked": ticked}
        return render(
            request, "generation/upload_agreement.html", context, status=error.http_status
        )
    return redirect(goal or "generation:uploads")


def limits() -> dict[str, int]:
    """The bounds as the page names them, in MB and seconds."""
    return {
        "image": settings.SORA_MAX_UPLOAD_IMAGE_BYTES // 10**6,
        "video": settings.SORA_MAX_UPLOAD_VIDEO_BYTES // 10**6,
        "seconds": settings.SORA_MAX_UPLOAD_SECONDS,
    }
