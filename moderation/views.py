"""Pages anybody may open: the rules, and reporting a clip without script."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.models import Membership, User
from accounts.permissions import adult_required, signed_in
from generation.closed import closed
from generation.models import Video
from generation.screening import filters_set_up
from moderation import likeness, policies, services
from moderation.api import network_address, report_allowed
from moderation.screening.policy import FILTERS
from sora_site.lib.errors import SoraError


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """GET /rules/: what may be made and what may not, in one place."""
    context = {
        "policies": policies.POLICIES.values(),
        "version": policies.POLICY_VERSION,
        "uploads": settings.SORA_UPLOADS,
        "likeness_closed": likeness.closed_because(for_visitors=True),
        "closed": closed(),
        "absent": [name for name in FILTERS if name not in filters_set_up()],
    }
    return render(request, "moderation/rules.html", context)


@require_POST
@never_cache
@adult_required
def ask_for_release(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/review/: the owner of a guarded clip asks for a person to look at it."""
    video = (
        Video.objects.visible_to(request.user)  # type: ignore[arg-type]
        .filter(pk=video_id)
        .select_related("generation", "workspace")
        .defer("manifest")
        .first()
    )
    if video is None:
        raise Http404
    user = signed_in(request)
    access.get_workspace(user, video.workspace_id, role=Membership.Role.CREATOR)
    try:
        services.ask_for_release(video, by=user)
    except SoraError as error:
        messages.info(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        messages.success(request, "A person will look at this clip. It stays private until then.")
    return redirect("generation:clip", video_id)


@require_http_methods(["GET", "POST"])
@never_cache
def report(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """GET, POST /clips/<id>/report/: the report form as a page of its own."""
    video = (
        Video.objects.visible_to(request.user)  # type: ignore[arg-type]
        .filter(pk=video_id)
        .select_related("generation", "workspace", "creator")
        .defer("manifest")
        .first()
    )
    if video is None:
        raise Http404
    context = {"video": {"id": str(video.pk)}, "prompt": video.generation.prompt}
    if request.method != "POST":
        return render(request, "moderation/report.html", context)
    if not report_allowed(request):
        return render(request, "429.html", status=429)
    reporter = request.user if isinstance(request.user, User) else None
    try:
        filed = services.file_report(
            video,
            reason=request.POST.get("reason", ""),
            kind=request.POST.get("kind", ""),
            details=request.POST.get("details", ""),
            reporter=reporter,
            address=network_address(request),
        )
    except SoraError as error:
        context["problem"] = error
        return render(request, "moderation/report.html", context, status=error.http_status)
    return render(request, "moderation/report.html", {**context, "receipt": filed.receipt})
