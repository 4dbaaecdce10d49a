"""Built-in styles and camera moves: a name and the words a prompt gets.

The words are those of the captions the included model learned from. A model says in its
vocabulary.json which it knows ("styles", "cameras"); a model without a vocabulary is a big one that
takes any words, and is offered all.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from generation.models import StylePreset
from generation.rewriting import VOCABULARY


@dataclass(frozen=True)
class Preset:
    """`code` is the model's name for it; `text` follows the prompt, after a comma. "" adds nothing."""

    code: str
    title: str
    text: str


STYLES = (
    Preset("plain", "None", ""),
    Preset("film noir", "Film noir", "in film noir style"),
    Preset("watercolour", "Watercolour", "as a watercolour painting"),
    Preset("paper cut-out", "Paper cut-out", "in paper cut-out style"),
    Preset("pixel", "Pixel art", "as pixel art"),
    Preset("archival", "Archival", "as archival footage"),
)
CAMERAS = (
    Preset("static", "Still", ""),
    Preset("pan left", "Pan left", "the camera pans left"),
    Preset("pan right", "Pan right", "the camera pans right"),
    Preset("tilt up", "Tilt up", "the camera tilts up"),
    Preset("tilt down", "Tilt down", "the camera tilts down"),
    Preset("zoom in", "Zoom in", "the camera zooms in"),
    Preset("zoom out", "Zoom out", "the camera zooms out"),
    Preset("orbit", "Orbit", "the camera orbits around"),
)
TABLES = {"styles": STYLES, "cameras": CAMERAS}


def offered(table: str) -> tuple[Preset, ...]:
    """The built-in `styles` or `cameras` the loaded model knows; empty when it knows none."""
    path = Path(settings.SORA_MODEL_DIR) / VOCABULARY
    try:
        known = _known(path, path.stat().st_mtime).get(table, frozenset())
    except OSError:
        return TABLES[table]
    found = tuple(preset for preset in TABLES[table] if preset.code in known or not preset.text)
    return found if len(found) > 1 else ()


def with_presets(
    prompt: str, *, style: str = "", camera: str = "", own: StylePreset | None = None
) -> str:
    """The prompt with the words of its presets. Unknown codes add nothing; what the prompt says
    already is not said twice."""
    words = [preset.text for preset in STYLES if preset.code == style]
    words += [own.text] if own is not None else []
    words += [preset.text for preset in CAMERAS if preset.code == camera]
    fresh = [text for text in words if text and text.casefold() not in prompt.casefold()]
    return ", ".join([prompt.rstrip().rstrip(",."), *fresh]) if fresh else prompt


@lru_cache(maxsize=1)
def _known(path: Path, modified: float) -> dict[str, frozenset[str]]:
    """Names in each table of a vocabulary, which is a list or {name: wordings}. Broken: none."""
    try:
        found = json.loads(path.read_text())
        return {table: frozenset(found.get(table, ())) for table in TABLES}
    except (ValueError, AttributeError, TypeError):
        return {}
