"""A vision model from a local folder in the transformers format. Nothing is downloaded.

Beside the model lies screening.json, written by the operator, which says what its answers mean
(model_folder.py): an image classifier's labels (nudity, violence, age), an object detector's (faces),
or sentences for a model that compares pictures with text (CLIP). A label's probability becomes the
score of its category. Which model is good enough for which category is the operator's measurement;
see docs/adding_a_classifier.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from moderation.screening.model_folder import Description, describe, read_labels
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable


class FrameTransformers:
    """See protocol.FrameClassifier. Loads on construction; torch and transformers are needed."""

    def __init__(
        self,
        folder: str | Path,
        *,
        labels: Mapping[str, str] | None = None,
        crops: bool | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        """labels: model label -> our category, in place of screening.json's.

        crops: also judge the four quarters of a frame, for small offensive areas (5 times slower).
        Raises ScreeningUnavailable when the folder, the map or a label in it is unusable.
        """
        folder = Path(folder)
        self._folder = folder
        described = (
            describe(folder)
            if labels is None
            else Description("classification", read_labels(folder, labels))
        )
        self._described = described if crops is None else replace(described, crops=crops)
        self.categories = described.categories
        self.name = f"frame_transformers:{folder.name}"
        self._device = device
        with self._loading():
            import torch

            if threads is not None:
                torch.set_num_threads(threads)
            self._torch = torch
            self._load()
        config = self._model.config
        self.version = str(getattr(config, "_commit_hash", None) or folder.name)

    @contextmanager
    def _loading(self) -> Iterator[None]:
        try:
            yield
        except ScreeningUnavailable:
            raise
        except Exception as error:
            raise ScreeningUnavailable(f"{self._folder.name} can't be loaded: {error}") from error

    def _load(self) -> None:
        import transformers

        kind, folder = self._described.kind, str(self._folder)
        if kind == "zero_shot":
            self._processor: Any = transformers.AutoProcessor.from_pretrained(
                folder, local_files_only=True
            )
            maker: Any = transformers.AutoModelForZeroShotImageClassification
        else:
            self._processor = transformers.AutoImageProcessor.from_pretrained(
                folder, local_files_only=True
            )
            maker = (
                transformers.AutoModelForObjectDetection
                if kind == "detection"
                else transformers.AutoModelForImageClassification
            )
        model = maker.from_pretrained(folder, local_files_only=True, use_safetensors=True)
        self._model: Any = model.eval().to(self._device)
        if kind == "zero_shot":
            self._sentences = [
                (category.value, text)
                for category, texts in self._described.prompts.items()
                for text in texts
            ] + [("", text) for text in self._described.ordinary]
            return
        names = model.config.id2label
        self._columns = {str(label): int(index) for index, label in names.items()}
        if unknown := self._described.labels.keys() - self._columns.keys():
            raise ScreeningUnavailable(
                f"{self._folder.name} has no label {', '.join(sorted(unknown))}"
            )

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        views = [_views(frame, self._described.crops) for frame in frames]
        flat = [Image.fromarray(view) for group in views for view in group]
        with self._torch.inference_mode():
            table = np.nan_to_num(self._table(flat), nan=1.0)  # what can't be judged blocks
        answers: list[list[Score]] = []
        row = 0
        for group in views:
            part = table[row : row + len(group)].max(axis=0)
            row += len(group)
            answers.append(self._scores(part))
        return answers

    def _table(self, pictures: list[Image.Image]) -> NDArray[np.float32]:
        """float32 [picture, column of _names()], probabilities."""
        torch, described = self._torch, self._described
        if described.kind == "zero_shot":
            texts = [text for _, text in self._sentences]
            inputs = self._processor(
                text=texts, images=pictures, return_tensors="pt", padding=True
            ).to(self._device)
            logits = self._model(**inputs).logits_per_image.float()
            siglip = str(self._model.config.model_type).startswith("siglip")
            shares = torch.sigmoid(logits) if siglip else torch.softmax(logits, dim=-1)
            columns = [
                [i for i, (owner, _) in enumerate(self._sentences) if owner == name]
                for name in self._names()
            ]
            parts = [
                shares[:, c].max(dim=-1).values if siglip else shares[:, c].sum(dim=-1)
                for c in columns
            ]
            return np.asarray(torch.stack(parts, dim=-1).cpu().numpy(), np.float32)
        inputs = self._processor(images=pictures, return_tensors="pt").to(self._device)
        if described.kind == "detection":
            found = self._model(**inputs).logits.float()
            shares = torch.softmax(found, dim=-1).amax(dim=1)  # the surest of its boxes
        else:
            logits = self._model(**inputs).logits.float()
            independent = (
                getattr(self._model.config, "problem_type", "") == "multi_label_classification"
            )
            shares = torch.sigmoid(logits) if independent else torch.softmax(logits, dim=-1)
        picked = shares[:, [self._columns[name] for name in self._names()]]
        return np.asarray(picked.cpu().numpy(), np.float32)

    def _names(self) -> list[str]:
        described = self._described
        return list(described.labels) or [category.value for category in described.prompts]

    def _scores(self, row: NDArray[np.float32]) -> list[Score]:
        described = self._described
        best: dict[Category, float] = {}
        for name, value in zip(self._names(), row.tolist(), strict=True):
            category = described.labels.get(name) or Category(name)
            best[category] = max(best.get(category, 0.0), described.scaled(name, value))
        return [Score(category, value, self.name) for category, value in best.items()]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        grey = np.full((64, 64, 3), 128, np.uint8)
        return [(grey, category, False) for category in sorted(self.categories)]


def _views(frame: Frame, crops: bool) -> list[Frame]:
    """The frame and, if asked, its four overlapping quarters (60 % of each side)."""
    if not crops:
        return [frame]
    height, width = frame.shape[:2]
    h, w = max(1, int(height * 0.6)), max(1, int(width * 0.6))
    corners = ((0, 0), (0, width - w), (height - h, 0), (height - h, width - w))
    return [frame, *(np.ascontiguousarray(frame[y : y + h, x : x + w]) for y, x in corners)]
