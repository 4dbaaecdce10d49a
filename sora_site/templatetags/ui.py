"""Template tags shared by every page: icons, short times and small numbers."""

from __future__ import annotations

from datetime import datetime

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of static/img/icons.svg. Without a label it is hidden from screen readers."""
    sprite = static("img/icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"></use></svg>',
            label,
            sprite,
            name,
        )
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>', sprite, name
    )


@register.filter
def ago(moment: datetime | None) -> str:
    """ "just now", "5 min ago", "3 h ago", "2 d ago", then the date. Empty for None."""
    if moment is None:
        return ""
    seconds = (timezone.now() - moment).total_seconds()
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{int(seconds // 60)} min ago"
    if seconds < 86_400:
        return f"{int(seconds // 3600)} h ago"
    if seconds < 7 * 86_400:
        return f"{int(seconds // 86_400)} d ago"
    return timezone.localtime(moment).strftime("%-d %b %Y")


@register.filter
def duration(seconds: float | int | None) -> str:
    """A clip length as a player shows it: 4 -> "0:04"."""
    if seconds is None:
        return ""
    whole = round(float(seconds))
    return f"{whole // 60}:{whole % 60:02d}"


@register.filter
def initial(name: str | None) -> str:
    """The letter an avatar shows."""
    return (name or "?").strip()[:1].upper() or "?"


@register.filter
def hue(name: str | None) -> int:
    """One of twelve avatar colours, the same for a name every time."""
    return sum((name or "").encode()) % 12
