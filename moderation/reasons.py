"""What a report may be about: a policy code, how the form puts it, and how urgent it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MAX_DETAILS: Final = 1000


@dataclass(frozen=True, slots=True)
class ReportReason:
    """`severity`: 3 harms someone now, 2 breaks a rule plainly, 1 can wait its turn."""

    code: str
    label: str
    severity: int


REASONS: Final[dict[str, ReportReason]] = {
    reason.code: reason
    for reason in (
        ReportReason("sexual_minors", "A child is sexualised or in danger", 3),
        ReportReason("likeness", "It shows me or somebody else without consent", 3),
        ReportReason("sexual", "Sexual or nude content", 2),
        ReportReason("violence_gore", "Graphic violence", 2),
        ReportReason("self_harm", "Self-harm", 3),
        ReportReason("hate", "Hate, or symbols of hate", 2),
        ReportReason("harassment", "Bullying or humiliating a person", 2),
        ReportReason("deceptive", "Made to pass for a real event", 2),
        ReportReason("privacy", "Somebody's personal details", 2),
        ReportReason("intellectual_property", "It copies a protected work or brand", 1),
        ReportReason("illegal", "Crime, weapons or fraud", 2),
        ReportReason("photosensitive", "Flashing that can hurt", 2),
        ReportReason("spam", "Spam or manipulation", 1),
        ReportReason("other", "Something else", 1),
    )
}
