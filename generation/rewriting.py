"""The rewriter as this site is set up: the model's vocabulary, the settings, one job's wishes."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from generation import captioning, expanding
from generation.editing.plan import Rewriting
from generation.prompting import Edit, ModelVocabulary, Rewrite, rewrite
from generation.understanding import understood

VOCABULARY = "vocabulary.json"
AS_SET_UP = Rewriting()


def rewrite_for_engine(
    prompt: str,
    *,
    options: Rewriting = AS_SET_UP,
    seed: int = 0,
    context: str = "",
    card: int = 0,
) -> Rewrite:
    """Take names out of a prompt, do what `options` asks for, and list what the model knows of it.

    seed: of the job, for people nobody described. context: the other cards' texts.
    """
    vocabulary = vocabulary_of_engine()
    wanted = settings.SORA_DIVERSIFY if options.diversify is None else options.diversify
    # A model with a vocabulary of its own draws no people one could describe.
    diversify = seed if wanted and vocabulary is None else None
    found = rewrite(prompt, vocabulary=vocabulary, diversify=diversify, keep=options.keep)
    if options.expand and "expansion:" not in options.keep and found.text.strip():
        found = _expanded(prompt, found, context, vocabulary, seconds=captioning.WORKER_SECONDS)
    if card:
        found = replace(found, edits=tuple(replace(edit, card=card) for edit in found.edits))
    return found


def expand(caption: str, context: str = "") -> tuple[str, tuple[Edit, ...]]:
    """The fuller caption, and what the rewriter changed in it. `context`: the other cards' texts."""
    vocabulary = vocabulary_of_engine()
    found = rewrite(caption, vocabulary=vocabulary)
    fuller = _expanded(caption, found, context, vocabulary, seconds=captioning.PAGE_SECONDS)
    return fuller.text, found.edits


def _expanded(
    prompt: str,
    found: Rewrite,
    context: str,
    vocabulary: ModelVocabulary | None,
    *,
    seconds: float,
) -> Rewrite:
    text, rule = found.text, "open_details"
    fuller = None
    if vocabulary is None:  # a small model wants its own words, not a longer sentence
        fuller = captioning.write_out(text, context, seconds=seconds)
    if fuller is not None:
        rule = "caption_model"
        edit = Edit("expansion", text, fuller, rule, (0, len(prompt)))
    else:
        fuller = expanding.filled_in(text, context, vocabulary)
        trimmed = text.strip().rstrip(".,; ")
        after = fuller[len(trimmed) :]
        if not after:
            return found
        edit = Edit("expansion", "", after, rule, (len(prompt), len(prompt)))
    return replace(
        found,
        text=fuller,
        edits=(*found.edits, edit),
        understood=found.understood
        if vocabulary is None
        else understood(fuller, vocabulary.phrases),
    )


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
