"""The encoder in numpy says what the model's own library says."""

from __future__ import annotations

import numpy as np
import pytest

from moderation.screening.sentence_encoder import SentenceEncoder, gelu
from moderation.screening.text_embedding import encoder_dir

TEXTS = [
    "a red balloon rises over the ocean at sunset",
    "Ein Fuchs läuft durch den Schnee, 日本の庭",
    "",
    "broken \ud800 surrogate 🔪",
    "a slow pan over a harbour full of small boats " * 60,
]


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    folder = encoder_dir()
    if folder is None:
        pytest.skip("the sentence encoder is not installed")
    return SentenceEncoder(folder)


def test_its_vectors_are_those_of_the_model(encoder: SentenceEncoder) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(encoder_dir())
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(folder, local_files_only=True, dtype=torch.float32).eval()
    readable = [text.encode("utf-8", "replace").decode() for text in TEXTS]
    batch = tokenizer(readable, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        mean = (hidden * mask).sum(1) / mask.sum(1)
        wanted = torch.nn.functional.normalize(mean, dim=1).numpy()

    assert np.abs(encoder.encode(TEXTS) - wanted).max() < 1e-5


def test_a_text_gets_the_same_vector_in_any_company(encoder: SentenceEncoder) -> None:
    alone = encoder.encode(TEXTS[:1])

    assert np.array_equal(encoder.encode(TEXTS)[:1], alone)
    assert encoder.encode([]).shape == (0, 384)


def test_gelu_is_what_it_says() -> None:
    import math

    x = np.linspace(-8, 8, 4001, dtype=np.float32)[:, None]
    wanted = [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in x[:, 0].tolist()]

    assert np.abs(gelu(x.copy())[:, 0] - wanted).max() < 2e-6
