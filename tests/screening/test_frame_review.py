"""Frames of one clip, judged as they come."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from moderation.screening.panel import FrameReview
from moderation.screening.protocol import Category, Frame, Score, ScreeningUnavailable, Verdict

HEIGHT, WIDTH = 96, 160


def _scene(shift: int = 0) -> Frame:
    """A smooth gradient with a square that has moved by `shift` pixels."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    frame = np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, np.full_like(x, 90)], axis=-1)
    frame[30:50, 10 + shift : 30 + shift] = (240, 200, 40)
    return frame.astype(np.uint8)


def _flat(level: int) -> Frame:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


class _Eye:
    """A classifier that sees what the test tells it, and remembers how often it was asked."""

    name = "eye"
    version = "1"

    def __init__(
        self,
        judge: Callable[[Frame], float] = lambda frame: 0.0,
        *,
        category: Category = Category.SEXUAL,
        categories: frozenset[Category] = frozenset({Category.SEXUAL, Category.VIOLENCE_GORE}),
    ) -> None:
        self.categories = categories
        self.seen = 0
        self._judge = judge
        self._category = category

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        self.seen += len(frames)
        return [[Score(self._category, self._judge(frame), self.name)] for frame in frames]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []


def _review(frames: Sequence[Frame], *, fps: float = 24, **options: object) -> Verdict:
    review = FrameReview(**{"draws_people": False, **options})  # type: ignore[arg-type]
    for index, frame in enumerate(frames):
        review.add(index, index / fps, frame)
    return review.verdict()


MOVING = [_scene(i) for i in range(48)]


def test_an_ordinary_clip_passes_and_says_what_was_not_judged() -> None:
    verdict = _review(MOVING)

    assert verdict.action == "allow"
    assert {"structure", "stillness", "flashes"} <= set(verdict.evaluated)
    assert {"known_hashes", "frames:sexual", "frames:likeness"} <= set(verdict.not_evaluated)


def test_two_frames_a_second_and_the_first_and_last_are_sampled() -> None:
    eye = _Eye()

    verdict = _review(MOVING[:42], classifier=eye)

    assert eye.seen == verdict.details["frames_sampled"] == 5  # 0.0 0.5 1.0 1.5 and the last


def test_a_clip_shorter_than_a_sample_is_still_judged_at_both_ends() -> None:
    eye = _Eye(lambda frame: 1.0 if frame[40, 15, 2] != 40 else 0.0)

    verdict = _review([_scene(0), _scene(60)], classifier=eye)

    assert eye.seen == 2
    assert verdict.action == "refuse"
    assert verdict.reasons == ("sexual",)


def test_an_engine_that_draws_people_needs_a_classifier() -> None:
    with pytest.raises(ScreeningUnavailable):
        FrameReview(draws_people=True)


def test_a_classifier_blind_to_sexual_content_is_not_enough_for_people() -> None:
    with pytest.raises(ScreeningUnavailable):
        FrameReview(draws_people=True, classifier=_Eye(categories=frozenset({Category.HATE})))


def test_an_engine_that_draws_people_works_with_a_classifier() -> None:
    verdict = _review(MOVING, draws_people=True, classifier=_Eye())

    assert verdict.action == "allow"
    assert "eye 1" in verdict.evaluated
    assert "frames:sexual" not in verdict.not_evaluated
    assert "frames:sexual_minors" in verdict.not_evaluated


@pytest.mark.parametrize(("value", "action"), [(0.1, "allow"), (0.5, "guard"), (0.8, "refuse")])
def test_the_highest_score_of_any_frame_decides(value: float, action: str) -> None:
    eye = _Eye(lambda frame: value if frame[40, 45, 2] == 40 else 0.0)

    assert _review(MOVING, classifier=eye).action == action


def test_frames_of_a_clip_with_a_minor_are_judged_strictly() -> None:
    eye = _Eye(lambda frame: 0.5)

    assert _review(MOVING, classifier=eye).action == "guard"
    assert _review(MOVING, classifier=eye, profile="minor_referenced").action == "refuse"


def test_a_classifier_that_breaks_closes_the_review() -> None:
    def broken(frame: Frame) -> float:
        raise RuntimeError("out of memory")

    with pytest.raises(ScreeningUnavailable, match="eye failed"):
        _review(MOVING, classifier=_Eye(broken))


def test_a_score_that_is_no_number_blocks() -> None:
    assert _review(MOVING, classifier=_Eye(lambda frame: float("nan"))).action == "refuse"


def test_a_black_clip_and_an_empty_clip_are_broken() -> None:
    assert _review([_flat(0)] * 24).reasons == ("broken_output",)
    assert _review([_flat(0)] * 24).action == "refuse"
    assert _review([]).action == "refuse"


