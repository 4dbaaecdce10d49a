"""What may be the abuse of a child, on its way from a check to the people who may look at it.

The app above takes it (moderation.childsafety registers in hooks.incidents): seals what there is, opens
a case, holds the account. Generation's part is to stop, to hand over, and to keep no copy.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from django.db import InterfaceError, OperationalError
from numpy.typing import NDArray

from generation import hooks
from moderation.screening.known_hashes import PROVIDER
from moderation.screening.protocol import Category, ScreeningUnavailable, Verdict

if TYPE_CHECKING:
    from accounts.models import User, Workspace
    from generation.models import Generation, Upload, Video

logger = logging.getLogger(__name__)

Kind = Literal["known", "suspected", "text", "reported"]
Stage = Literal["gate", "prompt", "upload", "output", "report"]
Still = tuple[float, NDArray[np.uint8]]
MOST_STILLS = 12


@dataclass(frozen=True)
class Incident:
    """What was found, where, and by whom it came.

    kind: known, it matches confirmed material; suspected, a classifier sees it; text, sexual words
        about a minor; reported, by a person. texts: (what it is, the words). file: read and sealed;
        the caller removes it afterwards. stills: (seconds, frame uint8 [h, w, 3]) in our own decoding.
    """

    kind: Kind
    stage: Stage
    workspace: Workspace
    person: User
    verdict: Verdict
    texts: tuple[tuple[str, str], ...] = ()
    generation: Generation | None = None
    upload: Upload | None = None
    video: Video | None = None
    file: Path | None = None
    media_type: str = ""
    stills: tuple[Still, ...] = ()


def concerns_children(verdict: Verdict) -> bool:
    """Whether a refusal is about child safety and has to be handed over."""
    return Category.SEXUAL_MINORS.value in verdict.categories


def kind_of(verdict: Verdict) -> Literal["known", "suspected"] | None:
    """What a verdict on pictures hands over: known material, suspected abuse, or nothing."""
    if verdict.allowed:
        return None
    if is_known(verdict):
        return "known"
    return "suspected" if concerns_children(verdict) else None


def is_known(verdict: Verdict) -> bool:
    """Whether it matches a list of confirmed material of abuse."""
    return any(
        score.category == Category.KNOWN_CONTENT and score.source == PROVIDER
        for score in verdict.scores
    )


def hand_over(incident: Incident) -> None:
    """Give it to those who take such things, in the caller's transaction if there is one.

    Raises ScreeningUnavailable when nobody does: then nothing may be forgotten either.
    """
    if not hooks.incidents:
        raise ScreeningUnavailable("nothing takes child-safety incidents")
    for take in hooks.incidents:
        take(incident)


def note_text(
    stage: Stage,
    verdict: Verdict,
    texts: Iterable[tuple[str, str]],
    *,
    workspace: Workspace,
    person: User,
    generation: Generation | None = None,
) -> None:
    """Hand over a refused text if it is about child safety; else nothing. The refusal stands either way,
    so what goes wrong here is logged and doesn't reach the person."""
    if not concerns_children(verdict):
        return
    try:
        hand_over(
            Incident(
                kind="text",
                stage=stage,
                workspace=workspace,
                person=person,
                verdict=verdict,
                texts=tuple((what, text) for what, text in texts if text),
                generation=generation,
            )
        )
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.critical("a refused text could not be handed to child safety", exc_info=True)


def spread(frames: Iterable[Still]) -> tuple[Still, ...]:
    """At most MOST_STILLS of the frames, spread over all of them, the first among them; memory stays
    bounded however many come."""
    kept: list[Still] = []
    step = 1
    for index, still in enumerate(frames):
        if index % step:
            continue
        if len(kept) == MOST_STILLS:
            kept, step = kept[::2], step * 2
            if index % step:
                continue
        kept.append(still)
    return tuple(kept)
