"""An image classifier from a local folder in the transformers format. Nothing is downloaded.

Beside the model lies screening.json, written by the operator, which says what its labels mean:

    {"labels": {"nsfw": "sexual", "gore": "violence_gore"}, "crops": true}

A label's probability becomes the score of its category. Which model is good enough for which
category is the operator's measurement; see docs/adding_a_classifier.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable


class FrameTransformers:
    """See protocol.FrameClassifier. Loads on construction; torch and transformers are needed."""

    name = "frame_transformers"

    def __init__(
        self,
        folder: str | Path,
        *,
        labels: Mapping[str, str] | None = None,
        crops: bool | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        """labels: model label -> our category; None to read them from screening.json.

        crops: also judge the four quarters of a frame, for small offensive areas (5 times slower).
        Raises ScreeningUnavailable when the folder, the map or a label in it is unusable.
        """
        folder = Path(folder)
        described = _read_description(folder) if labels is None or crops is None else {}
        labels = described.get("labels") if labels is None else labels
        self._crops = bool(described.get("crops", False) if crops is None else crops)
        if not isinstance(labels, Mapping) or not labels:
            raise ScreeningUnavailable(f"{folder.name}: no label is mapped to a category")
        try:
            self._labels = {str(label): Category(value) for label, value in labels.items()}
        except ValueError as error:
            raise ScreeningUnavailable(f"{folder.name}: {error}") from error
        self.categories = frozenset(self._labels.values())
        try:
            import torch
            from transformers import AutoImageProcessor, AutoModelForImageClassification

            if threads is not None:
                torch.set_num_threads(threads)
            self._torch = torch
            self._device = device
            self._processor: Any = AutoImageProcessor.from_pretrained(
                str(folder), local_files_only=True
            )
            model: Any = AutoModelForImageClassification.from_pretrained(
                str(folder), local_files_only=True
            )
            self._model = model.eval().to(device)
        except Exception as error:
            raise ScreeningUnavailable(f"{folder.name} can't be loaded: {error}") from error
        config = self._model.config
        self._columns = {str(label): int(index) for index, label in config.id2label.items()}
        unknown = self._labels.keys() - self._columns.keys()
        if unknown:
            raise ScreeningUnavailable(f"{folder.name} has no label {', '.join(sorted(unknown))}")
        self._independent = getattr(config, "problem_type", "") == "multi_label_classification"
        self.version = str(getattr(config, "_commit_hash", None) or folder.name)

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        views = [_views(frame, self._crops) for frame in frames]
        flat = [Image.fromarray(view) for group in views for view in group]
        torch = self._torch
        inputs = self._processor(images=flat, return_tensors="pt").to(self._device)
        with torch.inference_mode():
            logits = self._model(**inputs).logits.float()
        shares = torch.sigmoid(logits) if self._independent else torch.softmax(logits, dim=-1)
        table = np.nan_to_num(shares.cpu().numpy(), nan=1.0)  # what can't be judged blocks
        answers: list[list[Score]] = []
        row = 0
        for group in views:
            part = table[row : row + len(group)].max(axis=0)
            row += len(group)
            best: dict[Category, float] = {}
            for label, category in self._labels.items():
                value = float(part[self._columns[label]])
                best[category] = max(best.get(category, 0.0), value)
            answers.append([Score(c, value, self.name) for c, value in best.items()])
        return answers

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        grey = np.full((64, 64, 3), 128, np.uint8)
        return [(grey, category, False) for category in sorted(self.categories)]


def _read_description(folder: Path) -> dict[str, Any]:
    try:
        data = json.loads((folder / "screening.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScreeningUnavailable(f"{folder.name}/screening.json can't be read") from error
    if not isinstance(data, dict):
        raise ScreeningUnavailable(f"{folder.name}/screening.json holds no object")
    return data


def _views(frame: Frame, crops: bool) -> list[Frame]:
    """The frame and, if asked, its four overlapping quarters (60 % of each side)."""
    if not crops:
        return [frame]
    height, width = frame.shape[:2]
    h, w = max(1, int(height * 0.6)), max(1, int(width * 0.6))
    corners = ((0, 0), (0, width - w), (height - h, 0), (height - h, width - w))
    return [frame, *(np.ascontiguousarray(frame[y : y + h, x : x + w]) for y, x in corners)]
