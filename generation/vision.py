"""The eyes of this site as its settings name them: models, services, hash lists, the reader of text.

What is set up is known from the settings and the folders' descriptions alone (`providers_stated`), so
the web process and the start-up checks can say what is judged and what is closed without loading a
model. Workers load each once (`frame_classifier`).
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings

from generation import hooks
from generation.provenance.fingerprint import hash_frames
from moderation.screening import frame_text, panel
from moderation.screening.frame_http import FrameHttp
from moderation.screening.frame_matcher import FrameMatcher
from moderation.screening.frame_text import TextReader
from moderation.screening.known_hashes import BankRows, KnownHashes
from moderation.screening.model_folder import check
from moderation.screening.protocol import (
    Category,
    Frame,
    FrameClassifier,
    ScreeningUnavailable,
    Verdict,
)
from moderation.screening.providers import Checked, Together

if TYPE_CHECKING:
    from accounts.models import Workspace

FOLDER_MODEL = "moderation.screening.frame_transformers.FrameTransformers"
TEXT_READER = "moderation.screening.frame_text.FrameText"

_loading = threading.RLock()


# --- What is set up, from settings alone ---------------------------------------------------------


@dataclass(frozen=True)
class Stated:
    """One provider as its setting names it. categories: None where only loading it could tell."""

    setting: str
    name: str
    categories: frozenset[Category] | None
    trouble: str = ""


def model_folders() -> list[Path]:
    return [Path(name) for name in settings.SORA_VISION_MODELS]


def providers_stated() -> Iterator[Stated]:
    """Every frame provider the settings name, with what it judges or what is wrong with it."""
    for folder in model_folders():
        try:
            seen = check(folder).categories
            yield Stated("SORA_VISION_MODELS", f"frame_transformers:{folder.name}", seen)
        except ScreeningUnavailable as error:
            yield Stated("SORA_VISION_MODELS", folder.name, frozenset(), str(error))
    if settings.SORA_FRAME_MODERATION_URL:
        yield Stated("SORA_FRAME_MODERATION_URL", FrameHttp.name, FrameHttp.categories)
    if settings.SORA_MATCHER_URL:
        yield Stated("SORA_MATCHER_URL", FrameMatcher.name, _matcher().categories)
    if settings.SORA_FRAME_CLASSIFIER:
        yield Stated("SORA_FRAME_CLASSIFIER", settings.SORA_FRAME_CLASSIFIER, _class_categories())


def _class_categories() -> frozenset[Category] | None:
    """What the class of SORA_FRAME_CLASSIFIER says it judges. It is never made here, and a module of
    the operator's is not imported for this: it might load torch into the web process."""
    dotted, path = settings.SORA_FRAME_CLASSIFIER, settings.SORA_FRAME_CLASSIFIER_PATH
    if dotted == FOLDER_MODEL and path:
        try:
            return check(Path(path)).categories
        except ScreeningUnavailable:
            return None
    module_name, _, attribute = dotted.rpartition(".")
    if module_name not in sys.modules and not module_name.startswith("moderation.screening."):
        return None
    try:
        stated = getattr(
            getattr(importlib.import_module(module_name), attribute), "categories", None
        )
    except Exception:
        return None
    return frozenset(stated) if isinstance(stated, frozenset | set | tuple) else None


def is_set_up() -> bool:
    """Whether any frame classifier is named. Reads settings only."""
    return bool(
        settings.SORA_VISION_MODELS
        or settings.SORA_FRAME_MODERATION_URL
        or settings.SORA_MATCHER_URL
        or settings.SORA_FRAME_CLASSIFIER
    )


def reads_text() -> bool:
    """Whether text in frames is read here."""
    wanted = settings.SORA_TEXT_READER
    return wanted != "off" and (wanted != "auto" or frame_text.is_installed())


# --- What a worker asks --------------------------------------------------------------------------


def frame_classifier() -> FrameClassifier | None:
    """Everything that judges frames, as one; None when nothing is set up. The first call loads it.

    Raises ScreeningUnavailable when any of it can't be loaded: a configured check that silently
    does not run would be worse than none.
    """
    if not is_set_up():
        return None
    with _loading:
        return _loaded(
            tuple(map(str, model_folders())),
            settings.SORA_FRAME_MODERATION_URL,
            settings.SORA_FRAME_MODERATION_KEY,
            settings.SORA_FRAME_MODERATION_MODEL,
            settings.SORA_MATCHER_URL,
            settings.SORA_MATCHER_KEY,
            settings.SORA_FRAME_CLASSIFIER,
            settings.SORA_FRAME_CLASSIFIER_PATH,
        )


