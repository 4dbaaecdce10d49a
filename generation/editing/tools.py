"""The tools: each turns a few wishes into an EditPlan. None of them has a way of its own to the engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from generation.editing.plan import (
    EditPlan,
    Fit,
    KeptSpan,
    MediaRef,
    Picture,
    PlanError,
    PromptCard,
    Redrawn,
)

STRENGTHS = {"subtle": 0.3, "mild": 0.5, "strong": 0.75}
SEAMS = {"short": 0.75, "normal": 1.5, "long": 2.5}  # seconds
# Influence of the second clip at shares of the time.
BLENDS: dict[str, tuple[tuple[float, float], ...]] = {
    "transition": ((0.0, 0.0), (0.25, 0.1), (0.5, 0.5), (0.75, 0.9), (1.0, 1.0)),
    "mix": ((0.0, 0.5), (1.0, 0.5)),
    "sample": ((0.0, 0.0), (0.3, 0.35), (0.7, 0.35), (1.0, 0.0)),
}
CLOSE = 1 / 240  # seconds; less than half a frame of any rate


@dataclass(frozen=True)
class Canvas:
    """What every plan has, whatever the tool."""

    width: int
    height: int
    fps: int
    seed: int
    steps: int
    guidance: float
    fit: Fit = "crop"
    negative_prompt: str = ""
    style: str = ""
    camera: str = ""

    def plan(self, tool: str, seconds: float, prompt: str = "") -> EditPlan:
        return EditPlan(
            tool=tool,
            width=self.width,
            height=self.height,
            seconds=seconds,
            fps=self.fps,
            seed=self.seed,
            steps=self.steps,
            guidance=self.guidance,
            prompts=(PromptCard(prompt),) if prompt else (),
            fit=self.fit,
            negative_prompt=self.negative_prompt,
            style=self.style,
            camera=self.camera,
        )


@dataclass(frozen=True)
class Span:
    """Seconds [start, end) of a clip."""

    media: MediaRef
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def text(canvas: Canvas, prompt: str, seconds: float) -> EditPlan:
    return canvas.plan("text", seconds, prompt)


def image(canvas: Canvas, prompt: str, seconds: float, first: MediaRef) -> EditPlan:
    """The picture is the first frame."""
    return replace(canvas.plan("image", seconds, prompt), pictures=(Picture(first),))


def keyframes(
    canvas: Canvas, prompt: str, seconds: float, pictures: Sequence[tuple[MediaRef, float]]
) -> EditPlan:
    """Pictures at moments; one at the very end is the last frame."""
    cards = tuple(Picture(media, at=at) for media, at in pictures)
    return replace(canvas.plan("keyframes", seconds, prompt), pictures=cards)


def remix(canvas: Canvas, prompt: str, clip: Span, strength: float) -> EditPlan:
    redraw = Redrawn(clip.media, clip.start, clip.end, strength=strength)
    return replace(canvas.plan("remix", clip.seconds, prompt), redraw=redraw)


def extend(
    canvas: Canvas, prompt: str, clip: Span, *, before: float = 0.0, after: float = 0.0
) -> EditPlan:
    """Go on after the clip, lead up to it, or both; `before` and `after` are new seconds."""
    if max(before, after) < 1 / canvas.fps:
        raise PlanError("edit.after", "There is nothing to add.", "Give seconds after or before.")
    kept = KeptSpan(clip.media, clip.start, clip.end, at=before)
    seconds = before + clip.seconds + after
    return replace(canvas.plan("extend", seconds, prompt), keep=(kept,))


def recut(canvas: Canvas, prompt: str, clip: Span, *, at: float, seconds: float) -> EditPlan:
    """The good part on a new timeline of `seconds`, beginning at `at`; the rest is drawn."""
    kept = KeptSpan(clip.media, clip.start, clip.end, at=at)
    return replace(canvas.plan("recut", seconds, prompt), keep=(kept,))


def fill(canvas: Canvas, prompt: str, clip: Span, *, start: float, end: float) -> EditPlan:
    """Draw [start, end) of the clip again, between the frames around it."""
    if start < clip.start - CLOSE or end > clip.end + CLOSE:
        raise PlanError(
            "edit.from" if start < clip.start - CLOSE else "edit.to",
            f"The marked span doesn't lie inside {clip.start:g} to {clip.end:g} s.",
            "Mark a span inside it.",
        )
    if end - start < 1 / canvas.fps - CLOSE:
        raise PlanError(
            "edit.to", "The marked span holds no frame.", "Mark at least one frame of the clip."
        )
    kept = []
    if start - clip.start > CLOSE:
        kept.append(KeptSpan(clip.media, clip.start, start, at=0.0))
    if clip.end - end > CLOSE:
        kept.append(KeptSpan(clip.media, end, clip.end, at=end - clip.start))
    if not kept:
        raise PlanError(
            "edit.from",
            "The whole clip is marked, nothing would be kept.",
            "Mark less, or use remix.",
        )
    return replace(canvas.plan("fill", clip.seconds, prompt), keep=tuple(kept))


def blend(
    canvas: Canvas,
    prompt: str,
    first: Span,
    second: Span,
    *,
    curve: Sequence[tuple[float, float]],
    strength: float = 0.6,
) -> EditPlan:
    """`curve`: influence of the second clip at shares (0 to 1) of the time."""
    seconds = max(first.seconds, second.seconds)
    redraw = Redrawn(
        first.media,
        first.start,
        first.end,
        second.media,
        second.start,
        second.end,
        strength,
        tuple((share * seconds, weight) for share, weight in curve),
    )
    return replace(canvas.plan("blend", seconds, prompt), redraw=redraw)


def loop(canvas: Canvas, prompt: str, clip: Span, seam: float) -> EditPlan:
    """The clip, and then `seam` seconds that lead back to its first frame."""
    kept = KeptSpan(clip.media, clip.start, clip.end, at=0.0)
    made = canvas.plan("loop", clip.seconds + seam, prompt)
    return replace(made, keep=(kept,), loop=True)


def storyboard(
    canvas: Canvas,
    seconds: float,
    prompts: Sequence[PromptCard],
    pictures: Sequence[Picture] = (),
    keep: Sequence[KeptSpan] = (),
) -> EditPlan:
    """Cards on a timeline. A text card before which nothing is said begins at 0."""
    cards = sorted(prompts, key=lambda card: card.start)
    if cards and cards[0].start > 0:
        cards[0] = replace(cards[0], start=0.0)
    return replace(
        canvas.plan("storyboard", seconds),
        prompts=tuple(cards),
        pictures=tuple(sorted(pictures, key=lambda card: card.at)),
        keep=tuple(sorted(keep, key=lambda span: span.at)),
    )


def stitch(canvas: Canvas, parts: Sequence[Span], fade: float = 0.0, prompt: str = "") -> EditPlan:
    """Parts one after another, by cut or by cross-fade. Nothing is drawn: the words only say what
    there is to see, for the library and its search."""
    if len(parts) < 2:
        raise PlanError("edit.parts", "A sequence has at least two parts.", "Add another clip.")
    kept, at = [], 0.0
    for index, part in enumerate(parts):
        own = fade if index else 0.0
        kept.append(KeptSpan(part.media, part.start, part.end, at=at - own, fade=own))
        at += part.seconds - own
    return replace(canvas.plan("stitch", at, prompt), keep=tuple(kept))


def upgrade(draft: EditPlan, clip: MediaRef, *, width: int, height: int, steps: int) -> EditPlan:
    """The same plan and seed at full size."""
    return replace(
        draft,
        tool="upgrade",
        width=width,
        height=height,
        steps=steps,
        upgraded_from=clip,
        full=None,
    )
