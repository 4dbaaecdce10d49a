"""Train and calibrate the shipped text classifiers:

    python -m moderation.screening.train_text EVALSETS_DIR --cache vectors.npz

Writes weights/text_linear.npz and weights/text_embedding.npz. Reads a folder of JSON-lines sets
(training_data.py says what of it may train) and our own prompts; no row is written anywhere. A few
minutes on one core, most of it embedding, which --cache keeps between runs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from moderation.screening import (
    calibration,
    text_embedding,
    text_linear,
    train_text_embedding,
    train_text_linear,
)
from moderation.screening.training_data import all_rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("evalsets", type=Path)
    parser.add_argument("--output", type=Path, default=text_linear.WEIGHTS.parent)
    parser.add_argument("--cache", type=Path, help="keep the vectors of rows here between runs")
    options = parser.parse_args()
    folder = text_embedding.encoder_dir()
    if folder is None:
        raise SystemExit("The sentence encoder is not installed.")
    torch.set_num_threads(1)

    rows = [row for row in all_rows(options.evalsets) if row.split == "train"]
    weight = train_text_linear.sample_weights(rows)
    unsafe = np.array([row.category is not None for row in rows])
    contrast = np.array([row.contrast for row in rows])
    ordinary = train_text_linear.ordinary_rows(rows)
    print(f"{len(rows)} rows, {unsafe.sum()} unsafe; {ordinary.sum()} ordinary to calibrate on")

    linear = train_text_linear.train(rows, weight)
    version = train_text_linear.save(linear, rows, options.output / text_linear.WEIGHTS.name)
    print(f"text_linear {version}")

    vectors = train_text_embedding.embed([row.text for row in rows], folder, options.cache)
    layers, meaning = train_text_embedding.train(rows, weight, vectors)
    margins = text_embedding.joined_margins(meaning, linear.margins)
    version = train_text_embedding.save(
        layers, margins, rows, folder, options.output / text_embedding.WEIGHTS.name
    )
    print(f"text_embedding {version}")
    points = calibration.fit(margins[ordinary, 0])
    for share in (0.90, 0.98):
        hit = np.array([calibration.apply(points, float(m)) >= share for m in margins[:, 0]])
        print(
            f"  at {share}, rows not seen: {hit[unsafe].mean():.3f} of the unsafe, "
            f"{hit[ordinary].mean():.3f} of the ordinary, {hit[contrast].mean():.3f} of the contrast"
        )


if __name__ == "__main__":
    main()
