"""The benchmark of the engine measures what it names, and refuses unequal frames."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import engine as benchmark


@pytest.mark.slow
def test_it_reports_every_measure(engine, monkeypatch):
    monkeypatch.setattr(benchmark, "_engine", lambda: engine)
    report = benchmark.run(rounds=1, repeats=1, steps=2)
    measures = report["measures"]
    assert set(measures) == {
        "default_clip_seconds",
        "draft_seconds",
        "peak_memory_gb",
        "engine_over_stock",
    }
    assert all(value > 0 for value in measures.values())
    assert measures["draft_seconds"] < measures["default_clip_seconds"]
    assert 0.2 < measures["peak_memory_gb"] < 3
    assert report["context"]["load_seconds"] >= 0


def test_frames_that_differ_from_the_stock_pipeline_are_an_error(engine, monkeypatch):
    other = np.zeros((benchmark.FRAMES, 96, 160, 3), np.uint8)
    monkeypatch.setattr(benchmark, "_stock_call", lambda *args: lambda: other)
    with pytest.raises(SystemExit, match="not those of the stock pipeline"):
        benchmark._over_stock(engine, rounds=1, steps=1)
