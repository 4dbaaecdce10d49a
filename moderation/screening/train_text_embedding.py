"""Train weights/text_embedding.npz; train_text.py is the command.

Embeds every training row once (some minutes on one core; a cache keeps the vectors, so that later
runs embed new rows only), then fits a few small networks with dropout and cosine decay, which are
stored as one. Folds that never split a family give the unseen margins to calibrate on.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.screening import calibration
from moderation.screening.sentence_encoder import SentenceEncoder
from moderation.screening.text_embedding import file_digest, head_margins
from moderation.screening.train_text_linear import FOLDS, ordinary_rows, targets
from moderation.screening.training_data import Row, folds_of
from moderation.screening.vector_cache import VectorCache

HIDDEN = 128
NETWORKS = 2
EPOCHS = 16
BATCH = 256
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
NOISE = 0.02
MAX_BALANCE = 2.0

Layers = list[tuple[NDArray[np.float32], NDArray[np.float32]]]


def fit_network(
    x: NDArray[np.float32], y: NDArray[np.bool_], weight: NDArray[np.float64], *, seed: int
) -> Layers:
    """Train 384 -> HIDDEN -> 1 + heads on unit vectors; returns [(weights, biases), ...]."""
    torch.manual_seed(seed)
    network = torch.nn.Sequential(
        torch.nn.Linear(x.shape[1], HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Dropout(DROPOUT),
        torch.nn.Linear(HIDDEN, y.shape[1]),
    )
    xs, ys = torch.from_numpy(x), torch.from_numpy(y.astype(np.float32))
    ws = torch.from_numpy(weight.astype(np.float32)).unsqueeze(1)
    positives = ys.sum(0).clamp(min=1)
    balance = ((len(ys) - positives) / positives).clamp(max=MAX_BALANCE)
    # "Unsafe at all" decides; the heads only name the category.
    importance = torch.cat([torch.full((1,), 4.0), torch.full((y.shape[1] - 1,), 1.0)])
    loss_of = torch.nn.BCEWithLogitsLoss(pos_weight=balance, reduction="none")
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    steps = EPOCHS * ((len(xs) + BATCH - 1) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(xs)).split(BATCH):
            noisy = xs[batch] + NOISE * torch.randn(len(batch), x.shape[1])
            loss = (loss_of(network(noisy), ys[batch]) * importance * ws[batch]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    layers: Layers = []
    for index in (0, 3):
        layer = network[index]
        assert isinstance(layer, torch.nn.Linear)
        layers.append((layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()))
    return layers


def averaged(networks: list[Layers]) -> Layers:
    """One network whose margins are the mean of all: hidden layers side by side."""
    count = len(networks)
    return [
        (
            np.concatenate([layers[0][0] for layers in networks], axis=1),
            np.concatenate([layers[0][1] for layers in networks]),
        ),
        (
            np.concatenate([layers[1][0] for layers in networks]) / count,
            np.sum([layers[1][1] for layers in networks], axis=0) / count,
        ),
    ]


def train(
    rows: list[Row], weight: NDArray[np.float64], vectors: NDArray[np.float32]
) -> tuple[Layers, NDArray[np.float32]]:
    """(the network, margins [rows, 1 + heads] by networks that saw neither row nor family)."""
    y, fold = targets(rows), folds_of(rows, FOLDS)
    unseen_margins = np.zeros(y.shape, np.float32)
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        layers = fit_network(vectors[seen], y[seen], weight[seen], seed=number)
        unseen_margins[unseen] = head_margins(vectors[unseen], layers)
    networks = [fit_network(vectors, y, weight, seed=seed) for seed in range(NETWORKS)]
    return averaged(networks), unseen_margins


def save(
    layers: Layers, margins: NDArray[np.float32], rows: list[Row], folder: Path, path: Path
) -> str:
    """Calibrate the joined margins on the ordinary rows, write the head; returns its version."""
    ordinary = ordinary_rows(rows)
    points = np.stack([calibration.fit(column[ordinary]) for column in margins.T])
    stored = [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers]
    digest = hashlib.sha256(b"".join(w.tobytes() for w, _ in stored) + points.tobytes()).hexdigest()
    (w0, b0), (w1, b1) = stored
    np.savez_compressed(
        path,
        version=np.array(f"2-{digest[:12]}"),
        encoder_sha256=np.array(file_digest(folder / "model.safetensors")),
        calibration=points,
        w0=w0,
        b0=b0,
        w1=w1,
        b1=b1,
    )
    return f"2-{digest[:12]}"


def embed(texts: list[str], folder: Path, cache: Path | None) -> NDArray[np.float32]:
    """float32 [texts, 384]."""
    vectors = VectorCache(cache, SentenceEncoder(folder).encode)
    result = vectors.encode(texts)
    vectors.save()
    return result
