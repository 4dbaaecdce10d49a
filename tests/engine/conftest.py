"""The shipped model, loaded once for all tests of this folder. Nothing here needs a database."""

from __future__ import annotations

from pathlib import Path

import pytest

import generation.engine
from generation.engine.registry import get_engine

ENGINE = "generation.engine.diffusers_engine.DiffusersEngine"
WEIGHTS = Path(generation.engine.__file__).parent / "weights"


@pytest.fixture(scope="session")
def engine():
    return get_engine(ENGINE, WEIGHTS, device="cpu", threads=1)
