"""Does every part of a storyboard show its own words?

For each storyboard of two text cards, one per half, the model also draws both cards alone, with the
same seed and length. `own_half_share`: the share of halves whose middle frame is nearer, in colour over
a coarse grid, to the clip of its own card at that moment than to the clip of the other card. 0.5 is
chance. `--sheet FILE` writes a contact sheet, one storyboard a row, each card's words over its half;
`--model DIR` takes another model folder.
"""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmarks import engine as engine_benchmark
from benchmarks.context import context
from generation.editing import render, tools
from generation.editing.plan import EditPlan, PromptCard
from generation.engine.frames import fit

SECONDS = 4
CARDS = (
    ("a red balloon rises over the ocean at sunset", "a white ball bounces on a snowy field"),
    ("a green car drives through the city at night", "a yellow star spins over the desert"),
    ("a blue boat drifts on the ocean at day", "an orange kite flies over the forest at sunset"),
    ("a purple cube spins in the mountains at night", "a red house stands on grassy hills at day"),
)
COLUMNS, SHOWN, CAPTION = 8, (160, 90), 18  # frames a row, their size, pixels for the words
GRID = (8, 5)


def run(
    *,
    cards: Sequence[tuple[str, str]] = CARDS,
    seconds: int = SECONDS,
    steps: int | None = None,
    model: Path = engine_benchmark.MODEL,
    sheet: Path | None = None,
) -> dict[str, Any]:
    """Measure once. Exits with the model's reason where it makes no storyboards."""
    began, engine = time.perf_counter(), engine_benchmark._engine(model)
    able = engine.capabilities
    if not able.makes("storyboard"):
        raise SystemExit(f"{able.title} makes no clips of several scenes; see `operations`.")
    canvas = tools.Canvas(
        width=able.default_size[0],
        height=able.default_size[1],
        fps=able.fps,
        seed=7,
        steps=steps or able.default_steps,
        guidance=able.guidance,
    )
    shots, own = [], []
    for first, second in cards:
        both = [PromptCard(first, 0.0), PromptCard(second, seconds / 2)]
        shot = drawn(engine, tools.storyboard(canvas, seconds, both))
        alone = [drawn(engine, tools.text(canvas, words, seconds)) for words in (first, second)]
        own += own_halves(shot, *alone)
        shots.append(shot)
    if sheet is not None:
        contact_sheet(cards, shots).save(sheet, quality=80, method=6)
    return {
        "measures": {"own_half_share": round(float(np.mean(own)), 3)},
        "context": {
            **context(["torch", "diffusers", "numpy"]),
            "model": f"{engine.name} {engine.version}",
            "storyboards": len(shots),
            "made": able.makes("storyboard"),
            "each": f"{seconds} s, two cards, {canvas.steps} steps",
            "seconds": round(time.perf_counter() - began, 1),
        },
    }


class _Nothing:
    """The plans here refer to no pictures and no clips."""

    def frames(self, *given: Any, **more: Any) -> Any:
        raise LookupError("This plan keeps nothing.")

    picture = frames


def drawn(engine: Any, plan: EditPlan) -> np.ndarray:
    """uint8 [n, h, w, 3]."""
    return np.stack(list(render.frames(plan, engine, _Nothing(), on_progress=lambda told: None)))


def own_halves(shot: np.ndarray, first: np.ndarray, second: np.ndarray) -> list[bool]:
    """Does the middle frame of each half look more like its own card's clip than like the other's?"""
    found = []
    for at, own, other in (
        (len(shot) // 4, first, second),
        (3 * len(shot) // 4, second, first),
    ):
        found.append(_apart(shot[at], own[at]) < _apart(shot[at], other[at]))
    return found


def _apart(one: np.ndarray, two: np.ndarray) -> float:
    """Mean difference of two frames as coarse grids of colour."""
    small = [fit(frame, *GRID).astype(np.float64) for frame in (one, two)]
    return float(np.abs(small[0] - small[1]).mean())


def contact_sheet(cards: Sequence[tuple[str, str]], shots: Sequence[np.ndarray]) -> Image.Image:
    """Frames from beginning to end, one storyboard a row; the words stand where they are told."""
    width, height = SHOWN
    sheet = Image.new("RGB", (COLUMNS * width, len(shots) * (height + CAPTION)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (words, shot) in enumerate(zip(cards, shots, strict=True)):
        top = row * (height + CAPTION)
        for half, text in enumerate(words):
            pen.text((half * COLUMNS // 2 * width + 4, top + 2), text, fill="black", font_size=12)
        for column in range(COLUMNS):
            frame = shot[(2 * column + 1) * len(shot) // (2 * COLUMNS)]  # none on the border
            sheet.paste(Image.fromarray(fit(frame, *SHOWN)), (column * width, top + CAPTION))
    return sheet


def _arguments() -> dict[str, Any]:
    parser = ArgumentParser(prog="python -m benchmarks.storyboards", description=__doc__)
    parser.add_argument("--json", action="store_true", help="what is printed anyway")
    parser.add_argument("--model", type=Path, default=engine_benchmark.MODEL, metavar="DIR")
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="a .webp to write")
    parser.add_argument("--steps", type=int)
    given = parser.parse_args()
    return {"model": given.model, "sheet": given.sheet, "steps": given.steps}


if __name__ == "__main__":
    import json

    print(json.dumps(run(**_arguments()), indent=2))
