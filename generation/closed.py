"""What this site can't judge, and what is closed because of it. From settings alone; loads nothing.

What no weights can do is closed, not guessed. The start-up check, the rules page and /readyz say the
same, from here.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings

from generation import vision
from generation.engine.capabilities import Capabilities
from generation.errors import EngineUnavailable
from moderation.screening.frame_scan import REQUIRED_FOR_PEOPLE, REQUIRED_FOR_PHOTOGRAPHS
from moderation.screening.protocol import Category

WORDS = {
    Category.SEXUAL: "sexual content",
    Category.CHILD: "age",
    Category.LIKENESS: "real people",
}


@dataclass(frozen=True)
class Closed:
    """code: stable, for /readyz. what: for visitors. remedy: for the operator."""

    code: str
    what: str
    remedy: str


def closed() -> list[Closed]:
    """Everything that is off or unjudged here, the gravest first. Empty: all of it is on."""
    found: list[Closed] = []
    seen = seen_in_frames()
    if seen is not None and (missing := _words(REQUIRED_FOR_PHOTOGRAPHS - seen)):
        found.append(
            Closed(
                "people_in_uploads",
                f"No model here judges {missing} in pictures, so pictures of people are not taken.",
                "Set SORA_VISION_MODELS to models that do (docs/adding_a_classifier.md).",
            )
        )
        if settings.SORA_UPLOADS != "off":
            found.append(
                Closed(
                    "photographs_to_video",
                    "For the same reason no video is made from a photograph; drawings can be used.",
                    "SORA_UPLOADS=photos takes them once such models are set up.",
                )
            )
    if seen is not None and _draws_people() and (missing := _words(REQUIRED_FOR_PEOPLE - seen)):
        found.append(
            Closed(
                "engine_of_people",
                f"The engine can draw people and no model judges {missing} in its clips, so it "
                "delivers none.",
                "Set SORA_VISION_MODELS or SORA_FRAME_MODERATION_URL.",
            )
        )
    if not vision.reads_text():
        found.append(
            Closed(
                "text_in_frames",
                "Text that appears in pictures is not read.",
                "Install requirements-text.lock, or set SORA_TEXT_READER.",
            )
        )
    return found


def seen_in_frames() -> frozenset[Category] | None:
    """What the providers set up judge in frames; None where only loading one could tell."""
    seen: frozenset[Category] = frozenset()
    for stated in vision.providers_stated():
        if stated.categories is None:
            return None
        seen |= stated.categories
    return seen


def _words(categories: frozenset[Category]) -> str:
    names = [WORDS.get(category, category.value) for category in Category if category in categories]
    return ", ".join(names[:-1]) + (" and " if names[:-1] else "") + names[-1] if names else ""


def _draws_people() -> bool:
    from generation.capabilities import engine_capabilities

    try:
        capabilities: Capabilities = engine_capabilities()
    except EngineUnavailable:
        return False
    return capabilities.draws_people
