"""What a decision keeps somebody from doing, for how long; and the questions that enforce it.

The account itself is one of the features: while such a row runs, the person is suspended. The flag on
the person (User.suspended_at) is what every request looks at; it follows the rows here and whatever
else holds the account (hooks.account_holds), so that lifting one reason never undoes another.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts import audit, hooks
from accounts.errors import FeatureRestricted
from accounts.models import Restriction, User

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.auth.models import AnonymousUser

Feature = Restriction.Feature


def check(user: User | AnonymousUser, feature: str) -> None:
    """Raises FeatureRestricted with the end of what keeps this person from it. One indexed query."""
    if not isinstance(user, User):
        return
    rows = list(Restriction.objects.running(user).filter(feature=feature))
    if not rows:
        return
    endless = any(row.until is None for row in rows)
    until = None if endless else max(row.until for row in rows if row.until is not None)
    what = Feature(feature).label
    when = "" if until is None else f" until {until:%d %B %Y, %H:%M} UTC"
    raise FeatureRestricted(
        f"A decision about this account keeps it from this ({what}){when}.",
        feature=feature,
        until=until.isoformat() if until else None,
    )


def is_restricted(user: User, feature: str) -> bool:
    return Restriction.objects.running(user).filter(feature=feature).exists()


def add(
    user: User, features: Iterable[str], *, until: datetime | None, reference: str, by: User | None
) -> list[Restriction]:
    """Keep somebody from these features. The account among them suspends at once.

    The same reference twice is once. Raises ValueError for no feature of ours.
    """
    made = []
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        for feature in features:
            row, created = Restriction.objects.get_or_create(
                user=user,
                feature=Feature(feature),
                reference=reference,
                defaults={"until": until},
            )
            if created:
                made.append(row)
                audit.record(
                    audit.USER_RESTRICTED,
                    actor=by,
                    target=user,
                    feature=str(row.feature),
                    until=until.isoformat() if until else None,
                    reason=reference,
                )
        if any(row.feature == Feature.ACCOUNT for row in made):
            _suspend(user, by=by, reason=reference)
    return made


def lift(user: User, *, reference: str, by: User | None) -> int:
    """End what one decision added. The account opens again when nothing else holds it."""
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        rows = list(Restriction.objects.filter(user=user, reference=reference, lifted_at=None))
        for row in rows:
            row.lifted_at = timezone.now()
            row.save(update_fields=["lifted_at"])
            audit.record(
                audit.USER_RESTRICTION_LIFTED,
                actor=by,
                target=user,
                feature=str(row.feature),
                reason=reference,
            )
        if any(row.feature == Feature.ACCOUNT for row in rows):
            _reopen(user, by=by, reason=reference)
    return len(rows)


def end_expired() -> int:
    """Reopen accounts whose suspension has run out. Twice is harmless; called every minute."""
    now = timezone.now()
    ended = 0
    over = Restriction.objects.filter(lifted_at=None, until__lte=now).select_related("user")
    for row in over.order_by("until")[:200]:
        ended += lift(row.user, reference=row.reference, by=None)
    return ended


def holds_account(user: User) -> bool:
    """Whether a decision here keeps the account closed."""
    return Restriction.objects.running(user).filter(feature=Feature.ACCOUNT).exists()


def _suspend(user: User, *, by: User | None, reason: str) -> None:
    from accounts import services

    services.suspend_user(user, by=by, reason=reason)


def _reopen(user: User, *, by: User | None, reason: str) -> None:
    from accounts import services

    user.refresh_from_db(fields=["suspended_at"])
    others = Restriction.objects.filter(user=user, feature=Feature.ACCOUNT, lifted_at=None)
    now = timezone.now()
    if others.filter(Q(until=None) | Q(until__gt=now)).exists():
        return
    if any(hold(user) for hold in hooks.account_holds):
        return
    services.reinstate_user(user, by=by, reason=reason)
