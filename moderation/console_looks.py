"""Who saw what, and how much of it in a day.

A look is written before anything is shown. Uncovering weighs by the gravity of the case; playing it
covered (blurred, grey, silent) a part of that; opening the text alone a little. A reviewer who has
taken in `break_points` without a pause is shown a break card instead of media, one who has used up
`daily_points` gets no more media that day. Deciding from the text stays possible, and passing on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from accounts.models import User
from accounts.staff_roles import Role, require_role
from moderation.errors import ExposureSpent
from moderation.models import Case, CaseLook, ReviewerSettings

DAY: Final = timedelta(hours=24)
BREAK: Final = timedelta(minutes=10)
What = CaseLook.What

# What a look counts, by the gravity of the case (1 to 3).
POINTS: Final[dict[str, tuple[float, float, float]]] = {
    What.OPENED: (0.1, 0.2, 0.5),
    What.SECOND: (0.1, 0.2, 0.5),
    What.EVIDENCE: (0.1, 0.2, 0.5),
    What.PLAYED: (0.5, 1.0, 2.0),
    What.REVEALED: (1.0, 2.0, 4.0),
}
MEDIA: Final = (What.PLAYED, What.REVEALED)


@dataclass(frozen=True)
class Budget:
    """How much one reviewer has taken in. `resting_until`: no media before, a break is due."""

    used: float
    most: int
    since_break: float
    break_at: int
    resting_until: datetime | None

    @property
    def is_spent(self) -> bool:
        return self.used >= self.most

    @property
    def may_see_media(self) -> bool:
        return not self.is_spent and self.resting_until is None

    @property
    def percent(self) -> int:
        return min(100, round(100 * self.used / self.most))


def settings_of(user: User) -> ReviewerSettings:
    """The reviewer's settings; an unsaved row of the defaults for somebody who changed none."""
    return ReviewerSettings.objects.filter(user=user).first() or ReviewerSettings(user=user)


def budget_of(user: User) -> Budget:
    """What the last day adds up to. Two queries: the sum, and the looks since the last pause."""
    now = timezone.now()
    wanted = settings_of(user)
    looks = CaseLook.objects.of(user).filter(at__gt=now - DAY)
    used = looks.aggregate(points=Sum("points"))["points"] or 0.0
    since_break, last_media = 0.0, None
    later = now
    media = looks.filter(what__in=MEDIA).order_by("-at")
    for at, points in media.values_list("at", "points")[:500]:
        if later - at >= BREAK:
            break
        since_break += points
        last_media = last_media or at
        later = at
    resting = None
    if since_break >= wanted.break_points and last_media is not None:
        resting = last_media + BREAK
    return Budget(
        used=round(used, 1),
        most=wanted.daily_points,
        since_break=round(since_break, 1),
        break_at=wanted.break_points,
        resting_until=resting,
    )


def note(case: Case, what: str, *, by: User, severity: int) -> CaseLook:
    """Write down that `by` sees something of the case, before they do.

    Raises ExposureSpent for media beyond the budget or during a break, and what require_role raises.
    """
    with transaction.atomic():
        require_role(by, Role.REVIEWER)
        # One row a reviewer to stand in line on: two tabs can't both take the last points.
        User.objects.select_for_update(no_key=True).get(pk=by.pk)
        if what in MEDIA:
            budget = budget_of(by)
            if budget.is_spent:
                raise ExposureSpent(
                    "You have seen as much as one person should in a day.",
                    remedy="Decide from the text, or leave the case to somebody else.",
                )
            if budget.resting_until is not None:
                minutes = -(-(budget.resting_until - timezone.now()).seconds // 60)
                raise ExposureSpent(
                    "Time for a break from pictures.",
                    remedy=f"Media opens again in {minutes} min. Text stays open.",
                    resting_until=budget.resting_until.isoformat(),
                )
        gravity = max(1, min(3, severity)) - 1
        return CaseLook.objects.create(
            workspace_id=case.workspace_id,
            case=case,
            viewer=by,
            what=what,
            points=POINTS[what][gravity],
        )


def change_settings(
    user: User, *, blur: bool, grey: bool, mute: bool, daily_points: int, break_points: int
) -> ReviewerSettings:
    """One's own covers and limits. Limits may only be within the bounds of the table."""
    row, _ = ReviewerSettings.objects.update_or_create(
        user=user,
        defaults={
            "blur": blur,
            "grey": grey,
            "mute": mute,
            "daily_points": daily_points,
            "break_points": break_points,
        },
    )
    return row
