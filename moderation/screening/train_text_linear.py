"""Train weights/text_linear.npz; train_text.py is the command.

Needs scikit-learn (a development dependency). Deterministic: the same rows give the same weights.
Trains one logistic regression for "unsafe at all" and one for each category, on hashed tf-idf;
calibrates each margin on ordinary prompts the model has not seen (see calibration.py); stores
weights as int8 with one scale per head. No row of the sets is written anywhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from moderation.screening import calibration, features
from moderation.screening.normalise import normalise
from moderation.screening.protocol import Category
from moderation.screening.text_linear import HEADS, text_key
from moderation.screening.training_data import Row, folds_of

INVERSE_REGULARISATION = 8.0
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


# How much one row of a kind counts. Harmless rows that look unsafe decide over-refusal. Crowd labels
# that call harmless words unsafe would teach a style; pairs about papers, brands and competitors
# differ by one word, and no refusal depends on them alone.
IMPLICIT_WEIGHT = 0.3
CONTRAST_WEIGHT = 4.0
CROWD_WEIGHT = 0.5
PAIR_WEIGHTS = {
    Category.PRIVACY: 0.5,
    Category.INTELLECTUAL_PROPERTY: 0.3,
    Category.HARASSMENT: 0.7,
}
CROWD_SOURCES = frozenset({"nibbler"})


def sample_weights(rows: list[Row]) -> NDArray[np.float64]:
    return np.array([_weight(row) for row in rows])


def _weight(row: Row) -> float:
    if row.implicit:
        return IMPLICIT_WEIGHT
    if row.contrast:
        return CONTRAST_WEIGHT
    weight = PAIR_WEIGHTS.get(row.category, 1.0) if row.category else 1.0
    return weight * (CROWD_WEIGHT if row.source in CROWD_SOURCES else 1.0)


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
    """Margins [rows] of "unsafe at all" by a model that saw neither the row nor its family."""
    margins = np.zeros(len(rows))
    fold = folds_of(rows, FOLDS)
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        weights, biases = fit(x[seen], y[seen, :1], weight[seen])
        margins[unseen] = (x[unseen] @ weights + biases)[:, 0]
    return margins


def ordinary_rows(rows: list[Row]) -> NDArray[np.bool_]:
    """bool [rows]: what false alarms are counted on: ordinary prompts, ours among them."""
    return np.array([row.ordinary for row in rows])


@dataclass(frozen=True)
class Fitted:
    """A trained linear model and the margins [rows, heads] its rows get from one that never saw
    them. Only the first column, "unsafe at all", is unseen: it alone bounds every score
    (text_linear.scores_of); the heads merely name the category."""

    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    bias: NDArray[np.float32]
    idf: NDArray[np.float32]
    margins: NDArray[np.float32]


def train(rows: list[Row], weight: NDArray[np.float64]) -> Fitted:
    """Fit every head on `rows`; about a minute for 15,000 on one core."""
    texts = [normalise(row.text) for row in rows]
    idf = inverse_document_frequency(texts)
    x, y = matrix(texts, idf), targets(rows)
    full, biases = fit(x, y, weight)
    scale = np.abs(full).max(axis=0) / 127
    weights = np.round(full / scale).astype(np.int8)
    margins = x @ (weights.astype(np.float64) * scale) + biases
    margins[:, 0] = unseen_margins(rows, x, y, weight)
    return Fitted(
        weights,
        scale.astype(np.float32),
        np.array(biases, dtype=np.float32),
        idf,
        margins.astype(np.float32),
    )


def save(fitted: Fitted, rows: list[Row], path: Path) -> str:
    """Calibrate on the ordinary rows, write the weights; returns their version."""
    ordinary = ordinary_rows(rows)
    points = np.stack([calibration.fit(column[ordinary]) for column in fitted.margins.T])
    digest = hashlib.sha256(fitted.weights.tobytes() + points.tobytes()).hexdigest()[:12]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        version=np.array(f"2-{digest}"),
        weights=fitted.weights,
        scale=fitted.scale,
        bias=fitted.bias,
        idf=fitted.idf.astype(np.float16),
        calibration=points,
        trained_on=np.array(sorted({text_key(row.text) for row in rows}), dtype=np.uint32),
    )
    return f"2-{digest}"
