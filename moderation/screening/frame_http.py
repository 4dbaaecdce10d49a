"""An external service that judges pictures, with the OpenAI moderation interface.

Each frame is sent as a small JPEG in a data URI. The interface judges sexual content, violence and
self-harm on pictures; it says nothing about minors, hate or real people, so those stay listed as
not evaluated.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from moderation.screening.http_json import post_json
from moderation.screening.protocol import Category, Frame, Score
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
        return [self._score(frame) for frame in frames]

    def _score(self, frame: Frame) -> list[Score]:
        part = {"type": "image_url", "image_url": {"url": data_uri(frame)}}
        payload = {"model": self.version, "input": [part]}
        data = post_json(self._url, payload, key=self._key, timeout=self._timeout, name=self.name)
        return scores_from(single_result(data, self.name), CATEGORIES, REQUIRED, self.name)

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return [(np.full((64, 64, 3), 128, np.uint8), Category.SEXUAL, False)]


def data_uri(frame: Frame) -> str:
    """A JPEG of at most MAX_SIDE pixels a side as a data URI."""
    image = Image.fromarray(frame)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
