"""The edit plan: one timeline of prompts, pictures and clips that every tool compiles to.

All times are seconds. A plan is complete: with the same media, engine and version it makes the same
frames again. Its JSON form is stored with the job, travels in exports, and is what a draft becomes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

SCHEMA = 1

TOOLS = (
    "text",
    "image",
    "keyframes",
    "remix",
    "extend",
    "fill",
    "recut",
    "blend",
    "loop",
    "storyboard",
    "stitch",
    "upgrade",
)
FITS = ("crop", "pad", "strict")
MAX_CARDS = 24
MAX_SECONDS = 60.0

Fit = Literal["crop", "pad", "strict"]


class PlanError(ValueError):
    """A plan that can't be made. `field` names the card or value, `remedy` says what to do."""

    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.field, self.message, self.remedy = field, message, remedy


@dataclass(frozen=True)
class MediaRef:
    """An upload or a clip of ours, written "upload:<uuid>" or "video:<uuid>"."""

    kind: Literal["upload", "video"]
    id: UUID

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: Any, field: str) -> MediaRef:
        kind, _, identity = str(text).partition(":")
        try:
            if kind not in ("upload", "video"):
                raise ValueError(kind)
            return cls(kind, UUID(identity))  # type: ignore[arg-type]  # narrowed above
        except ValueError:
            raise PlanError(
                field,
                f"{str(text)[:60]!r} names no picture or clip.",
                "Write upload:<id> or video:<id>.",
            ) from None


@dataclass(frozen=True)
class PromptCard:
    """What to show from `start` on, until the next card begins."""

    text: str
    start: float = 0.0


@dataclass(frozen=True)
class Picture:
    """A picture the clip passes through at `at`. strength 1 shows it as it is; less only guides.

    From a clip, the frame at `moment` is taken.
    """

    media: MediaRef
    at: float = 0.0
    moment: float = 0.0
    strength: float = 1.0


