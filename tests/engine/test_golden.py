"""The shipped weights draw today what they drew when their golden clips were written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation.training.evaluate.golden import differs, weights_id
from generation.training.evaluate.measures import Studio
from tests.engine.conftest import WEIGHTS

FILE = Path(__file__).parents[2] / "docs" / "model" / "golden.json"
AGAIN = (
    "python -m generation.training.evaluate.golden generation/engine/weights docs/model/golden.json"
)


@pytest.fixture(scope="module")
def kept() -> dict:
    return json.loads(FILE.read_text())


def test_the_golden_clips_are_of_the_shipped_weights(kept):
    assert kept["weights"] == weights_id(WEIGHTS), f"the weights are new: run {AGAIN}"


def test_the_same_prompt_and_seed_give_the_same_clip_and_another_seed_another(engine, kept):
    studio, first = Studio(engine), kept["clips"][0]
    clip = studio.clip(first["prompt"], first["seed"], frames=first["frames"])
    assert not differs(clip, first), f"if this change is meant, run {AGAIN}"
    other = studio.clip(first["prompt"], first["seed"] + 1000, frames=first["frames"])
    assert differs(other, first)
