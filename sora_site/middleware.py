"""Gives every request an id, and counts it."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from sora_site import metrics
from sora_site.lib.request_context import request_id

HEADER = "X-Request-ID"
_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")


class RequestContextMiddleware:
    """The caller's X-Request-ID if it is harmless, else a new one; logs and error bodies carry it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        offered = request.headers.get(HEADER, "")
        identifier = offered if _ACCEPTABLE.match(offered) else uuid.uuid4().hex
        token = request_id.set(identifier)
        started = time.perf_counter()
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(token)
        response.headers[HEADER] = identifier
        match = request.resolver_match  # the route's pattern: a bounded set of label values
        route = match.route if match else "unmatched"
        metrics.requests.labels(request.method or "-", route, response.status_code).inc()
        metrics.request_seconds.labels(route).observe(time.perf_counter() - started)
        return response
