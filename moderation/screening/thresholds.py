"""How much is too much: false-positive budgets for each profile, as points on a score.

A trained score s reads "1 - s of ordinary prompts look at least this bad" (protocol.Score), so the
numbers here are budgets of false alarms and outlive any model: refuse 0.98 means that 2 % of
ordinary prompts may be refused. Providers and frame classifiers answer in probabilities of their
own and have their own table. Source: the profile table of docs/policies.md, chosen 2026-11-24.

Profiles
    default           a prompt by an adult about adults, animals or things: refuse 2 %, guard 10 %
    api               the same numbers; nothing can switch child safety off
    minor_referenced  refers to someone under 18: sexual, violence, self-harm 10 % / 20 %
    upload            a picture or clip someone brings along: 5 % / 15 %
    people_upload     a consenting person's likeness: 10 % / 20 %, and always looked at by a person
    feed              shown to people who did not ask for it: 10 %, no guard zone
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from moderation.screening.protocol import Action, Category, Scale

NEVER = 2.0
"""A point no score reaches: this zone is switched off for the category."""


LOWEST: Mapping[Scale, float] = {"share": 0.5, "probability": 0.05, "rule": 0.0}
"""No point of any policy lies below; what scores less need not be kept with a decision."""


@dataclass(frozen=True)
class Points:
    """Scores from `guard` on are guarded, from `hold` on held for a person, from `refuse` refused."""

    guard: float
    refuse: float
    hold: float = NEVER

    def action(self, value: float) -> Action:
        if not value < self.refuse:  # NaN refuses
            return "refuse"
        if value >= self.hold:
            return "hold"
        return "guard" if value >= self.guard else "allow"

    def stricter(self, other: Points) -> Points:
        """The lower of both in every zone."""
        return Points(
            guard=min(self.guard, other.guard),
            refuse=min(self.refuse, other.refuse),
            hold=min(self.hold, other.hold),
        )

    def tightened(self, factor: float) -> Points:
        """Points that stop `factor` times as many ordinary prompts; NEVER stays NEVER."""

        def lower(point: float) -> float:
            return point if point >= NEVER else max(0.0, 1.0 - (1.0 - point) * factor)

        return Points(lower(self.guard), lower(self.refuse), lower(self.hold))


STANDARD = Points(guard=0.90, refuse=0.98)
CAREFUL = Points(guard=0.85, refuse=0.95)
STRICT = Points(guard=0.80, refuse=0.90)
PUBLIC = Points(guard=0.90, refuse=0.90)  # it is shown or it is not: no zone between

SENSITIVE = (Category.SEXUAL, Category.VIOLENCE_GORE, Category.SELF_HARM)

# What no profile and no policy may loosen: any sign of it refuses.
ZERO_TOLERANCE = Points(guard=0.5, refuse=0.5)

PROFILES: Mapping[str, Mapping[Category, Points]] = {
    "default": dict.fromkeys(Category, STANDARD),
    "api": dict.fromkeys(Category, STANDARD),
    # Sexual content beside a minor has no zone between: what would be guarded is refused, as a breach
    # of child safety. So it begins at the ordinary guard point, or one harmless scene with a child in
    # five would be called one.
    "minor_referenced": {c: STRICT if c in SENSITIVE else STANDARD for c in Category}
    | {Category.SEXUAL: PUBLIC},
    "upload": dict.fromkeys(Category, CAREFUL),
    "people_upload": dict.fromkeys(Category, STRICT),
    "feed": dict.fromkeys(Category, PUBLIC),
}

# Frame classifiers and providers give probabilities of their own, not calibrated shares.
_PROBABLE = Points(guard=0.45, refuse=0.70)
_PROBABLE_STRICT = Points(guard=0.25, refuse=0.40)
_PROBABLE_PUBLIC = Points(guard=0.40, refuse=0.40)
PROBABILITIES: Mapping[str, Mapping[Category, Points]] = {
    "default": dict.fromkeys(Category, _PROBABLE),
    "api": dict.fromkeys(Category, _PROBABLE),
    "minor_referenced": {c: _PROBABLE_STRICT if c in SENSITIVE else _PROBABLE for c in Category},
    "upload": dict.fromkeys(Category, _PROBABLE_STRICT),
    "people_upload": dict.fromkeys(Category, _PROBABLE_STRICT),
    "feed": dict.fromkeys(Category, _PROBABLE_PUBLIC),
}

OLD_NAMES = {
    "minor_present": "minor_referenced",
    "real_person": "people_upload",
    "featured": "feed",
}
"""Names in rows stored before 2026-11-24."""


class UnknownProfile(ValueError):
    """A profile name no table has. Never fall back to a looser one."""


def profile_name(name: str) -> str:
    """The name of today for a profile, old names included. Raises UnknownProfile."""
    name = OLD_NAMES.get(name, name)
    if name not in PROFILES:
        raise UnknownProfile(name)
    return name


def points_for(profile: str, category: Category) -> Points:
    """The shipped points for a trained text score. Raises UnknownProfile."""
    if category == Category.SEXUAL_MINORS:
        return ZERO_TOLERANCE
    return PROFILES[profile_name(profile)][category]


def frame_points_for(profile: str, category: Category) -> Points:
    """The shipped points for a classifier that answers in probabilities. Raises UnknownProfile."""
    if category == Category.SEXUAL_MINORS:
        return ZERO_TOLERANCE
    return PROBABILITIES[profile_name(profile)][category]


def provider_points_for(profile: str, category: Category) -> Points:
    """The same for an external text service."""
    return frame_points_for(profile, category)
