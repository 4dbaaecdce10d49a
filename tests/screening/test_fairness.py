"""Errors of the age check by group, and who is drawn when nobody is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moderation.screening import fairness
from moderation.screening.fairness import FairnessError, age_report, read_labelled
from moderation.screening.protocol import Category, Frame, Score


class BrightIsAChild:
    """An age check that goes by brightness: wrong in a way the report has to show."""

    name, version = "bright", "1"
    categories = frozenset({Category.CHILD})

    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        return [[Score(Category.CHILD, float(f.mean()) / 255, "bright")] for f in frames]

    def examples(self) -> list[tuple[Frame, Category, bool]]:
        return []


class BrokenAge(BrightIsAChild):
    def score_frames(self, frames: Sequence[Frame]) -> list[list[Score]]:
        return [[Score(Category.CHILD, float("nan"), "bright")] for _ in frames]


class BlindToAge(BrightIsAChild):
    categories = frozenset({Category.SEXUAL})


def labelled(folder: Path, *rows: tuple[str, bool, int]) -> Path:
    """rows: (group, child, grey) -> a manifest with its pictures."""
    lines = []
    for number, (group, child, grey) in enumerate(rows):
        Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(folder / f"{number}.png")
        lines.append(json.dumps({"path": f"{number}.png", "group": group, "child": child}))
    path = folder / "labelled.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_each_group_has_its_errors_and_the_gap_is_named(tmp_path: Path) -> None:
    rows = [("light", True, 230)] * 4 + [("dark", True, 230)] * 2 + [("dark", True, 20)] * 2
    rows += [("light", False, 20)] * 3 + [("light", False, 230)] + [("dark", False, 20)] * 4
    report = age_report(read_labelled(labelled(tmp_path, *rows)), BrightIsAChild())

    assert report["groups"]["light"]["children_missed"]["hits"] == 0
    assert report["groups"]["dark"]["children_missed"]["share"] == 0.5
    assert report["groups"]["light"]["adults_taken_for_children"]["share"] == 0.25
    assert report["all"]["children_missed"] == {
        "hits": 2, "n": 8, "share": 0.25, "interval": [0.0715, 0.5907]
    }  # fmt: skip
    assert report["widest_gap_points"] == {
        "children_missed": 50.0, "adults_taken_for_children": 25.0
    }  # fmt: skip


def test_doubt_counts_as_a_child(tmp_path: Path) -> None:
    rows = [("a", True, 10), ("a", False, 10)]
    report = age_report(read_labelled(labelled(tmp_path, *rows)), BrokenAge())

    assert report["groups"]["a"]["children_missed"]["hits"] == 0
    assert report["groups"]["a"]["adults_taken_for_children"]["hits"] == 1


def test_a_picture_that_can_not_be_read_is_counted_apart(tmp_path: Path) -> None:
    path = labelled(tmp_path, ("a", True, 230), ("a", False, 10))
    (tmp_path / "1.png").write_bytes(b"no picture")
    report = age_report(read_labelled(path), BrightIsAChild())

    assert report["unreadable"] == 1
    assert report["widest_gap_points"]["children_missed"] is None


def test_a_classifier_that_knows_no_ages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FairnessError, match="does not judge ages"):
        age_report(read_labelled(labelled(tmp_path, ("a", True, 1))), BlindToAge())


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "holds no row"),
        ("nothing", "line 1: not JSON"),
        ("[]", "not a JSON object"),
        ('{"path": "a", "group": ""}', "must be texts"),
        ('{"path": "a", "group": "b", "child": "yes"}', "child must be true or false"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, says: str) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(line)

    with pytest.raises(FairnessError, match=says):
        read_labelled(path)


def test_attributes_are_read_from_the_words_the_longest_wins() -> None:
    assert fairness.attributes_of("an older East Asian woman doctor at work") == {
        "gender": "woman",
        "heritage": "East Asian",
        "age": "older",
    }
    assert fairness.attributes_of("a Southeast Asian man") == {
        "gender": "man",
        "heritage": "Southeast Asian",
    }
    assert fairness.attributes_of("a doctor at work") == {}


def test_a_rewriter_that_always_draws_the_same_has_no_entropy() -> None:
    always = fairness.representation(fairness.probe(lambda p, s: f"{p}, a man", seeds=4))
    both = fairness.representation(
        fairness.probe(lambda p, s: f"{p}, a {('man', 'woman')[s % 2]}", seeds=4)
    )

    assert always["gender"]["values"]["man"]["share"] == 1.0
    assert always["gender"]["entropy"] == 0.0
    assert always["gender"]["prompts_with_more_than_one"]["share"] == 0.0
    assert both["gender"]["entropy"] == pytest.approx(0.631, abs=0.001)  # two of three values
    assert both["gender"]["prompts_with_more_than_one"]["share"] == 1.0
    assert both["gender"]["stated"]["interval"][0] > 0.9


def test_without_a_rewriter_neutral_prompts_state_nothing() -> None:
    report = fairness.representation(fairness.probe(lambda p, s: p, seeds=2))

    assert all(report[name]["stated"]["hits"] == 0 for name in fairness.ATTRIBUTES)


def test_frames_count_where_something_looks_at_them() -> None:
    seen = fairness.probe(lambda p, s: p, seeds=2, look=lambda text, seed: {"gender": "woman"})

    assert fairness.representation(seen)["gender"]["values"]["woman"]["share"] == 1.0


def test_people_in_scenes_without_people_are_counted() -> None:
    assert fairness.people_added(lambda p, s: p, seeds=3).hits == 0
    assert fairness.people_added(lambda p, s: f"{p}, a woman", seeds=3).value == 1.0


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"), [(0, 0, 0.0, 1.0), (0, 20, 0.0, 0.161), (10, 20, 0.299, 0.701)]
)
def test_the_interval_is_wilson_s(hits: int, n: int, low: float, high: float) -> None:
    assert fairness.wilson(hits, n) == pytest.approx((low, high), abs=0.001)
