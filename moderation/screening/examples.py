"""A prompt that works, for somebody whose prompts of one kind keep being refused."""

from __future__ import annotations

from moderation.screening.protocol import Category

EXAMPLES: dict[str, str] = {
    Category.SEXUAL.value: "Two dancers in red practise a slow tango in an empty ballroom at dusk",
    Category.SEXUAL_MINORS.value: "An old lighthouse above a calm sea, gulls circling at dawn",
    Category.VIOLENCE_GORE.value: "Two fencers in white salute each other in a sunlit hall",
    Category.SELF_HARM.value: "Two friends talk on a park bench as the rain stops and light returns",
    Category.HATE.value: "Neighbours from many countries share food at a long table in the street",
    Category.HARASSMENT.value: "A crowd cheers as an invented mayor cuts the ribbon of a new bridge",
    Category.ILLEGAL.value: "A detective in a long coat studies footprints in the snow at night",
    Category.DANGEROUS.value: "Scientists in white coats watch a rocket rise from behind thick glass",
    Category.DECEPTIVE.value: "A hand-drawn cartoon of a parliament of owls voting for a new moon",
    Category.LIKENESS.value: "An invented singer with silver hair on a small stage in warm light",
    Category.PRIVACY.value: "A blank letter lies on a wooden desk beside a cup of tea",
    Category.INTELLECTUAL_PROPERTY.value: "A round little robot waters flowers on a balcony",
    Category.KNOWN_CONTENT.value: "A paper boat drifts down a stream between mossy stones",
}
_PLAIN = "A red balloon rises over the ocean at sunset"


def example_for(category: str) -> str:
    """A harmless prompt near the category; a plain one where there is none."""
    return EXAMPLES.get(category, _PLAIN)
