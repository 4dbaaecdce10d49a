"""What a worker can afford: every check a prompt or a clip must pass. Fails closed.

review_prompt judges a text with the gate's rules and all text classifiers; FrameReview judges the
frames of one clip as they come. Both answer with a Verdict or raise ScreeningUnavailable; after the
latter nothing may be delivered.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from moderation.screening import gate, text_linear, thresholds
from moderation.screening.frame_signals import FlashMeter, StillnessMeter
from moderation.screening.known_hashes import RADIUS, KnownHashes
from moderation.screening.protocol import (
    Action,
    Category,
    Frame,
    FrameClassifier,
    Score,
    ScreeningUnavailable,
    TextClassifier,
    Verdict,
    strictest,
)

REASONS_WITHOUT_CATEGORY = {Category.LIKENESS: "likeness"}
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
) -> Verdict:
    """Judge a prompt, after rewriting, with everything there is.

    Args:
        text: what the engine would get.
        profile: of thresholds.PROFILES; "minor_present" is entered by the text itself.
        classifiers: local ones with calibrated scores; None for the embedded default.
        providers: external ones (text_http.TextHttp); each must answer.

    Returns the strictest of all opinions. Raises ScreeningUnavailable when a classifier fails or
    a provider is late, down or unreadable; thresholds.UnknownProfile for an unknown profile.
    """
    thresholds.points_for(profile, Category.SEXUAL)
    rules = gate.screen_prompt(text, profile=profile)
    minors = bool(rules.details.get("minor_reference"))
    profile = rules.profile
    opinions: list[tuple[Category, Action, Score]] = [
        (
            Category(c),
            rules.action,
            Score(Category(c), 1.0 if rules.action == "refuse" else 0.9, "blocklist"),
        )
        for c in rules.categories
    ]
    scores = list(rules.scores)
    evaluated = list(rules.evaluated)
    not_evaluated = list(rules.not_evaluated)
    local = default_text_classifiers() if classifiers is None else classifiers
    for classifier, points_for in (
        *((c, thresholds.points_for) for c in local),
        *((p, thresholds.provider_points_for) for p in providers),
    ):
        for score in _ask(lambda c=classifier: c.score(text), classifier):  # type: ignore[misc]
            category = score.category
            points = points_for(profile, category)
            action = points.action(score.value)
            if minors and category == Category.SEXUAL and action != "allow":
                category, action = Category.SEXUAL_MINORS, "refuse"
            scores.append(score)
            opinions.append((category, action, score))
        evaluated.append(f"{classifier.name} {classifier.version}")
    missing = frozenset(_JUDGED_TEXT) - frozenset().union(
        *(c.categories for c in (*local, *providers))
    )
    not_evaluated.extend(sorted(f"learned:{category.value}" for category in missing))
    return _verdict(
        opinions,
        profile=profile,
        scores=scores,
        evaluated=evaluated,
        not_evaluated=not_evaluated,
        details={"minor_reference": minors},
    )


_JUDGED_TEXT = text_linear.HEADS


def _ask(question: Callable[[], list[Score]], classifier: Any) -> list[Score]:
    try:
        return question()
    except ScreeningUnavailable:
        raise
    except Exception as error:
        name = getattr(classifier, "name", type(classifier).__name__)
        raise ScreeningUnavailable(f"{name} failed: {error}") from error


def _verdict(
    opinions: Iterable[tuple[Category, Action, Score]],
    *,
    profile: str,
    scores: Iterable[Score],
    evaluated: Iterable[str],
    not_evaluated: Iterable[str],
    details: dict[str, Any],
) -> Verdict:
    listed = [opinion for opinion in opinions if opinion[1] != "allow"]
    final = strictest(*(action for _, action, _ in listed))
    strongest: dict[Category, float] = {}
    for category, action, score in listed:
        if action == final:
            strongest[category] = max(strongest.get(category, 0.0), score.value)
    # The most serious first: child safety, then by score, then in the order of Category.
    order = list(Category)
    categories = sorted(
        strongest,
        key=lambda c: (c != Category.SEXUAL_MINORS, -round(strongest[c], 3), order.index(c)),
    )
    return Verdict(
        action=final,
        profile=profile,
        categories=tuple(c.value for c in categories),
        scores=tuple(scores),
        reasons=tuple(c.value for c in categories),
        evaluated=tuple(evaluated),
        not_evaluated=tuple(dict.fromkeys(not_evaluated)),
        details=details,
    )


# What a clip of people must be judged for by eye; without it the clip is not delivered.
REQUIRED_FOR_PEOPLE = frozenset({Category.SEXUAL})
_JUDGED_FRAMES = (
    Category.SEXUAL,
    Category.SEXUAL_MINORS,
    Category.VIOLENCE_GORE,
    Category.SELF_HARM,
    Category.HATE,
    Category.DECEPTIVE,
    Category.LIKENESS,
)


class FrameReview:
    """Judges one clip while its frames are made. Give every frame to `add`, in order.

    Each frame goes through the structural and flash checks (about 0.5 ms). Two frames a second,
    and always the first and the last, go through the hash list and the classifier. The review
    holds copies of at most `batch` sampled frames, so memory does not grow with the clip.

    Raises ScreeningUnavailable on construction when the engine draws people and no classifier
    that can see sexual content is configured, or when there are known hashes and no `hash_frame`.
    """

    def __init__(
        self,
        *,
        profile: str = "default",
        draws_people: bool,
        known_hashes: Iterable[bytes] | KnownHashes = (),
        hash_frame: Callable[[Frame], bytes] | None = None,
        classifier: FrameClassifier | None = None,
        radius: int = RADIUS,
        samples_per_second: float = 2.0,
        batch: int = 8,
    ) -> None:
        thresholds.frame_points_for(profile, Category.SEXUAL)
        if draws_people and (classifier is None or REQUIRED_FOR_PEOPLE - classifier.categories):
            raise ScreeningUnavailable(
                "This engine can draw people, so a frame classifier that judges sexual content "
                "must be configured."
            )
        self._hashes = (
            known_hashes
            if isinstance(known_hashes, KnownHashes)
            else KnownHashes(known_hashes, radius=radius)
        )
        if len(self._hashes) and hash_frame is None:
            raise ScreeningUnavailable("There are known hashes but no function to hash frames.")
        self.profile = profile
        self._hash_frame = hash_frame
        self._classifier = classifier
        self._interval = 1.0 / samples_per_second
        self._batch = batch
        self._pending: list[Frame] = []
        self._held: Frame | None = None  # the latest frame, while it has not been sampled
        self._next_sample: float | None = None
        self._shape: tuple[int, ...] | None = None
        self._broken = ""
        self._stillness = StillnessMeter()
        self._flashes = FlashMeter()
        self._scores: dict[tuple[Category, str], float] = {}
        self._sampled = 0
        self._count = 0

    def add(self, index: int, seconds: float, rgb: Frame) -> None:
        """Take one frame. uint8 [h, w, 3]; `seconds` on the clip's own time line, not falling.

        Raises ScreeningUnavailable when the classifier or the hash function fails.
        """
        self._count += 1
        if self._broken:
            return
        self._broken = self._defect(index, rgb)
        if self._broken:
            return
        self._stillness.add(rgb)
        self._flashes.add(seconds, rgb)
        if self._next_sample is None or seconds + 1e-6 >= self._next_sample:
            due = seconds if self._next_sample is None else self._next_sample
            self._next_sample = max(due, seconds - self._interval) + self._interval
            self._sample(rgb.copy())
            self._held = None
        else:
            self._held = rgb

    def verdict(self) -> Verdict:
        """Judge what was added. Call once, after the last frame.

        Raises ScreeningUnavailable when the classifier or the hash function fails.
        """
        if self._held is not None and not self._broken:
            self._sample(self._held)
            self._held = None
        self._flush()
        opinions: list[tuple[Category, Action, Score]] = []
        scores: list[Score] = []
        for (category, source), value in sorted(self._scores.items()):
            score = Score(category, value, source)
            scores.append(score)
            action = thresholds.frame_points_for(self.profile, category).action(value)
            if source == "known_hashes":
                action = "refuse"
            opinions.append((category, action, score))

        def rule(category: Category, action: Action, source: str) -> None:
            score = Score(category, 1.0 if action == "refuse" else 0.9, source)
            scores.append(score)
            opinions.append((category, action, score))

        if self._count == 0 or self._broken:
            rule(Category.BROKEN_OUTPUT, "refuse", "structure")
        elif self._stillness.blank:
            rule(Category.BROKEN_OUTPUT, "refuse", "stillness")
        elif self._stillness.still:
            rule(Category.BROKEN_OUTPUT, "guard", "stillness")
        if self._flashes.dangerous:
            rule(Category.PHOTOSENSITIVE, "refuse", "flashes")

        evaluated = ["structure", "stillness"]
        not_evaluated: list[str] = []
        (evaluated if self._flashes.reliable else not_evaluated).append("flashes")
        (evaluated if len(self._hashes) else not_evaluated).append("known_hashes")
        seen: frozenset[Category] = frozenset()
        if self._classifier is not None:
            evaluated.append(f"{self._classifier.name} {self._classifier.version}")
            seen = self._classifier.categories
        not_evaluated.extend(f"frames:{c.value}" for c in _JUDGED_FRAMES if c not in seen)
        return _verdict(
            opinions,
            profile=self.profile,
            scores=scores,
            evaluated=evaluated,
            not_evaluated=not_evaluated,
            details={
                "frames": self._count,
                "frames_sampled": self._sampled,
                "defect": self._broken,
                "flash_area": round(self._flashes.peak, 3),
                "flash_seconds": round(self._flashes.peak_seconds, 2),
                "largest_difference": round(self._stillness.largest_difference, 3),
            },
        )

    def _defect(self, index: int, rgb: Frame) -> str:
        if not isinstance(rgb, np.ndarray) or rgb.dtype != np.uint8:
            return f"frame {index} is not uint8"
        if rgb.ndim != 3 or rgb.shape[2] != 3 or 0 in rgb.shape:
            return f"frame {index} has the shape {rgb.shape}"
        if self._shape is None:
            self._shape = rgb.shape
        if rgb.shape != self._shape:
            return f"frame {index} has another size than the first"
        return ""

    def _sample(self, rgb: Frame) -> None:
        self._sampled += 1
        if len(self._hashes) and self._hash_frame is not None:
            try:
                distance = self._hashes.distance(self._hash_frame(rgb))
            except Exception as error:
                raise ScreeningUnavailable(f"the frame hash failed: {error}") from error
            if distance is not None:
                self._note(Score(Category.KNOWN_CONTENT, 1.0, "known_hashes"))
        if self._classifier is not None:
            self._pending.append(rgb)
            if len(self._pending) >= self._batch:
                self._flush()

    def _flush(self) -> None:
        if not self._pending or self._classifier is None:
            return
        frames, self._pending = self._pending, []
        classifier = self._classifier
        try:
            answers = classifier.score_frames(frames)
        except ScreeningUnavailable:
            raise
        except Exception as error:
            raise ScreeningUnavailable(f"{classifier.name} failed: {error}") from error
        if len(answers) != len(frames):
            raise ScreeningUnavailable(f"{classifier.name} answered for {len(answers)} frames")
        for answer in answers:
            for score in answer:
                self._note(score)

    def _note(self, score: Score) -> None:
        key = (score.category, score.source)
        value = score.value if np.isfinite(score.value) else 1.0
        self._scores[key] = max(self._scores.get(key, 0.0), value)
