"""Pages of people: reporting, what became of a report, decisions about oneself, appeals, notices."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.middleware import open_to_suspended
from accounts.models import User
from accounts.permissions import sign_in_url, signed_in
from generation import receipts as statements
from generation.models import Receipt, Video
from moderation import appeals, notices, reports, strikes
from moderation.api import network_address, report_allowed
from moderation.models import IntimateClaim, Notice, TrustedFlagger
from moderation.reasons import INTIMATE_KINDS, REASONS
from sora_site.lib.errors import SoraError

PAGE = 30


# --- Reports -------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def report_person(request: HttpRequest, handle: str) -> HttpResponse:
    """GET, POST /people/<handle>/report/: report a profile."""
    person = get_object_or_404(User, handle=handle, is_active=True)
    context: dict[str, Any] = {"person": person}
    if request.method != "POST":
        return render(request, "moderation/report.html", context)
    if not report_allowed(request):
        return render(request, "429.html", status=429)
    try:
        filed = reports.file(
            person,
            reason=request.POST.get("reason", ""),
            kind=request.POST.get("kind", ""),
            details=request.POST.get("details", ""),
            reporter=request.user if isinstance(request.user, User) else None,
            address=network_address(request),
        )
    except SoraError as error:
        context["problem"] = error
        return render(request, "moderation/report.html", context, status=error.http_status)
    return render(request, "moderation/report.html", {**context, "receipt": filed.receipt})


@require_http_methods(["GET", "POST"])
@never_cache
def intimate(request: HttpRequest) -> HttpResponse:
    """GET, POST /report/intimate/: a signed claim that a clip shows a real person; no account needed."""
    given = request.POST if request.method == "POST" else request.GET
    kinds = {name: REASONS["likeness"].kinds[name] for name in sorted(INTIMATE_KINDS)}
    context: dict[str, Any] = {
        "given": given,
        "relations": IntimateClaim.Relation.choices,
        "kinds": kinds,
    }
    if request.method != "POST":
        return render(request, "moderation/intimate.html", context)
    if not report_allowed(request):
        return render(request, "429.html", status=429)
    try:
        video = _clip_named(request, given.get("clip", ""))
        filed = reports.file_intimate(
            video,
            relation=given.get("relation", ""),
            kind=given.get("kind", "intimate"),
            signature=given.get("signature", ""),
            contact=given.get("contact", ""),
            details=given.get("details", ""),
            good_faith=bool(given.get("good_faith")),
            reporter=request.user if isinstance(request.user, User) else None,
            address=network_address(request),
        )
    except SoraError as error:
        context["problem"] = error
        return render(request, "moderation/intimate.html", context, status=error.http_status)
    return redirect(f"{reverse('moderation:report-outcome')}?number={filed.receipt}")


def _clip_named(request: HttpRequest, text: str) -> Video:
    """The clip of a pasted address or id that this person may see. Raises ClaimIncomplete."""
    from moderation.errors import ClaimIncomplete

    for part in reversed(text[:500].replace("?", "/").replace("#", "/").split("/")):
        try:
            wanted = UUID(part.strip())
        except ValueError:
            continue
        video = (
            Video.objects.visible_to(request.user)  # type: ignore[arg-type]
            .filter(pk=wanted)
            .select_related("generation", "workspace", "creator")
            .defer("manifest")
            .first()
        )
        if video is not None:
            return video
    raise ClaimIncomplete(
        "We find no clip at this address.",
        param="clip",
        remedy="Open the clip and copy the address of its page.",
    )


@require_safe
@never_cache
def report_outcome(request: HttpRequest) -> HttpResponse:
    """GET /reports/?number=R-…: what became of a report, for whoever has its number."""
    number = request.GET.get("number", "")
    found = reports.look_up(number) if number else None
    context = {"number": number[:40], "report": found}
    return render(
        request,
        "moderation/report_outcome.html",
        context,
        status=404 if number and found is None else 200,
    )


# --- Decisions about oneself ---------------------------------------------------------------------


@require_safe
@never_cache
@open_to_suspended
def decisions(request: HttpRequest) -> HttpResponse:
    """GET /settings/decisions/: every decision about me, the latest first; points and what they mean."""
    if not request.user.is_authenticated:
        return redirect(sign_in_url(request))
    user = signed_in(request)
    page = Paginator(
        Receipt.objects.visible_to(user).order_by("-created_at", "-pk"), PAGE
    ).get_page(request.GET.get("page"))
    mine = appeals.of_person(user)
    rows = [{"said": row.for_person(), "appeal": mine.get(row.pk)} for row in page]
    context = {
        "rows": rows,
        "page": page,
        "standing": strikes.standing(user),
        "reliability": reports.reliability(user),
        "trusted": TrustedFlagger.objects.filter(user=user, ended_at=None).exists(),
    }
    return render(request, "moderation/decisions.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@open_to_suspended
def decision(request: HttpRequest, public_id: str) -> HttpResponse:
    """GET, POST /settings/decisions/<id>/: one decision, why, and its appeal."""
    if not request.user.is_authenticated:
        return redirect(sign_in_url(request))
    user = signed_in(request)
    receipt = Receipt.objects.visible_to(user).filter(public_id=public_id).first()
    if receipt is None:
        raise Http404
    context: dict[str, Any] = {"status": 200}
    if request.method == "POST":
        text = request.POST.get("text", "")
        try:
            appeals.file(receipt, by=user, text=text)
        except SoraError as error:
            context = {"problem": error, "text": text[:2000], "status": error.http_status}
        else:
            messages.success(request, "Your appeal is in. Another person looks at it.")
            return redirect("moderation:decision", public_id)
    appeal = appeals.Appeal.objects.filter(receipt=receipt).first()
    context |= {
        "said": receipt.for_person(),
        "appeal": appeal,
        "why_not": appeals.why_not(receipt) if appeal is None else "",
        "clock_hours": int(appeals.CLOCK.total_seconds() // 3600),
    }
    return render(request, "moderation/decision.html", context, status=context["status"])


@require_safe
@never_cache
@open_to_suspended
def decision_of(request: HttpRequest, kind: str, subject_id: str) -> HttpResponse:
    """GET /settings/decisions/of/<kind>/<id>/: to the latest decision about one thing of mine."""
    if not request.user.is_authenticated:
        return redirect(sign_in_url(request))
    found = statements.latest_for(kind, subject_id)
    if found is None or found.person_id != signed_in(request).pk:
        raise Http404
    return redirect("moderation:decision", found.public_id)


# --- Notices -------------------------------------------------------------------------------------


@require_safe
@never_cache
@open_to_suspended
def notice_list(request: HttpRequest) -> HttpResponse:
    """GET /notices/: what the site told me. Having been shown, they count as read."""
    if not request.user.is_authenticated:
        return redirect(sign_in_url(request))
    user = signed_in(request)
    rows = Notice.objects.filter(user=user).order_by("-created_at", "-pk")
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    shown = list(page)  # before they are read, so that the new ones stand out
    notices.mark_read(user)
    return render(request, "moderation/notices.html", {"rows": shown, "page": page})
