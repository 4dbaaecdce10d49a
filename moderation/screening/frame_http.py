"""An external service that judges pictures, with the OpenAI moderation interface.

Each frame is sent as a small JPEG in a data URI. The interface judges sexual content, violence and
self-harm on pictures; about minors, hate, harassment or real people it says nothing, whatever scores
the answer holds for them, so those are not read and stay listed as not evaluated.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from moderation.screening.http_json import post_json
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable
from moderation.screening.text_http import scores_from, single_result

CATEGORIES: dict[str, Category] = {
    "sexual": Category.SEXUAL,
    "violence": Category.VIOLENCE_GORE,
    "violence/graphic": Category.VIOLENCE_GORE,
    "self-harm": Category.SELF_HARM,
    "self-harm/intent": Category.SELF_HARM,
    "self-harm/instructions": Category.SELF_HARM,
}
REQUIRED = ("sexual", "violence", "self-harm")
MAX_SIDE = 768
AT_ONCE = 4  # requests; one picture each is all the interface takes


class FrameHttp:
    """See protocol.FrameClassifier."""

    name = "frame_http"
    categories = frozenset(CATEGORIES.values())

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        model: str = "omni-moderation-latest",
        timeout: float = 10.0,
    ) -> None:
        """url: the full address of the endpoint. timeout: seconds for one frame."""
        self.version = model
        self._url = url
        self._key = key
        self._timeout = timeout

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        if len(frames) < 2:
            return [self._score(frame) for frame in frames]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix=self.name) as pool:
            return list(pool.map(self._score, frames))

    def _score(self, frame: Frame) -> list[Score]:
        part = {"type": "image_url", "image_url": {"url": data_uri(frame)}}
        data = post_json(
            self._url,
            {"model": self.version, "input": [part]},
            key=self._key,
            timeout=self._timeout,
            name=self.name,
            tries=2,
        )
        result = single_result(data, self.name)
        self._has_looked(result)
        return scores_from(result, CATEGORIES, REQUIRED, self.name)

    def _has_looked(self, result: dict[str, Any]) -> None:
        """A text-only model answers zeros for a picture it never saw; the answer says so."""
        applied = result.get("category_applied_input_types")
        if applied is None:
            return
        kinds = applied if isinstance(applied, dict) else {}
        blind = [name for name in REQUIRED if "image" not in (kinds.get(name) or ())]
        if blind:
            raise ScreeningUnavailable(f"{self.name} did not look at the picture for {blind[0]}")

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return [(np.full((64, 64, 3), 128, np.uint8), Category.SEXUAL, False)]


def jpeg(frame: Frame, side: int = MAX_SIDE) -> bytes:
    """A JPEG of at most `side` pixels a side."""
    image = Image.fromarray(frame)
    image.thumbnail((side, side))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def data_uri(frame: Frame) -> str:
    """A JPEG of at most MAX_SIDE pixels a side as a data URI."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg(frame)).decode()
