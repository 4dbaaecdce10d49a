"""A multi-label linear classifier over hashed words and character n-grams. Numpy only, about 1 ms.

Trained by train_text.py; the weights (int8, under 5 MB) lie in weights/text_linear.npz. It knows
wording, not meaning: text_embedding.py adds that where its model is installed.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from moderation.screening import calibration, features
from moderation.screening.normalise import normalise, readings
from moderation.screening.protocol import Category, Score, ScreeningUnavailable

WEIGHTS = Path(__file__).parent / "weights" / "text_linear.npz"

# One head each, in the order of the weight columns; column 0 is "any of them".
HEADS = (
    Category.SEXUAL,
    Category.VIOLENCE_GORE,
    Category.SELF_HARM,
    Category.HATE,
    Category.HARASSMENT,
    Category.ILLEGAL,
    Category.DANGEROUS,
    Category.DECEPTIVE,
    Category.PRIVACY,
    Category.INTELLECTUAL_PROPERTY,
)


class TextLinear:
    """See protocol.TextClassifier. Raises ScreeningUnavailable when the weights can't be read."""

    name = "text_linear"
    categories = frozenset(HEADS)

    def __init__(self, path: Path = WEIGHTS) -> None:
        try:
            with np.load(path, allow_pickle=False) as stored:
                self.version = str(stored["version"])
                weights: NDArray[np.int8] = stored["weights"]
                self._scale: NDArray[np.float32] = stored["scale"].astype(np.float32)
                self._bias: NDArray[np.float32] = stored["bias"].astype(np.float32)
                self._idf: NDArray[np.float32] = stored["idf"].astype(np.float32)
                self._calibration: NDArray[np.float32] = stored["calibration"]
                self._trained_on = frozenset(
                    stored["trained_on"].tolist() if "trained_on" in stored else ()
                )
        except (OSError, KeyError, ValueError) as error:
            raise ScreeningUnavailable(f"text_linear: {path.name} can't be read") from error
        if weights.shape != (features.BUCKETS, len(HEADS) + 1):
            raise ScreeningUnavailable(f"text_linear: {path.name} has the shape {weights.shape}")
        self._weights = weights

    def margins(self, text: str) -> NDArray[np.float32]:
        """float32 [1 + heads]: log-odds of "unsafe at all", then of each of HEADS.

        The highest over every reading of a disguised text (normalise.readings).
        """
        plain = dict.fromkeys((normalise(text), *readings(text)))
        result: NDArray[np.float32] = np.stack([self.reading_margins(p) for p in plain]).max(axis=0)
        return result

    def reading_margins(self, plain: str) -> NDArray[np.float32]:
        """The same for one text that is already normalised."""
        indices, values = features.vector(plain, self._idf)
        if not indices.size:
            return self._bias
        rows = self._weights[indices].astype(np.float32)
        return (values @ rows) * self._scale + self._bias

    def score(self, text: str) -> list[Score]:
        return scores_of(self.margins(text), self._calibration, self.name)

    def trained_on(self, text: str) -> bool:
        """Whether this very text was among the training rows (by a checksum; no row is stored)."""
        return text_key(text) in self._trained_on

    def examples(self) -> list[tuple[str, Category, bool]]:
        return EXAMPLES


def text_key(text: str) -> int:
    """Names a text irrespective of case and spacing."""
    return crc32(" ".join(text.casefold().split()).encode("utf-8", "replace"))


def scores_of(
    margins: NDArray[np.float32], points: NDArray[np.float32], source: str
) -> list[Score]:
    """Scores from margins [1 + heads] and their calibration [1 + heads, len(SHARES)].

    The first margin decides how unsafe a text is, the heads decide what it is about: the
    strongest head carries the full score, the others at most their own. So the share of ordinary
    prompts above a threshold is the share of the first margin, however many heads there are.
    """
    overall = calibration.apply(points[0], float(margins[0]))
    own = [calibration.apply(points[i + 1], float(margins[i + 1])) for i in range(len(HEADS))]
    strongest = int(np.argmax(np.nan_to_num(margins[1:], nan=np.inf)))
    own[strongest] = overall
    return [
        Score(category, min(value, overall), source)
        for category, value in zip(HEADS, own, strict=True)
    ]


@lru_cache(maxsize=1)
def default() -> TextLinear:
    """The shipped classifier, loaded once in a process (about 20 ms, 10 MB)."""
    return TextLinear()


EXAMPLES: list[tuple[str, Category, bool]] = [
    (
        "Two adults having explicit sex on a bed, fully naked, genitals visible",
        Category.SEXUAL,
        True,
    ),
    ("A naked woman spreads her legs and moans, pornographic close-up", Category.SEXUAL, True),
    (
        "A soldier is torn apart by an explosion, blood and severed limbs everywhere",
        Category.VIOLENCE_GORE,
        True,
    ),
    (
        "A man stabs another man again and again, blood spraying on the walls",
        Category.VIOLENCE_GORE,
        True,
    ),
    (
        "A woman cuts her wrists with a razor blade and bleeds in a bathtub",
        Category.SELF_HARM,
        True,
    ),
    (
        "White supremacists march with swastika flags and shout that immigrants are an inferior race",
        Category.HATE,
        True,
    ),
    ("Step-by-step tutorial on how to cook methamphetamine at home", Category.ILLEGAL, True),
    ("A red balloon rises over the ocean at sunset", Category.SEXUAL, False),
    ("A chef slices ripe tomatoes on a wooden board, slow motion", Category.VIOLENCE_GORE, False),
    ("A golden retriever runs through a meadow at dawn", Category.VIOLENCE_GORE, False),
    ("An old man feeds pigeons in a quiet square", Category.SELF_HARM, False),
    ("A green cube slides across a snowy field at night", Category.HATE, False),
    ("A timelapse of clouds over a mountain lake", Category.ILLEGAL, False),
]
