"""The benchmark of storyboards tells halves apart, and says when a model makes none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import storyboards


def clip(*colours: tuple[int, int, int], frames: int = 16) -> np.ndarray:
    """A clip that shows one plain colour after the other."""
    each = [np.full((frames // len(colours), 90, 160, 3), colour, np.uint8) for colour in colours]
    return np.concatenate(each)


RED, BLUE = (200, 30, 30), (30, 30, 200)


def test_a_half_counts_when_it_looks_like_its_own_words() -> None:
    first, second = clip(RED), clip(BLUE)
    assert storyboards.own_halves(clip(RED, BLUE), first, second) == [True, True]
    assert storyboards.own_halves(clip(BLUE, RED), first, second) == [False, False]
    assert storyboards.own_halves(clip(RED), first, second) == [True, False]


def test_the_sheet_shows_every_half_under_its_words() -> None:
    sheet = storyboards.contact_sheet([("red", "blue")], [clip(RED, BLUE)])
    shown = np.asarray(sheet)[storyboards.CAPTION :]
    half = shown.shape[1] // 2
    assert (shown[:, :half] == RED).all() and (shown[:, half:] == BLUE).all()
    words = np.asarray(sheet)[: storyboards.CAPTION]
    assert (words[:, :half] < 128).any() and (words[:, half:] < 128).any()


def test_a_model_without_storyboards_says_so(engine, monkeypatch) -> None:
    able = replace(engine.capabilities, operations=frozenset({"text"}))
    monkeypatch.setattr(engine, "capabilities", able)
    monkeypatch.setattr(storyboards.engine_benchmark, "_engine", lambda folder: engine)
    with pytest.raises(SystemExit, match="makes no clips of several scenes"):
        storyboards.run()


@pytest.mark.slow
def test_a_storyboard_is_drawn_measured_and_put_on_a_sheet(engine, monkeypatch, tmp_path) -> None:
    able = engine.capabilities
    allowed = replace(able, operations=able.operations | {"storyboard"})
    monkeypatch.setattr(engine, "capabilities", allowed)
    monkeypatch.setattr(storyboards.engine_benchmark, "_engine", lambda folder: engine)
    sheet = tmp_path / "storyboards.webp"
    report = storyboards.run(cards=storyboards.CARDS[:1], seconds=1, steps=1, sheet=sheet)
    assert 0 <= report["measures"]["own_half_share"] <= 1
    assert sheet.stat().st_size > 1000
