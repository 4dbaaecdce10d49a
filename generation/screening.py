"""Screening as this site is set up: which providers, which lists. The rules are moderation.screening's."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

from django.conf import settings

from generation.engine.capabilities import Capabilities
from generation.provenance.fingerprint import hash_frames
from moderation.screening import gate, panel
from moderation.screening.known_hashes import KnownHashes
from moderation.screening.protocol import (
    Category,
    Frame,
    FrameClassifier,
    ScreeningUnavailable,
    TextClassifier,
    Verdict,
)

TEXT_PROVIDER = "moderation.screening.text_http.TextHttp"
# What the rewriter takes out of a prompt, so the original is not refused for it.
REWRITTEN = {Category.LIKENESS.value, Category.INTELLECTUAL_PROPERTY.value}


def review_prompt(original: str, rewritten: str) -> Verdict:
    """Judge both texts; the stricter answer counts, and a minor reference in either makes both strict.

    The rules read what was written, the learned classifiers what the engine gets: a name that the
    rewriter took out says nothing about the clip. Raises ScreeningUnavailable.
    """
    written = gate.screen_prompt(original)
    if not written.allowed:
        return written
    drawn = panel.review_prompt(rewritten, profile=written.profile, providers=text_providers())
    if drawn.action == "allow" and not set(written.categories) <= REWRITTEN:
        return written
    return drawn


def review_prompts(texts: Sequence[tuple[str, str]]) -> Verdict:
    """Judge the (original, rewritten) texts of a plan, each alone and all read as one: what is
    harmless card by card may not be harmless together. The strictest answer counts."""
    if not texts:  # clips put together without a word: a classifier would judge noise
        return gate.screen_prompt("")
    together = (" ".join(a for a, _ in texts), " ".join(b for _, b in texts))
    verdicts = [review_prompt(*pair) for pair in dict.fromkeys((together, *texts))]
    order = {"refuse": 0, "guard": 1, "allow": 2}
    strictest = min(verdicts, key=lambda verdict: order[verdict.action])
    return strictest if strictest.action != "allow" else verdicts[0]


def frame_review(profile: str, engine: Capabilities) -> panel.FrameReview:
    """The review of one clip's frames. Raises ScreeningUnavailable when a needed check is not set up."""
    return panel.FrameReview(
        profile=profile,
        draws_people=engine.draws_people,
        known_hashes=known_hashes(),
        hash_frame=hash_frame,
        classifier=frame_classifier(),
    )


# What somebody's photograph must be judged for by eye before it may be taken: without all three the
# people in it can't be told from others, nor children from adults.
REQUIRED_FOR_PHOTOGRAPHS = frozenset({Category.SEXUAL, Category.SEXUAL_MINORS, Category.LIKENESS})


def upload_review(*, photographs: bool) -> panel.FrameReview:
    """The review of an upload's frames: stricter than of what we draw ourselves.

    Raises ScreeningUnavailable when it may show real people and nothing here can see that.
    """
    classifier = frame_classifier()
    if photographs and (
        classifier is None or REQUIRED_FOR_PHOTOGRAPHS - frozenset(classifier.categories)
    ):
        raise ScreeningUnavailable(
            "Photographs need a SORA_FRAME_CLASSIFIER that judges sexual content, children and "
            "real people."
        )
    return panel.FrameReview(
        profile="upload",
        draws_people=photographs,
        known_hashes=known_hashes(),
        hash_frame=hash_frame,
        classifier=classifier,
    )


def hash_frame(frame: Frame) -> bytes:
    return hash_frames([frame])[0]


def text_providers() -> tuple[TextClassifier, ...]:
    if not settings.SORA_TEXT_MODERATION_URL:
        return ()
    return (
        cast(
            TextClassifier,
            panel.load_classifier(
                TEXT_PROVIDER,
                settings.SORA_TEXT_MODERATION_URL,
                key=settings.SORA_TEXT_MODERATION_KEY,
            ),
        ),
    )


def frame_classifier() -> FrameClassifier | None:
    if not settings.SORA_FRAME_CLASSIFIER:
        return None
    return _frame_classifier(settings.SORA_FRAME_CLASSIFIER, settings.SORA_FRAME_CLASSIFIER_PATH)


@lru_cache(maxsize=1)
def _frame_classifier(dotted_name: str, path: str) -> FrameClassifier:
    arguments = (path,) if path else ()
    return cast(FrameClassifier, panel.load_classifier(dotted_name, *arguments))


def known_hashes() -> KnownHashes:
    """The operator's list: SORA_KNOWN_HASHES, one hash of 64 hex digits a line, # for comments.

    Raises ScreeningUnavailable when a configured list can't be read: a list that silently does
    not apply would be worse than none.
    """
    if not settings.SORA_KNOWN_HASHES:
        return KnownHashes(())
    path = Path(settings.SORA_KNOWN_HASHES)
    try:
        return _known_hashes(path, path.stat().st_mtime)
    except (OSError, ValueError) as error:
        raise ScreeningUnavailable(f"SORA_KNOWN_HASHES={path} can't be read: {error}") from error


@lru_cache(maxsize=1)
def _known_hashes(path: Path, modified: float) -> KnownHashes:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return KnownHashes(bytes.fromhex(line) for line in lines if line)
