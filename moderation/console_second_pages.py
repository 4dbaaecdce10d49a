"""Staff pages of second looks: one case again, without what was decided; how often two agree."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.permissions import signed_in, staff_required
from accounts.staff_roles import has_role
from moderation import console_actions, console_case, console_looks, console_second
from moderation.errors import ExposureSpent
from moderation.forms import SecondLookForm
from moderation.models import CaseLook, SecondLook
from sora_site.lib import storage
from sora_site.lib.errors import SoraError, error_body

SHOWN = 30


@require_safe
@never_cache
@staff_required(role="reviewer")
def looks(request: HttpRequest) -> HttpResponse:
    """GET /console/second/: how many wait for oneself, the agreement rate, what two saw differently."""
    user = signed_in(request)
    finished = SecondLook.objects.filter(done_at__isnull=False)
    context = {
        "waiting": console_second.waiting_for(user).count(),
        "agreement": console_second.agreement(),
        "by_action": [
            {**row, "label": console_actions.label_of(row["decision__action"])}
            for row in finished.values("decision__action")
            .annotate(looked=Count("pk"), agreed=Count("pk", filter=Q(agrees=True)))
            .order_by("-looked")
        ],
        "differing": [
            {
                "look": look,
                "first": console_actions.label_of(look.decision.action),
                "second": console_actions.label_of(look.action),
            }
            for look in finished.filter(agrees=False)
            .select_related("decision", "decision__decided_by", "reviewer", "settled_by", "case")
            .order_by("settled_at", "-done_at")[:SHOWN]
        ],
        "may_settle": has_role(user, "senior"),
        "user_id": user.pk,
    }
    return render(request, "moderation/second_looks.html", context)


@require_safe
@never_cache
@staff_required(role="reviewer")
def following(request: HttpRequest) -> HttpResponse:
    """GET /console/second/next/: the oldest one that waits for oneself."""
    look = console_second.waiting_for(signed_in(request)).first()
    if look is None:
        messages.info(request, "No second look waits for you.")
        return redirect("moderation:second-looks")
    return redirect("moderation:second-look", look.pk)


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required(role="reviewer")
def page(request: HttpRequest, look_id: int) -> HttpResponse:
    """GET, POST /console/second/<id>/: the case as the first reviewer had it, and one's own judgement."""
    look, user = _look(look_id), signed_in(request)
    form = SecondLookForm(request.POST or None)
    status = 200
    try:
        if request.method == "POST":
            status = 400
            if form.is_valid():
                console_second.judge(look, by=user, **form.cleaned_data)
                messages.success(request, "Noted. It stands apart from the decision.")
                return redirect("moderation:second-next")
        console_second.take(look, by=user)
        console_looks.note(
            look.case,
            CaseLook.What.SECOND,
            by=user,
            severity=look.case.severity,
        )
    except SoraError as error:
        messages.warning(request, f"{error.message} {error.remedy or ''}".strip())
        return redirect("moderation:second-looks")
    return render(
        request, "moderation/second_look.html", _context(look, user) | {"form": form}, status=status
    )


def _context(look: SecondLook, user: User) -> dict[str, Any]:
    video = look.case.video
    assert video is not None  # console_second.draw takes cases about clips alone
    # What was stored before the decision, so that nothing on the page gives it away.
    checks = list(
        video.generation.safety_checks.filter(created_at__lte=look.decision.created_at).order_by(
            "created_at"
        )
    )
    return {
        "look": look,
        "case": look.case,
        "severity": look.case.severity,
        "video": video,
        "job": video.generation,
        "prompt": console_case.prompt_history(video.generation),
        "timeline": console_case.timeline_of(video, checks),
        "texts": console_case.text_scores(checks),
        "reports": look.case.reports.order_by("-severity", "created_at"),
        "choices": console_actions.second_choices(look.case),
        "covers": console_looks.settings_of(user),
        "budget": console_looks.budget_of(user),
    }


def _look(look_id: int) -> SecondLook:
    found = (
        SecondLook.objects.filter(pk=look_id)
        .select_related("decision", "case", "case__video", "case__video__generation", "holder")
        .first()
    )
    if found is None:
        raise Http404
    return found


@require_POST
@never_cache
@staff_required(role="reviewer")
def media(request: HttpRequest, look_id: int) -> HttpResponse:
    """POST /console/second/<id>/media/: as for a case: `what`, then the address of the clip."""
    look, user = _look(look_id), signed_in(request)
    what = request.POST.get("what", "")
    mine = look.holder_id == user.pk and look.held_until and look.held_until > timezone.now()
    if what not in console_looks.MEDIA or not mine or look.done_at is not None:
        raise Http404
    case = look.case
    assert case.video is not None
    try:
        console_looks.note(case, what, by=user, severity=case.severity)
    except ExposureSpent as error:
        body = error_body(error.code, error.message, remedy=error.remedy, **error.extra)
        return JsonResponse(body, status=error.http_status)
    budget = console_looks.budget_of(user)
    gone = case.video.quarantined_at is not None and case.video.held_at is None
    url = (
        reverse("moderation:case-media", args=[case.pk])
        if gone
        else storage.signed_url(case.video.media_key, filename=case.video.download_name)
    )
    return JsonResponse(
        {
            "media_url": url,
            "used": budget.used,
            "most": budget.most,
            "percent": budget.percent,
            "resting_until": budget.resting_until.isoformat() if budget.resting_until else None,
        }
    )


@require_POST
@never_cache
@staff_required(role="senior")
def settle(request: HttpRequest, look_id: int) -> HttpResponse:
    """POST /console/second/<id>/settle/: what follows from a disagreement, in a third person's words."""
    try:
        console_second.settle(
            _look(look_id), note=request.POST.get("note", ""), by=signed_in(request)
        )
    except SoraError as error:
        messages.warning(request, f"{error.message} {error.remedy or ''}".strip())
    else:
        messages.success(request, "Settled.")
    return redirect("moderation:second-looks")
