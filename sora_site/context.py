"""What every template may use about the site itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    return {
        "site": {
            "name": settings.SITE_NAME,
            "version": settings.VERSION,
            "url": settings.PUBLIC_URL,
            "minimum_age": settings.SORA_MINIMUM_AGE,
            "file_mail": not settings.EMAIL_URL,
        }
    }
