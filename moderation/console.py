"""Staff pages: the queue and one case. Staff without a second factor are sent to set one up."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.permissions import staff_required
from generation import presenting
from generation.cards import card_of
from generation.credentials import explain
from generation.upload_api import present as present_upload
from moderation import services
from moderation.errors import CaseClosed, HoldNeedsDecision, NoteMissing, NothingToRelease
from moderation.forms import DecisionForm
from moderation.models import Case

QUEUE_PAGE = 50


@require_safe
@never_cache
@staff_required
def queue(request: HttpRequest) -> HttpResponse:
    """GET /moderation/: open cases, the gravest first."""
    page = Paginator(Case.objects.queue(), QUEUE_PAGE).get_page(request.GET.get("page"))
    rows = [
        {
            "case": case,
            "card": card_of(case.video),
            "reports": case.report_count,
            "severity": case.gravest,
        }
        for case in page
    ]
    return render(request, "moderation/queue.html", {"rows": rows, "page": page})


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET, POST /moderation/cases/<id>/: everything about one case, and deciding it."""
    case = (
        Case.objects.filter(pk=case_id)
        .select_related("video", "video__generation", "video__creator", "workspace")
        .first()
    )
    if case is None:
        raise Http404
    assert isinstance(request.user, User)
    brought = services.sources_of(case)
    form = DecisionForm(request.POST or None, brought=[upload.pk for upload in brought])
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                decision = services.decide(case, by=request.user, **form.cleaned_data)
            except NoteMissing as error:
                form.add_error("note", error.message)
            except (NothingToRelease, HoldNeedsDecision) as error:
                form.add_error("note", f"{error.message} {error.remedy}")
            except CaseClosed as error:
                messages.warning(request, f"{error.message} {error.remedy}")
                return redirect("moderation:queue")
            else:
                messages.success(request, f"Decided: {decision.label.lower()}.")
                return redirect("moderation:queue")
    video = case.video
    context = {
        "case": case,
        "job": video.generation,
        "creator": video.creator,
        # A held clip is nobody's yet, but whoever decides about it has to see it.
        "video": presenting.present_video(video)
        if video.quarantined_at is None or video.held_at is not None
        else None,
        "may_release": services.may_release(video),
        "credentials": explain(video.credentials),
        "reports": case.reports.select_related("reporter").order_by("-severity", "created_at"),
        "decisions": case.decisions.select_related("decided_by").order_by("created_at"),
        "checks": video.generation.safety_checks.order_by("created_at"),
        "brought": [present_upload(upload) for upload in brought],
        "form": form,
    }
    return render(request, "moderation/case.html", context, status=status)
