"""Clips longer than a model draws in one pass, for any engine that can go on from given frames.

The clip is drawn in windows (plan.py). Each takes the last frames of the one before as its beginning,
at the model's own size: going through the delivered size would soften the picture at every window.
Only those few frames are kept, and a window is drawn when its frames are asked for, so a clip of any
length needs the memory of one window.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from generation.engine.capabilities import Capabilities
from generation.engine.frames import fit, fit_all
from generation.engine.operations import first_frame
from generation.engine.plan import Window, plan_windows
from generation.engine.protocol import (
    Conditioning,
    Frames,
    Progress,
    PromptSegment,
    VideoEngine,
    VideoSpec,
)


def generate(
    engine: VideoEngine, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
) -> Iterator[Frames]:
    """As VideoEngine.generate, for clips of any length and storyboards of any engine.

    What one pass makes goes straight to the engine. Progress is one line over all windows; what
    on_progress raises stops the work there.
    """
    able = engine.capabilities
    windows = windows_of(able, spec.frames, [round(p.start * spec.fps) for p in spec.prompts])
    if len(windows) == 1:
        yield from engine.generate(spec, on_progress=on_progress)
        return
    size = able.drawn_size(spec.width, spec.height)
    longest = max(window.overlap for window in windows)
    last: deque[Frames] = deque(maxlen=longest)
    for number, window in enumerate(windows):
        kept = list(last)[-window.overlap :] if window.overlap else []
        part = part_of(spec, window, number, size, kept)
        steps = _Steps(on_progress, number, len(windows), spec.steps)
        for index, frame in enumerate(engine.generate(part, on_progress=steps)):
            if index >= window.overlap:
                last.append(frame)
                yield fit(frame, spec.width, spec.height)


def windows_of(able: Capabilities, frames: int, starts: Sequence[int] = (0,)) -> tuple[Window, ...]:
    """The passes of a clip of `frames` frames whose prompts begin at the frames `starts`."""
    in_windows = len(starts) > 1 and able.makes("storyboard") == "in windows"
    return plan_windows(
        frames,
        longest=able.native_frames,
        overlap=able.overlap,
        step=able.frame_step,
        cuts=starts[1:] if in_windows else (),
    )


class _Steps:
    """Tells the steps of one window as those of the whole clip; only the last one ends in "decode"."""

    def __init__(
        self, on_progress: Callable[[Progress], None], number: int, windows: int, steps: int
    ) -> None:
        self.on_progress, self.number, self.windows, self.steps = (
            on_progress,
            number,
            windows,
            steps,
        )

    def __call__(self, progress: Progress) -> None:
        total = self.windows * self.steps
        if progress.stage == "denoise":
            done = self.number * self.steps + progress.step
            progress = replace(progress, step=done, total=total)
        elif progress.stage == "decode" and self.number < self.windows - 1:
            progress = Progress("denoise", (self.number + 1) * self.steps, total)
        self.on_progress(progress)


def part_of(
    spec: VideoSpec, window: Window, number: int, size: tuple[int, int], kept: list[Frames]
) -> VideoSpec:
    """The spec of one window, at the model's own size; `kept`: frames it begins with."""
    begin = Conditioning(np.stack(kept)) if kept else None
    return replace(
        spec,
        width=size[0],
        height=size[1],
        frames=window.frames,
        seed=(spec.seed + number) % 2**63,  # one seed for all would draw the same clouds again
        prompts=_prompts(spec, window),
        conditioning=tuple(c for c in (begin, *_conditions(spec, window, size)) if c is not None),
        source=None if spec.source is None else _source(spec, window),
        source_strength=spec.source_strength[window.start : window.end]
        if isinstance(spec.source_strength, tuple)
        else spec.source_strength,
    )


def _prompts(spec: VideoSpec, window: Window) -> tuple[PromptSegment, ...]:
    """Those shown between the first new frame and the end, on the window's own clock."""
    new, end = (window.start + window.overlap) / spec.fps, window.end / spec.fps
    zero = window.start / spec.fps
    begun = [k for k, p in enumerate(spec.prompts) if p.start <= new + 1e-6]
    found = [replace(spec.prompts[begun[-1] if begun else 0], start=0.0, end=None)]
    found += [
        replace(p, start=p.start - zero, end=None)
        for p in spec.prompts
        if new + 1e-6 < p.start < end
    ]
    return tuple(found)


def _conditions(spec: VideoSpec, window: Window, size: tuple[int, int]) -> Iterator[Conditioning]:
    """The parts of conditions that lie in the window's new frames, at the model's own size."""
    new = window.start + window.overlap
    for condition in spec.conditioning:
        begin = first_frame(condition, spec.fps)
        end = begin + len(condition.frames)
        if end <= new or begin >= window.end:
            continue
        cut = condition.frames[max(0, new - begin) : window.end - begin]
        yield Conditioning(
            fit_all(cut, *size),
            at=(max(begin, new) - window.start) / spec.fps,
            strength=condition.strength,
        )


def _source(spec: VideoSpec, window: Window) -> Frames:
    assert spec.source is not None
    part = spec.source[window.start : window.end]
    return part if len(part) else spec.source[-1:]
