"""The plans and the price table. Constants: a change is a release, not a database edit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from billing.errors import NotPriced, UnknownPlan


@dataclass(frozen=True, slots=True)
class Plan:
    """What a workspace may do, and what it starts with."""

    code: str
    title: str
    max_pixels: int  # width x height of one frame
    max_seconds: int
    concurrency: int  # videos of one workspace being made at the same time
    clean_download: bool  # may fetch the file without the visible mark
    start_grant: int  # credits given once, when a workspace gets this plan
    weight: int  # share of the queue relative to other workspaces

    def allows_size(self, width: int, height: int) -> bool:
        """True when one frame of that size is within the plan."""
        return width * height <= self.max_pixels


# 480p, 720p and 1080p with the rows that model strides of 32 may add.
FREE: Final = Plan("free", "Free", 864 * 480, 10, 1, False, 500, 1)
PLUS: Final = Plan("plus", "Plus", 1280 * 736, 10, 2, False, 1_000, 2)
PRO: Final = Plan("pro", "Pro", 1920 * 1088, 20, 5, True, 10_000, 4)
TEAM: Final = Plan("team", "Team", 1920 * 1088, 20, 10, True, 20_000, 8)

# With billing switched off every workspace has this one; nobody can be put on it.
UNMETERED: Final = Plan("unmetered", "Unmetered", 1920 * 1088, 20, 10, True, 0, 1)

PLANS: Final[dict[str, Plan]] = {plan.code: plan for plan in (FREE, PLUS, PRO, TEAM)}


def get_plan(code: str) -> Plan:
    """The plan of that name. Raises UnknownPlan."""
    try:
        return PLANS[code]
    except KeyError:
        names = ", ".join(PLANS)
        raise UnknownPlan(f"There is no plan {code!r}; there are {names}.") from None


# Credits for one video, by the shorter side and shape, at 5, 10, 15 and 20 seconds. The rows from
# 480p on are the published table of the first Sora site; the 240p row continues it downwards.
PRICE_SECONDS: Final = (5, 10, 15, 20)
PRICES: Final[dict[tuple[int, str], tuple[int, int, int, int]]] = {
    (240, "square"): (8, 16, 24, 32),
    (240, "wide"): (10, 20, 40, 60),
    (480, "square"): (20, 40, 60, 80),
    (480, "wide"): (25, 50, 100, 150),
    (720, "square"): (30, 75, 150, 225),
    (720, "wide"): (60, 180, 360, 540),
    (1080, "square"): (100, 300, 650, 1_000),
    (1080, "wide"): (200, 600, 1_300, 2_000),
}
_SIDES: Final = (240, 480, 720, 1080)
_STRIDE_SLACK: Final = 8  # 1088 rows are priced as 1080p: models draw in multiples of 32


def price_in_credits(width: int, height: int, seconds: float, variations: int = 1) -> int:
    """Credits for `variations` videos of width x height pixels and `seconds` of length.

    Sizes are rounded up to the next row by their shorter side. Lengths between two columns cost
    the straight line between them, rounded up; below 5 seconds, their share of the 5-second price.
    Raises NotPriced beyond the table.
    """
    if width < 1 or height < 1 or variations < 1 or not 0 < seconds <= PRICE_SECONDS[-1]:
        raise NotPriced()
    short, long = min(width, height), max(width, height)
    side = next((side for side in _SIDES if short <= side + _STRIDE_SLACK), None)
    if side is None or long > 2 * side + _STRIDE_SLACK:
        # Very long frames are priced by the row their area belongs to.
        side = next((side for side in _SIDES if width * height <= side * side * 16 // 9), None)
    if side is None or short > _SIDES[-1] + _STRIDE_SLACK:
        raise NotPriced()
    row = PRICES[side, "square" if width == height else "wide"]
    before_seconds, before = 0, 0
    for at_seconds, price in zip(PRICE_SECONDS, row, strict=True):
        if seconds <= at_seconds:
            share = (seconds - before_seconds) / (at_seconds - before_seconds)
            one = math.ceil(round(before + share * (price - before), 6))
            return max(1, one) * variations
        before_seconds, before = at_seconds, price
    raise NotPriced()
