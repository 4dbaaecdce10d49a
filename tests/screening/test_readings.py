"""What a classifier reads besides the text itself, and the vectors kept between runs."""

from __future__ import annotations

import base64
import codecs
from pathlib import Path

import numpy as np
import pytest

from moderation.screening.normalise import readings
from moderation.screening.text_embedding import segmented
from moderation.screening.vector_cache import VectorCache
from moderation.screening.wordlists import ORDINARY

PLAIN = "a man with a knife in the kitchen and blood on the floor"


@pytest.mark.parametrize("text", [text for text in ORDINARY if text.isascii()])
def test_an_ordinary_prompt_has_no_second_reading(text: str) -> None:
    assert readings(text) == []


@pytest.mark.parametrize(
    "disguised",
    [
        base64.b64encode(PLAIN.encode()).decode(),
        codecs.encode(PLAIN, "rot13"),
        PLAIN[::-1],
        PLAIN.encode().hex(),
        "".join(f"%{byte:02X}" for byte in PLAIN.encode()),
        "  ".join(" ".join(word) for word in PLAIN.split()),
        PLAIN.replace("a", "а").replace("o", "о"),  # Cyrillic
        "".join(c + "\u0336" for c in PLAIN),
    ],
    ids=["base64", "rot13", "backwards", "hex", "url", "spaced", "cyrillic", "struck out"],
)
def test_a_disguised_prompt_is_also_read_plainly(disguised: str) -> None:
    assert PLAIN in readings(disguised)


def test_emoji_are_read_as_the_words_they_stand_for() -> None:
    assert readings("a man 🔪 a woman, 🩸 on the wall") == ["a man knife a woman blood on the wall"]
    assert readings("a dog runs 🐕 happily") == []


def test_words_run_together_are_taken_apart_by_their_ranks() -> None:
    words = ["the", "a", "man", "with", "knife", "kitchen", "in", "wit", "hat", "ch"]
    ranks = {word: rank for rank, word in enumerate(words)}

    assert segmented("amanwithaknifeinthekitchen", ranks) == "a man with a knife in the kitchen"
    assert segmented("", ranks) == ""
    assert len(segmented("x" * 100_000, ranks)) <= 1200


def test_vectors_are_made_once_and_kept_without_the_texts(tmp_path: Path) -> None:
    asked: list[str] = []

    def encode(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(text), 1.0] for text in texts], np.float32)

    path = tmp_path / "vectors.npz"
    cache = VectorCache(path, encode)
    assert cache.encode(["bbb", "a", "bbb"]).tolist() == [[3, 1], [1, 1], [3, 1]]
    cache.save()
    again = VectorCache(path, encode)
    assert again.encode(["a", "cc"]).tolist() == [[1, 1], [2, 1]]

    assert sorted(asked) == ["a", "bbb", "cc"]
    assert b"bbb" not in path.read_bytes()


def test_a_file_that_is_no_cache_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "vectors.npz"
    path.write_bytes(b"something else")

    with pytest.raises(ValueError, match=r"vectors\.npz is no cache"):
        VectorCache(path, lambda texts: np.zeros((len(texts), 2), np.float32))
    assert path.read_bytes() == b"something else"
