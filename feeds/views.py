"""Pages: the lists, profiles, one's own shelf, and the forms that work without script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from accounts.permissions import adult_required, signed_in
from feeds import collecting, listings, people, services, wishes
from feeds.errors import NotShareable
from feeds.listings import Listing
from feeds.lookup import (
    known_person,
    own_collection,
    own_video,
    seen_collection,
    seen_person,
    seen_video,
    shared_video,
)
from feeds.models import Collection, FeedWish, HiddenTopic, PersonFilter
from feeds.pages import read_page
from generation.models import VideoQuerySet
from sora_site.lib.errors import SoraError
from sora_site.lib.pages import InvalidCursor


@dataclass(frozen=True)
class Shown:
    """What a list is called, what it says of itself, and what it says when there is nothing."""

    name: str
    title: str
    intro: str
    empty: str
    hint: str
    goal: str  # a route: where to go on from an empty list
    action: str
    art: str = "film"


FEATURED = Shown(
    "featured",
    "Featured",
    "Chosen by people, with their reason. Every slot ends by itself.",
    "No clip is featured now",
    "Curators choose here. Until they do, Recent has everything people share.",
    "feeds:recent",
    "See what is new",
    "star",
)
RISING = Shown(
    "rising",
    "Rising",
    "What people like, save and remix just now. How long anybody watches counts nothing.",
    "Nothing is rising",
    "A clip rises when people react to it, and shows here after a person has looked at it.",
    "feeds:recent",
    "See what is new",
    "sun",
)
REMIXED = Shown(
    "remixed",
    "Most remixed",
    "Clips most people made something of their own from.",
    "Nobody has remixed a clip yet",
    "Open a clip you like and choose Remix: its creator is credited on yours.",
    "feeds:recent",
    "Find one to remix",
    "branch",
)
FOLLOWING = Shown(
    "following",
    "Following",
    "The people you follow, newest first.",
    "You follow nobody who shares clips",
    "Open somebody's profile and choose Follow: what they share then appears here.",
    "feeds:recent",
    "Find people in Recent",
    "user",
)
TEAM = Shown(
    "team",
    "Workspace",
    "What members of this workspace show each other.",
    "Nothing here yet",
    "On a clip's page, choose “This workspace” under Who sees it.",
    "generation:library",
    "Open the library",
    "folder",
)
SAVED = Shown(
    "saved",
    "Saved",
    "Clips you keep. Only you see this.",
    "You have saved nothing yet",
    "Choose the star on a clip, or press s on a card.",
    "feeds:recent",
    "Look around",
    "star",
)
FOR_YOU = Shown(
    "for-you",
    "For you",
    "The newest clips that fit your own sentence. Nothing else about you counts.",
    "No clip fits your sentence yet",
    "Name other things a clip can show, or look at what is new.",
    "feeds:recent",
    "See what is new",
    "wand",
)
SEARCH = Shown(
    "search",
    "Search",
    "Public clips whose prompt has all your words, newest first.",
    "Nothing found",
    "Try fewer or shorter words: the beginning of a word is enough.",
    "feeds:recent",
    "See what is new",
    "search",
)


# --- Lists -------------------------------------------------------------------------------------------


@require_safe
def recent(request: HttpRequest) -> HttpResponse:
    """GET /: what people shared, newest first. Anybody may read it."""
    return _feed(request, listings.recent_for(request.user), "feeds/recent.html")


@require_safe
def featured(request: HttpRequest) -> HttpResponse:
    """GET /featured/."""
    return _list(request, listings.featured_for(request.user), FEATURED)


@require_safe
def rising(request: HttpRequest) -> HttpResponse:
    """GET /rising/."""
    return _list(request, listings.rising_for(request.user), RISING)


@require_safe
def remixed(request: HttpRequest) -> HttpResponse:
    """GET /remixed/."""
    return _list(request, listings.remixed_for(request.user), REMIXED)


@require_safe
@adult_required
def following(request: HttpRequest) -> HttpResponse:
    """GET /following/."""
    return _list(request, listings.following_for(signed_in(request)), FOLLOWING)


@require_safe
@adult_required
def team(request: HttpRequest) -> HttpResponse:
    """GET /team/: the feed of the workspace the pages work in."""
    workspace = access.working_workspace(request)
    return _list(
        request, listings.team_for(workspace, signed_in(request)), TEAM, workspace=workspace
    )


@require_safe
@adult_required
def saved(request: HttpRequest) -> HttpResponse:
    """GET /saved/."""
    return _list(request, listings.saved_by(signed_in(request)), SAVED)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """GET /search/?q=."""
    words = request.GET.get("q", "").strip()[:200]
    shape = request.GET.get("shape", "")
    remixable = request.GET.get("remixable") == "1"
    found = listings.found_for(request.user, words, shape=shape, remixable=remixable)
    return _feed(
        request,
        found,
        "feeds/search.html",
        shown=SEARCH,
        words=words,
        shape=shape,
        remixable=remixable,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@adult_required
def for_you(request: HttpRequest) -> HttpResponse:
    """GET /for-you/: by the person's own sentence. POST sets it, switches it off, or forgets it."""
    me = signed_in(request)
    problem, typed = None, None
    if request.method == "POST":
        try:
            _change_wish(request)
            return redirect("feeds:for-you")
        except SoraError as error:
            problem, typed = error, request.POST.get("sentence", "")
    wish = wishes.wish_of(me)
    listing = listings.for_you(me, wish) if wish is not None and wish.is_on else None
    return _feed(
        request,
        listing or listings.recent_for(me).none(),
        "feeds/for_you.html",
        shown=FOR_YOU,
        wish=wish,
        refused=problem,
        typed=typed if typed is not None else (wish.sentence if wish else ""),
        reaches=FeedWish.Reach.choices,
    )


