"""The tables [corpus], [corpus.safety] and [corpus.recaption] of a run file, checked."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

T = TypeVar("T")


class CorpusSettingsError(ValueError):
    """A table of the run file that can't be used. Names the key and what it must be."""


@dataclass(frozen=True)
class SafetySettings:
    """What footage must pass besides the embedded checks of `moderation.screening`.

    text_classifiers: dotted names of classes or functions that make a screening TextClassifier,
        used beside the embedded ones.
    frame_classifier: dotted name of what makes a FrameClassifier. Without one, footage that may
        show people is left out: nobody would have looked at it.
    frame_options: keyword arguments for it, such as an address.
    known_hashes: a file of PDQ hashes in hex, one a line, of what must never be trained on.
    keep_guarded: keep what screening would let through with a warning.
    """

    text_classifiers: tuple[str, ...] = ()
    frame_classifier: str = ""
    frame_options: dict[str, Any] = field(default_factory=dict)
    known_hashes: str = ""
    keep_guarded: bool = False


@dataclass(frozen=True)
class RecaptionSettings:
    """A vision model behind an OpenAI-compatible chat endpoint. Nothing is sent without `base_url`.

    base_url: such as "http://127.0.0.1:8000/v1"; empty switches it off.
    key_env: name of the environment variable that holds the key; empty: no key.
    frames: pictures a request; side: their longer side in pixels.
    timeout: seconds for one whole request; tries: requests for one clip; pause: seconds before the
        second try, doubled before each later one.
    concurrency: requests at a time.
    give_up_after: after so many clips in a row without an answer the rest isn't asked.
    disagreement: below this cosine between what a human or a file says and what the model says
        the clip counts as mis-captioned and is left out.
    """

    base_url: str = ""
    model: str = ""
    key_env: str = ""
    frames: int = 4
    side: int = 512
    timeout: float = 60.0
    tries: int = 3
    pause: float = 2.0
    concurrency: int = 4
    give_up_after: int = 8
    disagreement: float = 0.25


@dataclass(frozen=True)
class CorpusSettings:
    """How clips are chosen.

    licences: patterns, one of which a clip's licence must fit.
    min_seconds, max_seconds: of a scene; longer ones are divided.
    max_file_seconds, max_file_mb: files beyond are left out unread.
    min_side: pixels of the shorter side.
    max_dark_share: of the pictures that may be nearly black.
    min_motion: mean change of grey (0..255) from one half second to the next.
    aesthetics: dotted name of a function, list of uint8 [h, w, 3] to a number; min_aesthetics goes
        with it.
    duplicate_share: of a clip's pictures that must be found in an earlier clip to be its copy.
    """

    licences: tuple[str, ...] = ()
    min_seconds: float = 1.0
    max_seconds: float = 20.0
    max_file_seconds: float = 900.0
    max_file_mb: int = 4096
    min_side: int = 96
    max_dark_share: float = 0.3
    min_motion: float = 0.05
    aesthetics: str = ""
    min_aesthetics: float = 0.0
    duplicate_share: float = 0.5
    safety: SafetySettings = field(default_factory=SafetySettings)
    recaption: RecaptionSettings = field(default_factory=RecaptionSettings)


def corpus_settings(table: dict[str, Any]) -> CorpusSettings:
    """Read the [corpus] table. Raises CorpusSettingsError naming the key that is wrong."""
    table = dict(table)
    parts = {
        "safety": _read(SafetySettings, "corpus.safety", table.pop("safety", {})),
        "recaption": _read(RecaptionSettings, "corpus.recaption", table.pop("recaption", {})),
    }
    settings = _read(CorpusSettings, "corpus", table, parts)
    if not settings.licences:
        raise CorpusSettingsError(
            'corpus.licences is empty, so no clip could be used: list them, e.g. ["CC0-1.0"].'
        )
    return settings


def named(dotted: str, key: str) -> Callable[..., Any]:
    """What a dotted name in the run file leads to. Raises CorpusSettingsError."""
    module, _, attribute = dotted.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise CorpusSettingsError(f"{key}: {dotted!r} leads nowhere ({error}).") from error
    if not callable(found):
        raise CorpusSettingsError(f"{key}: {dotted!r} can't be called.")
    return found


def _read(kind: type[T], name: str, table: Any, parts: dict[str, Any] | None = None) -> T:
    if not isinstance(table, dict):
        raise CorpusSettingsError(f"{name} must be a table.")
    values: dict[str, Any] = dict(parts or {})
    defaults = {f.name: getattr(kind(), f.name) for f in fields(kind)}  # type: ignore[arg-type]
    for key, value in table.items():
        if key not in defaults or key in values:
            raise CorpusSettingsError(
                f"{name}.{key} is no setting; there are: {', '.join(defaults)}."
            )
        wanted = type(defaults[key])
        if wanted is float and type(value) is int:
            value = float(value)
        if wanted is tuple and isinstance(value, list) and all(type(v) is str for v in value):
            value = tuple(value)
        if type(value) is not wanted:
            said = {"tuple": "a list of texts", "dict": "a table", "str": "a text"}
            text = said.get(wanted.__name__, f"of type {wanted.__name__}")
            raise CorpusSettingsError(f"{name}.{key} must be {text}, not {value!r}.")
        if wanted in (int, float) and value < 0:
            raise CorpusSettingsError(f"{name}.{key} must not be negative.")
        values[key] = value
    return kind(**values)
