"""Train weights/text_linear.npz: python -m moderation.screening.train_text_linear EVALSETS_DIR

Needs scikit-learn (a development dependency). Deterministic: the same rows give the same weights.
Trains one logistic regression for "unsafe at all" and one for each category, on hashed tf-idf;
calibrates each margin on ordinary prompts the model has not seen (see calibration.py); stores
weights as int8 with one scale per head. No row of the sets is written anywhere.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.screening import calibration, features
from moderation.screening.normalise import normalise
from moderation.screening.text_linear import HEADS, WEIGHTS, text_key
from moderation.screening.training_data import Row, all_rows, folds_of

INVERSE_REGULARISATION = 8.0
IMPLICIT_WEIGHT = 0.3
MIN_DOCUMENTS = 2
FOLDS = 3
TOLERANCE = 1e-2  # of the solver: ten times faster than the default, the same ranking


def matrix(texts: list[str], idf: NDArray[np.float32]) -> scipy.sparse.csr_matrix:
    """float32 [texts, BUCKETS]; `texts` are normalised."""
    pointers, indices, values = [0], [], []
    for text in texts:
        columns, weights = features.vector(text, idf)
        indices.append(columns)
        values.append(weights)
        pointers.append(pointers[-1] + len(columns))
    return scipy.sparse.csr_matrix(
        (np.concatenate(values), np.concatenate(indices), np.array(pointers)),
        shape=(len(texts), features.BUCKETS),
    )


def inverse_document_frequency(texts: list[str]) -> NDArray[np.float32]:
    """float32 [BUCKETS]; 0 for buckets seen in fewer than MIN_DOCUMENTS texts (ignored)."""
    counts = np.zeros(features.BUCKETS, np.int64)
    for text in texts:
        counts[features.word_buckets(text)] += 1
        counts[features.char_buckets(text)] += 1
    idf = np.log((1 + len(texts)) / (1 + counts)) + 1
    return np.where(counts >= MIN_DOCUMENTS, idf, 0.0).astype(np.float32)


def targets(rows: list[Row]) -> NDArray[np.bool_]:
    """bool [rows, 1 + heads]: unsafe at all, then each head."""
    table = np.zeros((len(rows), len(HEADS) + 1), dtype=bool)
    for number, row in enumerate(rows):
        if row.category is not None:
            table[number, 0] = True
            table[number, 1 + HEADS.index(row.category)] = True
    return table


def sample_weights(rows: list[Row]) -> NDArray[np.float64]:
    return np.array([IMPLICIT_WEIGHT if row.implicit else 1.0 for row in rows])


def fit(
    x: scipy.sparse.csr_matrix, y: NDArray[np.bool_], weight: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(weights [BUCKETS, heads], biases [heads]) of one logistic regression for each column of y."""
    columns, biases = [], []
    for head in range(y.shape[1]):
        model = LogisticRegression(
            C=INVERSE_REGULARISATION,
            class_weight="balanced",
            max_iter=200,
            solver="liblinear",
            tol=TOLERANCE,
        )
        model.fit(x, y[:, head], sample_weight=weight)
        columns.append(model.coef_[0])
        biases.append(model.intercept_[0])
    return np.stack(columns, axis=1), np.array(biases)


def unseen_margins(
    rows: list[Row], x: scipy.sparse.csr_matrix, y: NDArray[np.bool_], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Margins [rows, heads] of every row by a model that saw neither it nor its family."""
    margins = np.zeros(y.shape)
    fold = folds_of(rows, FOLDS)
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        weights, biases = fit(x[seen], y[seen], weight[seen])
        margins[unseen] = x[unseen] @ weights + biases
    return margins


def ordinary_rows(rows: list[Row]) -> NDArray[np.bool_]:
    """bool [rows]: what false alarms are counted on: ordinary prompts, ours among them."""
    return np.array([row.ordinary for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("evalsets", type=Path)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    options = parser.parse_args()

    rows = all_rows(options.evalsets)
    train = [row for row in rows if row.split != "test"]
    texts = [normalise(row.text) for row in train]
    idf = inverse_document_frequency(texts)
    x, y, weight = matrix(texts, idf), targets(train), sample_weights(train)
    ordinary = ordinary_rows(train)
    print(f"{len(train)} rows, {int(y[:, 0].sum())} unsafe; {int(ordinary.sum())} to calibrate on")

    full, biases = fit(x, y, weight)
    scale = np.abs(full).max(axis=0) / 127
    weights = np.round(full / scale).astype(np.int8)
    margins = unseen_margins(train, x, y, weight)[ordinary]
    points = np.stack([calibration.fit(margins[:, i]) for i in range(margins.shape[1])])

    digest = hashlib.sha256(weights.tobytes() + points.tobytes()).hexdigest()[:12]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.output,
        version=np.array(f"2-{digest}"),
        weights=weights,
        scale=scale.astype(np.float32),
        bias=np.array(biases, dtype=np.float32),
        idf=idf.astype(np.float16),
        calibration=points,
        trained_on=np.array(sorted({text_key(row.text) for row in train}), dtype=np.uint32),
    )
    print(f"{options.output} {options.output.stat().st_size / 1e6:.2f} MB, version 2-{digest}")


if __name__ == "__main__":
    main()
