"""A vision model's folder as an operator describes it in screening.json, read without torch.

    {"labels": {"nsfw": "sexual", "gore": "violence_gore"}, "crops": true}            classification
    {"kind": "detection", "labels": {"face": "likeness"}}                             object detection
    {"kind": "zero_shot", "prompts": {"sexual": ["a nude person"]},                   CLIP and its kin
     "ordinary": ["a landscape", "a person in everyday clothes"]}

"points" may say where a label's probability is borderline and where plainly over the line, by the
operator's own measurement: {"nsfw": {"guard": 0.2, "refuse": 0.6}}; without it the probability counts
as it is. The start-up check and the coverage map read a folder this way, so what is wrong with it is
known before a worker loads a gigabyte of weights.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from moderation.screening.protocol import Category, ScreeningUnavailable
from moderation.screening.thresholds import frame_points_for

KINDS = ("classification", "zero_shot", "detection")
NAME = "screening.json"
LARGEST_TEXT = 1 << 20
_STANDARD = frame_points_for("default", Category.SEXUAL)


@dataclass(frozen=True)
class Description:
    """What a folder's model is for.

    labels: its label -> our category. prompts: category -> sentences (zero_shot). ordinary:
    sentences that stand for everything harmless. crops: also judge the quarters of a frame.
    points: label or category -> (guard, refuse) of the model's own probability.
    """

    kind: str
    labels: Mapping[str, Category] = field(default_factory=dict)
    prompts: Mapping[Category, tuple[str, ...]] = field(default_factory=dict)
    ordinary: tuple[str, ...] = ()
    crops: bool = False
    points: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def categories(self) -> frozenset[Category]:
        return frozenset(self.labels.values()) | frozenset(self.prompts)

    def scaled(self, name: str, value: float) -> float:
        """The model's probability on the scale of thresholds.PROBABILITIES. NaN is the worst."""
        if not math.isfinite(value):
            return 1.0
        if name not in self.points:
            return value
        guard, refuse = self.points[name]
        return _between(
            value, (0.0, guard, refuse, 1.0), (0.0, _STANDARD.guard, _STANDARD.refuse, 1.0)
        )


def describe(folder: Path) -> Description:
    """Read screening.json. Raises ScreeningUnavailable naming the folder and what is wrong."""
    data = _json(folder, NAME)
    kind = data.get("kind", "classification")
    if kind not in KINDS:
        raise _trouble(folder, f"kind is one of {', '.join(KINDS)}")
    if not isinstance(data.get("crops", False), bool):
        raise _trouble(folder, "crops is true or false")
    described = Description(
        kind=kind,
        labels=read_labels(folder, data.get("labels")) if kind != "zero_shot" else {},
        prompts=_prompts(folder, data.get("prompts")) if kind == "zero_shot" else {},
        ordinary=_sentences(folder, "ordinary", data.get("ordinary"))
        if kind == "zero_shot"
        else (),
        crops=bool(data.get("crops", False)),
        points=_points(folder, data.get("points", {})),
    )
    known = set(described.labels) | {category.value for category in described.prompts}
    if unknown := set(described.points) - known:
        raise _trouble(folder, f"points names {sorted(unknown)[0]!r}, which is not judged")
    return described


def read_labels(folder: Path, labels: Any) -> dict[str, Category]:
    """Raises ScreeningUnavailable."""
    if not isinstance(labels, Mapping) or not labels:
        raise _trouble(folder, "no label is mapped to a category")
    try:
        return {str(label): Category(value) for label, value in labels.items()}
    except ValueError as error:
        raise _trouble(folder, str(error)) from error


def check(folder: Path) -> Description:
    """Everything about a folder that can be known without loading it: the description fits the
    model's labels, and weights of the length their header says lie beside it.

    Raises ScreeningUnavailable naming the folder and what is wrong.
    """
    if not folder.is_dir():
        raise ScreeningUnavailable(f"{folder} is no folder")
    described = describe(folder)
    config = _json(folder, "config.json")
    names = config.get("id2label")
    if described.kind != "zero_shot":
        if not isinstance(names, dict) or not names:
            raise _trouble(folder, "config.json names no labels (id2label)")
        if missing := set(described.labels) - set(map(str, names.values())):
            raise _trouble(
                folder,
                f"the model has no label {sorted(missing)[0]!r}; it has "
                f"{', '.join(sorted(map(str, names.values()))[:8])}",
            )
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise _trouble(folder, "there are no weights (*.safetensors)")
    for path in weights:
        _check_weights(folder, path)
    return described


def _check_weights(folder: Path, path: Path) -> None:
    """Source of the layout: the safetensors format, 8 bytes of header length, JSON, data."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if not 0 < length <= min(size, 100 << 20):
                raise ValueError("bad length")
            header = json.loads(file.read(length))
        end = max(
            (int(v["data_offsets"][1]) for k, v in header.items() if k != "__metadata__"), default=0
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise _trouble(folder, f"{path.name} is no safetensors file") from error
    if 8 + length + end != size:
        raise _trouble(folder, f"{path.name} is cut short; copy it again")


def _json(folder: Path, name: str) -> dict[str, Any]:
    try:
        path = folder / name
        if path.stat().st_size > LARGEST_TEXT:
            raise ValueError("too large")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ScreeningUnavailable(f"{folder.name}/{name} can't be read") from error
    if not isinstance(data, dict):
        raise ScreeningUnavailable(f"{folder.name}/{name} holds no object")
    return data


def _prompts(folder: Path, prompts: Any) -> dict[Category, tuple[str, ...]]:
    if not isinstance(prompts, Mapping) or not prompts:
        raise _trouble(folder, "prompts is an object of category: [sentences]")
    try:
        return {
            Category(name): _sentences(folder, f"prompts.{name}", sentences)
            for name, sentences in prompts.items()
        }
    except ValueError as error:
        raise _trouble(folder, str(error)) from error


def _sentences(folder: Path, name: str, value: Any) -> tuple[str, ...]:
    if (
        not isinstance(value, list)
        or not value
        or len(value) > 100
        or not all(isinstance(text, str) and 0 < len(text) <= 300 for text in value)
    ):
        raise _trouble(folder, f"{name} is a list of 1 to 100 short sentences")
    return tuple(value)


def _points(folder: Path, points: Any) -> dict[str, tuple[float, float]]:
    if not isinstance(points, Mapping):
        raise _trouble(folder, "points is an object")
    read: dict[str, tuple[float, float]] = {}
    for name, pair in points.items():
        try:
            guard, refuse = float(pair["guard"]), float(pair["refuse"])
        except (KeyError, TypeError, ValueError) as error:
            raise _trouble(folder, f"points.{name} has guard and refuse, numbers") from error
        if not 0.0 < guard < refuse < 1.0:
            raise _trouble(folder, f"points.{name}: 0 < guard < refuse < 1")
        read[str(name)] = guard, refuse
    return read


def _between(value: float, here: tuple[float, ...], there: tuple[float, ...]) -> float:
    """Piecewise linear from one scale to another."""
    for (a, b), (c, d) in zip(pairwise(here), pairwise(there), strict=True):
        if value <= b:
            return c + (max(value, a) - a) / (b - a) * (d - c)
    return 1.0


def _trouble(folder: Path, what: str) -> ScreeningUnavailable:
    return ScreeningUnavailable(f"{folder.name}/{NAME}: {what}")
