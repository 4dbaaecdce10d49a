"""Second looks: a share of decided cases goes to another reviewer, who isn't told what was decided.

Which ones is drawn from a keyed hash of the decision, so nobody can tell beforehand and a repeat
draws the same. What both said gives the agreement rate; where they differ a senior settles it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import User
from accounts.staff_roles import Role, require_role
from moderation.errors import ClaimHeld, NoteMissing, NotYoursToDecide, SecondLookClosed
from moderation.models import Decision, SecondLook

LEASE = timedelta(minutes=10)
MAX_NOTE = 2000


def is_drawn(decision_id: int, share: float) -> bool:
    """Whether this decision is looked at twice. The same answer every time."""
    digest = salted_hmac("moderation.second_look", str(decision_id), algorithm="sha256").digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64


def draw(decision: Decision) -> SecondLook | None:
    """Put a decision about a clip among those that are looked at again, when its number comes up."""
    if decision.case.video_id is None:
        return None
    if not is_drawn(decision.pk, settings.SORA_SECOND_LOOK_SHARE):
        return None
    return SecondLook.objects.create(
        workspace_id=decision.workspace_id, decision=decision, case_id=decision.case_id
    )


def waiting_for(user: User) -> QuerySet[SecondLook]:
    """What somebody may look at: not decided by them, not held by another. Oldest first."""
    free = Q(held_until=None) | Q(held_until__lt=timezone.now()) | Q(holder=user)
    return (
        SecondLook.objects.filter(free, done_at=None)
        .exclude(decision__decided_by=user)
        .order_by("created_at", "pk")
    )


def take(look: SecondLook, *, by: User) -> SecondLook:
    """Hold it while it is open.

    Raises NotYoursToDecide for one's own decision, ClaimHeld, SecondLookClosed.
    """
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        look = SecondLook.objects.select_for_update(of=("self",)).get(pk=look.pk)
        _mine(look, by)
        look.holder, look.held_until = by, timezone.now() + LEASE
        look.save(update_fields=["holder", "held_until"])
    return look


def judge(look: SecondLook, *, action: str, note: str, by: User) -> SecondLook:
    """What the second reviewer would have decided. Changes nothing about the case.

    Raises NoteMissing and what `take` raises.
    """
    note = note.replace("\0", "").strip()[:MAX_NOTE]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        look = SecondLook.objects.select_for_update(of=("self",)).get(pk=look.pk)
        _mine(look, by)
        look.reviewer, look.action, look.note = by, action, note
        look.agrees = action == look.decision.action
        look.done_at = timezone.now()
        look.save(update_fields=["reviewer", "action", "note", "agrees", "done_at"])
    return look


def settle(look: SecondLook, *, note: str, by: User) -> SecondLook:
    """A senior has looked at a disagreement and says what follows from it. Raises what `judge` raises."""
    note = note.replace("\0", "").strip()[:MAX_NOTE]
    if not note:
        raise NoteMissing()
    with transaction.atomic():
        require_role(by, Role.SENIOR)
        look = SecondLook.objects.select_for_update(of=("self",)).get(pk=look.pk)
        if look.agrees is not False or look.settled_at is not None:
            raise SecondLookClosed()
        if by.pk in (look.reviewer_id, look.decision.decided_by_id):
            raise NotYoursToDecide(remedy="A third person settles what two saw differently.")
        look.settled_by, look.settled_note, look.settled_at = by, note, timezone.now()
        look.save(update_fields=["settled_by", "settled_note", "settled_at"])
    return look


def _mine(look: SecondLook, by: User) -> None:
    if look.done_at is not None:
        raise SecondLookClosed()
    if look.decision.decided_by_id == by.pk:
        raise NotYoursToDecide(remedy="You decided this case the first time.")
    if look.holder_id not in (None, by.pk) and look.held_until and look.held_until > timezone.now():
        assert look.holder is not None
        raise ClaimHeld(look.holder.public_name, until=look.held_until)


@dataclass(frozen=True)
class Agreement:
    """`low` and `high` bound the rate with 95 % confidence (Wilson 1927)."""

    looked: int
    agreed: int
    low: float
    high: float

    @property
    def rate(self) -> float | None:
        return self.agreed / self.looked if self.looked else None

    @property
    def low_percent(self) -> int:
        return round(100 * self.low)

    @property
    def high_percent(self) -> int:
        return round(100 * self.high)


def agreement(looks: QuerySet[SecondLook] | None = None) -> Agreement:
    """How often two reviewers saw the same, over all finished second looks given."""
    rows = SecondLook.objects.all() if looks is None else looks
    counted = rows.filter(done_at__isnull=False).aggregate(
        looked=Count("pk"), agreed=Count("pk", filter=Q(agrees=True))
    )
    low, high = wilson(counted["agreed"], counted["looked"])
    return Agreement(counted["looked"], counted["agreed"], low, high)


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Bounds of a share with 95 % confidence; (0, 1) of nothing."""
    if total == 0:
        return 0.0, 1.0
    z = 1.96
    share = hits / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
