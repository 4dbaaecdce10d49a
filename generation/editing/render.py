"""Make the frames of a plan: kept parts pass through unchanged, the engine draws what lies between.

Frames stream, so memory doesn't grow with the length of a clip. Where a drawn part meets a kept
frame or a pinned picture, the difference between what was drawn there and what has to be there is
laid over the neighbouring drawn frames and fades out: kept frames stay bit-equal and no jump shows.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from generation.editing.plan import EditPlan, Fit, KeptSpan, MediaRef
from generation.engine import windows
from generation.engine.blend import mix
from generation.engine.capabilities import Capabilities
from generation.engine.protocol import (
    Conditioning,
    Frames,
    Progress,
    PromptSegment,
    VideoEngine,
    VideoSpec,
)

SECONDS_OF_FADE = 0.4
CONTEXT_STEPS = 2  # latent frames of a kept neighbour that the engine sees


class Media(Protocol):
    """The pixels a plan refers to; the worker reads them from storage."""

    def frames(
        self,
        media: MediaRef,
        start: float,
        count: int,
        *,
        fps: int,
        width: int,
        height: int,
        fit: Fit,
    ) -> Iterator[Frames]:
        """`count` frames [height, width, 3] from second `start` on; the last one is held if short."""
        ...

    def picture(
        self, media: MediaRef, moment: float, *, width: int, height: int, fit: Fit
    ) -> Frames:
        """One frame [height, width, 3]."""
        ...


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class Stretch:
    """Frames [first, last) of the clip: of one kept span, or, without one, to be drawn."""

    first: int
    last: int
    span: KeptSpan | None = None


@dataclass
class Anchor:
    """A frame whose picture is given. `index` counts drawn frames."""

    index: int
    target: Frames
    difference: np.ndarray | None = field(default=None)


def frames(
    plan: EditPlan, engine: VideoEngine, media: Media, *, on_progress: OnProgress
) -> Iterator[Frames]:
    """Yield exactly plan.frames uint8 RGB frames [plan.height, plan.width, 3]."""
    if plan.redraw is not None:
        spec = redrawn(plan, engine.capabilities, media)
        yield from windows.generate(engine, spec, on_progress=on_progress)
        return
    stretches = timeline(plan)
    gaps = [s for s in stretches if s.span is None]
    done = 0
    playing: Iterator[Frames] = iter(())
    for index, stretch in enumerate(stretches):
        if stretch.span is None:
            told = _share(on_progress, done, len(gaps))
            yield from Gap(plan, engine, media, stretches, index).frames(told)
            done += 1
        else:
            own = _span(plan, media, stretch)
            shared = _overlap(stretches, index)
            for number in range(shared):
                yield _mixed(next(playing), next(own), (number + 1) / (shared + 1))
            alone = stretch.last - stretch.first - shared - _overlap(stretches, index + 1)
            yield from itertools.islice(own, alone)
            playing = own


def timeline(plan: EditPlan) -> list[Stretch]:
    """Kept and drawn stretches in order, without holes, from frame 0 to plan.frames.

    Stretches of a cross-fade overlap. A loop ends with its own first frame, kept.
    """
    found: list[Stretch] = []
    spans = sorted(plan.keep, key=lambda span: span.at)
    if plan.loop and spans:
        once = 1 / plan.fps
        start = spans[0].start
        spans.append(KeptSpan(spans[0].media, start, start + once, plan.seconds - once))
    at = 0
    for span in spans:
        first, last = round(span.at * plan.fps), round(span.until * plan.fps)
        last = min(max(last, first + 1), plan.frames)
        if first > at:
            found.append(Stretch(at, first))
        found.append(Stretch(first, last, span))
        at = max(at, last)
    if at < plan.frames:
        found.append(Stretch(at, plan.frames))
    return found


def redrawn(plan: EditPlan, engine: Capabilities, media: Media) -> VideoSpec:
    """The spec of a remix or a blend; the source is loaded at the size the model draws."""
    redraw = plan.redraw
    assert redraw is not None
    width, height = engine.native_size(plan.width, plan.height) or (plan.width, plan.height)
    size = {"fps": plan.fps, "width": width, "height": height, "fit": plan.fit}
    first = np.stack(list(media.frames(redraw.first, redraw.start, plan.frames, **size)))  # type: ignore[arg-type]
    source, strength = first, redraw.strength
    levels: float | tuple[float, ...] = strength
    if redraw.second is not None:
        second = np.stack(
            list(media.frames(redraw.second, redraw.second_start, plan.frames, **size))  # type: ignore[arg-type]
        )
        curve = [redraw.influence(index / plan.fps) for index in range(plan.frames)]
        source, levels = mix(first, second, curve, strength=strength)
    return spec_of(plan, plan.frames, 0, source=source, source_strength=levels)


def spec_of(
    plan: EditPlan,
    count: int,
    first: int,
    *,
    conditioning: tuple[Conditioning, ...] = (),
    source: Frames | None = None,
    source_strength: float | tuple[float, ...] = 0.6,
) -> VideoSpec:
    """A spec of `count` frames whose frame 0 is frame `first` of the plan (may lie before it)."""
    begin = first / plan.fps
    cards = [(max(0.0, card.start - begin), card.text) for card in plan.prompts]
    running = [card for card in cards if card[0] <= 0][-1:]
    cards = running + [card for card in cards if 0 < card[0] < count / plan.fps]
    ends = [start for start, _ in cards[1:]] + [None]
    prompts = tuple(
        PromptSegment(text, start, end) for (start, text), end in zip(cards, ends, strict=True)
    )
    return VideoSpec(
        prompts=prompts or (PromptSegment(""),),
        width=plan.width,
        height=plan.height,
        frames=count,
        fps=plan.fps,
        conditioning=conditioning,
        seed=plan.seed,
        steps=plan.steps,
        guidance=plan.guidance,
        negative_prompt=plan.negative_prompt,
        source=source,
        source_strength=source_strength,
    )


class Gap:
    """One stretch to draw, with as much of its kept neighbours as the engine wants to see."""

    def __init__(
        self,
        plan: EditPlan,
        engine: VideoEngine,
        media: Media,
        stretches: list[Stretch],
        index: int,
    ) -> None:
        self.plan, self.engine, self.media = plan, engine, media
        self.here = stretches[index]
        self.before = stretches[index - 1] if index else None
        self.after = stretches[index + 1] if index + 1 < len(stretches) else None
        self.step = engine.capabilities.frame_step
        self.fade = max(1, round(SECONDS_OF_FADE * plan.fps))
        self.wanted = self.here.last - self.here.first
        self.lead = self._lead()

    def frames(self, on_progress: OnProgress) -> Iterator[Frames]:
        spec, anchors = self.compile()
        drawn = windows.generate(self.engine, spec, on_progress=on_progress)
        yield from itertools.islice(
            settle(drawn, anchors, self.fade), self.lead, self.lead + self.wanted
        )

    def compile(self) -> tuple[VideoSpec, list[Anchor]]:
        """What the engine draws, frame 0 being `lead` frames before this stretch, and what is given."""
        plan, anchors, given = self.plan, [], []
        length = self.lead + self.wanted
        if self.before is not None:
            head = self._neighbour(self.before, self._length(self.before) - self.lead, self.lead)
            given.append(Conditioning(head, at=0.0))
            anchors.append(
                Anchor(self.lead - 1, self._full(self.before, self._length(self.before) - 1))
            )
        for card in plan.pictures:
            frame = min(plan.frames - 1, round(card.at * plan.fps))
            if not self.here.first <= frame < self.here.last:
                continue
            picture = self.media.picture(
                card.media, card.moment, width=plan.width, height=plan.height, fit=plan.fit
            )
            index = self.lead + frame - self.here.first
            given.append(Conditioning(picture[None], at=index / plan.fps, strength=card.strength))
            if card.strength == 1:
                anchors.append(Anchor(index, picture))
        if self.after is not None:
            # The engine places clips on its own grid: begin later in the neighbour where it must.
            at = -(-length // self.step) * self.step
            late = at - length
            tail = self._neighbour(self.after, late, self._context(self.after, late))
            given.append(Conditioning(tail, at=at / plan.fps))
            anchors.append(Anchor(length, self._full(self.after, 0)))
            length = at + len(tail)
        spec = spec_of(plan, length, self.here.first - self.lead, conditioning=tuple(given))
        return spec, sorted(anchors, key=lambda anchor: anchor.index)

    def _lead(self) -> int:
        return self._context(self.before, 0) if self.before is not None else 0

    def _context(self, stretch: Stretch, late: int) -> int:
        """How many frames of a neighbour to show: whole latent frames, and one."""
        have = max(1, self._available(stretch) - late)
        return min((have - 1) // self.step, CONTEXT_STEPS) * self.step + 1

    def _available(self, stretch: Stretch) -> int:
        """Frames of a neighbour; behind the seam of a loop the clip itself goes on."""
        if self.plan.loop and stretch is self.after:
            first = min(self.plan.keep, key=lambda span: span.at)
            return round(first.seconds * self.plan.fps)
        return self._length(stretch)

    def _length(self, stretch: Stretch) -> int:
        return stretch.last - stretch.first

    def _neighbour(self, stretch: Stretch, offset: int, count: int) -> Frames:
        """Frames of a kept neighbour at the size the model draws."""
        plan = self.plan
        size = self.engine.capabilities.native_size(plan.width, plan.height)
        width, height = size or (plan.width, plan.height)
        return np.stack(list(self._read(stretch, offset, count, width, height)))

    def _full(self, stretch: Stretch, offset: int) -> Frames:
        return next(self._read(stretch, offset, 1, self.plan.width, self.plan.height))

    def _read(
        self, stretch: Stretch, offset: int, count: int, width: int, height: int
    ) -> Iterator[Frames]:
        assert stretch.span is not None
        return self.media.frames(
            stretch.span.media,
            stretch.span.start + offset / self.plan.fps,
            count,
            fps=self.plan.fps,
            width=width,
            height=height,
            fit=self.plan.fit,
        )


def settle(drawn: Iterator[Frames], anchors: list[Anchor], fade: int) -> Iterator[Frames]:
    """Lead drawn frames to what is given at the anchors, over `fade` frames on either side.

    An anchor's own frame becomes its target exactly. Between two near anchors their shares add up
    to one at most, so neither moves the other.
    """
    waiting: deque[tuple[int, Frames]] = deque()
    for index, frame in enumerate(drawn):
        for anchor in anchors:
            if anchor.index == index:
                anchor.difference = anchor.target.astype(np.int16) - frame.astype(np.int16)
        waiting.append((index, frame))
        if len(waiting) > fade:
            yield _settled(*waiting.popleft(), anchors, fade)
    while waiting:
        yield _settled(*waiting.popleft(), anchors, fade)


def _settled(index: int, frame: Frames, anchors: list[Anchor], fade: int) -> Frames:
    before = next((a for a in reversed(anchors) if a.index <= index), None)
    after = next((a for a in anchors if a.index > index), None)
    if before is not None and before.index == index:
        return before.target
    room = fade + 1
    if before is not None and after is not None:
        room = min(room, after.index - before.index)
    moved: np.ndarray | None = None
    for anchor in (before, after):
        if anchor is None or anchor.difference is None:
            continue
        share = 1 - abs(anchor.index - index) / room
        if share > 0:
            part = anchor.difference * np.float32(share)
            moved = part if moved is None else moved + part
    if moved is None:
        return frame
    return np.clip(np.rint(frame + moved), 0, 255).astype(np.uint8)


def _span(plan: EditPlan, media: Media, stretch: Stretch) -> Iterator[Frames]:
    span = stretch.span
    assert span is not None
    return iter(
        media.frames(
            span.media,
            span.start,
            stretch.last - stretch.first,
            fps=plan.fps,
            width=plan.width,
            height=plan.height,
            fit=plan.fit,
        )
    )


def _overlap(stretches: list[Stretch], index: int) -> int:
    """Frames that a stretch shares with the one before it: a cross-fade of two kept ones."""
    if not 0 < index < len(stretches):
        return 0
    return max(0, stretches[index - 1].last - stretches[index].first)


def _mixed(old: Frames, new: Frames, share: float) -> Frames:
    return np.rint(old + (new.astype(np.float32) - old) * np.float32(share)).astype(np.uint8)


def _share(on_progress: OnProgress, done: int, parts: int) -> OnProgress:
    """Tell the progress of one of several stretches as part of the whole."""

    def tell(progress: Progress) -> None:
        total = progress.total * parts
        step = progress.total * done + progress.step
        on_progress(Progress(progress.stage, step, total, progress.preview))

    return tell
