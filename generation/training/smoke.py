"""The whole way once, small: `python -m generation.training.smoke [--work DIR]`.

Draw, filter, encode, 30 steps each of autoencoder, transformer and few-step student, export and
evaluate, with `runs/smoke.toml`. What it makes is good for nothing but to see that every part fits the
next; it takes about a minute of one core. Ends with a table, and with an error if a part does not learn.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from generation.training import distill, render, train_dit, train_vae
from generation.training.cache import CacheBuilder
from generation.training.config import RunConfig, RunError, read_run
from generation.training.corpus.build import Build
from generation.training.corpus.settings import corpus_settings
from generation.training.evaluate.command import QUICK, in_words
from generation.training.evaluate.table import evaluate
from generation.training.export import export

RUN = Path(__file__).parent / "runs" / "smoke.toml"
SCENES = 16
T = TypeVar("T")


def smoke(run: RunConfig, *, clips: int = 2) -> list[tuple[str, str]]:
    """Rows of the table. Raises RunError when a part does not do its work."""
    rows: list[tuple[str, str]] = []

    def timed(name: str, work: Callable[[], T], told: Callable[[T], str]) -> T:
        began = time.monotonic()
        result = work()
        rows.append((name, f"{time.monotonic() - began:6.1f} s  {told(result)}"))
        return result

    def learned(losses: list[float]) -> str:
        if not np.isfinite(losses).all():
            raise RunError("A loss of the smoke run is not a number: look at the step before.")
        return f"{len(losses)} steps, loss {np.mean(losses[:5]):.3f} -> {np.mean(losses[-5:]):.3f}"

    settings = corpus_settings(run.tables.get("corpus", {}))
    timed("draw", lambda: render.make(run, 0), lambda _: f"{run['clips']['per_shard']} clips")
    build = Build(f"world:{SCENES}", run.work / "corpus", settings)
    timed("filter", build.run, lambda report: f"{report.kept} of {report.scenes} scenes kept")
    losses = timed("autoencoder", lambda: train_vae.train(run), learned)
    if np.mean(losses[-5:]) >= np.mean(losses[:5]):
        raise RunError("The autoencoder of the smoke run did not learn: its loss did not fall.")
    timed("encode", lambda: _cache(run), lambda shards: f"{shards} shards")
    timed("transformer", lambda: train_dit.train(run), learned)
    timed("distill", lambda: distill.train(run), learned)
    folder = run.work / "model"
    timed("export", lambda: export(run, folder), lambda _: str(folder))
    report = timed(
        "evaluate",
        lambda: evaluate(folder, clips=clips, judges_dir=run.work / "judges", effort=QUICK),
        lambda report: f"{clips} clips",
    )
    return rows + [(line.split()[0], line.split(maxsplit=1)[1]) for line in _lines(report.table)]


def _lines(table: dict[str, Any]) -> list[str]:
    return in_words(table).splitlines()


def _cache(run: RunConfig) -> int:
    builder = CacheBuilder(run)
    for name, number in builder.order():
        builder.make(name, number)
    return len(builder.order())


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--work", type=Path, help="where to work (default: as runs/smoke.toml says)"
    )
    given = parser.parse_args(arguments)
    run = read_run(RUN)
    if given.work:
        run = replace(run, work=given.work)
    run.prepare()
    for name, text in smoke(run):
        print(f"{name:<24} {text}")


if __name__ == "__main__":
    main()
