"""Points for confirmed breaches, and the ladder they climb.

Points expire by themselves. The ladder is read when a strike is given, from all live points of the
person; what a rung brings is a restriction like any other and goes away with the strike that brought
it when the decision is taken back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.utils import timezone

from accounts import audit, restrictions
from accounts.models import Restriction, User
from generation.models import Receipt
from moderation.models import Decision, Strike
from moderation.policies import POLICIES

Feature = Restriction.Feature

POINTS: Final[dict[str, int]] = {"none": 1, "low": 1, "medium": 2, "high": 4, "critical": 8}
"""By the severity of the rule that was broken."""
LASTS: Final[dict[str, timedelta]] = {
    "none": timedelta(days=90),
    "low": timedelta(days=90),
    "medium": timedelta(days=180),
    "high": timedelta(days=365),
    "critical": timedelta(days=730),
}


@dataclass(frozen=True)
class Rung:
    """From so many live points on: these features, for so long (None: for good)."""

    points: int
    features: tuple[str, ...]
    lasts: timedelta | None
    says: str


LADDER: Final = (
    Rung(2, (Feature.SHARE,), timedelta(days=3), "You can't share clips for 3 days."),
    Rung(
        4,
        (Feature.SHARE, Feature.UPLOAD, Feature.REMIX),
        timedelta(days=14),
        "You can't share clips, bring files or remix for 14 days.",
    ),
    Rung(8, (Feature.ACCOUNT,), timedelta(days=30), "Your account is suspended for 30 days."),
    Rung(12, (Feature.ACCOUNT,), None, "Your account is closed for good."),
)


def points_for(policy: str) -> int:
    return POINTS[POLICIES[policy].severity if policy in POLICIES else "low"]


def rung_for(points: int) -> Rung | None:
    """The highest rung that so many points reach."""
    return max(
        (rung for rung in LADDER if rung.points <= points), key=lambda r: r.points, default=None
    )


def climb(person: User, policy: str, *, reference: str, by: User) -> Rung | None:
    """Apply what the points of one more strike bring. The person's row is locked to the end."""
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    rung = rung_for(Strike.objects.points(person) + points_for(policy))
    if rung is not None:
        until = None if rung.lasts is None else timezone.now() + rung.lasts
        restrictions.add(person, rung.features, until=until, reference=reference, by=by)
    return rung


def give(decision: Decision, receipt: Receipt, *, person: User) -> Strike:
    """Write the strike of a decision; the rung was climbed before, with its reference."""
    policy = decision.policy
    severity = POLICIES[policy].severity if policy in POLICIES else "low"
    strike = Strike.objects.create(
        workspace_id=decision.workspace_id,
        user=person,
        decision=decision,
        receipt=receipt,
        policy=policy,
        points=points_for(policy),
        expires_at=timezone.now() + LASTS[severity],
    )
    audit.record(
        audit.MODERATION_STRIKE_GIVEN,
        workspace=decision.workspace,
        actor=decision.decided_by,
        target=person,
        points=strike.points,
        policy=policy,
    )
    return strike


def void(decision: Decision, *, by: User) -> None:
    """Take back the strike of a decision, if it gave one."""
    changed = Strike.objects.filter(decision=decision, voided_at=None).update(
        voided_at=timezone.now()
    )
    if changed:
        audit.record(
            audit.MODERATION_STRIKE_VOIDED,
            workspace=decision.workspace,
            actor=by,
            target=decision.case.about,
            decision=decision.pk,
        )


def standing(person: User) -> dict[str, object]:
    """Live points and what they lead to, for the person's own page and the console."""
    live = list(Strike.objects.live(person).order_by("expires_at"))
    points = sum(strike.points for strike in live)
    following = next((rung for rung in LADDER if rung.points > points), None)
    return {"points": points, "strikes": live, "next": following}