@dataclass(frozen=True)
class KeptSpan:
    """Seconds [start, end) of a clip, shown unchanged from `at` on.

    fade: seconds of cross-fade out of what comes before; then `at` lies that much before its end.
    """

    media: MediaRef
    start: float
    end: float
    at: float
    fade: float = 0.0

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def until(self) -> float:
        return self.at + self.seconds


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last) of the clip: of one kept span, or, without one, to be drawn."""

    first: int
    last: int
    span: KeptSpan | None = None

    @property
    def length(self) -> int:
        return self.last - self.first


@dataclass(frozen=True)
class Redrawn:
    """A clip to draw again (remix), or two to draw into each other (blend).

    strength: how much changes, 0 to 1. curve: influence of the second clip as (second, share)
    points, straight lines between them.
    """

    first: MediaRef
    start: float
    end: float
    second: MediaRef | None = None
    second_start: float = 0.0
    second_end: float = 0.0
    strength: float = 0.5
    curve: tuple[tuple[float, float], ...] = ()

    def influence(self, moment: float) -> float:
        """Share of the second clip at `moment`."""
        if self.second is None or not self.curve:
            return 0.0
        before = self.curve[0]
        for point in self.curve:
            if point[0] >= moment:
                width = point[0] - before[0]
                at = (moment - before[0]) / width if width > 0 else 1.0
                return before[1] + (point[1] - before[1]) * min(1.0, max(0.0, at))
            before = point
        return before[1]


@dataclass(frozen=True)
class Rewriting:
    """What the rewriter may do to the prompts beside taking names out.

    diversify: describe people nobody described; None: as the site is set up. expand: fill in what a
    prompt leaves open. keep: keys of edits that are not wanted (prompting.Edit.key).
    """

    diversify: bool | None = None
    expand: bool = False
    keep: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"diversify": self.diversify, "expand": self.expand, "keep": list(self.keep)}


@dataclass(frozen=True)
class EditPlan:
    """One clip to be made.

    loop: the clip closes on itself: its last frame is its first one.
    fit: what happens to media of another aspect.
    style, camera: names of presets, already part of the prompts; kept to be shown and copied.
    upgraded_from: the draft this is made again from. full: this is a draft; width, height and steps
    that it is to be made again with.
    """

    tool: str
    width: int
    height: int
    seconds: float
    fps: int
    seed: int
    steps: int
    guidance: float
    prompts: tuple[PromptCard, ...] = ()
    pictures: tuple[Picture, ...] = ()
    keep: tuple[KeptSpan, ...] = ()
    redraw: Redrawn | None = None
    loop: bool = False
    fit: Fit = "crop"
    negative_prompt: str = ""
    style: str = ""
    camera: str = ""
    upgraded_from: MediaRef | None = None
    full: tuple[int, int, int] | None = None
    rewriting: Rewriting = Rewriting()
    schema: int = field(default=SCHEMA)

    @property
    def frames(self) -> int:
        return max(1, round(self.seconds * self.fps))

    @property
    def draws(self) -> bool:
        """Whether an engine has anything to do."""
        return self.redraw is not None or any(s.span is None for s in timeline(self))

    @property
    def drawn_seconds(self) -> float:
        """What an engine has to draw: the price is for these."""
        return sum(end - start for start, end in gaps(self))

    def frame_of(self, card: Picture) -> int:
        """The frame a picture lies on; the very end is the last one."""
        return min(self.frames - 1, round(card.at * self.fps))

    def media(self) -> tuple[MediaRef, ...]:
        """Everything it refers to, each once, in order of appearance."""
        found = [span.media for span in self.keep] + [card.media for card in self.pictures]
        if self.redraw is not None:
            found.append(self.redraw.first)
            if self.redraw.second is not None:
                found.append(self.redraw.second)
        if self.upgraded_from is not None:
            found.append(self.upgraded_from)
        return tuple(dict.fromkeys(found))

    def texts(self) -> tuple[str, ...]:
        """Every text of it that has to be screened."""
        return tuple(t for t in (*(c.text for c in self.prompts), self.negative_prompt) if t)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": self.schema,
            "tool": self.tool,
            "width": self.width,
            "height": self.height,
            "seconds": self.seconds,
            "fps": self.fps,
            "seed": self.seed,
            "steps": self.steps,
            "guidance": self.guidance,
            "prompts": [{"text": c.text, "start": c.start} for c in self.prompts],
            "pictures": [
                {
                    "media": str(c.media),
                    "at": c.at,
                    "moment": c.moment,
                    "strength": c.strength,
                }
                for c in self.pictures
            ],
            "keep": [
                {
                    "media": str(s.media),
                    "start": s.start,
                    "end": s.end,
                    "at": s.at,
                    "fade": s.fade,
                }
                for s in self.keep
            ],
            "redraw": _redraw_json(self.redraw),
            "loop": self.loop,
            "fit": self.fit,
            "negative_prompt": self.negative_prompt,
            "style": self.style,
            "camera": self.camera,
            "upgraded_from": str(self.upgraded_from) if self.upgraded_from else None,
            "full": list(self.full) if self.full else None,
            **({"rewriting": self.rewriting.to_json()} if self.rewriting != Rewriting() else {}),
        }


def timeline(plan: EditPlan) -> list[Stretch]:
    """Kept and drawn stretches in order, without holes, from frame 0 to plan.frames.

    Stretches of a cross-fade overlap. A loop ends with its own first frame, kept. Times that are no
    whole frames neither open a gap between parts that touch nor make them overlap.
    """
    fps, found = plan.fps, list[Stretch]()
    spans = sorted(plan.keep, key=lambda span: span.at)
    if plan.loop and spans:
        first, start = spans[0].media, spans[0].start
        spans.append(KeptSpan(first, start, start + 1 / fps, at=(plan.frames - 1) / fps))
    at, until, free = 0, 0.0, 0  # what is filled, as frames and seconds; where a fade may begin
    for span in spans:
        begin = at if abs(span.at - until) * fps < 0.5 + 1e-6 else round(span.at * fps)
        begin = max(begin, free)
        if begin >= plan.frames:
            break
        last = min(max(round(span.until * fps), begin + 1, at), plan.frames)
        if begin > at:
            found.append(Stretch(at, begin))
        found.append(Stretch(begin, last, span))
        at, until, free = last, max(until, span.until), max(at, begin)
    if at < plan.frames:
        found.append(Stretch(at, plan.frames))
    return found


def gaps(plan: EditPlan) -> Iterator[tuple[float, float]]:
    """The spans between kept ones that have to be drawn, in seconds, in order."""
    for stretch in timeline(plan):
        if stretch.span is None:
            yield stretch.first / plan.fps, stretch.last / plan.fps


def _redraw_json(redraw: Redrawn | None) -> dict[str, Any] | None:
    if redraw is None:
        return None
    return {
        "first": str(redraw.first),
        "start": redraw.start,
        "end": redraw.end,
        "second": str(redraw.second) if redraw.second else None,
        "second_start": redraw.second_start,
        "second_end": redraw.second_end,
        "strength": redraw.strength,
        "curve": [list(point) for point in redraw.curve],
    }
