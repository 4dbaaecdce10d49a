"""What a model folder can make, read without torch: the web process validates and prices with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generation.engine.protocol import ModelMissing

TABLE = "capabilities.json"
INDEX = "model_index.json"

# Folders in diffusers format come without our table. Per pipeline class: what is known of the family.
# Sizes are multiples of 32; seconds follow the lengths the weights were trained for.
FAMILIES: dict[str, dict[str, Any]] = {
    "LTXConditionPipeline": {
        "title": "LTX-Video",
        "operations": ["text", "image", "keyframes", "video"],
        "sizes": [[768, 512], [512, 768], [704, 704], [1216, 704], [704, 1216]],
        "seconds": [2, 5, 10],
        "fps": 24,
        "default_size": [768, 512],
        "default_seconds": 5,
        "default_steps": 30,
        "max_steps": 60,
        "guidance": 3.0,
        "draws_people": True,
        "seconds_per_megapixel_second": 1.0,
        "notes": "Open weights; licence and limits are those of the folder's own model card.",
    },
}
FAMILIES["LTXPipeline"] = FAMILIES["LTXImageToVideoPipeline"] = FAMILIES["LTXConditionPipeline"]


class UnsupportedSpec(ValueError):
    """The engine does not make this. `field` names the input, `message` the allowed values."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True)
class Capabilities:
    """One engine's table.

    sizes: (width, height) offered. native: for sizes the model can't draw itself, the size it
    draws before the frames are resampled. draws_people: then frames need a vision check.
    seconds_per_megapixel_second: rough cost, engine seconds for one megapixel and one second of
    clip at default_steps; measured timings replace it once there are some.
    """

    name: str
    version: str
    title: str
    operations: frozenset[str]
    sizes: tuple[tuple[int, int], ...]
    seconds: tuple[int, ...]
    fps: int
    default_size: tuple[int, int]
    default_seconds: int
    default_steps: int
    max_steps: int
    guidance: float
    draws_people: bool
    notes: str = ""
    native: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    seconds_per_megapixel_second: float = 1.0

    def native_size(self, width: int, height: int) -> tuple[int, int] | None:
        """The size drawn before resampling, or None when this size is drawn as it is."""
        return self.native.get((width, height))

    def check(self, width: int, height: int, seconds: int) -> None:
        """Raise UnsupportedSpec naming the field and every allowed value."""
        if (width, height) not in self.sizes:
            allowed = ", ".join(f"{w}x{h}" for w, h in self.sizes)
            raise UnsupportedSpec("size", f"{self.title} makes these sizes: {allowed}.")
        if seconds not in self.seconds:
            allowed = ", ".join(map(str, self.seconds))
            raise UnsupportedSpec("seconds", f"{self.title} makes clips of {allowed} seconds.")

    def estimate_seconds(self, width: int, height: int, seconds: int, steps: int) -> float:
        """Rough engine seconds for one clip, before any was measured here."""
        drawn = self.native_size(width, height) or (width, height)
        megapixels = drawn[0] * drawn[1] / 1e6
        share = steps / self.default_steps
        return 1.0 + self.seconds_per_megapixel_second * megapixels * seconds * share


def read_capabilities(model_dir: Path) -> Capabilities:
    """The table of a model folder; for a plain diffusers folder, its family's.

    Raises ModelMissing when there is no such folder or nothing in it says what it is.
    """
    if not model_dir.is_dir():
        raise ModelMissing(
            f"There is no model folder {model_dir}. Set SORA_MODEL_DIR to a folder in diffusers "
            f"format (with {INDEX})."
        )
    table = read_json(model_dir / TABLE)
    if table is None:
        index = read_json(model_dir / INDEX)
        family = FAMILIES.get(str((index or {}).get("_class_name")))
        if index is None or family is None:
            raise ModelMissing(
                f"{model_dir} holds no {TABLE} and no {INDEX} of a known pipeline "
                f"({', '.join(FAMILIES)}). Point SORA_MODEL_DIR at another folder."
            )
        table = {
            "name": model_dir.name,
            "version": str(index.get("_diffusers_version", "unknown")),
            **family,
        }
    return from_table(table)


def from_table(table: dict[str, Any]) -> Capabilities:
    """Build from the JSON form. Raises ModelMissing for a table that lacks something."""
    try:
        return Capabilities(
            name=table["name"],
            version=table["version"],
            title=table["title"],
            operations=frozenset(table["operations"]),
            sizes=tuple((int(w), int(h)) for w, h in table["sizes"]),
            seconds=tuple(int(s) for s in table["seconds"]),
            fps=int(table["fps"]),
            default_size=(int(table["default_size"][0]), int(table["default_size"][1])),
            default_seconds=int(table["default_seconds"]),
            default_steps=int(table["default_steps"]),
            max_steps=int(table["max_steps"]),
            guidance=float(table["guidance"]),
            draws_people=bool(table["draws_people"]),
            notes=table.get("notes", ""),
            native={_size(key): _size(value) for key, value in table.get("native", {}).items()},
            seconds_per_megapixel_second=float(table.get("seconds_per_megapixel_second", 1.0)),
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ModelMissing(f"{TABLE} is incomplete: {error!r}.") from error


def _size(text: str) -> tuple[int, int]:
    """ "512x288" -> (512, 288)."""
    width, height = text.split("x")
    return int(width), int(height)


def read_json(path: Path) -> dict[str, Any] | None:
    """A JSON object, None when there is no such file. Raises ModelMissing when it can't be read."""
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise ModelMissing(f"{path} can't be read: {error}") from error
    return found
