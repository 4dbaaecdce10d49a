"""What a worker can afford: every check a prompt or a clip must pass. Fails closed.

Thin over decision.py: review_prompt decides about one text, FrameReview about the frames of one
clip as they come. Both answer with a Decision or raise ScreeningUnavailable; after the latter
nothing may be delivered.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

from moderation.screening import text_linear
from moderation.screening.decision import Decision, conclude, decide
from moderation.screening.frame_scan import FrameScan, known
from moderation.screening.known_hashes import RADIUS, KnownHashes
from moderation.screening.policy import Policy, default_policy, profile_name
from moderation.screening.protocol import (
    Frame,
    FrameClassifier,
    ScreeningUnavailable,
    TextClassifier,
)
from moderation.screening.signals import Checks, Inputs, Stage

MEANING_CLASSIFIER = "moderation.screening.text_embedding"


@lru_cache(maxsize=1)
def default_text_classifiers() -> tuple[TextClassifier, ...]:
    """The embedded classifiers: by meaning where the sentence model is installed, else by wording."""
    if importlib.util.find_spec(MEANING_CLASSIFIER) is not None:
        module = importlib.import_module(MEANING_CLASSIFIER)
        if module.is_installed():
            return (cast(TextClassifier, module.default()),)
    return (text_linear.default(),)


def load_classifier(dotted_name: str, *arguments: Any, **options: Any) -> Any:
    """Make the classifier a setting names, e.g. "moderation.screening.frame_transformers.Local".

    Raises ScreeningUnavailable when the name leads nowhere or the classifier can't start: a
    configured check that silently does not run would be worse than none.
    """
    module_name, _, attribute = dotted_name.rpartition(".")
    try:
        factory = getattr(importlib.import_module(module_name), attribute)
        return factory(*arguments, **options)
    except ScreeningUnavailable:
        raise
    except Exception as error:
        raise ScreeningUnavailable(f"{dotted_name} can't be loaded: {error}") from error


def review_prompt(
    text: str,
    *,
    profile: str = "default",
    classifiers: Sequence[TextClassifier] | None = None,
    providers: Sequence[TextClassifier] = (),
    policy: Policy | None = None,
) -> Decision:
    """Decide about one text with everything there is.

    Args:
        text: what is judged.
        profile: of the policy; "minor_referenced" is entered by the text itself.
        classifiers: local ones with calibrated scores; None for the embedded default.
        providers: external ones (text_http.TextHttp); each must answer.
        policy: None for the shipped one.

    Raises ScreeningUnavailable when a classifier fails or a provider is late, down or unreadable;
    thresholds.UnknownProfile for an unknown profile.
    """
    local = default_text_classifiers() if classifiers is None else classifiers
    return decide(
        "prompt",
        Inputs(prompt=text),
        profile=profile,
        policy=policy or default_policy(),
        checks=Checks(texts=tuple(local), text_providers=tuple(providers)),
    )


class FrameReview:
    """Decides about one clip while its frames are made. Give every frame to `add`, in order.

    Raises ScreeningUnavailable on construction as FrameScan does.
    """

    def __init__(
        self,
        *,
        profile: str = "default",
        draws_people: bool,
        photographs: bool = False,
        known_hashes: Iterable[bytes] | KnownHashes = (),
        hash_frame: Callable[[Frame], bytes] | None = None,
        classifier: FrameClassifier | None = None,
        checks: Checks | None = None,
        policy: Policy | None = None,
        stage: Stage = "output",
        minor_reference: bool = False,
        details: Mapping[str, Any] | None = None,
        elsewhere: frozenset[str] = frozenset(),
        radius: int = RADIUS,
        samples_per_second: float = 2.0,
        batch: int = 8,
    ) -> None:
        """checks: everything there is to ask; without it, `classifier`, `known_hashes` and
        `hash_frame` are all there is. details: added to the decision's. elsewhere: see
        Checks."""
        self.profile = profile_name(profile)
        self._policy = policy or default_policy()
        self._stage: Stage = stage
        self._details = dict(details or {})
        self._minor_reference = minor_reference or self.profile == "minor_referenced"
        self._checks = checks or Checks(
            frames=() if classifier is None else (classifier,),
            known_hashes=known(known_hashes, radius=radius),
            hash_frame=hash_frame,
            elsewhere=elsewhere,
        )
        self._scan = FrameScan(
            checks=self._checks,
            draws_people=draws_people,
            photographs=photographs,
            subject=stage,
            samples_per_second=samples_per_second,
            batch=batch,
        )

    def add(self, index: int, seconds: float, rgb: Frame) -> None:
        """Take one frame, see FrameScan.add. Raises ScreeningUnavailable."""
        self._scan.add(index, seconds, rgb)

    def verdict(self) -> Decision:
        """Decide about what was added. Call once, after the last frame. Raises ScreeningUnavailable."""
        found = self._scan.collected()
        return conclude(
            self._stage,
            found.signals,
            profile=self.profile,
            policy=self._policy,
            details={
                **found.details,
                **self._details,
                "absent": list(self._checks.absent()),
                "minor_reference": self._minor_reference
                or bool(found.details.get("minor_reference")),
            },
            evaluated=found.evaluated,
            not_evaluated=found.not_evaluated,
        )
