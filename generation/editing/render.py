"""Make the frames of a plan: kept parts pass through unchanged, the engine draws what lies between.

Frames stream, so memory doesn't grow with the length of a clip. Where a drawn part meets a kept
frame or a pinned picture, the difference between what was drawn there and what has to be there is
laid over the neighbouring drawn frames and fades out: kept frames stay bit-equal and no jump shows.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.editing.plan import EditPlan, Fit, MediaRef, Picture, Stretch, timeline
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

SECONDS_OF_FADE = 0.8
# Latent frames of the kept neighbours, before and after, that the engine sees beside the nearest
# picture. A gap that one pass can draw is drawn in one: it then knows where it is to arrive.
CONTEXTS = ((2, 2), (2, 1), (1, 1), (1, 0), (0, 0))


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


@dataclass
class Anchor:
    """A frame whose picture is given. `index` counts drawn frames; `show` loads the picture, which
    is kept only while frames near it are on their way."""

    index: int
    show: Callable[[], Frames]
    target: Frames | None = None
    difference: NDArray[np.int16] | None = None

    def meet(self, drawn: Frames) -> None:
        self.target = self.show()
        self.difference = self.target.astype(np.int16) - drawn

    def forget(self) -> None:
        self.target = self.difference = None


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
            told = _Share(on_progress, done, len(gaps))
            yield from Gap(plan, engine, media, stretches, index).frames(told)
            done += 1
        else:
            own = _read(plan, media, stretch, 0, stretch.length)
            shared = _overlap(stretches, index)
            for number in range(shared):
                yield _mixed(next(playing), next(own), (number + 1) / (shared + 1))
            alone = stretch.length - shared - _overlap(stretches, index + 1)
            yield from itertools.islice(own, alone)
            playing = own


def redrawn(plan: EditPlan, engine: Capabilities, media: Media) -> VideoSpec:
    """The spec of a remix or a blend; the source is kept at the size the model draws."""
    redraw = plan.redraw
    assert redraw is not None
    size = engine.drawn_size(plan.width, plan.height)

    def load(ref: MediaRef, start: float, end: float) -> Frames:
        count = min(plan.frames, max(1, round((end - start) * plan.fps)))
        given = media.frames(
            ref, start, count, fps=plan.fps, width=plan.width, height=plan.height, fit=plan.fit
        )
        return np.stack([widened(frame, *size) for frame in given])

    source = load(redraw.first, redraw.start, redraw.end)
    levels: float | tuple[float, ...] = redraw.strength
    if redraw.second is not None:
        second = load(redraw.second, redraw.second_start, redraw.second_end)
        curve = [redraw.influence(index / plan.fps) for index in range(plan.frames)]
        source, levels = mix(source, second, curve, strength=redraw.strength)
    return spec_of(plan, plan.frames, source=source, source_strength=levels)


def widened(frame: Frames, width: int, height: int) -> Frames:
    """The reverse of engine.frames.fit: a drawn frame of which the delivered one is the middle.

    What lies outside is cut off again; there the edge goes on. Without this, what the engine sees
    would be larger or smaller than what it is shown beside.
    """
    have_h, have_w = frame.shape[:2]
    if (have_w, have_h) == (width, height):
        return frame
    wide = max(0, round(have_h * width / height) - have_w)
    high = max(0, round(have_w * height / width) - have_h)
    edges = ((high // 2, high - high // 2), (wide // 2, wide - wide // 2), (0, 0))
    picture = Image.fromarray(np.pad(frame, edges, mode="edge"))
    return np.asarray(picture.resize((width, height), Image.Resampling.LANCZOS))


def spec_of(
    plan: EditPlan,
    count: int,
    first: int = 0,
    *,
    lead: int = 0,
    shown: int | None = None,
    conditioning: tuple[Conditioning, ...] = (),
    source: Frames | None = None,
    source_strength: float | tuple[float, ...] = 0.6,
) -> VideoSpec:
    """A spec of `count` frames that shows the plan from frame `first` on: `shown` frames of it, all
    by default, after `lead` frames of what is there already. Only prompts of shown frames are told."""
    begin = (first - lead) / plan.fps
    new, end = lead / plan.fps, (lead + (count if shown is None else shown)) / plan.fps
    half = 0.5 / plan.fps
    cards = [(card.start - begin, card.text) for card in plan.prompts]
    running = [card for card in cards if card[0] < new + half] or cards[:1]
    later = [card for card in cards[len(running) :] if card[0] < end - half]
    cards = [(0.0, running[-1][1]), *later] if running else []
    ends = [*(start for start, _ in cards[1:]), None]
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


def passes(plan: EditPlan, engine: Capabilities) -> list[int]:
    """How often the engine draws for each stretch of the plan that is drawn."""

    def count(spec: VideoSpec) -> int:
        starts = [round(prompt.start * spec.fps) for prompt in spec.prompts]
        return len(windows.windows_of(engine, spec.frames, starts))

    if plan.redraw is not None:
        return [count(spec_of(plan, plan.frames))]
    found, stretches = [], timeline(plan)
    for index, stretch in enumerate(stretches):
        if stretch.span is None:
            lead, at, tail = layout(plan, engine, stretches, index)
            first, shown = stretch.first, stretch.length
            found.append(count(spec_of(plan, at + tail, first, lead=lead, shown=shown)))
    return found


def layout(
    plan: EditPlan, engine: Capabilities, stretches: list[Stretch], index: int
) -> tuple[int, int, int]:
    """How stretch `index` is drawn together with its kept neighbours: (frames ahead of it, where the
    tail behind it begins, frames of the tail). As much of either side as one pass has room for."""
    here = stretches[index]
    before = stretches[index - 1] if index else None
    after = stretches[index + 1] if index + 1 < len(stretches) else None
    have_after = after.length if after else 0
    if plan.loop and index == len(stretches) - 2:  # behind the seam the clip itself goes on
        first = min(plan.keep, key=lambda span: span.at)
        have_after = round(first.seconds * plan.fps)
    step = engine.frame_step

    def context(have: int, steps: int) -> int:
        """How many of a neighbour's frames to show: whole latent frames, and one."""
        return min(max(0, have - 1) // step, steps) * step + 1

    def way(steps_before: int, steps_after: int) -> tuple[int, int, int]:
        lead = context(before.length, steps_before) if before else 0
        at = end = lead + here.length
        if not after:
            return lead, at, 0
        at = -(-at // step) * step  # the engine places clips on its own grid
        return lead, at, context(have_after - (at - end), steps_after)

    ways = [way(*steps) for steps in CONTEXTS if after or steps[0]]
    return next((w for w in ways if w[1] + w[2] <= engine.native_frames), ways[0])


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
        self.fade = max(1, round(SECONDS_OF_FADE * plan.fps))
        self.wanted = self.here.length
        self.lead, self.at, self.tail = layout(plan, engine.capabilities, stretches, index)

    def frames(self, on_progress: OnProgress) -> Iterator[Frames]:
        spec, anchors = self.compile()
        drawn = windows.generate(self.engine, spec, on_progress=on_progress)
        yield from itertools.islice(
            settle(drawn, anchors, self.fade), self.lead, self.lead + self.wanted
        )

    def compile(self) -> tuple[VideoSpec, list[Anchor]]:
        """What the engine draws, frame 0 being `lead` frames before this stretch, and what is given."""
        plan, anchors, given = self.plan, list[Anchor](), list[Conditioning]()
        length = self.lead + self.wanted
        if before := self.before:
            given.append(Conditioning(self._seen(before, before.length - self.lead, self.lead)))
            anchors.append(Anchor(self.lead - 1, partial(self._full, before, before.length - 1)))
        for card in plan.pictures:
            frame = plan.frame_of(card)
            if not self.here.first <= frame < self.here.last:
                continue
            index = self.lead + frame - self.here.first
            picture = self._widened(self._picture(card))[None]
            given.append(Conditioning(picture, at=index / plan.fps, strength=card.strength))
            if card.strength == 1:
                anchors.append(Anchor(index, partial(self._picture, card)))
        if after := self.after:
            tail = self._seen(after, self.at - length, self.tail)
            given.append(Conditioning(tail, at=self.at / plan.fps))
            anchors.append(Anchor(length, partial(self._full, after, 0)))
        spec = spec_of(
            plan,
            self.at + self.tail,
            self.here.first,
            lead=self.lead,
            shown=self.wanted,
            conditioning=tuple(given),
        )
        return spec, sorted(anchors, key=lambda anchor: anchor.index)

    def _seen(self, stretch: Stretch, offset: int, count: int) -> Frames:
        """Frames of a kept neighbour at the size the model draws: [count, h, w, 3]."""
        return np.stack(
            [self._widened(f) for f in _read(self.plan, self.media, stretch, offset, count)]
        )

    def _full(self, stretch: Stretch, offset: int) -> Frames:
        return next(_read(self.plan, self.media, stretch, offset, 1))

    def _picture(self, card: Picture) -> Frames:
        plan = self.plan
        return self.media.picture(
            card.media, card.moment, width=plan.width, height=plan.height, fit=plan.fit
        )

    def _widened(self, frame: Frames) -> Frames:
        return widened(
            frame, *self.engine.capabilities.drawn_size(self.plan.width, self.plan.height)
        )


def settle(drawn: Iterator[Frames], anchors: list[Anchor], fade: int) -> Iterator[Frames]:
    """Lead drawn frames to what is given at the anchors, over `fade` frames on either side.

    An anchor's own frame becomes its target exactly. Between two near anchors their shares add up
    to one at most, so neither moves the other.
    """
    if not anchors:
        yield from drawn
        return
    waiting: deque[tuple[int, Frames]] = deque()
    anchors = list(anchors)
    for index, frame in enumerate(drawn):
        for anchor in anchors:
            if anchor.index == index:
                anchor.meet(frame)
        waiting.append((index, frame))
        if len(waiting) > fade:
            yield _settled(*waiting.popleft(), anchors, fade)
        while anchors and anchors[0].index < index - 2 * fade:
            anchors.pop(0).forget()  # nothing on its way is near it any more
    while waiting:
        yield _settled(*waiting.popleft(), anchors, fade)


def _settled(index: int, frame: Frames, anchors: list[Anchor], fade: int) -> Frames:
    before = next((a for a in reversed(anchors) if a.index <= index), None)
    after = next((a for a in anchors if a.index > index), None)
    if before is not None and before.index == index and before.target is not None:
        return before.target
    room = fade + 1
    if before is not None and after is not None:
        room = min(room, after.index - before.index)
    moved: NDArray[np.float32] | None = None
    for anchor in (before, after):
        if anchor is None or anchor.difference is None:
            continue
        near = 1 - abs(anchor.index - index) / room
        if near > 0:
            share = (
                near * near * (3 - 2 * near)
            )  # eased: the step beside the anchor is the smallest
            part = anchor.difference * np.float32(share)
            moved = part if moved is None else moved + part
    if moved is None:
        return frame
    settled: Frames = np.clip(np.rint(frame + moved), 0, 255).astype(np.uint8)
    return settled


def _read(
    plan: EditPlan, media: Media, stretch: Stretch, offset: int, count: int
) -> Iterator[Frames]:
    """Frames of a kept stretch at the delivered size, from its frame `offset` on."""
    span = stretch.span
    assert span is not None
    return iter(
        media.frames(
            span.media,
            span.start + offset / plan.fps,
            count,
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


class _Share:
    """Tells the progress of one of several stretches as part of the whole: one line that never falls
    back, and "decode" only at the very end."""

    def __init__(self, on_progress: OnProgress, done: int, parts: int) -> None:
        self.on_progress, self.done, self.parts = on_progress, done, parts
        self.total = 1

    def __call__(self, progress: Progress) -> None:
        if progress.stage == "denoise":
            self.total = progress.total
            progress = self._told(progress.step, progress)
        elif progress.stage == "decode" and self.done < self.parts - 1:
            progress = self._told(self.total, progress)
        self.on_progress(progress)

    def _told(self, step: int, progress: Progress) -> Progress:
        step += self.total * self.done
        return Progress("denoise", step, self.total * self.parts, progress.preview)
