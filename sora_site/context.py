"""What every template may use about the site itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts.models import User
from billing.models import Account
from generation.choices import bar_reader


def site(request: HttpRequest) -> dict[str, Any]:
    @cache
    def balance() -> Account | None:
        """The header's number, in one query when a page shows it."""
        user = getattr(request, "user", None)
        if not isinstance(user, User):
            return None
        return Account.objects.filter(workspace__owner_id=user.pk, workspace__personal=True).first()

    # Not "site": allauth's own views put their Site object under that name.
    return {
        "product": {
            "name": settings.SITE_NAME,
            "version": settings.VERSION,
            "url": settings.PUBLIC_URL,
            "minimum_age": settings.SORA_MINIMUM_AGE,
            "file_mail": not settings.EMAIL_URL,
            "balance": balance,
            "composer": bar_reader(getattr(request, "user", None), balance),
        }
    }
