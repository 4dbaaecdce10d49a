"""Which tools the loaded engine can do, and why not. Pure; pages and the API say the same words."""

from __future__ import annotations

from dataclasses import dataclass

from generation.engine.capabilities import Capabilities
from generation.engine.operations import OPERATIONS

TITLES = {
    "text": "From words",
    "image": "From a picture",
    "keyframes": "Keyframes",
    "remix": "Remix",
    "extend": "Extend",
    "fill": "Fill",
    "recut": "Re-cut",
    "blend": "Blend",
    "loop": "Loop",
    "storyboard": "Storyboard",
    "stitch": "Stitch",
    "upgrade": "Upgrade",
}
# A tool works when the engine makes one of these; an empty row needs no engine.
NEEDS: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "image": ("image",),
    "keyframes": ("keyframes", "last_frame"),
    "remix": ("remix",),
    "extend": ("extend",),
    "fill": ("fill",),
    "recut": ("extend",),
    "blend": ("blend",),
    "loop": ("loop",),
    "storyboard": ("storyboard",),
    "stitch": (),
    "upgrade": ("text",),
}
LONG = (5, 10, 15, 20)  # seconds, offered where a clip can be made of several passes


@dataclass(frozen=True)
class Offer:
    """how: "natively", "in windows", "without drawing", or "" with the `reason` why not at all."""

    tool: str
    title: str
    able: bool
    how: str
    reason: str = ""


def offers(engine: Capabilities) -> dict[str, Offer]:
    """Every tool, in the order they are shown."""
    return {tool: _offer(engine, tool) for tool in TITLES}


def _offer(engine: Capabilities, tool: str) -> Offer:
    title, needed = TITLES[tool], NEEDS[tool]
    if not needed:
        return Offer(tool, title, True, "without drawing")
    for operation in needed:
        if how := engine.makes(operation):
            return Offer(tool, title, True, how)
    return Offer(tool, title, False, "", f"{engine.title} can't {OPERATIONS[needed[0]]}.")


def lengths(engine: Capabilities) -> list[tuple[int, str]]:
    """(seconds, how) of the lengths to choose from: those of one pass, then those of several."""
    found = [(seconds, "natively") for seconds in engine.seconds]
    longest = max(engine.seconds)
    found += [(s, "in windows") for s in LONG if longest < s <= engine.most_seconds]
    return found
