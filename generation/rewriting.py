"""The rewriter with the loaded model's vocabulary: what it never saw is said before it is paid for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from django.conf import settings

from generation.prompting import ModelVocabulary, Rewrite, rewrite

VOCABULARY = "vocabulary.json"


def rewrite_for_engine(prompt: str) -> Rewrite:
    """Take names out of a prompt and list what the model knows of it, and what not."""
    return rewrite(prompt, vocabulary=vocabulary_of_engine())


def vocabulary_of_engine() -> ModelVocabulary | None:
    """None for big models: they come without a list, nothing is unknown to them."""
    path = Path(settings.SORA_MODEL_DIR) / VOCABULARY
    try:
        return _vocabulary(path, path.stat().st_mtime)
    except OSError:
        return None


def in_words(rewrite: Rewrite) -> str:
    """ "draws: red balloon, ocean; not understood: philharmonic"."""
    draws = ", ".join(rewrite.understood) or "something of its own"
    return f"draws: {draws}; not understood: {', '.join(rewrite.unknown)}"


@lru_cache(maxsize=1)
def _vocabulary(path: Path, modified: float) -> ModelVocabulary:
    return ModelVocabulary.read(path)
