"""One development authority and one set of real files for all provenance tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.footage import natural_frames
from generation.media import Encoder, save_poster
from generation.provenance.c2pa import ManifestClaim, SigningIdentity, load_signer
from generation.provenance.development_ca import CaFiles, ensure_development_ca

WIDTH, HEIGHT, FPS = 320, 192, 24
ORGANIZATION = "Provenance Tests"


@pytest.fixture(scope="session")
def frames() -> list[np.ndarray]:
    return list(natural_frames(WIDTH, HEIGHT, FPS, seed=2))


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> CaFiles:
    return ensure_development_ca(tmp_path_factory.mktemp("ca"), ORGANIZATION)


@pytest.fixture(scope="session")
def signer(ca: CaFiles) -> SigningIdentity:
    return load_signer(development_ca=ca.root.parent)


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory, frames: list[np.ndarray]) -> Path:
    """A folder with unsigned clip.mp4, image.png, image.jpg and image.webp."""
    folder = tmp_path_factory.mktemp("files")
    with Encoder(folder / "clip.mp4", width=WIDTH, height=HEIGHT, fps=FPS) as encoder:
        for frame in frames:
            encoder.write(frame)
    for name in ("image.png", "image.jpg", "image.webp"):
        save_poster(frames[0], folder / name)
    return folder


@pytest.fixture
def claim() -> Callable[..., ManifestClaim]:
    """claim(title="…", …): a manifest claim with defaults for what a test doesn't care about."""
    default = ManifestClaim(
        title="A red balloon",
        model_name="small-video",
        model_version="1.2",
        software_name="Sora",
        software_version="0.1.0",
        job_id="0197a3c2-job",
        prompt_rewritten=True,
        created_at=dt.datetime(2026, 11, 24, 8, 30, tzinfo=dt.UTC),
    )
    return lambda **fields: replace(default, **fields)
