"""How alike two prompts are by their letters: cheap enough for a web request, no model.

Both texts are undisguised first, so spelling a word otherwise does not make a new prompt of it. The
measure is the cosine of the sets of character runs (3 and 4 letters, word edges included) of two
texts: one word changed in a sentence of ten leaves about 0.8, another subject leaves below 0.4.
Rephrasing with other words is not seen here; the worker compares meanings (text_embedding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from moderation.screening.normalise import normalise

Sketch = frozenset[int]

_RUNS = (3, 4)
_LONGEST = 2000  # characters compared; what follows changes little
# Words every prompt may hold say nothing about what it is after.
_COMMON_WORDS = (
    "a an and as at by for from in into is it its of on or over that the this to with while are be "
    "video clip scene shot camera realistic cinematic style"
)
_COMMON = frozenset(_COMMON_WORDS.split())


@lru_cache(maxsize=2048)
def sketch(text: str) -> Sketch:
    """Hashed character runs of a text. Equal for texts that differ only by disguise."""
    words = [word for word in normalise(text[:_LONGEST]).split() if word not in _COMMON]
    runs: set[str] = set()
    for word in words:
        edged = f" {word} "
        for size in _RUNS:
            runs.update(edged[i : i + size] for i in range(max(1, len(edged) - size + 1)))
    return frozenset(hash_of(run) for run in runs)


def hash_of(run: str) -> int:
    """FNV-1a, 32 bit: the same in every process, as Python's own hash of a text is not."""
    value = 0x811C9DC5
    for byte in run.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def likeness(a: Sketch, b: Sketch) -> float:
    """Cosine of two sketches, 0 to 1; 0 for an empty one."""
    if not a or not b:
        return 0.0
    return len(a & b) / math.sqrt(len(a) * len(b))


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Of two vectors of meaning; 0 for one without length."""
    lengths = math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b))
    return sum(x * y for x, y in zip(a, b, strict=True)) / lengths if lengths else 0.0
