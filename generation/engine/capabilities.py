"""What a model folder can make, read without torch: the web process validates and prices with it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from generation.engine.families import FAMILIES
from generation.engine.operations import OPERATIONS, first_frame, operations_of
from generation.engine.protocol import Conditioning, ModelMissing, VideoSpec

TABLE = "capabilities.json"
INDEX = "model_index.json"


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
    operations: names of generation/engine/operations.py that one pass makes.
    seconds: lengths of one pass; longest_seconds: with windows (generation/engine/windows.py).
    frame_step, size_step: frames and pixels of one latent; lengths are frame_step k + 1.
    overlap_frames: what a window takes over from the one before, 0 for two latents.
    soft_conditions: given pictures may have a strength below 1.
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
    family: str = "ltx"
    frame_step: int = 8
    size_step: int = 32
    overlap_frames: int = 0
    longest_seconds: int = 0
    soft_conditions: bool = True

    @property
    def native_frames(self) -> int:
        """The most frames one pass draws, frame_step k + 1."""
        wanted = max(self.seconds) * self.fps
        return math.ceil((wanted - 1) / self.frame_step) * self.frame_step + 1

    @property
    def overlap(self) -> int:
        """Frames of a window that are those of the window before, frame_step k + 1."""
        return self.overlap_frames or 2 * self.frame_step + 1

    @property
    def most_seconds(self) -> int:
        """The longest clip there is: of one pass, or of many where a pass can go on from another."""
        return self.longest_seconds if "extend" in self.operations else max(self.seconds)

    def makes(self, operation: str) -> str:
        """How an operation is done: "natively", "in windows", or "" for not at all."""
        if operation in self.operations:
            return "natively"
        return "in windows" if operation == "storyboard" and "extend" in self.operations else ""

    def drawn_size(self, width: int, height: int) -> tuple[int, int]:
        """The size the model draws for one that is asked for; the frames are then fitted to it."""
        step = self.size_step
        return self.native_size(width, height) or (
            max(2 * step, math.ceil(width / step) * step),  # one latent has no neighbour to mirror
            max(2 * step, math.ceil(height / step) * step),
        )

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

    def check_spec(self, spec: VideoSpec) -> None:
        """Refuse what this engine doesn't make, before anything is queued or charged.

        Raises UnsupportedSpec with the name of the field, and what is allowed in its place. Longer
        clips than one pass makes are allowed where they can be made in windows.
        """
        if (spec.width, spec.height) not in self.sizes:
            self.check(spec.width, spec.height, self.default_seconds)
        if spec.fps != self.fps:
            raise UnsupportedSpec("fps", f"{self.title} makes {self.fps} frames a second.")
        longest = self.most_seconds
        if not 1 <= spec.frames <= longest * self.fps:
            raise UnsupportedSpec(
                "seconds", f"{self.title} makes clips of up to {longest} seconds, at least a frame."
            )
        if not 1 <= spec.steps <= self.max_steps:
            raise UnsupportedSpec("steps", f"Steps go from 1 to {self.max_steps}.")
        if not 1 <= spec.guidance <= 20:
            raise UnsupportedSpec("guidance", "Guidance goes from 1 (off) to 20.")
        _check_prompts(spec)
        self._check_conditioning(spec)
        _check_source(spec)
        for needed in sorted(operations_of(spec, self.frame_step)):
            if not self.makes(needed):
                able = ", ".join(n for n in OPERATIONS if self.makes(n))
                raise UnsupportedSpec(
                    "operation",
                    f"{self.title} can't {OPERATIONS[needed]} ({needed}). It makes: {able}.",
                )

    def _check_conditioning(self, spec: VideoSpec) -> None:
        taken: list[tuple[int, int, str]] = []
        for number, condition in enumerate(spec.conditioning):
            name = f"conditioning[{number}]"
            _check_frames(name, condition)
            if not 0 <= condition.strength <= 1:
                raise UnsupportedSpec(f"{name}.strength", "A strength goes from 0 to 1.")
            if condition.strength != 1 and not self.soft_conditions:
                raise UnsupportedSpec(
                    f"{name}.strength",
                    f"{self.title} keeps given pictures whole: the strength is 1.",
                )
            begin = first_frame(condition, spec.fps)
            end = begin + len(condition.frames)
            if begin < 0 or end > spec.frames:
                raise UnsupportedSpec(
                    f"{name}.at",
                    f"It lies from {begin / spec.fps:.2f} to {end / spec.fps:.2f} s; the clip goes "
                    f"from 0 to {spec.seconds:.2f} s. Move it, cut it or make the clip longer.",
                )
            for other_begin, other_end, other in taken:
                if begin < other_end and other_begin < end:
                    raise UnsupportedSpec(
                        f"{name}.at", f"It overlaps {other}. Move or cut one of them."
                    )
            taken.append((begin, end, name))

    def estimate_seconds(self, width: int, height: int, seconds: float, steps: int) -> float:
        """Rough engine seconds for one clip, before any was measured here."""
        drawn = self.native_size(width, height) or (width, height)
        megapixels = drawn[0] * drawn[1] / 1e6
        share = steps / self.default_steps
        return 1.0 + self.seconds_per_megapixel_second * megapixels * seconds * share


def _check_prompts(spec: VideoSpec) -> None:
    if not spec.prompts:
        raise UnsupportedSpec("prompts", "At least one prompt is needed; it may be empty.")
    starts = [prompt.start for prompt in spec.prompts]
    if starts[0] != 0 or starts != sorted(set(starts)):
        raise UnsupportedSpec(
            "prompts", "The first prompt begins at 0 s, and each later one after the one before."
        )
    if starts[-1] >= spec.seconds and spec.frames > 1:
        raise UnsupportedSpec(
            f"prompts[{len(starts) - 1}]",
            f"It begins at {starts[-1]:g} s; the clip ends at {spec.seconds:g} s.",
        )


def _check_frames(name: str, condition: Conditioning) -> None:
    frames = condition.frames
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype.name != "uint8":
        raise UnsupportedSpec(
            name, f"Frames are uint8 RGB [n, h, w, 3], not {frames.dtype} {list(frames.shape)}."
        )
    if 0 in frames.shape:
        raise UnsupportedSpec(name, "There are no frames in it. Remove it or mark a longer part.")


def _check_source(spec: VideoSpec) -> None:
    if spec.source is None:
        return
    _check_frames("source", Conditioning(spec.source))
    strength = spec.source_strength
    values = strength if isinstance(strength, tuple) else (strength,)
    if isinstance(strength, tuple) and len(strength) != spec.frames:
        raise UnsupportedSpec(
            "source_strength",
            f"There are {len(strength)} strengths for {spec.frames} frames: one number, or one per "
            "frame.",
        )
    if not all(0 <= value <= 1 for value in values) or max(values) == 0:
        raise UnsupportedSpec(
            "source_strength", "Strengths go from 0 (kept) to 1 (redrawn), one at least above 0."
        )


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
    return from_table({**table, **_geometry(model_dir)})


def family_of(model_dir: Path) -> dict[str, Any]:
    """The table of the family that the folder's pipeline class names. Raises ModelMissing."""
    index = read_json(model_dir / INDEX) or {}
    family = FAMILIES.get(str(index.get("_class_name")))
    if family is None:
        raise ModelMissing(
            f"{model_dir / INDEX} names no known pipeline ({', '.join(FAMILIES)}). Point "
            "SORA_MODEL_DIR at another folder, or set SORA_ENGINE to an engine for this one."
        )
    return family


def _geometry(model_dir: Path) -> dict[str, Any]:
    """What follows from the folder itself, whatever its table says."""
    index = read_json(model_dir / INDEX) or {}
    family = FAMILIES.get(str(index.get("_class_name")), {})
    found: dict[str, Any] = {
        k: family[k] for k in ("family", "size_step", "soft_conditions") if k in family
    }
    ratio = (read_json(model_dir / "vae" / "config.json") or {}).get("temporal_compression_ratio")
    return {**found, "frame_step": int(ratio or family.get("frame_step", 8))}


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
            family=table.get("family", "ltx"),
            frame_step=int(table.get("frame_step", 8)),
            size_step=int(table.get("size_step", 32)),
            overlap_frames=int(table.get("overlap_frames", 0)),
            longest_seconds=int(table.get("longest_seconds", max(20, *table["seconds"]))),
            soft_conditions=bool(table.get("soft_conditions", True)),
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
