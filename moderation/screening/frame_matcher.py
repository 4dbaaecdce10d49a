"""An external matcher of known abuse material with a classifier beside it (the Safer kind of service).

Each frame is posted as a JPEG; the answer names hash matches with their kind and distance, and may
hold the classifier's predictions:

    {"hashes": [{"hashType": "saferhashv0", "matchTypes": ["CSAM"],
                 "matches": [{"sourceId": "…", "matchDistance": 4}]}],
     "classifierPrediction": {"csam": 0.01, "sexual": 0.02, "other": 0.97}}

A match of the kind CSAM counts as confirmed material (known_hashes.PROVIDER), one of another kind
(sexual exploitation) as suspected. The shape is the one a reseller documents; the vendor's own
documentation isn't public, so try the service with its test file before you rely on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from moderation.screening.frame_http import jpeg
from moderation.screening.http_json import post
from moderation.screening.known_hashes import PROVIDER
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable

AT_ONCE = 4
CONFIRMED = "CSAM"
PREDICTIONS = {
    "csam": Category.SEXUAL_MINORS,
    "sexual": Category.SEXUAL,
    "pornography": Category.SEXUAL,
}


class FrameMatcher:
    """See protocol.FrameClassifier."""

    name = "frame_matcher"
    version = "1"

    def __init__(
        self, url: str, *, key: str = "", timeout: float = 10.0, classifies: bool = True
    ) -> None:
        """url: the full address. classifies: the service answers predictions too; then they must
        be there, and the matcher answers for sexual content and abuse."""
        self._url, self._key, self._timeout = url, key, timeout
        self._classifies = classifies
        judged = {Category.KNOWN_CONTENT}
        if classifies:
            judged |= {Category.SEXUAL_MINORS, Category.SEXUAL}
        self.categories = frozenset(judged)

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=self.name) as pool:
            return list(pool.map(self._score, frames))

    def _score(self, frame: Frame) -> list[Score]:
        data = post(
            self._url,
            jpeg(frame, 1024),
            kind="image/jpeg",
            key=self._key,
            timeout=self._timeout,
            name=self.name,
            tries=2,
        )
        best = dict.fromkeys(self.categories, 0.0)
        source = self.name
        for kind in self._kinds(data):
            if kind == CONFIRMED:
                best[Category.KNOWN_CONTENT], source = 1.0, PROVIDER
            else:
                best[Category.SEXUAL_MINORS] = 1.0
        if self._classifies:
            for category, value in self._predictions(data):
                best[category] = max(best[category], value)
        return [
            Score(category, value, source if category == Category.KNOWN_CONTENT else self.name)
            for category, value in best.items()
        ]

    def _kinds(self, data: dict[str, Any]) -> list[str]:
        """The kinds of every hash that matched something."""
        hashes = data.get("hashes")
        if not isinstance(hashes, list):
            raise ScreeningUnavailable(f"{self.name} answered no list of hashes")
        kinds: list[str] = []
        for item in hashes:
            if not isinstance(item, dict) or not isinstance(item.get("matches", []), list):
                raise ScreeningUnavailable(f"{self.name} answered a hash that can't be read")
            if item.get("matches"):
                named = item.get("matchTypes")
                kinds += [str(kind) for kind in named] if isinstance(named, list) else [CONFIRMED]
        return kinds

    def _predictions(self, data: dict[str, Any]) -> list[tuple[Category, float]]:
        given = data.get("classifierPrediction")
        if not isinstance(given, dict) or not {"csam"} <= set(given):
            raise ScreeningUnavailable(f"{self.name} answered no predictions")
        found = []
        for name, category in PREDICTIONS.items():
            value = given.get(name, 0.0)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not math.isfinite(value)
                or not 0 <= value <= 1
            ):
                raise ScreeningUnavailable(f"{self.name} answered no number for {name}")
            found.append((category, float(value)))
        return found

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return [(np.full((64, 64, 3), 128, np.uint8), Category.KNOWN_CONTENT, False)]
