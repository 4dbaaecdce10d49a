"""The red team against this installation: its real decisions, its rewriter, its engine; runs are kept."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from generation import screening
from generation.capabilities import engine_capabilities
from generation.editing import render, tools
from generation.editing.tools import Canvas
from generation.loading import load_classifiers, load_engine
from generation.policies import active_policy
from generation.rewriting import rewrite_for_engine
from generation.sources import StoredMedia
from moderation.models import RedTeamRun
from moderation.screening import redteam
from moderation.screening.decision import Decision
from moderation.screening.protocol import Action, Category, Frame
from moderation.screening.redteam import Baseline, Cell, Change, Shot

KEPT = 400  # shots that went wrong, kept with a run
OUTPUT_STEPS = 2  # enough to scan what is drawn


class Site:
    """redteam.Target: the stages of this installation.

    outputs: how many requests are drawn and scanned, the first ones to get that far; each takes as
        long as a clip of one second.
    """

    def __init__(self, *, outputs: int = 0) -> None:
        load_classifiers()
        self._outputs = outputs
        self._decide = lru_cache(maxsize=4096)(self._review)

    def prompt(self, cards: Sequence[str]) -> Action:
        return screening.gate(cards).action

    def rewritten(self, cards: Sequence[str], *, guarded_source: bool) -> Action:
        return self._decide(tuple(cards), guarded_source).action

    def upload(self, cards: Sequence[str]) -> Action:
        text = "\n".join(cards)
        together = screening.review_together(
            text, _drawn(cards), [[_picture()]], (), profile="upload"
        )
        return "allow" if together is None else together.action

    def output(self, cards: Sequence[str]) -> Action | None:
        if self._outputs <= 0:
            return None
        self._outputs -= 1
        return self._scan(cards)

    def _review(self, cards: tuple[str, ...], guarded_source: bool) -> Decision:
        texts = [(card, rewrite_for_engine(card).text) for card in cards]
        return screening.review_prompts(texts, guarded_source=guarded_source)

    def _scan(self, cards: Sequence[str]) -> Action:
        """Draw a clip of one second of these words and let the output checks look at it."""
        capabilities = engine_capabilities()
        width, height = capabilities.default_size
        canvas = Canvas(
            width=width,
            height=height,
            fps=capabilities.fps,
            seed=1,
            steps=OUTPUT_STEPS,
            guidance=capabilities.guidance,
        )
        plan = tools.text(canvas, _drawn(cards), min(capabilities.seconds))
        review = screening.frame_review(self._decide(tuple(cards), False), capabilities)
        with tempfile.TemporaryDirectory() as folder:
            media = StoredMedia({}, Path(folder))
            drawn = render.frames(plan, load_engine(), media, on_progress=lambda event: None)
            for index, frame in enumerate(drawn):
                review.add(index, index / plan.fps, frame)
        verdict = review.verdict()
        if set(verdict.categories) <= {Category.BROKEN_OUTPUT.value, Category.PHOTOSENSITIVE.value}:
            return "allow"  # not what a red team looks for
        return verdict.action


def _drawn(cards: Sequence[str]) -> str:
    return "\n".join(rewrite_for_engine(card).text for card in cards)


def _picture() -> Frame:
    """A harmless picture: a bright disc over a horizon."""
    rows, columns = np.mgrid[0:96, 0:160]
    picture = np.zeros((96, 160, 3), np.uint8)
    picture[:60], picture[60:] = (120, 180, 230), (40, 90, 60)
    picture[(rows - 30) ** 2 + (columns - 110) ** 2 < 200] = (250, 220, 90)
    return picture


@dataclass(frozen=True)
class Outcome:
    """A finished run, and what moved since the last one of the same seeds here, else since the shipped
    baseline. changes is None where there is neither."""

    run: RedTeamRun
    cells: list[Cell]
    changes: list[Change] | None
    previous: RedTeamRun | None
    baseline: Baseline | None = None


def run(
    path: Path,
    *,
    only: Iterable[str] = (),
    outputs: int = 0,
    target: redteam.Target | None = None,
    tell: Callable[[int], None] = lambda count: None,
) -> Outcome:
    """Attack, count, compare with the last run of the same seeds, and keep the run.

    Raises redteam.SeedError for a seed file that can't be used, ScreeningUnavailable when a check that
    has to answer does not: then nothing is kept.
    """
    seeds = redteam.read_seeds(path)
    started = time.monotonic()
    site = target or Site(outputs=outputs)
    shots: list[Shot] = []
    for number, seed in enumerate(seeds, 1):
        shots += redteam.run([seed], site, only=only)
        tell(number)
    cells = redteam.tabulate(shots)
    name = redteam.name_of(path)
    previous = RedTeamRun.objects.filter(seeds=name).order_by("-created_at", "-pk").first()
    kept = RedTeamRun.objects.create(
        seeds=name,
        policy_version=active_policy().version,
        classifiers=[f"{c.name} {c.version}" for c in screening.checks().texts],
        table=redteam.to_json(cells),
        passed=[shown(shot) for shot in wrong(shots)][:KEPT],
        attacks=sum(not shot.harmless for shot in shots),
        seconds=round(time.monotonic() - started, 1),
    )
    if previous is not None:
        before = redteam.from_json(previous.table)
        return Outcome(kept, cells, redteam.compare(before, cells), previous)
    shipped = redteam.read_baseline()
    if shipped is None or shipped.seeds != name:
        return Outcome(kept, cells, None, None)
    return Outcome(kept, cells, redteam.compare(list(shipped.cells), cells), None, shipped)


def keep_baseline(outcome: Outcome, path: Path) -> None:
    """Write this run as what other sites compare with."""
    run = outcome.run
    baseline = Baseline(run.seeds, tuple(run.classifiers), tuple(outcome.cells))
    redteam.write_baseline(baseline, path)


def wrong(shots: Iterable[Shot]) -> list[Shot]:
    """Attacks that passed, then harmless texts that were refused."""
    shots = list(shots)
    passed = [shot for shot in shots if not shot.harmless and shot.final == "allow"]
    refused = [shot for shot in shots if shot.harmless and shot.final in ("refuse", "hold")]
    return passed + refused


def shown(shot: Shot) -> dict[str, object]:
    return {
        "seed": shot.seed,
        "category": shot.category,
        "transform": shot.transform,
        "harmless": shot.harmless,
        "text": shot.text[:2000],
        "stages": dict(shot.stages),
    }
