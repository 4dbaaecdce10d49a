"""What is looked at in a clip: inserted frames, text in frames, children, and who may say nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from moderation.screening.decision import redecide
from moderation.screening.frame_text import Line, edge_cells, likeness_of_text
from moderation.screening.panel import FrameReview
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable
from moderation.screening.providers import Checked, Together, coverage, table
from moderation.screening.signals import Checks

HEIGHT, WIDTH = 96, 160


def scene(shift: int = 0) -> Frame:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frame = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, np.full_like(x, 90)], axis=-1)
    frame[30:50, 10 + shift % 120 : 30 + shift % 120] = (240, 200, 40)
    return frame.astype(np.uint8)


def other_scene() -> Frame:
    return np.ascontiguousarray(255 - scene()[::-1])


def with_letters(text_rows: int = 20) -> Frame:
    """Strokes as dense as large letters, bright on a plain ground."""
    frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
    for left in range(8, WIDTH - 8, 6):
        frame[30 : 30 + text_rows, left : left + 3] = 250
    return frame


class Eye:
    """Sees what the test says; remembers the frames it was shown."""

    version = "1"

    def __init__(
        self,
        judge: Callable[[Frame], dict[Category, float]],
        categories: set[Category],
        name: str = "eye",
    ) -> None:
        self.name = name
        self.categories = frozenset(categories)
        self.shown: list[Frame] = []
        self._judge = judge

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        self.shown += frames
        return [[Score(c, v, self.name) for c, v in self._judge(f).items()] for f in frames]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []


class Reader:
    name, version = "reader", "1"

    def __init__(self, says: str | Exception) -> None:
        self.says, self.frames = says, 0

    def read(self, frames: Sequence[Frame]) -> list[list[Line]]:
        if isinstance(self.says, Exception):
            raise self.says
        self.frames += len(frames)
        return [[Line(self.says, 0.9)] for _ in frames]


def review(
    clip: Sequence[Frame], *, fps: float = 24, profile: str = "default", **checks: Any
) -> Any:
    watch = FrameReview(draws_people=False, profile=profile, checks=Checks(**checks))
    for index, frame in enumerate(clip):
        watch.add(index, index / fps, frame)
    return watch.verdict()


MOVING = [scene(i) for i in range(72)]


@pytest.mark.parametrize("at", [5, 13, 31, 70])
def test_a_single_inserted_frame_between_two_samples_is_seen(at: int) -> None:
    bad = other_scene()
    eye = Eye(
        lambda f: {Category.SEXUAL: 0.99 if np.array_equal(f, bad) else 0.0}, {Category.SEXUAL}
    )
    frames = [*MOVING]
    frames[at] = bad

    verdict = review(frames, frames=(eye,))

    assert (verdict.action, verdict.reasons) == ("refuse", ("sexual",))
    assert verdict.details["inserted_frames"] == [pytest.approx((at + 1) / 24, abs=0.05)]
    signal = max(verdict.signals, key=lambda s: s.value)
    assert signal.frame_seconds == pytest.approx(at / 24, abs=1e-3)


def test_changing_scenes_cost_a_bounded_number_of_looks() -> None:
    eye = Eye(lambda f: {Category.SEXUAL: 0.0}, {Category.SEXUAL})
    rng = np.random.default_rng(1)
    frames = [rng.integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(96)]

    verdict = review(frames, frames=(eye,))

    assert verdict.details["cuts"] > 90
    assert verdict.details["scenes_passed_over"] > 0
    assert len(eye.shown) <= 4 * (2 + 4) + 2


def test_one_frame_and_ten_hours_are_both_judged_in_flat_memory() -> None:
    eye = Eye(lambda f: {Category.SEXUAL: 0.2}, {Category.SEXUAL})
    alone = review([scene()], frames=(eye,))
    assert alone.details["frames_sampled"] == 1
    assert alone.signals[0].modality == "image"

    watch = FrameReview(draws_people=False, checks=Checks(frames=(eye,)))
    eye.shown.clear()
    for index in range(3000):  # one frame each twelve seconds: ten hours
        watch.add(index, index * 12.0, MOVING[index % 72])
        eye.shown.clear()
    verdict = watch.verdict()
    assert verdict.details["frames_sampled"] == 3000
    assert len(verdict.signals) <= 2001


def test_text_in_frames_is_judged_like_a_prompt() -> None:
    reader = Reader("step by step: how to build a pipe bomb at home")
    frames = [*MOVING[:24], *[with_letters()] * 24]

    verdict = review(frames, text_reader=reader)

    assert verdict.action == "refuse"
    assert "dangerous" in verdict.reasons
    assert verdict.details["text_in_frames"].startswith("step by step")
    assert "reader 1" in verdict.evaluated
    signal = next(s for s in verdict.signals if s.subject == "text in frames")
    assert signal.modality == "text"
    assert signal.frame_seconds is not None


def test_harmless_text_passes_and_few_frames_are_read() -> None:
    reader = Reader("Happy birthday Grandma")
    frames = [with_letters(12 + i % 30) for i in range(24 * 20)]

    verdict = review(frames, text_reader=reader)

    assert verdict.action in ("allow", "guard")  # guard: a still clip is kept private
    assert "dangerous" not in verdict.reasons
    assert 1 <= reader.frames <= 4


def test_a_short_caption_among_long_ones_is_read_too() -> None:
    """Ten seconds of one caption must not push out half a second of another."""
    shown: list[Frame] = []

    class Keeps(Reader):
        def read(self, frames: Sequence[Frame]) -> list[list[Line]]:
            shown.extend(frames)
            return super().read(frames)

    long_one, short_one = with_letters(60), np.roll(with_letters(14), 40, axis=0)
    review([*[long_one] * 200, *[short_one] * 13, *[long_one] * 100], text_reader=Keeps("hello"))

    assert any(np.array_equal(frame, short_one) for frame in shown)
    assert len(shown) == 2


def test_frames_without_letters_are_not_read() -> None:
    reader = Reader("nothing")

    review(MOVING, text_reader=reader)

    assert reader.frames == 0
    assert likeness_of_text(edge_cells(scene())) < 0.1
    assert likeness_of_text(edge_cells(with_letters())) > 0.4


def test_a_reader_that_breaks_closes_the_review_and_a_missing_one_is_said() -> None:
    frames = [*MOVING[:24], *[with_letters()] * 12]
    for error in (RuntimeError("no memory"), ScreeningUnavailable("gone")):
        with pytest.raises(ScreeningUnavailable):
            review(frames, text_reader=Reader(error))

    assert "text_in_frames" in review(frames).not_evaluated


def test_a_child_alone_is_no_offence_and_with_sexual_content_the_gravest() -> None:
    def seeing(child: float, sexual: float) -> Any:
        eye = Eye(
            lambda f: {Category.CHILD: child, Category.SEXUAL: sexual},
            {Category.CHILD, Category.SEXUAL},
        )
        return review(MOVING, frames=(eye,))

    harmless = seeing(0.95, 0.05)
    assert harmless.action == "allow"
    assert harmless.profile == "minor_referenced"
    assert harmless.details["child"] == 0.95
    both = seeing(0.6, 0.3)
    assert (both.action, both.reasons[0]) == ("refuse", "sexual_minors")
    assert seeing(0.1, 0.3).action == "allow"
    assert seeing(float("nan"), 0.5).reasons[0] == "sexual_minors"


def test_scores_of_frames_are_kept_and_decide_the_same_again() -> None:
    eye = Eye(lambda f: {Category.SEXUAL: 0.5 if f[40, 45, 2] == 40 else 0.1}, {Category.SEXUAL})

    verdict = review(MOVING, frames=(eye,))

    assert {s.frame_seconds for s in verdict.signals} >= {0.0, 1.0}
    again = redecide(
        verdict.signals, profile="default", policy=default_policy(), details=verdict.details, stage="output"
    )  # fmt: skip
    assert (again.action, again.reasons) == (verdict.action, verdict.reasons)
    strict = redecide(
        verdict.signals, profile="feed", policy=default_policy(), details=verdict.details, stage="output"
    )  # fmt: skip
    assert strict.action == "refuse"


# --- Who can see what ------------------------------------------------------------------------------


def test_a_category_a_provider_claims_and_leaves_out_closes_the_check() -> None:
    half = Eye(lambda f: {Category.SEXUAL: 0.0}, {Category.SEXUAL, Category.CHILD})

    with pytest.raises(ScreeningUnavailable, match="nothing about child"):
        Checked(half).score_frames([scene()])


def test_a_provider_that_answers_for_other_frames_or_breaks_closes_the_check() -> None:
    class Wrong(Eye):
        def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
            return []

    with pytest.raises(ScreeningUnavailable, match="every frame"):
        Checked(Wrong(lambda f: {}, {Category.SEXUAL})).score_frames([scene()])

    def broken(frame: Frame) -> dict[Category, float]:
        raise MemoryError

    with pytest.raises(ScreeningUnavailable, match="eye failed"):
        Checked(Eye(broken, {Category.SEXUAL})).score_frames([scene()])


def test_a_score_nobody_claimed_never_makes_a_category_count_as_judged() -> None:
    talkative = Eye(
        lambda f: {Category.SEXUAL: 0.0, Category.HATE: 0.0}, {Category.SEXUAL}, name="talkative"
    )

    verdict = review(MOVING[:12], frames=(Checked(talkative),))

    assert "frames:hate" in verdict.not_evaluated
    assert "frames:sexual" not in verdict.not_evaluated


def test_several_models_are_one_and_each_must_answer() -> None:
    one = Eye(lambda f: {Category.SEXUAL: 0.1}, {Category.SEXUAL}, name="one")
    two = Eye(lambda f: {Category.CHILD: 0.9}, {Category.CHILD}, name="two")
    together = Together([Checked(one), Checked(two)])

    assert together.categories == {Category.SEXUAL, Category.CHILD}
    verdict = review(MOVING[:12], frames=(together,))
    assert verdict.details["child"] == 0.9
    assert {s.provider for s in verdict.signals} == {"one"}

    with pytest.raises(ScreeningUnavailable):
        silent = Eye(lambda f: {}, {Category.CHILD}, name="two")
        review(MOVING[:12], frames=(Together([Checked(one), Checked(silent)]),))


def test_the_map_says_who_judges_what_and_where_nobody_does() -> None:
    from moderation.screening.frame_http import FrameHttp
    from moderation.screening.text_http import TextHttp

    providers = [TextHttp("http://x"), FrameHttp("http://x")]
    found = table(providers)

    assert found["text"][Category.HATE] == ("text_http",)
    assert found["image"][Category.SEXUAL] == found["video"][Category.SEXUAL] == ("frame_http",)
    for category in (Category.HATE, Category.SEXUAL_MINORS, Category.CHILD, Category.LIKENESS):
        assert found["image"][category] == ()
    assert coverage(providers[1])["text"] == frozenset()
