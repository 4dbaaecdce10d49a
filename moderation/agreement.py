"""Whether our own checks agree with a report: what they saw in the clip when it was made.

A count of reports alone hides nothing. A claim of intimate imagery hides a clip at once only where a
stored check saw something of that kind, at the point from which the strictest profile keeps a clip
from the public.
"""

from __future__ import annotations

from generation.models import Video
from generation.policies import active_policy
from moderation.reasons import SCREENED_AS
from moderation.screening.decision import Decision
from moderation.screening.protocol import Category


def agrees(video: Video, reason: str) -> bool:
    """A stored check saw what a report for this reason says. A check that can't be read counts as one
    that agrees: hiding until a person has looked is the careful side."""
    wanted = {Category(name) for name in SCREENED_AS.get(reason, ())}
    if not wanted:
        return False
    policy = active_policy()
    for stored in video.generation.safety_checks.values_list("verdict", flat=True):
        try:
            signals = Decision.from_json(stored).signals
        except (KeyError, TypeError, ValueError):
            return True
        for signal in signals:
            if signal.category not in wanted:
                continue
            if signal.scale == "rule":
                if signal.action != "allow":
                    return True
            elif signal.value >= policy.points("feed", signal.category, scale=signal.scale).guard:
                return True
    return False
