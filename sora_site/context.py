"""What every template may use about the site itself."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import access
from accounts.models import Membership, User
from billing import services as billing
from billing.models import Account
from generation.choices import bar_reader


def site(request: HttpRequest) -> dict[str, Any]:
    @cache
    def team() -> Membership | None:
        """The membership in the workspace this session works in; None in one's own."""
        return access.chosen_membership(request) if hasattr(request, "session") else None

    @cache
    def balance() -> Account | None:
        """The header's number, in one query when a page shows it."""
        user = getattr(request, "user", None)
        if not isinstance(user, User):
            return None
        if (found := team()) is not None:
            billing.plan_of(found.workspace)  # opens its account with the first look
            return Account.objects.get(workspace=found.workspace)
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
            "team": team,
            "composer": bar_reader(getattr(request, "user", None), balance, team),
        }
    }
