"""What will be drawn for what is asked, worked out without a model: for prices, and for the page.

A model draws certain sizes and so many frames in one pass. Everything beyond is honest arithmetic on
top: frames are cut and resampled to the size asked for, and longer clips go on in windows, each of
which takes over the last frames of the one before as its beginning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from generation.engine.capabilities import Capabilities, UnsupportedSpec


@dataclass(frozen=True)
class Window:
    """One pass of the model: frames start to start + frames of the clip, of which the first `overlap`
    are those of the window before and are not shown again."""

    start: int
    frames: int
    overlap: int

    @property
    def end(self) -> int:
        return self.start + self.frames


@dataclass(frozen=True)
class Plan:
    """width, height, fps, frames: as drawn. delivered_*: as asked. resampling: how the one becomes
    the other, in words, "" when nothing is done. engine_seconds: a rough estimate of the work."""

    width: int
    height: int
    fps: int
    frames: int
    delivered_width: int
    delivered_height: int
    delivered_fps: int
    windows: tuple[Window, ...]
    resampling: str
    engine_seconds: float
    warnings: tuple[str, ...]

    @property
    def passes(self) -> int:
        return len(self.windows)


def make_plan(
    capabilities: Capabilities,
    *,
    width: int,
    height: int,
    seconds: float,
    fps: int | None = None,
    steps: int | None = None,
    starts: Sequence[float] = (0.0,),
) -> Plan:
    """Plan a clip. starts: where the prompts of a storyboard begin, in seconds.

    Raises UnsupportedSpec naming the field that can't be made, and what can.
    """
    if (width, height) not in capabilities.sizes:
        capabilities.check(width, height, capabilities.default_seconds)
    frames = round(seconds * capabilities.fps)
    longest = capabilities.native_frames
    extends = "extend" in capabilities.operations
    most = capabilities.longest_seconds if extends else max(capabilities.seconds)
    if not 0 < frames <= most * capabilities.fps:
        raise UnsupportedSpec(
            "seconds", f"{capabilities.title} makes clips of up to {most} seconds."
        )
    cuts = [round(start * capabilities.fps) for start in starts[1:]]
    if len(starts) > 1 and not capabilities.makes("storyboard"):
        raise UnsupportedSpec("prompts", f"{capabilities.title} takes one prompt per clip.")
    windows = plan_windows(
        frames,
        longest=longest,
        overlap=capabilities.overlap,
        step=capabilities.frame_step,
        cuts=cuts if capabilities.makes("storyboard") == "in windows" else (),
    )
    drawn = capabilities.drawn_size(width, height)
    delivered_fps = fps or capabilities.fps
    resampling = describe(drawn, (width, height), capabilities.fps, delivered_fps)
    work = sum(
        capabilities.estimate_seconds(
            width,
            height,
            window.frames / capabilities.fps,
            steps or capabilities.default_steps,
        )
        for window in windows
    )
    return Plan(
        *drawn,
        capabilities.fps,
        frames,
        width,
        height,
        delivered_fps,
        windows,
        resampling,
        work,
        _warnings(capabilities, windows, drawn, (width, height), delivered_fps),
    )


def plan_windows(
    frames: int, *, longest: int, overlap: int, step: int, cuts: Sequence[int] = ()
) -> tuple[Window, ...]:
    """Cover `frames` with passes of at most `longest` frames, each taking over `overlap` frames.

    cuts: frames at which a new window must begin to show something new (the prompts of a storyboard).
    The passes between two cuts are about equally long, so that no last one is a stump.
    """
    if overlap >= longest:
        raise ValueError(f"an overlap of {overlap} frames leaves nothing new in {longest}")
    windows: list[Window] = []
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < frames}), frames]
    for begin, end in pairwise(edges):
        have = min(overlap, begin)
        have = (have - 1) // step * step + 1 if have else 0  # what the model can take as one piece
        count = 1
        if end - begin > longest - have:
            count += math.ceil((end - begin - (longest - have)) / (longest - overlap))
        each = (end - begin + (count - 1) * overlap + have) / count
        at = begin
        for number in range(count):
            taken = have if number == 0 else overlap
            # A window's length is a length of the model's own, so that its last frames are all drawn.
            length = min(longest, math.ceil((each - 1) / step) * step + 1)
            stop = end if number == count - 1 else min(end, at - taken + length)
            windows.append(Window(at - taken, stop - at + taken, taken))
            at = stop
    return tuple(windows)


def describe(drawn: tuple[int, int], asked: tuple[int, int], fps: int, delivered_fps: int) -> str:
    """ "drawn at 160x96, cut and enlarged to 1920x1080", or ""."""
    parts = []
    if drawn != asked:
        cut = abs(drawn[0] / drawn[1] - asked[0] / asked[1]) > 0.01
        scale = min(drawn[0] / asked[0], drawn[1] / asked[1])
        verb = "enlarged" if scale < 1 else "made smaller" if scale > 1.001 else ""
        how = " and ".join(["cut"] * cut + [verb] * bool(verb)) or "resampled"
        parts.append(f"drawn at {drawn[0]}x{drawn[1]}, {how} to {asked[0]}x{asked[1]}")
    if fps != delivered_fps:
        how = "repeated" if delivered_fps > fps else "left out"
        parts.append(f"drawn at {fps} frames a second, frames {how} for {delivered_fps}")
    return "; ".join(parts)


def _warnings(
    capabilities: Capabilities,
    windows: tuple[Window, ...],
    drawn: tuple[int, int],
    asked: tuple[int, int],
    delivered_fps: int,
) -> tuple[str, ...]:
    found = []
    if len(windows) > 1:
        found.append(
            f"Drawn in {len(windows)} parts of up to {max(w.frames for w in windows)} frames that go "
            "on from each other: things may change slowly on the way."
        )
    enlarged = max(asked[0] / drawn[0], asked[1] / drawn[1])
    if enlarged > 1.5:
        found.append(
            f"Drawn at {drawn[0]}x{drawn[1]} and enlarged {enlarged:.1f} times: the size holds no "
            "more detail than that."
        )
    if delivered_fps > capabilities.fps:
        found.append(f"The model draws {capabilities.fps} frames a second; frames are repeated.")
    return tuple(found)
