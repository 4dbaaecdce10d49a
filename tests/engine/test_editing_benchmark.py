"""The benchmark of the editor on one seed: what is kept is kept, and a loop closes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks import editing


def test_one_seed_keeps_what_an_edit_keeps_and_closes_the_loop(engine, tmp_path, monkeypatch):
    able = engine.capabilities
    allowed = replace(able, operations=able.operations | editing.EDITS)
    monkeypatch.setattr(engine, "capabilities", allowed)
    monkeypatch.setattr(editing, "STEPS", 1)
    found = editing._fidelity(engine, 3, tmp_path)
    assert min(found["i2v"], found["extend"], found["fill"]) >= 28
    assert 0 < found["loop"] <= 1.5


def test_the_lowest_frame_counts():
    one = np.zeros((3, 4, 4, 3), np.uint8)
    two = one.copy()
    two[1] += 16
    assert editing._psnr(one, two) == pytest.approx(20 * np.log10(255 / 16), abs=1e-3)
    assert editing._psnr(one, one) > 100
