"""What a person's standing means for every page: suspension, staff factors, the age cookie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from accounts import cookies
from accounts.models import User
from accounts.permissions import staff_required

# Pages a suspended person may still open. Others are added with @open_to_suspended.
OPEN_TO_SUSPENDED = frozenset(
    {"account_logout", "accounts:suspended", "rules", "media", "healthz", "readyz", "metrics"}
)


def open_to_suspended(view: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a page that suspended people may open, such as an appeal form."""
    view.open_to_suspended = True  # type: ignore[attr-defined]
    return view


class AccountStandingMiddleware:
    """Suspended people see the notice instead of any page; the admin site needs two factors.

    API views are left to their permission classes, which answer in JSON.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        cookies.set_if_refused(request, response)
        return response

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponse],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        match = request.resolver_match
        if match is None or request.path.startswith("/api/"):
            return None
        if match.app_names[:1] == ["admin"] and match.url_name not in ("login", "logout"):
            return staff_required(lambda request: None)(request)  # type: ignore[arg-type,return-value]
        if match.view_name in OPEN_TO_SUSPENDED or getattr(view, "open_to_suspended", False):
            return None
        user = request.user
        if isinstance(user, User) and user.is_suspended:
            return redirect(reverse("accounts:suspended"))
        return None
