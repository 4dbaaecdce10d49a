"""Staff pages of appeals: the most urgent first; one appeal, decided by another than the first."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.permissions import signed_in, staff_required
from moderation import appeals as services
from moderation import console_case, console_looks
from moderation.models import Appeal, CaseLook
from sora_site.lib.errors import SoraError

PAGE = 50


@require_safe
@never_cache
@staff_required(role="senior")
def appeals(request: HttpRequest) -> HttpResponse:
    """GET /console/appeals/: what waits, by the clock, and what was decided last."""
    page = Paginator(services.waiting(), PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "user_id": signed_in(request).pk,
        "decided": Appeal.objects.exclude(status=Appeal.Status.OPEN)
        .select_related("receipt", "decided_by")
        .order_by("-decided_at")[:20],
    }
    return render(request, "moderation/appeals_queue.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="senior")
def appeal(request: HttpRequest, appeal_id: int) -> HttpResponse:
    """GET, POST /console/appeals/<id>/: the statement, the person's words; uphold or overturn."""
    found = (
        Appeal.objects.select_related("receipt", "decision", "case", "appellant", "decided_by")
        .filter(pk=appeal_id)
        .first()
    )
    if found is None:
        raise Http404
    user, status = signed_in(request), 200
    refused: SoraError | None = None
    if request.method == "POST":
        do = request.POST.get("do", "")
        if do not in ("uphold", "overturn"):
            raise Http404
        try:
            services.decide(
                found, overturn=do == "overturn", note=request.POST.get("note", ""), by=user
            )
            messages.success(request, "Decided. The person is told.")
            return redirect("moderation:appeals-queue")
        except SoraError as error:
            refused, status = error, error.http_status
    case = found.case
    if case is not None:
        console_looks.note(case, CaseLook.What.EVIDENCE, by=user, severity=case.severity)
    check = getattr(found.receipt, "check_row", None)
    job = check.generation if check is not None else None
    if job is None and case is not None and case.video is not None:
        job = case.video.generation
    context = {
        "appeal": found,
        "case": case,
        "refused": refused,
        "note": request.POST.get("note", ""),
        "prompt": console_case.prompt_history(job) if job is not None else None,
        "texts": console_case.text_scores(job.safety_checks.all()) if job is not None else [],
        "mine": user.pk in (found.first_reviewer_id, found.appellant_id),
    }
    return render(request, "moderation/appeal_case.html", context, status=status)
