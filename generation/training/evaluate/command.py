"""What both doors to the evaluation share: its arguments, and how its table is printed."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from generation.training.evaluate.card import NAMES
from generation.training.evaluate.card import write as write_card
from generation.training.evaluate.judges import Effort
from generation.training.evaluate.table import JUDGES, evaluate

# The smoke run wants the way, not the figures.
QUICK = Effort(clips=24, coded=2, still_steps=4, thing_steps=4, moving_steps=4, tested=8)


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--clips", type=int, default=500, help="prompts for the main figures")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--distilled", type=Path, metavar="DIR", help="folder of the few-step student, to compare"
    )
    parser.add_argument("--judges", type=Path, default=JUDGES, help="where trained judges are kept")
    parser.add_argument("--quick", action="store_true", help="barely trained judges: a smoke test")
    parser.add_argument(
        "--write",
        type=Path,
        metavar="DIR",
        help="write pictures and figures there, and the table into the cards",
    )


def run(
    *,
    model_dir: Path,
    clips: int,
    device: str,
    distilled: Path | None,
    judges: Path,
    quick: bool,
    write: Path | None,
    as_json: bool,
) -> str:
    """Measure, write what was asked for, and return the text to print."""
    if clips < 2:
        raise ValueError("--clips takes at least 2")
    report = evaluate(
        model_dir,
        clips=clips,
        device=device,
        distilled=distilled,
        judges_dir=judges,
        effort=QUICK if quick else None,
    )
    if write is not None:
        cards = [model_dir / "README.md", write.parent / "model_card.md"]
        write_card(report, write, model_dir, [path for path in cards if path.is_file()])
    return json.dumps(report.table, indent=1) if as_json else in_words(report.table)


def in_words(table: dict[str, Any]) -> str:
    """One line a measure."""
    lines = []
    for name in NAMES:
        value = table.get(name)
        if value is None:
            lines.append(f"{name:<24} none")
            continue
        low, high = table["intervals"][name]
        lines.append(f"{name:<24} {value:8.3f}   {low:.3f} to {high:.3f}")
    return "\n".join([*lines, f"{'trained_on':<24} {table['trained_on']}"])
