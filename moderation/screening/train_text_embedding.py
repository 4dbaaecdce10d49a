"""Train weights/text_embedding.npz: python -m moderation.screening.train_text_embedding EVALSETS_DIR

Run train_text_linear first: the two margins are joined and calibrated together. Deterministic on
one machine. Embeds every training row once (some minutes on one core; --cache keeps the vectors, so
that later runs embed new rows only), then fits a few small networks with dropout and cosine decay,
which are stored as one. Folds that never split a family give the unseen margins to calibrate on.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from moderation.screening import calibration
from moderation.screening.normalise import normalise
from moderation.screening.text_embedding import (
    WEIGHTS,
    SentenceEncoder,
    encoder_dir,
    file_digest,
    head_margins,
    joined_margins,
)
from moderation.screening.text_linear import HEADS, TextLinear
from moderation.screening.train_text_linear import (
    FOLDS,
    inverse_document_frequency,
    matrix,
    ordinary_rows,
    sample_weights,
    targets,
    unseen_margins,
)
from moderation.screening.training_data import all_rows, folds_of

HIDDEN = 128
NETWORKS = 3
EPOCHS = 20
BATCH = 256
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 1e-2
DROPOUT = 0.3
NOISE = 0.02
MAX_BALANCE = 2.0
CONTRAST_WEIGHT = 3.0  # harmless rows that look unsafe decide over-refusal

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("evalsets", type=Path)
    parser.add_argument("--output", type=Path, default=WEIGHTS)
    parser.add_argument("--cache", type=Path, help="keep the row embeddings here between runs")
    options = parser.parse_args()

    folder = encoder_dir()
    if folder is None:
        raise SystemExit("The sentence encoder is not installed.")
    torch.set_num_threads(1)
    rows = [row for row in all_rows(options.evalsets) if row.split == "train"]
    vectors = embed([row.text for row in rows], folder, options.cache)
    y, weight = targets(rows), sample_weights(rows)
    contrast = np.array([row.contrast for row in rows])

    linear = TextLinear()
    normalised = [normalise(row.text) for row in rows]
    wording_x = matrix(normalised, inverse_document_frequency(normalised))
    wording = unseen_margins(rows, wording_x, y, weight)
    weight = np.where(contrast, CONTRAST_WEIGHT, weight)

    fold = folds_of(rows, FOLDS)
    meaning = np.zeros(y.shape, np.float32)
    for number in range(FOLDS):
        seen, unseen = fold != number, fold == number
        layers = fit_network(vectors[seen], y[seen], weight[seen], seed=number)
        meaning[unseen] = head_margins(vectors[unseen], layers)
    ordinary = ordinary_rows(rows)
    margins = joined_margins(meaning, wording.astype(np.float32))
    points = np.stack([calibration.fit(margins[ordinary, i]) for i in range(margins.shape[1])])
    for share in (0.90, 0.98):
        scores = np.array([calibration.apply(points[0], float(m)) for m in margins[:, 0]])
        found = float((scores[y[:, 0]] >= share).mean())
        hit = float((scores[contrast] >= share).mean())
        print(f"  unseen rows at {share}: {found:.3f} found, {hit:.3f} of the contrast rows hit")

    layers = averaged([fit_network(vectors, y, weight, seed=seed) for seed in range(NETWORKS)])
    stored = [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers]
    digest = hashlib.sha256(b"".join(w.tobytes() for w, _ in stored) + points.tobytes()).hexdigest()
    (w0, b0), (w1, b1) = stored
    np.savez_compressed(
        options.output,
        version=np.array(f"2-{digest[:12]}"),
        encoder_sha256=np.array(file_digest(folder / "model.safetensors")),
        calibration=points,
        w0=w0,
        b0=b0,
        w1=w1,
        b1=b1,
    )
    print(
        f"{options.output} {options.output.stat().st_size / 1e6:.2f} MB, linear {linear.version}, "
        f"{len(HEADS)} heads"
    )


def embed(texts: list[str], folder: Path, cache: Path | None) -> NDArray[np.float32]:
    """float32 [texts, 384]. The cache holds vectors under a checksum of their text, never the text."""
    known = _read_cache(cache)
    names = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32] for text in texts]
    missing = sorted(
        {name: text for name, text in zip(names, texts, strict=True) if name not in known}.items(),
        key=lambda item: len(item[1]),
    )
    encoder = SentenceEncoder(folder) if missing else None
    for start in range(0, len(missing), 32):
        batch = missing[start : start + 32]
        assert encoder is not None
        for (name, _), vector in zip(batch, encoder.encode([t for _, t in batch]), strict=True):
            known[name] = vector.astype(np.float16)
        if cache is not None and (start % 3200 == 0 or start + 32 >= len(missing)):
            with cache.open("wb") as file:
                np.savez(file, names=np.array(list(known)), vectors=np.stack(list(known.values())))
    return np.stack([known[name] for name in names]).astype(np.float32)


def _read_cache(cache: Path | None) -> dict[str, NDArray[np.float16]]:
    if cache is None or not cache.is_file():
        return {}
    with np.load(cache) as stored:
        return dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))


if __name__ == "__main__":
    main()
