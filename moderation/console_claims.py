"""Who works on which case. A claim is a lease: renewed while the case is open, free when it runs out.

Decisions of the console go through `decide`, which refuses whoever doesn't hold the claim and names
who does. The case's own row is the lock, the same one that `services.decide` takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.staff_roles import Role, require_role
from moderation import console_second, services
from moderation.errors import CaseClosed, ClaimHeld, TooManyHeld
from moderation.models import Case, Claim, Decision

LEASE = timedelta(minutes=3)
RENEW_SECONDS = 60  # how often an open page renews; three misses and the case is free
MOST_HELD = 60  # cases one reviewer may hold at once, so that nobody takes a whole queue


def take(case: Case, *, by: User) -> Claim:
    """Claim a case, or renew one's claim.

    Raises ClaimHeld when somebody else works on it, CaseClosed when it is decided, TooManyHeld, and
    what require_role raises.
    """
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        case = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        return _take(case, by)


def _take(case: Case, by: User) -> Claim:
    now = timezone.now()
    claim = Claim.objects.select_related("holder").filter(case=case).first()
    if claim is not None and claim.holder_id != by.pk and claim.until > now:
        raise ClaimHeld(claim.holder.public_name, until=claim.until)
    if claim is None or claim.holder_id != by.pk:
        held = Claim.objects.filter(holder=by, until__gt=now).count()
        if held >= MOST_HELD:
            raise TooManyHeld(f"You hold {held} cases.")
    if claim is None:
        return Claim.objects.create(
            workspace_id=case.workspace_id, case=case, holder=by, since=now, until=now + LEASE
        )
    if claim.holder_id != by.pk:
        claim.holder, claim.since = by, now
    claim.until = now + LEASE
    claim.save(update_fields=["holder", "since", "until"])
    return claim


def put_back(case: Case, *, by: User) -> bool:
    """Give up one's claim. False: it isn't one's own."""
    return bool(Claim.objects.filter(case=case, holder=by).delete()[0])


def holder_of(case: Case) -> Claim | None:
    """The claim that runs now, whoever holds it."""
    return (
        Claim.objects.select_related("holder").filter(case=case, until__gt=timezone.now()).first()
    )


def decide(case: Case, *, by: User, **decision: Any) -> Decision:
    """Decide a case nobody else works on. Whoever doesn't hold it yet takes it with the decision.

    Raises ClaimHeld, what require_role and services.decide raise. A share of decided cases is drawn
    for a second look in the same transaction.
    """
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        case = Case.objects.select_for_update(of=("self",)).get(pk=case.pk)
        if not case.is_open:
            raise CaseClosed()
        claim = _take(case, by)
        made = services.decide(case, by=by, **decision)
        claim.delete()
        console_second.draw(made)
    return made


def decide_many(
    cases: Iterable[Case], *, by: User, **decision: Any
) -> tuple[list[Decision], list[tuple[Case, Exception]]]:
    """Decide each case by itself: (decisions, (case, why not)). One refusal stops no other."""
    from sora_site.lib.errors import SoraError

    made: list[Decision] = []
    refused: list[tuple[Case, Exception]] = []
    for case in cases:
        try:
            made.append(decide(case, by=by, **decision))
        except SoraError as error:
            refused.append((case, error))
    return made, refused
