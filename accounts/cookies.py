"""The signed cookie that remembers a refused age in this browser."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts.services import REFUSAL_LASTS

NAME = "age_check"
SALT = "accounts.age_check"


def read_cookie_id(request: HttpRequest) -> str | None:
    """The random id in this browser's cookie, or None without a genuine one."""
    value = request.get_signed_cookie(
        NAME, default=None, salt=SALT, max_age=int(REFUSAL_LASTS.total_seconds())
    )
    return str(value) if value else None


def cookie_id_for(request: HttpRequest) -> str:
    """This browser's id; a new one is handed out with the answer (see `set_if_refused`)."""
    found = read_cookie_id(request)
    if found is not None:
        return found
    pending: str | None = getattr(request, "new_age_cookie_id", None)
    if pending is None:
        pending = secrets.token_urlsafe(16)
        request.new_age_cookie_id = pending  # type: ignore[attr-defined]
    return pending


def set_if_refused(request: HttpRequest, response: HttpResponseBase) -> None:
    """Put the id into the browser, if an age was refused during this request."""
    cookie_id = getattr(request, "new_age_cookie_id", None)
    if cookie_id is None or not getattr(request, "age_refused", False):
        return
    response.set_signed_cookie(
        NAME,
        cookie_id,
        salt=SALT,
        max_age=int(REFUSAL_LASTS.total_seconds()),
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )
