"""How much is too much: one pair of points for each profile and category.

A trained score s reads "1 - s of ordinary prompts look at least this bad" (protocol.Score), so the
numbers here are budgets of false alarms and outlive any model. Chosen 2026-11-24 from the operating
points of text_embedding on rows it was not trained on (docs/safety_evaluation.md): by default about
2 % of ordinary prompts are refused and another 5 % guarded. Harmless prompts in suspicious wording decided
between 0.98 and the stricter 0.987: both refuse about 5 % of them. Rules (blocklists, known hashes)
score 1.0 or 0.9; their own action counts, not this table.

Profiles
    default        a prompt by an adult about adults, animals or things
    minor_present  the prompt refers to someone under 18: strict for sexual, violence, self-harm
    upload         a picture or clip someone brings along
    real_person    a consenting person's likeness is used
    featured       shown to everybody by us
"""

from __future__ import annotations

from dataclasses import dataclass

from moderation.screening.protocol import Action, Category


@dataclass(frozen=True)
class Points:
    """Scores from `guard` on are guarded, from `refuse` on refused."""

    guard: float
    refuse: float

    def action(self, value: float) -> Action:
        if value >= self.refuse:
            return "refuse"
        return "guard" if value >= self.guard else "allow"


_STANDARD = Points(guard=0.93, refuse=0.98)
_CAREFUL = Points(guard=0.90, refuse=0.966)
_STRICT = Points(guard=0.87, refuse=0.93)

_SENSITIVE = (Category.SEXUAL, Category.VIOLENCE_GORE, Category.SELF_HARM)

# What no profile may loosen: any sign of it refuses.
_ZERO_TOLERANCE = {Category.SEXUAL_MINORS: Points(guard=0.5, refuse=0.5)}

PROFILES: dict[str, dict[Category, Points]] = {
    "default": {},
    "minor_present": dict.fromkeys(_SENSITIVE, _STRICT),
    "upload": dict.fromkeys(Category, _CAREFUL),
    "real_person": dict.fromkeys(Category, _STRICT),
    "featured": dict.fromkeys(Category, _STRICT),
}

# Frame classifiers give probabilities of their own, not calibrated shares.
_FRAME_STANDARD = Points(guard=0.45, refuse=0.70)
_FRAME_STRICT = Points(guard=0.25, refuse=0.40)


class UnknownProfile(ValueError):
    """A profile name no table has. Never fall back to a looser one."""


def points_for(profile: str, category: Category) -> Points:
    """The points for a trained text score or a rule. Raises UnknownProfile."""
    if profile not in PROFILES:
        raise UnknownProfile(profile)
    if category in _ZERO_TOLERANCE:
        return _ZERO_TOLERANCE[category]
    return PROFILES[profile].get(category, _STANDARD)


def frame_points_for(profile: str, category: Category) -> Points:
    """The points for a frame classifier's probability. Raises UnknownProfile."""
    if profile not in PROFILES:
        raise UnknownProfile(profile)
    if category in _ZERO_TOLERANCE:
        return _ZERO_TOLERANCE[category]
    strict = PROFILES[profile].get(category) is _STRICT or profile == "upload"
    return _FRAME_STRICT if strict else _FRAME_STANDARD


def provider_points_for(profile: str, category: Category) -> Points:
    """The points for an external text service, which answers in probabilities as well."""
    return frame_points_for(profile, category)