def test_a_clip_that_only_begins_black_is_not_blank() -> None:
    assert _review([_flat(0)] * 12 + MOVING).action == "allow"


def test_a_frozen_clip_is_kept_private() -> None:
    verdict = _review([_scene(3)] * 48)

    assert verdict.action == "guard"
    assert verdict.reasons == ("broken_output",)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((HEIGHT, WIDTH, 4), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.float32),
        np.zeros((HEIGHT // 2, WIDTH, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
    ],
    ids=["grey", "alpha", "float", "other size", "empty"],
)
def test_a_frame_of_the_wrong_form_makes_the_clip_broken(bad: Frame) -> None:
    verdict = _review([*MOVING[:5], bad, *MOVING[5:]])

    assert verdict.action == "refuse"
    assert verdict.reasons == ("broken_output",)
    assert "frame 5" in verdict.details["defect"]


def _strobe(hertz: float, fps: float, seconds: float, *, share: float = 1.0) -> list[Frame]:
    frames = []
    for index in range(round(fps * seconds)):
        frame = _scene(index % 40)
        if int(index / fps * hertz * 2) % 2:
            frame[: round(HEIGHT * share)] = 255
        else:
            frame[: round(HEIGHT * share)] = 10
        frames.append(frame)
    return frames


@pytest.mark.parametrize("fps", [8, 12, 24, 30])
def test_more_than_three_flashes_a_second_are_blocked(fps: float) -> None:
    verdict = _review(_strobe(4, fps, 3), fps=fps)

    assert verdict.action == "refuse"
    assert verdict.reasons[0] == "photosensitive"


@pytest.mark.parametrize("hertz", [1, 2, 3])
def test_three_flashes_a_second_are_allowed(hertz: float) -> None:
    assert "photosensitive" not in _review(_strobe(hertz, 24, 3)).reasons


def test_a_small_blinking_light_is_allowed() -> None:
    assert "photosensitive" not in _review(_strobe(6, 24, 2, share=0.15)).reasons


def test_red_flashes_of_equal_brightness_are_blocked() -> None:
    red, green = _flat(0), _flat(0)
    red[...] = (255, 0, 0)
    green[...] = (0, 128, 0)
    frames = [(red if i % 4 < 2 else green).copy() for i in range(72)]
    for index, frame in enumerate(frames):
        frame[:4, index % 60] = 128  # not flat, so that only the flashing can be the reason

    assert "photosensitive" in _review(frames).reasons


def test_slow_fades_are_no_flashes() -> None:
    frames = [np.clip(_scene(i % 40).astype(int) * i // 48, 0, 255).astype(np.uint8)
              for i in range(1, 49)]  # fmt: skip

    assert "photosensitive" not in _review(frames).reasons


def test_flashes_cannot_be_judged_from_two_frames_a_second() -> None:
    verdict = _review(MOVING[:8], fps=2)

    assert "flashes" in verdict.not_evaluated
    assert "flashes" not in verdict.evaluated


def _flip(value: bytes, bits: int) -> bytes:
    flipped = np.unpackbits(np.frombuffer(value, np.uint8))
    flipped[:bits] ^= 1
    return np.packbits(flipped).tobytes()


@pytest.mark.parametrize(("distance", "action"), [(0, "refuse"), (31, "refuse"), (32, "allow")])
def test_a_known_picture_is_found_within_the_radius(distance: int, action: str) -> None:
    seen = bytes(range(32))
    known = _flip(seen, distance)

    def hash_frame(frame: Frame) -> bytes:
        return seen if frame[40, 40, 2] == 40 else bytes(32)  # only while the square is there

    verdict = _review(MOVING, known_hashes=[b"\xff" * 32, known], hash_frame=hash_frame)

    assert verdict.action == action
    assert verdict.reasons == (("known_content",) if action == "refuse" else ())
    assert "known_hashes" in verdict.evaluated


def test_known_hashes_without_a_hash_function_close_the_review() -> None:
    with pytest.raises(ScreeningUnavailable):
        FrameReview(draws_people=False, known_hashes=[bytes(32)])


def test_a_hash_function_that_breaks_closes_the_review() -> None:
    with pytest.raises(ScreeningUnavailable):
        _review(MOVING, known_hashes=[bytes(32)], hash_frame=lambda frame: b"short")


def test_a_hash_of_the_wrong_length_is_not_accepted() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        FrameReview(draws_people=False, known_hashes=[b"short"], hash_frame=lambda frame: bytes(32))


def test_the_review_does_not_keep_the_clip_in_memory() -> None:
    import tracemalloc

    review = FrameReview(draws_people=False, classifier=_Eye())
    tracemalloc.start()
    for index in range(400):
        review.add(index, index / 24, _scene(index % 100))
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert held < 20 * HEIGHT * WIDTH * 3 + 500_000
    assert review.verdict().details["frames"] == 400
