"""The board of effectiveness."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import signed_in, staff_required
from moderation import canaries, console_second, effectiveness


@require_safe
@never_cache
@staff_required
def board(request: HttpRequest) -> HttpResponse:
    """GET /console/effectiveness/: every layer over the last `days` (1, 7 or 30)."""
    asked = request.GET.get("days", "")
    days = int(asked) if asked in {str(n) for n in effectiveness.PERIODS} else 7
    since = timezone.now() - timedelta(days=days)
    context = {
        "days": days,
        "periods": effectiveness.PERIODS,
        "layers": effectiveness.layers(since),
        "errors": effectiveness.errors(since),
        "latencies": effectiveness.latencies(since),
        "canaries": effectiveness.canaries(),
        "agreement": console_second.agreement(),
    }
    return render(request, "moderation/effectiveness.html", context)


@require_POST
@never_cache
@staff_required(role="reviewer")
def take_note(request: HttpRequest) -> HttpResponse:
    """POST /console/effectiveness/drift/: somebody has seen what drifted."""
    seen = canaries.take_note(by=signed_in(request))
    messages.success(request, f"Noted: {seen} answer{'s' if seen != 1 else ''}.")
    return redirect("moderation:effectiveness")
