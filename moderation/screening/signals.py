"""What goes into a decision: signals of checks, the inputs of a stage, the checks there are to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from moderation.screening.frame_text import TextReader
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.protocol import (
    Action,
    Category,
    Frame,
    FrameClassifier,
    JointReviewer,
    Scale,
    Score,
    TextClassifier,
)

Stage = Literal["prompt", "rewritten", "upload", "joint", "output", "feed"]
STAGES: tuple[Stage, ...] = ("prompt", "rewritten", "upload", "joint", "output", "feed")
Modality = Literal["text", "image", "video"]


@dataclass(frozen=True)
class Signal:
    """What one check saw.

    value: 0..1 in the unit of `scale` (protocol.Scale). category: as the check named it; the
        decision may make it more serious (sexual beside a minor becomes sexual_minors).
    subject: which text or picture: "prompt", "rewritten", "card 2", "upload 1", "output".
    frame_seconds: where in a clip; None for texts and for what belongs to the whole clip.
    action: what this signal alone leads to under the decision's policy.
    """

    provider: str
    version: str
    category: Category
    value: float
    modality: Modality = "text"
    frame_seconds: float | None = None
    action: Action = "allow"
    scale: Scale = "share"
    subject: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "provider": self.provider,
            "version": self.version,
            "category": self.category.value,
            "value": round(self.value, 4),
            "modality": self.modality,
            "frame_seconds": self.frame_seconds,
            "action": self.action,
            "scale": self.scale,
            "subject": self.subject,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Signal:
        """Raises KeyError or ValueError for a document that is none."""
        seconds = data.get("frame_seconds")
        return cls(
            provider=str(data["provider"]),
            version=str(data.get("version", "")),
            category=Category(data["category"]),
            value=float(data["value"]),
            modality=data.get("modality", "text"),
            frame_seconds=None if seconds is None else float(seconds),
            action=data.get("action", "allow"),
            scale=data.get("scale", "share"),
            subject=str(data.get("subject", "")),
        )


@dataclass(frozen=True)
class Inputs:
    """What is judged. Give what the stage needs; nothing here is changed.

    prompt: stages prompt, joint, feed: the text as written. rewritten: what the engine gets.
    cards: (as written, what the engine gets) of each card, where there are several; prompt and
        rewritten then hold all of them read as one.
    frames: (seconds, frame uint8 [h, w, 3]) of an output or of one upload.
    uploads: for joint: sampled frames of each upload.
    signals: what earlier stages saw, judged again (feed).
    draws_people: whether the frames may show people nobody photographed; then a frame classifier
        that sees sexual content is needed. photographs: whether they may show real people.
    minor_reference: an earlier stage found somebody under 18. guarded_source: an edit's source is
        kept private, so what is made from it is too.
    """

    prompt: str = ""
    rewritten: str | None = None
    cards: tuple[tuple[str, str | None], ...] = ()
    frames: Iterable[tuple[float, Frame]] = ()
    uploads: tuple[tuple[Frame, ...], ...] = ()
    signals: tuple[Signal, ...] = ()
    draws_people: bool = False
    photographs: bool = False
    minor_reference: bool = False
    guarded_source: bool = False


@dataclass(frozen=True)
class Checks:
    """What there is to ask. `Checks()` is what a web request can afford: lists and rules alone.

    texts: our classifiers, calibrated shares. text_providers: external ones, probabilities.
    frames: frame classifiers, probabilities. joint: reviewers of everything together.
    Every one named here must answer, or ScreeningUnavailable is raised. elsewhere: optional filters
    this site has that are not asked at this stage; they don't count as absent.
    """

    texts: tuple[TextClassifier, ...] = ()
    text_providers: tuple[TextClassifier, ...] = ()
    frames: tuple[FrameClassifier, ...] = ()
    joint: tuple[JointReviewer, ...] = ()
    known_hashes: KnownHashes = field(default_factory=lambda: KnownHashes(()))
    hash_frame: Callable[[Frame], bytes] | None = None
    text_reader: TextReader | None = None
    elsewhere: frozenset[str] = frozenset()

    def absent(self) -> tuple[str, ...]:
        """The optional filters that are not set up (policy.FILTERS)."""
        return tuple(
            name
            for name, there in (("joint", self.joint), ("frames", self.frames))
            if not there and name not in self.elsewhere
        )


@dataclass(frozen=True)
class Collected:
    """What the checks of one stage saw, before anything is decided."""

    signals: tuple[Signal, ...] = ()
    evaluated: tuple[str, ...] = ()
    not_evaluated: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


def scores_of(signals: Iterable[Signal]) -> tuple[Score, ...]:
    """The highest value of each category and provider, for tables and old readers."""
    highest: dict[tuple[Category, str], float] = {}
    for signal in signals:
        key = signal.category, signal.provider
        highest[key] = max(highest.get(key, 0.0), signal.value)
    return tuple(
        Score(category, value, provider) for (category, provider), value in highest.items()
    )