@lru_cache(maxsize=1)
def _loaded(
    folders: tuple[str, ...],
    moderation_url: str,
    moderation_key: str,
    moderation_model: str,
    matcher_url: str,
    matcher_key: str,
    dotted_name: str,
    path: str,
) -> FrameClassifier:
    found: list[Any] = [
        panel.load_classifier(FOLDER_MODEL, folder, device=settings.SORA_VISION_DEVICE)
        for folder in folders
    ]
    if moderation_url:
        found.append(
            FrameHttp(
                moderation_url,
                key=moderation_key,
                model=moderation_model,
                timeout=settings.SORA_PROVIDER_SECONDS,
            )
        )
    if matcher_url:
        found.append(_matcher())
    if dotted_name:
        found.append(panel.load_classifier(dotted_name, *((path,) if path else ())))
    checked = [Checked(classifier) for classifier in found]
    return cast(FrameClassifier, checked[0] if len(checked) == 1 else Together(checked))


def _matcher() -> FrameMatcher:
    return FrameMatcher(
        settings.SORA_MATCHER_URL,
        key=settings.SORA_MATCHER_KEY,
        timeout=settings.SORA_PROVIDER_SECONDS,
        classifies=settings.SORA_MATCHER_CLASSIFIES,
    )


def preload() -> None:
    """Load what judges frames before the first clip has to wait for it. Raises ScreeningUnavailable."""
    frame_classifier()
    text_reader()


def text_reader() -> TextReader | None:
    """Who reads text in frames, or None. Raises ScreeningUnavailable when it is set up and broken."""
    if not reads_text():
        return None
    wanted = settings.SORA_TEXT_READER
    with _loading:
        return _text_reader(TEXT_READER if wanted in ("auto", "on") else wanted)


@lru_cache(maxsize=1)
def _text_reader(dotted_name: str) -> TextReader:
    return cast(TextReader, panel.load_classifier(dotted_name))


def hash_frame(frame: Frame) -> bytes:
    return hash_frames([frame])[0]


# --- Hash lists ----------------------------------------------------------------------------------


def known_hashes() -> KnownHashes:
    """The operator's file (SORA_KNOWN_HASHES) and the banks of the database, as one index.

    Built once and again when either changes. Raises ScreeningUnavailable when the file can't be
    read: a list that silently does not apply would be worse than none.
    """
    with _loading:
        return _listed.now()


class _Listed:
    """The index in use, and of what it was made."""

    def __init__(self) -> None:
        self._state: Any = None
        self._index = KnownHashes()

    def now(self) -> KnownHashes:
        state = (_file_state(), tuple(banks.state() for banks in hooks.hash_banks))
        if state != self._state:
            rows: list[BankRows] = [row for banks in hooks.hash_banks for row in banks.rows()]
            self._index, self._state = KnownHashes(listed_in_file(), banks=rows), state
        return self._index


_listed = _Listed()


def note_matches(workspace: Workspace, subject: str, verdict: Verdict) -> None:
    """Tell those who keep the banks which entries matched: "generation:<id>" or "upload:<id>"."""
    if matches := verdict.details.get("hash_matches"):
        for note in hooks.hash_matches:
            note(workspace, subject, list(matches))


def _file_state() -> tuple[str, float]:
    if not settings.SORA_KNOWN_HASHES:
        return "", 0.0
    try:
        return settings.SORA_KNOWN_HASHES, Path(settings.SORA_KNOWN_HASHES).stat().st_mtime
    except OSError as error:
        raise _unreadable(error) from error


def listed_in_file() -> list[bytes]:
    """SORA_KNOWN_HASHES: one hash of 64 hex digits a line, # for comments. Raises ScreeningUnavailable."""
    if not settings.SORA_KNOWN_HASHES:
        return []
    try:
        text = Path(settings.SORA_KNOWN_HASHES).read_text()
        lines = (line.split("#")[0].strip() for line in text.splitlines())
        hashes = [bytes.fromhex(line) for line in lines if line]
        if any(len(value) != 32 for value in hashes):
            raise ValueError("every hash has 64 hex digits")
    except (OSError, ValueError) as error:
        raise _unreadable(error) from error
    return hashes


def _unreadable(error: Exception) -> ScreeningUnavailable:
    path = settings.SORA_KNOWN_HASHES
    return ScreeningUnavailable(f"SORA_KNOWN_HASHES={path} can't be read: {error}")
