"""The one shape every refusal has, in Python and on the wire.

{"error": {"code", "message", "param", "remedy", "request_id"}}; codes are an API contract: add one,
never rename one.
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404
from redis import exceptions as redis
from rest_framework import exceptions, status
from rest_framework.response import Response

from sora_site.lib.request_context import current_request_id

logger = logging.getLogger(__name__)


class SoraError(Exception):
    """A refusal the caller may know about. Subclasses set the class attributes."""

    code = "error"
    http_status = 400
    message = "This request can't be carried out."
    param: str | None = None
    remedy: str | None = None

    def __init__(
        self,
        message: str | None = None,
        *,
        param: str | None = None,
        remedy: str | None = None,
        **extra: Any,
    ) -> None:
        self.message = message or type(self).message
        self.param = param if param is not None else type(self).param
        self.remedy = remedy if remedy is not None else type(self).remedy
        self.extra = extra
        super().__init__(self.message)


def error_body(
    code: str,
    message: str,
    *,
    param: str | None = None,
    remedy: str | None = None,
    **extra: Any,
) -> dict[str, Any]:
    """The JSON body of every error answer."""
    return {
        "error": {
            "code": code,
            "message": message,
            "param": param,
            "remedy": remedy,
            "request_id": current_request_id(),
            **extra,
        }
    }


def is_outage(error: BaseException | None) -> bool:
    """Whether PostgreSQL or Redis is away: nobody's mistake, and over when it is back."""
    away = (OperationalError, InterfaceError, redis.ConnectionError, redis.TimeoutError)
    return isinstance(error, away)


OUTAGE = ("temporarily_unavailable", "A part of the site is away. Nothing was charged.")
OUTAGE_SECONDS = "5"  # Retry-After


def _first_detail(detail: Any, path: str = "") -> tuple[str | None, str, str]:
    """(param, message, code) of the first field error inside a DRF detail tree."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            here = path if key == "non_field_errors" else f"{path}.{key}".strip(".")
            return _first_detail(value, here)
    if isinstance(detail, list):
        return _first_detail(detail[0], path) if detail else (path or None, "", "invalid")
    return path or None, str(detail), getattr(detail, "code", "invalid")


def drf_exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Render every API error in our shape. None lets an unexpected one become a logged 500."""
    headers: dict[str, str] = {}
    if isinstance(exc, SoraError):
        body = error_body(exc.code, exc.message, param=exc.param, remedy=exc.remedy, **exc.extra)
        code = exc.http_status
        if wait := exc.extra.get("retry_after"):
            headers["Retry-After"] = str(wait)
    elif isinstance(exc, Http404):
        body, code = error_body("not_found", "There is nothing here, or it isn't yours."), 404
    elif isinstance(exc, RequestDataTooBig):
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 1024
        body = error_body(
            "too_large",
            f"The request is larger than {limit} kB.",
            param="body",
            remedy="Shorten what you send; a prompt has at most a few thousand characters.",
        )
        code = 413
    elif isinstance(exc, PermissionDenied):
        body, code = error_body("forbidden", str(exc) or "You may not do this."), 403
    elif isinstance(exc, exceptions.ValidationError):
        param, message, kind = _first_detail(exc.detail)
        body = error_body("invalid_request", message, param=param, kind=kind, details=exc.detail)
        code = status.HTTP_400_BAD_REQUEST
    elif isinstance(exc, exceptions.APIException):
        codes = exc.get_codes()
        kind = codes if isinstance(codes, str) else exc.default_code
        body, code = error_body(kind, str(exc.detail)), exc.status_code
        if header := getattr(exc, "auth_header", None):
            headers["WWW-Authenticate"] = header
        if wait := getattr(exc, "wait", None):
            headers["Retry-After"] = str(int(wait) + 1)
    elif is_outage(exc):
        logger.warning("a service is away", exc_info=exc)
        body, code = error_body(*OUTAGE, remedy="Try again in a moment."), 503
        headers["Retry-After"] = OUTAGE_SECONDS
    else:
        return None
    # Imported late: rest_framework.views loads the app modules that define these very errors.
    from rest_framework.views import set_rollback

    set_rollback()
    return Response(body, status=code, headers=headers)
