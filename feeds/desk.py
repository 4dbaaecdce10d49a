"""The curators' desk: what is featured, what waits for a second yes, what wants to rise."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import signed_in, staff_required
from feeds import featuring, listings, rising
from feeds.hooks import objection_to
from feeds.lookup import shared_video
from feeds.models import FeaturedPick, Standing
from feeds.pages import read_page
from generation.cards import card_of
from generation.models import Video
from sora_site.lib.errors import SoraError
from sora_site.lib.pages import InvalidCursor

State = FeaturedPick.State
ON_A_PAGE = 12
WAITING = 24


@require_safe
@never_cache
@staff_required(role=featuring.CURATOR)
def desk(request: HttpRequest) -> HttpResponse:
    """GET /featured/desk/."""
    loaded = FeaturedPick.objects.select_related(
        "video__creator", "video__generation", "proposed_by", "approved_by"
    ).defer("video__manifest")
    live = list(loaded.filter(pk__in=FeaturedPick.objects.live()).order_by("-live_at"))
    proposed = list(loaded.filter(state=State.PROPOSED).order_by("created_at"))
    ended = loaded.filter(state=State.ENDED).order_by("-ended_at")[:ON_A_PAGE]
    waiting = rising.waiting().select_related("video__creator", "video__generation")[:WAITING]
    shown = rising.shown().select_related("video__creator", "video__generation")
    words = request.GET.get("q", "").strip()[:200]
    context = {
        "live": [_slot(pick) for pick in live],
        "mix": featuring.mix_of(live),
        "most_open": featuring.MOST_OPEN,
        "most_days": featuring.MOST_DAYS,
        "approvals": settings.SORA_FEATURED_APPROVALS,
        "proposed": [_slot(pick) for pick in proposed],
        "ended": [_slot(pick) for pick in ended],
        "waiting": [_riser(standing) for standing in waiting],
        "rising": [_riser(standing) for standing in shown.order_by("-score")[:WAITING]],
        "words": words,
        **_candidates(request, words),
    }
    return render(request, "feeds/desk.html", context)


@require_POST
@staff_required(role=featuring.CURATOR)
def propose(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /featured/desk/clips/<id>/: a slot for this clip, with a public reason."""
    video = shared_video(request.user, video_id)
    days = request.POST.get("days", "")
    return _done(
        request,
        lambda: featuring.propose(
            video,
            by=signed_in(request),
            reason=request.POST.get("reason", ""),
            days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0,
        ),
        "It is featured now."
        if settings.SORA_FEATURED_APPROVALS < 2
        else "Another curator has to agree.",
    )


@require_POST
@staff_required(role=featuring.CURATOR)
def decide(request: HttpRequest, pick_id: int) -> HttpResponse:
    """POST /featured/desk/slots/<id>/: do=approve, or end it."""
    pick = get_object_or_404(FeaturedPick.objects.select_related("video"), pk=pick_id)
    me = signed_in(request)
    if request.POST.get("do") == "approve":
        return _done(request, lambda: featuring.approve(pick, by=me), "It is featured now.")
    why = request.POST.get("why", "")
    return _done(request, lambda: featuring.end(pick, by=me, why=why), "The slot is closed.")


@require_POST
@staff_required(role=featuring.CURATOR)
def review(request: HttpRequest, standing_id: int) -> HttpResponse:
    """POST /featured/desk/rising/<id>/: do=rise lets it show in Rising, else it doesn't."""
    standing = get_object_or_404(Standing.objects.select_related("video"), pk=standing_id)
    rise = request.POST.get("do") == "rise"
    return _done(
        request,
        lambda: rising.review(
            standing, by=signed_in(request), let_rise=rise, why=request.POST.get("why", "")
        ),
        "It rises now." if rise else "It doesn't rise.",
    )


def _done(request: HttpRequest, work: Any, says: str) -> HttpResponse:
    try:
        work()
        messages.success(request, says)
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect("feeds:desk")


def _candidates(request: HttpRequest, words: str) -> dict[str, Any]:
    """Public clips without an open slot, newest first, or those with the words."""
    found = listings.found_for(request.user, words) if words else Video.objects.shared()
    found = found.exclude(pk__in=FeaturedPick.objects.exclude(state=State.ENDED).values("video"))
    try:
        page = read_page(found, request.user, request.GET.get("cursor"), size=ON_A_PAGE)
    except InvalidCursor:
        page = read_page(found, request.user, None, size=ON_A_PAGE)
    return {"page": page}


def _slot(pick: FeaturedPick) -> dict[str, Any]:
    against = objection_to(pick.video) if pick.state != State.ENDED else ""
    gone = pick.video.shared_at is None or pick.video.quarantined_at is not None
    return {"pick": pick, "card": None if gone else card_of(pick.video), "against": against}


def _riser(standing: Standing) -> dict[str, Any]:
    video = standing.video
    gone = video.shared_at is None or video.quarantined_at is not None
    return {
        "standing": standing,
        "card": None if gone else card_of(video),
        "against": objection_to(video),
    }
