"""Pages of the likeness pilot: the places staff gives, and everybody's own."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.models import User
from accounts.permissions import adult_required, signed_in, staff_required
from moderation import likeness
from moderation.forms import LikenessOfferForm
from moderation.models import LikenessClip, LikenessGrant
from sora_site.lib.errors import SoraError

PAGE = 50


@require_http_methods(["GET", "POST"])
@never_cache
@staff_required
def console(request: HttpRequest) -> HttpResponse:
    """GET, POST /console/likeness/: every place, and offering one more."""
    by = signed_in(request)
    form = LikenessOfferForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            wanted = dict(form.cleaned_data)
            try:
                likeness.offer(wanted.pop("workspace"), wanted.pop("person"), by=by, **wanted)
            except SoraError as error:
                form.add_error(
                    error.param if error.param in form.fields else None,
                    f"{error.message} {error.remedy or ''}".strip(),
                )
                status = error.http_status
            else:
                messages.success(request, "Offered. It works once the consent is signed.")
                return redirect("moderation:likeness")
    grants = (
        LikenessGrant.objects.select_related("person", "workspace", "offered_by")
        .annotate(pictures=Count("uploads", distinct=True), made=Count("clips", distinct=True))
        .order_by("-offered_at", "pk")
    )
    context = {
        "page": Paginator(grants, PAGE).get_page(request.GET.get("page")),
        "form": form,
        "closed": likeness.closed_because(),
        "held": LikenessClip.objects.filter(generation__video__held_at__isnull=False).count(),
    }
    return render(request, "moderation/likeness.html", context, status=status)


@require_POST
@staff_required
def revoke_as_staff(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """POST /console/likeness/<id>/revoke/"""
    grant = LikenessGrant.objects.filter(pk=grant_id).first()
    if grant is None:
        raise Http404
    if likeness.revoke(grant, by=signed_in(request)):
        messages.success(request, "Revoked. Its pictures and clips are out of reach.")
    return redirect("moderation:likeness")


def _mine(user: User, grant_id: UUID) -> LikenessGrant:
    grant = LikenessGrant.objects.filter(pk=grant_id, person=user).select_related("workspace")
    found = grant.first()
    if found is None:
        raise Http404
    return found


@never_cache
@adult_required
def mine(request: HttpRequest) -> HttpResponse:
    """GET /settings/likeness/: one's own places, to sign, to see and to end."""
    grants = (
        LikenessGrant.objects.filter(person=signed_in(request))
        .select_related("workspace")
        .annotate(pictures=Count("uploads", distinct=True), made=Count("clips", distinct=True))
        .order_by("-offered_at", "pk")
    )
    context = {"grants": grants, "closed": likeness.closed_because(for_visitors=True)}
    return render(request, "moderation/my_likeness.html", context)


@require_http_methods(["GET", "POST"])
@never_cache
@adult_required
def consent(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """GET, POST /settings/likeness/<id>/: the words of consent, and signing them."""
    user = signed_in(request)
    grant = _mine(user, grant_id)
    problem, status = "", 200
    if request.method == "POST":
        try:
            likeness.consent(
                grant,
                by=user,
                subject_name=request.POST.get("subject_name", ""),
                agreed=request.POST.getlist("agreed"),
                version=request.POST.get("version", ""),
            )
        except SoraError as error:
            problem = f"{error.message} {error.remedy or ''}".strip()
            status = error.http_status
        else:
            messages.success(request, "Signed. You can revoke it here at any time.")
            return redirect("moderation:my-likeness")
    context = {
        "grant": grant,
        "statements": likeness.statements(grant),
        "version": likeness.VERSION,
        "closed": likeness.closed_because(for_visitors=True),
        "problem": problem,
        "subject_name": request.POST.get("subject_name", ""),
        "agreed": request.POST.getlist("agreed"),
    }
    return render(request, "moderation/likeness_consent.html", context, status=status)


@require_POST
@adult_required
def revoke(request: HttpRequest, grant_id: UUID) -> HttpResponse:
    """POST /settings/likeness/<id>/revoke/"""
    user = signed_in(request)
    if likeness.revoke(_mine(user, grant_id), by=user):
        messages.success(request, "Revoked. The pictures and every clip made from them are gone.")
    return redirect("moderation:my-likeness")
