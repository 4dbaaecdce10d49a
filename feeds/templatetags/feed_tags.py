"""Lets the page of a clip offer who sees it, its alt text, saving and collecting."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import template
from django.urls import reverse

from accounts.models import User
from accounts.staff_roles import has_role
from feeds.featuring import CURATOR
from feeds.models import Collection, Save
from feeds.pages import alt_of
from feeds.sharing import absolute, audience_of
from generation.models import Video

register = template.Library()

CHOICES = [
    ("private", "Nobody else", "It stays in the library of its workspace."),
    ("link", "People with the link", "An address nobody can guess. You can end it."),
    ("workspace", "This workspace", "In the workspace's own feed."),
    ("public", "Everybody", "In Recent and on your profile."),
]


@register.inclusion_tag("feeds/_who_sees_it.html", takes_context=True)
def who_sees_it(context: template.Context, video_id: str) -> dict[str, Any]:
    """The panel for those who may change it."""
    video = Video.objects.select_related("generation").defer("manifest").get(pk=UUID(str(video_id)))
    return {
        **audience_of(video),
        "video": video,
        "choices": CHOICES,
        "default_alt": alt_of(video.generation.prompt),
        "csrf_token": context.get("csrf_token"),
        "request": context.get("request"),
    }


@register.inclusion_tag("feeds/_keep.html", takes_context=True)
def keep(context: template.Context, video_id: str) -> dict[str, Any]:
    """Save and collect, for somebody signed in; nothing for others."""
    request = context["request"]
    viewer = request.user
    if not isinstance(viewer, User):
        return {"viewer": None}
    return {
        "viewer": viewer,
        "video_id": video_id,
        "public": Video.objects.shared().filter(pk=UUID(str(video_id))).exists(),
        "saved": Save.objects.filter(user=viewer, video=UUID(str(video_id))).exists(),
        "collections": Collection.objects.filter(owner=viewer).order_by("name"),
        "csrf_token": context.get("csrf_token"),
    }


@register.inclusion_tag("feeds/_share_card.html", takes_context=True)
def share_card(context: template.Context, video_id: str) -> dict[str, Any]:
    """What other sites show of a public clip: Open Graph, Twitter, oEmbed; nothing for others."""
    video = (
        Video.objects.shared()
        .filter(pk=UUID(str(video_id)))
        .select_related("generation", "creator")
        .defer("manifest")
        .first()
    )
    if video is None:
        return {"video": None}
    address = absolute(reverse("generation:clip", args=[video.pk]))
    return {
        "product": context.get("product"),
        "video": video,
        "title": video.generation.prompt,
        "alt": video.alt_text or alt_of(video.generation.prompt),
        "address": address,
        "poster": absolute(reverse("feeds:poster", args=[video.pk])),
        "player": absolute(reverse("feeds:embed", args=[video.pk])),
        "oembed": absolute(reverse("feeds:oembed")),
    }


@register.simple_tag(takes_context=True)
def is_curator(context: template.Context) -> bool:
    """Whether the link to the desk is shown."""
    viewer = context["request"].user
    return bool(getattr(viewer, "is_staff", False)) and has_role(viewer, CURATOR)
