"""Real people in what somebody brings along: only inside the likeness pilot, and never misused.

Which grants there are is the business of the app above (hooks.pilots); here stands what it means for an
upload, a request and a clip. Without the pilot nobody may bring people, and everything closes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from generation import hooks
from generation.errors import PromptRefused
from generation.models import Upload, Video
from generation.prompting import rewrite
from moderation.screening.likeness_misuse import misused
from moderation.screening.signals import Signal

if TYPE_CHECKING:
    from accounts.models import User, Workspace
    from generation.models import Generation

PROFILE = "people_upload"
HELD = "likeness_review"  # policies: the first clips of a place in the pilot
PERSON_POINT = 0.25
"""A real person in a frame: the guard point of an upload. Below it a photograph shows nobody."""

# Kinds of edits of the rewriter that mean: the text names somebody.
NAMES = frozenset({"public_figure", "private_person"})


def may_bring(person: User, workspace: Workspace, kind: str) -> UUID | None:
    """The grant under which this account may bring a picture ("image") or clip ("video") of a person."""
    for pilot in hooks.pilots:
        if grant := pilot.may_bring(person, workspace, kind):
            return grant
    return None


def shows_person(source: Upload | Video) -> bool:
    """Whether a real person is in it: brought under a grant, or made from such a thing."""
    if isinstance(source, Upload):
        return bool(source.verdict.get("upload", {}).get("person"))
    return source.generation.profile == PROFILE


def may_show_person(source: Upload | Video) -> bool:
    """The same, or a check was not sure: enough for the rules against misuse."""
    if isinstance(source, Upload) and "likeness" in source.verdict.get("categories", ()):
        return True
    return shows_person(source)


def profile_of(sources: Iterable[Upload | Video], profile: str) -> str:
    """The screening profile of a request: pictures of a person make it the strictest for texts."""
    return PROFILE if any(shows_person(source) for source in sources) else profile


def check_use(
    person: User,
    sources: Sequence[Upload | Video],
    texts: Sequence[str],
    signals: Sequence[Signal] = (),
) -> tuple[str, ...]:
    """Why these texts may not be made with these sources: codes of the rules; empty when they may.

    The likeness of a person is for whoever has the consent, as long as it lasts, and for nothing
    harmful, sexual, deceptive or named.
    """
    people = [source for source in sources if shows_person(source)]
    if people and not any(pilot.may_use(person, people) for pilot in hooks.pilots):
        return ("likeness_consent",)
    if not any(may_show_person(source) for source in sources):
        return ()
    named = any(edit.kind in NAMES for text in texts for edit in rewrite(text).edits)
    return tuple(category.value for category in misused(texts, signals, named=named))


def refuse_misuse(
    person: User,
    sources: Sequence[Upload | Video],
    texts: Sequence[str],
    signals: Sequence[Signal] = (),
) -> None:
    """Raises PromptRefused for a use that check_use names."""
    if reasons := check_use(person, sources, texts, signals):
        raise PromptRefused(
            "What you ask for can't be made with pictures of a real person.",
            remedy="Show the person in an everyday, kind way, without names and without anything "
            "that could be taken for a real event.",
            reasons=list(reasons),
        )


def hold_of(generation: Generation, sources: Sequence[Upload | Video]) -> str | None:
    """The policy code for which a finished clip waits for a person, or None. Asked again for the same
    job, the answer is the same."""
    people = [source for source in sources if shows_person(source)]
    if people and any(pilot.holds(generation, people) for pilot in hooks.pilots):
        return HELD
    return None
