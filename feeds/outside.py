"""What other sites get of a public clip: RSS and Atom, oEmbed, an embedded player, its poster.

And the page behind a share link. All of them ask the database whether the clip may still be seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from xml.etree import ElementTree

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.syndication.views import Feed
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.html import escape, format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from accounts.models import User
from feeds import listings
from feeds.listings import Listing
from feeds.lookup import linked_video, seen_person, shared_video
from feeds.pages import alt_of, read_page
from feeds.sharing import absolute
from generation.credentials import explain
from generation.models import Video, VideoQuerySet
from generation.presenting import present_video
from sora_site.lib.errors import error_body
from sora_site.lib.storage import signed_url

ENTRIES = 30
NOBODY = AnonymousUser()
CLIP_PATH = re.compile(r"^/clips/([0-9a-f-]{36})/?$")
MOST_PIXELS = 4096


# --- RSS and Atom ------------------------------------------------------------------------------------


class ClipFeed(Feed):
    """The newest entries of one public list."""

    kind = "recent"
    title = f"Recent clips · {settings.SITE_NAME}"
    description = "What people shared, newest first."
    feed_type: type = Rss201rev2Feed

    def listing(self, obj: Any) -> Listing | VideoQuerySet:
        return listings.recent_for(NOBODY)

    def link(self, obj: Any) -> str:
        return reverse(f"feeds:{self.kind}")

    def subtitle(self, obj: Any) -> str:
        return str(self._get_dynamic_attr("description", obj))

    def items(self, obj: Any) -> Sequence[dict[str, Any]]:
        return read_page(self.listing(obj), NOBODY, None, size=ENTRIES).cards

    def item_title(self, item: dict[str, Any]) -> str:
        return str(item["prompt"])[:200]

    def item_description(self, item: dict[str, Any]) -> str:
        note = format_html("<p>{}</p>", item["note"]) if item["note"] else ""
        poster = absolute(reverse("feeds:poster", args=[item["id"]]))
        picture = format_html('<p><img src="{}" alt="{}"></p>', poster, item["alt"])
        return f"{picture}{note}<p>{escape(item['prompt'])}</p>"

    def item_link(self, item: dict[str, Any]) -> str:
        return str(item["page_url"])

    def item_pubdate(self, item: dict[str, Any]) -> datetime:
        moment: datetime = item["shared_at"]
        return moment

    def item_author_name(self, item: dict[str, Any]) -> str:
        return str(item["creator"]["name"])


class FeaturedFeed(ClipFeed):
    kind = "featured"
    title = f"Featured clips · {settings.SITE_NAME}"
    description = "Chosen by people, with their reason."

    def listing(self, obj: Any) -> Listing:
        return listings.featured_for(NOBODY)


class PersonFeed(ClipFeed):
    """What one person shares with everybody."""

    def get_object(self, request: HttpRequest, handle: str) -> User:
        return seen_person(NOBODY, handle)

    def title(self, obj: User) -> str:
        return f"{obj.public_name} · {settings.SITE_NAME}"

    def description(self, obj: User) -> str:
        return f"Clips by {obj.public_name}."

    def link(self, obj: User) -> str:
        return reverse("feeds:profile", args=[obj.handle])

    def listing(self, obj: User) -> VideoQuerySet:
        return listings.of_creator(obj, NOBODY)


def as_atom(feed: type[ClipFeed]) -> type[ClipFeed]:
    """The same entries in the other format."""
    return type(f"Atom{feed.__name__}", (feed,), {"feed_type": Atom1Feed})


# --- Posters, players, oEmbed ------------------------------------------------------------------------


@require_safe
@never_cache
def poster(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """GET /clips/<id>/poster/: a lasting address that leads to the signed poster of a public clip."""
    return redirect(_poster_of(shared_video(NOBODY, video_id)))


@require_safe
@never_cache
def linked_poster(request: HttpRequest, token: str) -> HttpResponse:
    """GET /s/<token>/poster/: the same behind a share link."""
    return redirect(_poster_of(linked_video(token)))


@require_safe
@never_cache
def linked(request: HttpRequest, token: str) -> HttpResponse:
    """GET /s/<token>/: the clip behind a share link. 404 once the link is revoked."""
    video = linked_video(token)
    context = {
        "video": present_video(video),
        "job": video.generation,
        "creator": video.creator,
        "made": video.created_at,
        "credentials": explain(video.credentials),
        "alt": video.alt_text or alt_of(video.generation.prompt),
        "address": absolute(request.path),
        "poster": absolute(reverse("feeds:linked-poster", args=[token])),
    }
    response = render(request, "feeds/linked.html", context)
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"  # the address is the key
    return response


@require_safe
@never_cache
@xframe_options_exempt
@csp_replace({"frame-ancestors": ["*"]})
def embed(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """GET /embed/<id>/: a player for other sites' frames. Public clips only; it knows no session."""
    video = shared_video(NOBODY, video_id)
    context = {
        "video": present_video(video),
        "prompt": video.generation.prompt,
        "creator": video.creator,
        "alt": video.alt_text or alt_of(video.generation.prompt),
        "address": absolute(reverse("generation:clip", args=[video.pk])),
    }
    return render(request, "feeds/embed.html", context)


