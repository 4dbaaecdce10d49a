"""Public pages: the Recent feed and what one person has shared. Forms for sharing without script."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.permissions import adult_required
from feeds import services
from feeds.errors import NotShareable
from feeds.lookup import own_video
from feeds.listings import of_creator, recent_for
from feeds.pages import read_page
from generation.models import VideoQuerySet
from sora_site.lib.pages import InvalidCursor


@require_safe
def recent(request: HttpRequest) -> HttpResponse:
    """GET /: what people shared, newest first. Anybody may read it."""
    return _feed(request, recent_for(request.user), "feeds/recent.html")


@require_safe
def profile(request: HttpRequest, handle: str) -> HttpResponse:
    """GET /u/<handle>/: what one person shared. 404 also for the suspended and the deleted."""
    person = User.objects.filter(handle=handle.lower(), is_active=True, suspended_at=None).first()
    if person is None:
        raise Http404
    return _feed(request, of_creator(person, request.user), "feeds/profile.html", person=person)


@require_POST
@adult_required
def share(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/share/: the form behind the share button; state=off takes the clip back."""
    video = own_video(request.user, video_id)
    try:
        if request.POST.get("state") == "off":
            services.unshare_video(video, by=request.user)
            messages.success(request, "The clip is private again.")
        else:
            services.share_video(video, by=request.user)
            messages.success(request, "The clip is in Recent now.")
    except NotShareable as error:
        messages.error(request, f"{error.message} {error.remedy}")
    return redirect("generation:clip", video_id)


def _feed(
    request: HttpRequest, videos: VideoQuerySet, template: str, **extra: object
) -> HttpResponse:
    """A page of `videos`, or only its cards when the endless feed asks for more."""
    status = 200
    try:
        page = read_page(videos, request.user, request.GET.get("cursor"))
    except InvalidCursor as error:
        page, status = read_page(videos, request.user, None), error.http_status
        extra["problem"] = error
    part = request.headers.get("X-Feed-Part") == "1"
    context = {"page": page, "deep": "cursor" in request.GET and status == 200, **extra}
    response = render(request, "feeds/_page.html" if part else template, context, status=status)
    patch_vary_headers(response, ["X-Feed-Part", "Cookie"])
    return response
