"""Who is drawn when a prompt names nobody: the product's rewriter, and frames of its engine."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from generation.capabilities import engine_capabilities
from generation.editing import render, tools
from generation.editing.tools import Canvas
from generation.loading import load_engine
from generation.prompting import rewrite
from generation.sources import StoredMedia
from moderation.screening.fairness import GroupClassifier

LOOKED_AT = 4  # frames of a clip


def rewritten(prompt: str, seed: int) -> str:
    """The prompt as the rewriter gives it to an engine that draws people, for one seed."""
    return rewrite(prompt, diversify=seed).text


class Looker:
    """(text, seed) -> what a group classifier sees in a clip drawn from them; the commonest answer of
    its frames. Slow: a clip of the engine's shortest length each."""

    def __init__(self, classifier: GroupClassifier) -> None:
        self._classifier = classifier

    def __call__(self, text: str, seed: int) -> Mapping[str, str]:
        engine = engine_capabilities()
        width, height = engine.default_size
        canvas = Canvas(
            width=width,
            height=height,
            fps=engine.fps,
            seed=seed,
            steps=engine.default_steps,
            guidance=engine.guidance,
        )
        plan = tools.text(canvas, text, min(engine.seconds))
        with tempfile.TemporaryDirectory() as folder:
            media = StoredMedia({}, Path(folder))
            drawn = render.frames(plan, load_engine(), media, on_progress=lambda event: None)
            frames = list(drawn)
        chosen = frames[:: max(1, len(frames) // LOOKED_AT)][:LOOKED_AT]
        answers = self._classifier.groups(chosen)
        return {
            name: Counter(a[name] for a in answers if name in a).most_common(1)[0][0]
            for name in {name for answer in answers for name in answer}
        }