@require_safe
@never_cache
def oembed(request: HttpRequest) -> HttpResponse:
    """GET /oembed/?url=&format=json|xml: how to show a public clip. Source: oembed.com, 2.3."""
    form = request.GET.get("format", "json")
    if form not in ("json", "xml"):
        return _refuse(501, "unsupported_value", "There is json and xml.", "format")
    match = CLIP_PATH.match(_path_here(request.GET.get("url", "")))
    try:
        widest = _pixels(request.GET.get("maxwidth"))
        highest = _pixels(request.GET.get("maxheight"))
        video_id = UUID(match[1]) if match else None
    except ValueError:
        return _refuse(400, "invalid_request", "Give pixels as a whole number.", "maxwidth")
    if video_id is None:
        raise Http404
    video = shared_video(NOBODY, video_id)
    answer = _described(video, widest, highest)
    if form == "json":
        return JsonResponse(answer)
    root = ElementTree.Element("oembed")
    for key, value in answer.items():
        ElementTree.SubElement(root, key).text = str(value)
    body = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return HttpResponse(body, content_type="text/xml; charset=utf-8")


def _described(video: Video, widest: int, highest: int) -> dict[str, Any]:
    scale = min(1.0, widest / video.width, highest / video.height)
    width, height = max(1, int(video.width * scale)), max(1, int(video.height * scale))
    source = absolute(reverse("feeds:embed", args=[video.pk]))
    title = video.generation.prompt[:200]
    html = format_html(
        '<iframe src="{}" width="{}" height="{}" title="{}" allowfullscreen></iframe>',
        source,
        width,
        height,
        video.alt_text or alt_of(video.generation.prompt),
    )
    return {
        "type": "video",
        "version": "1.0",
        "title": title,
        "author_name": video.creator.public_name,
        "author_url": absolute(reverse("feeds:profile", args=[video.creator.handle])),
        "provider_name": settings.SITE_NAME,
        "provider_url": settings.PUBLIC_URL,
        "cache_age": 300,
        "thumbnail_url": absolute(reverse("feeds:poster", args=[video.pk])),
        "thumbnail_width": video.width,
        "thumbnail_height": video.height,
        "html": str(html),
        "width": width,
        "height": height,
    }


def _path_here(url: str) -> str:
    """The path of an address of this site; "" for any other."""
    try:
        asked, own = urlsplit(url[:2000]), urlsplit(settings.PUBLIC_URL)
    except ValueError:
        return ""
    return asked.path if (asked.scheme, asked.netloc) == (own.scheme, own.netloc) else ""


def _pixels(text: str | None) -> int:
    if text is None:
        return MOST_PIXELS
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(text)
    return max(1, int(text))


def _refuse(status: int, code: str, message: str, param: str) -> HttpResponse:
    return JsonResponse(error_body(code, message, param=param), status=status)


def _poster_of(video: Video) -> str:
    return signed_url(video.poster_key, filename=f"poster.{video.poster_key.rpartition('.')[2]}")
