"""Refusals on pages: what the API answers in JSON, a page answers as a page with the same status."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sora_site.lib.errors import SoraError


class PageErrorMiddleware:
    """A SoraError that a page view lets through becomes error.html. API views answer on their own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, SoraError) or request.path.startswith("/api/"):
            return None
        return render(request, "error.html", {"problem": error}, status=error.http_status)