def _change_wish(request: HttpRequest) -> None:
    me, do = signed_in(request), request.POST.get("do", "")
    if do == "forget":
        wishes.forget(me)
    elif do in ("on", "off"):
        wishes.switch(me, on=do == "on")
    else:
        reach = request.POST.get("reach", "")
        wishes.set_wish(
            me,
            request.POST.get("sentence", ""),
            reach=int(reach) if reach.isascii() and reach.isdigit() and len(reach) < 4 else None,
        )


@require_safe
def profile(request: HttpRequest, handle: str) -> HttpResponse:
    """GET /u/<handle>/: what one person shared. 404 also for the suspended and the deleted."""
    person = seen_person(request.user, handle)
    return _feed(
        request,
        listings.of_creator(person, request.user),
        "feeds/profile.html",
        person=person,
        relation=people.relation_to(person, request.user),
        collections=Collection.objects.visible_to(request.user)
        .filter(owner=person, is_public=True)
        .order_by("name"),
    )


# --- Collections -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@adult_required
def collections(request: HttpRequest) -> HttpResponse:
    """GET /collections/: one's own. POST makes a new one."""
    me = signed_in(request)
    problem = None
    if request.method == "POST":
        try:
            made = collecting.create(
                me, request.POST.get("name", ""), is_public=request.POST.get("public") == "on"
            )
            return redirect("feeds:collection", made.pk)
        except SoraError as error:
            problem = error
    context = {
        "collections": Collection.objects.filter(owner=me).order_by("name"),
        "problem": problem,
        "name": request.POST.get("name", ""),
    }
    status = problem.http_status if problem else 200
    return render(request, "feeds/collections.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def collection(request: HttpRequest, collection_id: int) -> HttpResponse:
    """GET /collections/<id>/: its clips. POST renames, publishes, empties of one clip, or deletes."""
    if request.method == "POST":
        return _change_collection(request, collection_id=collection_id)
    found = seen_collection(request.user, collection_id)
    return _feed(
        request,
        listings.in_collection(found, request.user),
        "feeds/collection.html",
        collection=found,
        mine=found.owner_id == request.user.pk,
    )


@adult_required
def _change_collection(request: HttpRequest, collection_id: int) -> HttpResponse:
    found = own_collection(signed_in(request), collection_id)
    do = request.POST.get("do", "")
    try:
        if do == "delete":
            collecting.delete(found)
            messages.success(request, f"“{found.name}” is gone; its clips are untouched.")
            return redirect("feeds:collections")
        if do == "remove":
            collecting.remove(found, UUID(request.POST.get("video", "")))
        else:
            public = request.POST.get("public") == "on"
            collecting.change(found, name=request.POST.get("name"), is_public=public)
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    except ValueError:
        messages.error(request, "This clip can't be found.")
    return redirect("feeds:collection", collection_id)


@require_POST
@adult_required
def collect(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/collect/: put a public clip into a collection, made new when it has a name."""
    me = signed_in(request)
    video = shared_video(me, video_id)
    chosen = request.POST.get("collection", "")
    try:
        if chosen.isascii() and chosen.isdigit() and len(chosen) < 18:
            found = own_collection(me, int(chosen))
        else:
            found = collecting.create(me, request.POST.get("name", ""))
        collecting.add(found, video)
        messages.success(request, f"It is in “{found.name}” now.")
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect("generation:clip", video_id)


@require_POST
@adult_required
def save(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/save/: keep a clip; state=off keeps it no longer."""
    me = signed_in(request)
    video = seen_video(me, video_id)
    if request.POST.get("state") == "off":
        services.unsave_video(video, by=me)
    else:
        services.save_video(video, by=me)
        messages.success(request, "Saved. You find it under Saved.")
    return redirect("generation:clip", video_id)


# --- Who is shown a clip -----------------------------------------------------------------------------


@require_POST
@adult_required
def share(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/share/: the form behind the share button; state=off takes the clip back."""
    video = own_video(request.user, video_id)
    try:
        if request.POST.get("state") == "off":
            services.unshare_video(video, by=signed_in(request))
            messages.success(request, "The clip is private again.")
        else:
            services.share_video(video, by=signed_in(request))
            messages.success(request, "The clip is in Recent now.")
    except NotShareable as error:
        messages.error(request, f"{error.message} {error.remedy}")
    return redirect("generation:clip", video_id)


SAYS = {
    "private": "Only its workspace's library has the clip now.",
    "link": "Whoever has the link sees the clip now.",
    "workspace": "The clip is in the workspace's feed now.",
    "public": "The clip is in Recent now.",
}


@require_POST
@adult_required
def audience(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/audience/: private, link, workspace, public; or a new link, or none."""
    me = signed_in(request)
    video = own_video(me, video_id)
    do, wanted = request.POST.get("do", ""), request.POST.get("audience", "")
    try:
        if do == "new-link":
            services.replace_link(video, by=me)
            messages.success(request, "There is a new link; the old one leads nowhere.")
        elif do == "end-link":
            services.revoke_link(video, by=me)
            messages.success(request, "The link leads nowhere now.")
        else:
            services.set_audience(video, wanted, by=me)
            messages.success(request, SAYS[wanted])
    except NotShareable as error:
        messages.error(request, f"{error.message} {error.remedy}")
    return redirect(f"{reverse('generation:clip', args=[video_id])}#who-sees-it")


@require_POST
@adult_required
def alt_text(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """POST /clips/<id>/alt-text/."""
    me = signed_in(request)
    try:
        services.describe(own_video(me, video_id), request.POST.get("alt_text", ""), by=me)
        messages.success(request, "The description is saved.")
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    return redirect(f"{reverse('generation:clip', args=[video_id])}#who-sees-it")


# --- People and topics -------------------------------------------------------------------------------


@require_POST
@adult_required
def relate(request: HttpRequest, handle: str, verb: str) -> HttpResponse:
    """POST /u/<handle>/follow|mute|block/: state=off takes it back."""
    me = signed_in(request)
    on = request.POST.get("state") != "off"
    if verb == "follow" and on:
        person = seen_person(me, handle)
    else:
        person = known_person(me, handle)
    try:
        if verb == "follow":
            (people.follow if on else people.unfollow)(person, by=me)
        elif on:
            people.set_filter(person, verb, by=me)
        else:
            people.lift_filter(person, verb, by=me)
    except SoraError as error:
        messages.error(request, f"{error.message} {error.remedy or ''}".strip())
    goal = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(goal, allowed_hosts=None):
        return redirect(goal)
    return redirect("feeds:profile", person.handle)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@adult_required
def tastes(request: HttpRequest) -> HttpResponse:
    """GET /tastes/: hidden topics, muted and blocked people. POST hides a topic, or shows it again."""
    me = signed_in(request)
    problem = None
    if request.method == "POST":
        number = request.POST.get("show", "")
        try:
            if number.isascii() and number.isdigit() and len(number) < 18:
                people.show_topic(int(number), by=me)
            else:
                people.hide_topic(request.POST.get("words", ""), by=me)
            return redirect("feeds:tastes")
        except SoraError as error:
            problem = error
    context = {
        "topics": HiddenTopic.objects.filter(user=me).order_by("words"),
        "filters": PersonFilter.objects.filter(user=me).select_related("other").order_by("-pk"),
        "problem": problem,
        "words": request.POST.get("words", ""),
    }
    status = problem.http_status if problem else 200
    return render(request, "feeds/tastes.html", context, status=status)


# --- Rendering ---------------------------------------------------------------------------------------


def _list(
    request: HttpRequest, listing: Listing | VideoQuerySet, shown: Shown, **extra: Any
) -> HttpResponse:
    return _feed(request, listing, "feeds/list.html", shown=shown, **extra)


def _feed(
    request: HttpRequest, listing: Listing | VideoQuerySet, template: str, **extra: Any
) -> HttpResponse:
    """A page of clips, or only its cards when the endless feed asks for more."""
    status = 200
    try:
        page = read_page(listing, request.user, request.GET.get("cursor"))
    except InvalidCursor as error:
        page, status = read_page(listing, request.user, None), error.http_status
        extra["problem"] = error
    part = request.headers.get("X-Feed-Part") == "1"
    query = request.GET.copy()
    query.pop("cursor", None)
    context = {
        "page": page,
        "deep": "cursor" in request.GET and status == 200,
        "more": f"?{query.urlencode()}&cursor=" if query else "?cursor=",
        "break_minutes": settings.SORA_BREAK_MINUTES,
        **extra,
    }
    if problem := extra.get("refused"):
        status = problem.http_status
    response = render(request, "feeds/_page.html" if part else template, context, status=status)
    patch_vary_headers(response, ["X-Feed-Part", "Cookie"])
    return response
