"""Rows to train, calibrate and evaluate the text classifiers on. Not used at run time.

Reads a folder of JSON-lines evaluation sets (fields: id, text, category, label, source, licence;
optional family, implicit, contrast). Only rows under a licence that allows it may train what ships.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from moderation.screening import evaluate, training_prompts
from moderation.screening.protocol import Category

TRAINING_LICENCES = frozenset({"Apache-2.0", "MIT", "CC-BY-4.0", "CC0-1.0"})

# Their words for a category -> ours.
CATEGORIES = {
    "sexual": Category.SEXUAL,
    "violence_gore": Category.VIOLENCE_GORE,
    "self_harm": Category.SELF_HARM,
    "hate": Category.HATE,
    "harassment": Category.HARASSMENT,
    "illegal": Category.ILLEGAL,
    "dangerous": Category.DANGEROUS,
    "deceptive": Category.DECEPTIVE,
    "privacy": Category.PRIVACY,
    "privacy_public": Category.PRIVACY,
    "likeness_private": Category.PRIVACY,
    "ip_brand": Category.INTELLECTUAL_PROPERTY,
}

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Row:
    """category: None for harmless rows. ordinary: counts for false positives on plain prompts.
    contrast: harmless but looks unsafe. implicit: unsafe, but its wording does not say so."""

    text: str
    category: Category | None
    source: str
    split: Split
    ordinary: bool = False
    contrast: bool = False
    implicit: bool = False
    label: str = "allow"
    unseen_source: bool = False  # its whole source is kept out of training
    minor_reference: str = ""  # hand label "yes", "no", "ambiguous" where there is one
    family: str = ""  # near copies share one; never split them


def _split(key: str) -> Split:
    """Stable split: 90 % train, 10 % test."""
    return "train" if crc32(key.encode()) % 100 < 90 else "test"


def read_evalsets(folder: Path) -> list[Row]:
    """Every row of the folder's *.jsonl; rows that may not train are all in the split "test"."""
    rows: list[Row] = []
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            data = json.loads(line)
            may_train = data["licence"] in TRAINING_LICENCES
            label = data["label"]
            # own_* sets repeat one name in many lines; families keep near copies together.
            family = data.get("family") or data.get("entity") or data["id"]
            rows.append(
                Row(
                    text=data["text"],
                    category=CATEGORIES[data["category"]] if label == "block" else None,
                    source=path.stem,
                    split=_split(family) if may_train else "test",
                    ordinary=path.stem.startswith("benign_") and label == "allow",
                    contrast=bool(data.get("contrast")) and label == "allow",
                    implicit=bool(data.get("implicit")),
                    label=label,
                    unseen_source=not may_train,
                    minor_reference=data.get("minor_reference", ""),
                    family=f"{path.stem}/{family}",
                )
            )
    return rows


def own_rows() -> list[Row]:
    """Our template prompts, split by template."""
    return [
        Row(
            text=text,
            category=CATEGORIES.get(category),
            source="templates",
            split=_split(family),
            ordinary=category == "benign",
            contrast=category == "benign_contrast",
            label="allow" if category.startswith("benign") else "block",
            family=family,
        )
        for text, category, family in training_prompts.generate()
    ]


def folds_of(rows: Sequence[Row], count: int) -> NDArray[np.int64]:
    """Fold number of each row for cross-validation; a family is never split."""
    return np.array([crc32(f"fold {row.family}".encode()) % count for row in rows])


def own_unseen_rows() -> list[evaluate.Row]:
    """Our own prompts of families no classifier was trained on, in the form of an evaluation set."""
    return [
        evaluate.Row(
            id=f"own-{number}",
            text=row.text,
            category=row.category.value if row.category else "benign",
            label=row.label,
            source="contrast" if row.contrast else "ordinary" if row.ordinary else "unsafe",
            contrast=row.contrast,
            language="en",
        )
        for number, row in enumerate(own_rows())
        if row.split == "test"
    ]


def all_rows(folder: Path) -> list[Row]:
    """Evaluation sets and our own prompts, each text once (the first wins)."""
    seen: set[str] = set()
    unique: list[Row] = []
    for row in _chain(read_evalsets(folder), own_rows()):
        key = " ".join(row.text.casefold().split())
        if key not in seen:
            seen.add(key)
            unique.append(row)
    return unique


def _chain(*parts: Iterable[Row]) -> Iterable[Row]:
    for part in parts:
        yield from part
