"""An external text service that speaks the OpenAI moderation interface (POST .../v1/moderations).

Off unless configured. What it can't answer in time is ScreeningUnavailable: a configured check
never turns into "allowed".
"""

from __future__ import annotations

import math
from typing import Any

from moderation.screening.http_json import post_json
from moderation.screening.protocol import Category, Score, ScreeningUnavailable

# Their category names -> ours.
CATEGORIES: dict[str, Category] = {
    "sexual": Category.SEXUAL,
    "sexual/minors": Category.SEXUAL_MINORS,
    "violence": Category.VIOLENCE_GORE,
    "violence/graphic": Category.VIOLENCE_GORE,
    "self-harm": Category.SELF_HARM,
    "self-harm/intent": Category.SELF_HARM,
    "self-harm/instructions": Category.SELF_HARM,
    "hate": Category.HATE,
    "hate/threatening": Category.HATE,
    "harassment": Category.HARASSMENT,
    "harassment/threatening": Category.HARASSMENT,
    "illicit": Category.ILLEGAL,
    "illicit/violent": Category.DANGEROUS,
}

# Any of these missing means that the answer is not the one we rely on.
REQUIRED = ("sexual", "violence", "self-harm", "hate", "harassment")


class TextHttp:
    """See protocol.TextClassifier. Scores are the service's own probabilities."""

    name = "text_http"
    categories = frozenset(CATEGORIES.values())

    def __init__(
        self,
        url: str,
        *,
        key: str = "",
        model: str = "omni-moderation-latest",
        timeout: float = 5.0,
    ) -> None:
        """url: the full address of the endpoint. timeout: seconds for the whole request."""
        self.version = model
        self._url = url
        self._key = key
        self._timeout = timeout

    def score(self, text: str) -> list[Score]:
        payload = {"model": self.version, "input": text}
        data = post_json(
            self._url, payload, key=self._key, timeout=self._timeout, name=self.name, tries=2
        )
        result = single_result(data, self.name)
        return scores_from(result, CATEGORIES, REQUIRED, self.name)

    def examples(self) -> list[tuple[str, Category, bool]]:
        return [
            ("A red balloon rises over the ocean at sunset", Category.SEXUAL, False),
            ("Two naked adults having explicit sex", Category.SEXUAL, True),
        ]


def single_result(data: dict[str, Any], name: str) -> dict[str, Any]:
    results = data.get("results")
    if not isinstance(results, list) or len(results) != 1 or not isinstance(results[0], dict):
        raise ScreeningUnavailable(f"{name} answered without a result")
    return results[0]


def scores_from(
    result: dict[str, Any], categories: dict[str, Category], required: tuple[str, ...], name: str
) -> list[Score]:
    """The highest score for each of our categories; a set flag counts as 1.0.

    Raises ScreeningUnavailable when a required score is missing or is no number from 0 to 1.
    """
    values = result.get("category_scores")
    flags = result.get("categories") or {}
    if not isinstance(values, dict) or not isinstance(flags, dict):
        raise ScreeningUnavailable(f"{name} answered without scores")
    best: dict[Category, float] = {}
    for theirs, ours in categories.items():
        value = values.get(theirs)
        if value is None and theirs not in required:
            continue  # older models leave some categories out
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ScreeningUnavailable(f"{name} answered no score for {theirs}")
        if not math.isfinite(value) or not 0 <= value <= 1:
            raise ScreeningUnavailable(f"{name} answered a score out of range for {theirs}")
        value = 1.0 if flags.get(theirs) is True else float(value)
        best[ours] = max(best.get(ours, 0.0), value)
    return [Score(category, value, name) for category, value in best.items()]
