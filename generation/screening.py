"""Screening as this site is set up: which providers, which lists. The rules are moderation.screening's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

import numpy as np
from django.conf import settings
from PIL import Image

from generation import vision
from generation.engine.capabilities import Capabilities
from generation.policies import active_policy
from generation.vision import frame_classifier, hash_frame, known_hashes, text_reader
from moderation.screening import panel
from moderation.screening.decision import Decision, decide, redecide
from moderation.screening.policy import Policy
from moderation.screening.protocol import (
    Frame,
    JointReviewer,
    TextClassifier,
)
from moderation.screening.signals import Checks, Inputs, Signal

TEXT_PROVIDER = "moderation.screening.text_http.TextHttp"
JOINT_REVIEWER = "moderation.screening.joint_llm.JointLlm"

JOINT_FRAMES_PER_SECOND = 1.0
JOINT_LONG_SIDE = 448
MOST_JOINT_FRAMES = 64


def gate(texts: Sequence[str], *, profile: str = "default") -> Decision:
    """What a web request can afford: lists and rules over every text and over all read together."""
    together = " ".join(texts)
    cards = tuple((text, None) for text in texts) if len(texts) > 1 else ()
    return decide(
        "prompt",
        Inputs(prompt=together, cards=cards),
        profile=profile,
        policy=active_policy(),
        checks=Checks(elsewhere=filters_set_up()),
    )


def review_prompts(
    texts: Sequence[tuple[str, str]],
    *,
    profile: str = "default",
    policy: Policy | None = None,
    minor_reference: bool = False,
    guarded_source: bool = False,
) -> Decision:
    """Decide about the (original, rewritten) texts of a plan, each alone and all read as one.

    minor_reference, guarded_source: what the sources of an edit bring along. Raises
    ScreeningUnavailable.
    """
    return decide(
        "rewritten",
        Inputs(
            prompt=" ".join(written for written, _ in texts),
            rewritten=" ".join(drawn for _, drawn in texts),
            cards=tuple(texts) if len(texts) > 1 else (),
            minor_reference=minor_reference,
            guarded_source=guarded_source,
        ),
        profile=profile,
        policy=policy or active_policy(),
        checks=checks(),
    )


def output_profile(prompt: Decision) -> str:
    """The profile a clip's frames are judged with: a guarded prompt's clip with the strictest."""
    return "feed" if prompt.action != "allow" else prompt.profile


def frame_review(
    prompt: Decision, engine: Capabilities, *, policy: Policy | None = None, second: bool = False
) -> panel.FrameReview:
    """The review of one clip's frames. second: of a second take, judged most strictly and private.

    Raises ScreeningUnavailable when a needed check is not set up.
    """
    return panel.FrameReview(
        profile="feed" if second else output_profile(prompt),
        draws_people=engine.draws_people,
        checks=checks(),
        policy=policy or active_policy(),
        minor_reference=bool(prompt.details.get("minor_reference")),
        details={"second_take": True} if second else {},
    )


def review_together(
    prompt: str,
    rewritten: str,
    uploads: Sequence[Sequence[Frame]],
    frames: Iterable[tuple[float, Frame]],
    *,
    profile: str,
    policy: Policy | None = None,
    minor_reference: bool = False,
) -> Decision | None:
    """What reviewers of everything together decide; None when there is none set up.

    Raises ScreeningUnavailable when one is and does not answer.
    """
    there = checks()
    if not there.joint:
        return None
    return decide(
        "joint",
        Inputs(
            prompt=prompt,
            rewritten=rewritten,
            uploads=tuple(tuple(frames) for frames in uploads),
            frames=frames,
            minor_reference=minor_reference,
        ),
        profile=profile,
        policy=policy or active_policy(),
        checks=there,
    )


def tightened(
    decisions: Sequence[Decision], together: Decision, *, policy: Policy
) -> Decision | None:
    """What the earlier stages saw, judged as if there were no review of everything together.

    None when that review had an opinion on every category. Else some of it was not evaluated, and
    the tighter points of a site without it count.
    """
    if not any(name.startswith("joint:") for name in together.not_evaluated):
        return None
    details = dict(decisions[0].details)
    details["absent"] = sorted({*details.get("absent", ()), "joint"})
    decision = redecide(
        tuple(signal for d in decisions for signal in d.signals),
        profile=together.profile,
        policy=policy,
        details=details,
        stage="joint",
    )
    return replace(decision, not_evaluated=together.not_evaluated)


def review_for_feed(
    signals: Iterable[Signal],
    *,
    prompt: str = "",
    minor_reference: bool,
    policy: Policy | None = None,
) -> Decision:
    """What earlier stages saw in a clip, judged once more for people who did not ask for it.

    Runs no model: the worker stored every signal, so the web process can decide. prompt: read once
    more by today's lists.
    """
    return decide(
        "feed",
        Inputs(prompt=prompt, signals=tuple(signals), minor_reference=minor_reference),
        profile="feed",
        policy=policy or active_policy(),
        checks=Checks(elsewhere=filters_set_up()),
    )


class JointFrames:
    """Small copies of a clip's frames for the review of everything together: 1 a second, bounded."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, Frame]] = []
        self._next = 0.0
        self._wanted = "joint" in filters_set_up()

    def add(self, seconds: float, frame: Frame) -> None:
        if self._wanted and seconds + 1e-6 >= self._next and len(self._kept) < MOST_JOINT_FRAMES:
            self._next = seconds + 1.0 / JOINT_FRAMES_PER_SECOND
            self._kept.append((seconds, small(frame)))

    def __iter__(self) -> Iterator[tuple[float, Frame]]:
        return iter(self._kept)


def small(frame: Frame) -> Frame:
    """The frame with its long side at JOINT_LONG_SIDE or less."""
    picture = Image.fromarray(frame)
    picture.thumbnail((JOINT_LONG_SIDE, JOINT_LONG_SIDE))
    return np.asarray(picture)


def checks() -> Checks:
    """Everything a worker can ask on this site. Raises ScreeningUnavailable for a broken set-up."""
    frames = frame_classifier()
    return Checks(
        texts=panel.default_text_classifiers(),
        text_providers=text_providers(),
        frames=() if frames is None else (frames,),
        joint=joint_reviewers(),
        known_hashes=known_hashes(),
        hash_frame=hash_frame,
        text_reader=text_reader(),
    )


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
                timeout=settings.SORA_PROVIDER_SECONDS,
            ),
        ),
    )


def filters_set_up() -> frozenset[str]:
    """The optional filters (policy.FILTERS) this site has. Reads settings only, loads nothing."""
    there = {"joint": settings.SORA_JOINT_REVIEW_URL, "frames": vision.is_set_up()}
    return frozenset(name for name, value in there.items() if value)


def joint_reviewers() -> tuple[JointReviewer, ...]:
    url = settings.SORA_JOINT_REVIEW_URL
    if not url:
        return ()
    return (_joint_reviewer(url, settings.SORA_JOINT_REVIEW_KEY, settings.SORA_JOINT_REVIEW_MODEL),)


@lru_cache(maxsize=1)
def _joint_reviewer(url: str, key: str, model: str) -> JointReviewer:
    """One a process: it remembers its answers, and that the model passed its canary."""
    return cast(JointReviewer, panel.load_classifier(JOINT_REVIEWER, url, key=key, model=model))
