"""What slows the person who looks at a page, in words."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import RequestContext

from accounts.models import User
from generation import probing

register = template.Library()


@register.inclusion_tag("generation/_slowed.html", takes_context=True)
def slowed(context: RequestContext) -> dict[str, Any]:
    """A notice for somebody who is slowed; nothing for everybody else. One query."""
    user = context.get("user")
    return {"slowed": probing.standing(user) if isinstance(user, User) else []}
