"""What a spec asks of an engine, in the words of the capability tables. No torch."""

from __future__ import annotations

import math

from generation.engine.protocol import Conditioning, VideoSpec

OPERATIONS = {
    "text": "make a clip from text",
    "image": "begin with a picture",
    "last_frame": "end with a picture",
    "keyframes": "pass through pictures in between",
    "extend": "go on from a clip, or lead up to one",
    "fill": "fill a gap between kept frames",
    "loop": "close a clip to a loop",
    "remix": "redraw a clip",
    "blend": "redraw parts of a clip more than others",
    "storyboard": "change the prompt on the way",
    "negative_prompt": "avoid what a negative prompt names",
}


def operations_of(spec: VideoSpec, frame_step: int) -> frozenset[str]:
    """The operations that a spec needs. `frame_step`: frames the model keeps in one latent frame."""
    needed = {"text"}
    if len(spec.prompts) > 1:
        needed.add("storyboard")
    if spec.negative_prompt:
        needed.add("negative_prompt")
    if spec.source is not None:
        needed.add("blend" if isinstance(spec.source_strength, tuple) else "remix")
    spans = [c for c in spec.conditioning if len(c.frames) > 1]
    edges = {_edge(c, spec, frame_step) for c in spans}
    if spans:
        needed.add("extend" if len(edges) == 1 and edges < {"start", "end"} else "fill")
    for condition in spec.conditioning:
        if len(condition.frames) == 1:
            edge = _edge(condition, spec, frame_step)
            needed.add({"start": "image", "end": "last_frame"}.get(edge, "keyframes"))
    return frozenset(needed)


def first_frame(condition: Conditioning, fps: float) -> int:
    """The frame a condition begins at."""
    return round(condition.at * fps)


def _edge(condition: Conditioning, spec: VideoSpec, frame_step: int) -> str:
    """Which end of the clip a condition holds: "start", "end", "all" or neither."""
    at = first_frame(condition, spec.fps)
    starts = at < math.ceil(frame_step / 2)
    ends = at + len(condition.frames) > spec.frames - frame_step
    if starts and ends and spec.frames > 1:
        return "all" if len(condition.frames) > 1 else "start"
    return "start" if starts else "end" if ends else ""
