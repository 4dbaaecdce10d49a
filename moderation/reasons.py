"""What a report may be about: a tree of groups, reasons and finer kinds, and how urgent each is.

A reason is a code of moderation.policies; a kind says more for whoever looks and changes nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_DETAILS: Final = 1000


@dataclass(frozen=True, slots=True)
class ReportReason:
    """`severity`: 3 harms someone now, 2 breaks a rule plainly, 1 can wait its turn.

    kinds: finer code -> label; none of them has to be chosen.
    """

    code: str
    label: str
    severity: int
    group: str
    kinds: Mapping[str, str] = field(default_factory=dict)


GROUPS: Final[dict[str, str]] = {
    "child": "Children",
    "me": "Me or somebody I know",
    "violence": "Violence and harm",
    "hate": "Hate and bullying",
    "truth": "Misleading",
    "adult": "Sexual",
    "law": "Rights and law",
    "else": "Something else",
}

REASONS: Final[dict[str, ReportReason]] = {
    reason.code: reason
    for reason in (
        ReportReason(
            "sexual_minors",
            "A child is sexualised or in danger",
            3,
            "child",
            {
                "abuse": "Abuse is shown",
                "sexualised": "Sexualised clothing, pose or words",
                "grooming": "Somebody tries to get close to a child",
                "danger": "A child may be in danger now",
            },
        ),
        ReportReason(
            "likeness",
            "It shows me or somebody else without consent",
            3,
            "me",
            {
                "intimate": "Intimate or sexual picture of a real person",
                "deepfake": "A real person does or says what they never did",
                "impersonation": "It pretends to be a real person",
                "deceased": "Somebody who has died",
            },
        ),
        ReportReason(
            "privacy",
            "Somebody's personal details",
            2,
            "me",
            {
                "address": "Home, workplace or school",
                "papers": "Papers, numbers or accounts",
                "health": "Health or another private matter",
            },
        ),
        ReportReason(
            "violence_gore",
            "Graphic violence",
            2,
            "violence",
            {"gore": "Blood and injuries", "animals": "Cruelty to animals", "threat": "A threat"},
        ),
        ReportReason(
            "self_harm",
            "Self-harm",
            3,
            "violence",
            {
                "suicide": "Suicide",
                "injury": "Injuring oneself",
                "eating": "Eating disorders",
                "worried": "I am worried about the person who made it",
            },
        ),
        ReportReason(
            "dangerous",
            "Dangerous acts or instructions",
            2,
            "violence",
            {"weapons": "Weapons or explosives", "stunt": "A dangerous challenge"},
        ),
        ReportReason(
            "hate",
            "Hate, or symbols of hate",
            2,
            "hate",
            {
                "group": "Against a group of people",
                "symbols": "Symbols of hate",
                "extremism": "Praise of terror or extremism",
            },
        ),
        ReportReason(
            "harassment",
            "Bullying or humiliating a person",
            2,
            "hate",
            {"targeted": "Aimed at one person", "pile_on": "Calls on others to join"},
        ),
        ReportReason(
            "deceptive",
            "Made to pass for a real event",
            2,
            "truth",
            {
                "elections": "Elections and voting",
                "news": "News or a disaster",
                "health": "Health and medicine",
                "scam": "To get money",
            },
        ),
        ReportReason(
            "spam",
            "Spam or manipulation",
            1,
            "truth",
            {"repeated": "The same again and again", "likes": "Bought or traded likes"},
        ),
        ReportReason(
            "sexual",
            "Sexual or nude content",
            2,
            "adult",
            {"nudity": "Nudity", "acts": "Sexual acts", "solicitation": "Offers of sex"},
        ),
        ReportReason(
            "intellectual_property",
            "It copies a protected work or brand",
            1,
            "law",
            {"copyright": "A work of mine", "brand": "A brand", "character": "A character"},
        ),
        ReportReason(
            "illegal",
            "Crime, weapons or fraud",
            2,
            "law",
            {"drugs": "Drugs", "fraud": "Fraud", "trafficking": "Trade in people"},
        ),
        ReportReason("photosensitive", "Flashing that can hurt", 2, "else"),
        ReportReason("other", "Something else", 1, "else"),
    )
}

INTIMATE_KINDS: Final = frozenset({"intimate", "deepfake"})
"""Kinds of "likeness" that go to the lane with the 48-hour clock."""

SCREENED_AS: Final[dict[str, tuple[str, ...]]] = {
    "sexual": ("sexual", "sexual_minors"),
    "sexual_minors": ("sexual_minors", "sexual", "child"),
    "likeness": ("likeness", "sexual"),
}
"""Categories of the checks that agree with a report for this reason (moderation.agreement)."""


def tree() -> list[tuple[str, list[ReportReason]]]:
    """(group in words, its reasons), in the order of the form."""
    return [
        (label, [reason for reason in REASONS.values() if reason.group == group])
        for group, label in GROUPS.items()
    ]
