"""HTTP routes: pages, the API under /api/v1, media links, health."""

from __future__ import annotations

import sys

from csp.decorators import csp_update
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny

from sora_site import health, media
from sora_site.lib.errors import OUTAGE, OUTAGE_SECONDS, error_body, is_outage

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("media/<str:token>/<str:filename>", media.deliver, name="media"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
    path(
        "api/v1/schema/",
        SpectacularAPIView.as_view(permission_classes=[AllowAny]),
        name="schema",
    ),
    path(
        "api/docs/",
        # The reference page's own widgets set inline styles; no other page may.
        csp_update({"style-src": ["'unsafe-inline'"]})(
            SpectacularSwaggerSplitView.as_view(permission_classes=[AllowAny], url_name="schema")
        ),
        name="api-docs",
    ),
    path("api/v1/", include("accounts.api_urls")),
    path("api/v1/", include("billing.api_urls")),
    path("api/v1/", include("generation.api_urls")),
    path("api/v1/", include("feeds.api_urls")),
    path("api/v1/", include("moderation.api_urls")),
    path("", include("accounts.urls")),
    path("", include("billing.urls")),
    path("", include("generation.urls")),
    path("", include("moderation.urls")),
    path("", include("feeds.urls")),
]


def _failure(
    request: HttpRequest, status: int, code: str, message: str, template: str
) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse(error_body(code, message), status=status)
    return render(request, template, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _failure(request, 400, "invalid_request", "The request can't be read.", "400.html")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _failure(request, 403, "forbidden", "You may not do this.", "403.html")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    message = "There is nothing here, or it isn't yours."
    return _failure(request, 404, "not_found", message, "404.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 when a service is away: clients and proxies may then try again."""
    if is_outage(sys.exc_info()[1]):
        answer = _failure(request, 503, *OUTAGE, "503.html")
        answer["Retry-After"] = OUTAGE_SECONDS
        return answer
    message = "Something failed on our side. Nothing was charged."
    return _failure(request, 500, "server_error", message, "500.html")


handler400, handler403, handler404, handler500 = bad_request, forbidden, not_found, server_error
