"""The child-safety queue: staff pages for people with the permission, and for nobody else.

No page links to a file and none is ever served: stills are put into the page itself, grey and blurred
until somebody asks for more, and every look is logged before anything is opened.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import staff_required
from moderation import childsafety, cybertip_report
from moderation.childsafety_models import ChildSafetyCase, CyberTip, SealedEvidence
from moderation.forms import ChildSafetyDecisionForm, CyberTipForm
from moderation.models import Case
from moderation.sealed import SealError
from sora_site.lib.errors import SoraError

QUEUE_PAGE = 25


def reviewer_required(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Staff with a second factor and the permission itself; a superuser without it gets 403."""

    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not childsafety.may_review(request.user):
            raise PermissionDenied("The child-safety queue needs its own permission.")
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        return response

    return never_cache(staff_required(wrapped))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # reviewer_required let nobody else in
    return request.user


@require_safe
@reviewer_required
def queue(request: HttpRequest) -> HttpResponse:
    """GET /console/child-safety/: what waits, escalated first, then the gravest, then the oldest."""
    page = Paginator(ChildSafetyCase.objects.queue(), QUEUE_PAGE).get_page(request.GET.get("page"))
    if page.object_list:
        childsafety.note_queue_opened(page.object_list, by=_user(request))
    context = {
        "page": page,
        "rows": [{"case": case, "still": _first_still(case)} for case in page],
        "reports": CyberTip.objects.exclude(status__in=["draft", "withdrawn"])
        .select_related("case")
        .order_by("-created_at")[:20],
        "missing": cybertip_report.missing(),
        "production": cybertip_report.is_production(),
        "days": settings.SORA_PRESERVATION_DAYS,
    }
    return render(request, "moderation/child_safety_queue.html", context)


def _first_still(case: ChildSafetyCase) -> str:
    piece = (
        case.evidence.filter(kind=SealedEvidence.Kind.STILL, cleared_at=None)
        .order_by("seconds", "sealed_at")
        .first()
    )
    if piece is None:
        return ""
    try:
        return _uri(childsafety.blurred_still(piece))
    except SealError:
        return ""


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _case(case_id: int) -> ChildSafetyCase:
    return get_object_or_404(
        ChildSafetyCase.objects.select_related(
            "person", "workspace", "tip", "generation", "upload", "video"
        ),
        pk=case_id,
    )


@require_http_methods(["GET", "POST"])
@reviewer_required
def case_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET: one case, its stills blurred. POST `look`: again with them clear, or with the record.
    POST `action`: decide."""
    case, by = _case(case_id), _user(request)
    form = ChildSafetyDecisionForm(request.POST if "action" in request.POST else None)
    look = request.POST.get("look", "")
    status = 200
    if "action" in request.POST:
        status = 400
        if form.is_valid():
            try:
                decision = childsafety.decide(case, by=by, **form.cleaned_data)
            except SoraError as error:
                form.add_error("note", f"{error.message} {error.remedy or ''}".strip())
                status = error.http_status
            except SealError as error:
                form.add_error("note", str(error))
                status = 503
            else:
                messages.success(request, f"Decided: {decision.label.lower()}.")
                return redirect("moderation:child-safety")
    context: dict[str, Any] = {"case": case, "tip": case.tip, "form": form, "look": look}
    try:
        context["stills"] = [
            {"label": piece.label, "uri": _uri(png)}
            for piece, png in childsafety.look_at_stills(case, by=by, blurred=look != "stills")
        ]
        if look == "record":
            context["record"] = childsafety.look_at_record(case, by=by)
    except SealError as error:
        context["problem"] = str(error)
    context |= {
        "evidence": case.evidence.order_by("sealed_at", "pk"),
        "decisions": case.decisions.select_related("decided_by").order_by("created_at"),
        "mine": case.person_id == by.pk,
        "others": ChildSafetyCase.objects.filter(person=case.person).exclude(pk=case.pk).count(),
        "problems": childsafety.problems_of(case.tip.answers),
    }
    return render(request, "moderation/child_safety_case.html", context, status=status)


@require_http_methods(["GET", "POST"])
@reviewer_required
def report_page(request: HttpRequest, case_id: int) -> HttpResponse:
    """GET, POST /console/child-safety/<id>/report/: the draft, and how its filing stands."""
    case, by = _case(case_id), _user(request)
    tip = case.tip
    editable = tip.status in (CyberTip.Status.DRAFT, CyberTip.Status.FAILED)
    form = CyberTipForm(request.POST or None, initial=tip.answers)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                childsafety.change_draft(case, form.cleaned_data, by=by)
                if "send" in request.POST:
                    childsafety.file_again(case, by=by)
            except SoraError as error:
                form.add_error(None, f"{error.message} {error.remedy or ''}".strip())
                status = error.http_status
            else:
                messages.success(request, "The draft is kept.")
                return redirect("moderation:child-safety-report", case.pk)
    context: dict[str, Any] = {
        "case": case,
        "tip": tip,
        "form": form,
        "editable": editable,
        "missing": cybertip_report.missing(),
        "address": cybertip_report.address(),
        "production": cybertip_report.is_production(),
        "files": case.evidence.filter(kind=SealedEvidence.Kind.FILE),
    }
    return render(request, "moderation/child_safety_report.html", context, status=status)


@require_POST
@reviewer_required
def send_again(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST …/report/send/: a report only the test service got, now to the real one."""
    case = _case(case_id)
    try:
        childsafety.file_again(case, by=_user(request))
    except SoraError as error:
        messages.warning(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        messages.success(request, "A worker sends it now.")
    return redirect("moderation:child-safety-report", case.pk)


@require_POST
@reviewer_required
def prolong(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST …/prolong/: keep the evidence longer, as an authority asked."""
    case = _case(case_id)
    days = request.POST.get("days", "")
    if not (days.isascii() and days.isdigit() and 0 < int(days[:6]) <= 3650):
        messages.warning(request, "Give a number of days from 1 to 3650.")
    else:
        try:
            reference = request.POST.get("reference", "")
            childsafety.prolong(case, days=int(days), by=_user(request), reference=reference)
        except SoraError as error:
            messages.warning(request, error.message)
        else:
            messages.success(request, "The evidence is kept longer.")
    return redirect("moderation:child-safety-case", case.pk)


@require_POST
@reviewer_required
def export(request: HttpRequest) -> HttpResponse:
    """POST /console/child-safety/evidence.csv: what there is, digests and views; no content."""
    response = HttpResponse(childsafety.export_list(by=_user(request)), content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="evidence.csv"'
    return response


@require_POST
@never_cache
@staff_required
def divert(request: HttpRequest, case_id: int) -> HttpResponse:
    """POST /console/cases/<id>/child-safety/: any staff member passes a report on, unseen from then."""
    case = Case.objects.filter(pk=case_id).select_related("video__generation", "video__creator")
    found = case.select_related("video", "video__workspace").first()
    if found is None:
        raise Http404
    try:
        childsafety.divert(found, by=_user(request))
    except SoraError as error:
        messages.warning(request, f"{error.message} {error.remedy or ''}".strip())
    except (SealError, OSError):
        messages.error(
            request, "It could not be sealed. Try again, or tell whoever runs this site."
        )
        return redirect("moderation:case", found.pk)
    else:
        messages.success(request, "Passed on. Only the child-safety reviewers see it now.")
    return redirect("moderation:queue")
