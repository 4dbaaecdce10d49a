"""A clip is found again after what usually happens to clips; other clips are not taken for it."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.media import Encoder, sample_frames
from generation.provenance.fingerprint import (
    BANDS,
    FULL,
    Candidate,
    FingerprintBuilder,
    FrameHash,
    bands,
    distances,
    hamming,
    hash_frames,
    match_clips,
    query_hashes,
)
from generation.provenance.watermark import VisibleMark
from tests.provenance.clips import encoded, footage, resized

SIZE, FPS, FRAMES = (320, 192), 24, 84

Library = tuple[dict[str, list[np.ndarray]], list[Candidate]]


@pytest.fixture(scope="module")
def library() -> Library:
    """(frames of eight clips, everything an index would hold of them)."""
    clips, stored = {}, []
    for kind, seed in itertools.product(("natural", "drawn"), range(4)):
        name = f"{kind}-{seed}"
        clips[name] = list(footage(kind, *SIZE, FRAMES, seed))
        stored += stored_hashes(name, clips[name])
    return clips, stored


def stored_hashes(name: str, frames: list[np.ndarray]) -> list[Candidate]:
    builder = FingerprintBuilder(FPS)
    for index, frame in enumerate(frames):
        builder.add(index, frame)
    return [Candidate(name, item.seconds, item.hash) for item in builder.hashes()]


def crop(frame: np.ndarray, share: float) -> np.ndarray:
    height, width = frame.shape[:2]
    edge_x, edge_y = round(width * (1 - share) / 2), round(height * (1 - share) / 2)
    cut = Image.fromarray(frame[edge_y : height - edge_y, edge_x : width - edge_x])
    return np.asarray(cut.resize((width, height), Image.Resampling.BICUBIC))


def letterbox(frame: np.ndarray) -> np.ndarray:
    height, width = frame.shape[:2]
    boxed = np.zeros_like(frame)
    inner = Image.fromarray(frame).resize((width * 3 // 4, height * 3 // 4))
    boxed[height // 8 : height // 8 + height * 3 // 4, width // 8 : width // 8 + width * 3 // 4] = (
        inner
    )
    return boxed


CHANGES = {
    "re-encoded": lambda frame: frame,
    "half size": lambda frame: resized(frame, 0.5),
    "mirrored": lambda frame: np.ascontiguousarray(frame[:, ::-1]),
    "brighter": lambda frame: np.clip(frame.astype(int) * 1.15 + 10, 0, 255).astype(np.uint8),
    "grey": lambda frame: np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
    "cropped to 90 %": lambda frame: crop(frame, 0.9),
    "letterboxed": letterbox,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_clip_is_found_and_no_other(library, tmp_path, change):
    clips, stored = library
    for name in ("natural-0", "drawn-2"):
        changed = (CHANGES[change](frame) for frame in clips[name])
        path = encoded(changed, tmp_path / f"{name}.mp4", crf=28)

        matches = match_clips(query_hashes(sample_frames(path, 8)), stored)

        assert [match.clip for match in matches] == [name]
        assert matches[0].share >= 0.5
        assert matches[0].distance <= 36
        assert matches[0].offset == pytest.approx(0, abs=0.3)


def test_an_excerpt_is_found_at_its_place(library, tmp_path):
    clips, stored = library
    path = encoded(clips["natural-1"][30:78], tmp_path / "excerpt.mp4", crf=28)

    matches = match_clips(query_hashes(sample_frames(path, 8)), stored)

    assert [match.clip for match in matches] == ["natural-1"]
    assert matches[0].offset == pytest.approx(30 / FPS, abs=0.2)


def test_the_visible_mark_does_not_hide_a_clip(library, tmp_path):
    clips, stored = library
    mark = VisibleMark(*SIZE, text="Sora", seed=3, fps=FPS)
    path = encoded(clips["drawn-3"], tmp_path / "marked.mp4", crf=28, mark=mark)

    matches = match_clips(query_hashes(sample_frames(path, 8)), stored)

    assert [match.clip for match in matches] == ["drawn-3"]


def test_strange_clips_match_nothing(library, tmp_path):
    _, stored = library
    for kind, seed in (("natural", 50), ("natural", 51), ("drawn", 52), ("drawn", 53)):
        path = encoded(footage(kind, *SIZE, 48, seed), tmp_path / f"{seed}.mp4", crf=28)

        assert match_clips(query_hashes(sample_frames(path, 8)), stored) == []


def test_natural_clips_are_far_apart(library):
    clips, _ = library
    hashes = [hash_frames(clips[f"natural-{seed}"][::12]) for seed in range(4)]

    for one, other in itertools.combinations(hashes, 2):
        assert distances(one, other).min() >= 60


def test_one_frame_is_enough_for_an_image(library):
    clips, stored = library

    matches = match_clips(query_hashes([(0.0, clips["natural-2"][24])]), stored)

    assert [match.clip for match in matches] == ["natural-2"]
    assert matches[0].offset == pytest.approx(1.0, abs=0.3)


def test_blank_frames_are_never_stored_and_never_match():
    """Otherwise every clip that begins black would resemble every other."""
    black = [np.zeros((144, 256, 3), np.uint8)] * 30
    stored = stored_hashes("black", black)

    assert stored == []
    assert query_hashes((index / 24, frame) for index, frame in enumerate(black)) == []
    assert match_clips([], [Candidate("a", 0.0, bytes(32))]) == []


def test_it_keeps_four_moments_a_second_and_three_views_of_each(library):
    clips, _ = library
    builder = FingerprintBuilder(FPS)
    for index, frame in enumerate(clips["natural-0"]):
        builder.add(index, frame)
    stored = builder.hashes()

    assert len({item.seconds for item in stored}) == 14
    assert sorted({item.at_ms for item in stored})[:3] == [0, 250, 500]
    assert len({(item.at_ms, item.variant) for item in stored}) == len(stored) == 42
    assert len(builder.digest()) == 14 * 32
    assert len(builder.digest(limit=4)) == 4 * 32


def test_a_still_picture_votes_once(library):
    clips, _ = library
    still = [(index / 8, clips["natural-0"][0]) for index in range(40)]

    assert len({item.seconds for item in query_hashes(still)}) == 1


def test_hashes_within_fifteen_bits_share_a_band():
    rng = np.random.default_rng(1)
    for _ in range(200):
        value = int.from_bytes(rng.bytes(32), "big")
        near = value
        for bit in rng.choice(256, 15, replace=False):
            near ^= 1 << int(bit)
        a, b = value.to_bytes(32, "big"), near.to_bytes(32, "big")

        assert hamming(a, b) == 15
        assert set(bands(a)) & set(bands(b))


def test_bands_are_small_integers_that_know_their_place():
    value = bytes(range(32))

    assert len(bands(value)) == BANDS
    assert bands(value)[0] == 0x0001
    assert bands(value)[15] == (15 << 16) | 0x1E1F
    assert len(set(bands(bytes(32)))) == 16
    with pytest.raises(ValueError):
        bands(b"short")


def test_distances_agree_with_hamming():
    rng = np.random.default_rng(2)
    a, b = ([rng.bytes(32) for _ in range(5)] for _ in range(2))

    assert distances(a, b).tolist() == [[hamming(x, y) for y in b] for x in a]


def test_the_hash_is_pdq():
    """Against a plain reading of the reference: 64x64 luma, DCT rows 1..16, lower median."""
    luma = np.random.default_rng(3).integers(0, 256, (64, 64)).astype(np.uint8)
    frame = np.repeat(luma[..., None], 3, axis=2)
    k, n = np.arange(1, 17)[:, None], np.arange(64)[None, :]
    basis = np.sqrt(2 / 64) * np.cos(np.pi / 128 * k * (2 * n + 1))
    flat = (basis @ luma.astype(float) @ basis.T).ravel()
    bits = flat > np.sort(flat)[127]
    expected = sum(1 << position for position, bit in enumerate(bits) if bit)

    assert hamming(hash_frames([frame])[0], expected.to_bytes(32, "big")) <= 2


def test_a_whole_library_of_near_copies_is_voted_on_quickly():
    """One picture for a minute against many such clips: the worst case of voting, bounded."""
    value = bytes(range(32))
    query = [FrameHash(index / 8, FULL, value, 100) for index in range(480)]
    stored = [Candidate(str(clip), index / 4, value) for clip in range(5) for index in range(240)]

    matches = match_clips(query, stored)

    assert len(matches) == 5
    assert all(match.distance == 0 for match in matches)


def test_builders_take_frames_of_any_size():
    for size in ((64, 64), (1080, 1920), (1921, 1081)):
        frame = np.random.default_rng(4).integers(0, 256, (*size, 3), np.uint8)

        assert len(hash_frames([frame])[0]) == 32


def test_it_needs_no_ffmpeg_and_no_django():
    from tests.children import run_python

    code = (
        "import sys, generation.provenance.fingerprint, generation.provenance.watermark\n"
        "import generation.provenance.c2pa\n"
        "print(sorted({'av', 'django', 'torch'} & set(sys.modules)))"
    )

    assert run_python(code).strip() == "[]"


def test_a_smooth_clip_is_found_although_the_mark_outweighs_its_own_structure(
    tmp_path: Path,
) -> None:
    height, width, fps = 288, 512, 12
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = []
    for index in range(24):  # a soft round shape over a soft sky, as a small model draws
        shape = ((columns - 200 - 3 * index) / 45) ** 2 + ((rows - 90) / 50) ** 2
        blob = 0.5 - 0.5 * np.tanh(3 * (shape - 1))
        sea = 1 / (1 + np.exp(-(rows - 215) / 6))
        red = 120 + 90 * rows / height * (1 - sea) + 60 * blob - 60 * sea
        green = 70 + 60 * rows / height * (1 - sea) - 60 * blob
        frames.append(np.stack([red, green, 130 - 60 * blob], -1).clip(0, 255).astype(np.uint8))
    builder = FingerprintBuilder(fps)
    mark = VisibleMark(width, height, text="AI · Sora Open", seed=5, fps=fps)
    path = tmp_path / "clip.mp4"
    with Encoder(
        path, width=width, height=height, fps=fps, mark=mark, on_luma=builder.add_marked
    ) as encoder:
        for index, frame in enumerate(frames):
            builder.add(index, frame)
            encoder.write(frame)
    stored = [Candidate("clip", found.seconds, found.hash) for found in builder.hashes()]

    query = query_hashes(sample_frames(path, per_second=12))
    found = match_clips(query, stored)
    assert [match.clip for match in found if match.convincing] == ["clip"]
