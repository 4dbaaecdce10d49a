"""Frames become an MP4 that every browser plays, or nothing at all."""

from __future__ import annotations

import itertools
import weakref
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks.footage import natural_frames
from generation.media import Encoder, MediaError, probe, sample_frames, save_poster, save_preview
from generation.provenance.watermark import VisibleMark
from tests.children import run_python, small_disk
from tests.media.conftest import FPS, HEIGHT, WIDTH


def test_every_frame_arrives_at_its_time(clip, frames):
    info = probe(clip)

    assert (info.width, info.height, info.fps) == (WIDTH, HEIGHT, FPS)
    assert info.frames == len(frames)
    assert info.duration == pytest.approx(3.0)


def test_it_is_h264_high_with_bt709_tags_and_unsliced_pictures(clip):
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        first = next(container.demux(stream))

        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert context.colorspace == context.color_primaries == context.color_trc == 1
        assert context.color_range == 1
    assert b"sliced_threads=0" in bytes(first) or b"sliced_threads" not in bytes(first)


def test_a_key_frame_comes_at_least_every_two_seconds(tmp_path, frames):
    path = tmp_path / "long.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS) as encoder:
        for frame in itertools.chain(frames, frames):
            encoder.write(frame)

    with av.open(str(path)) as container:
        packets = container.demux(container.streams.video[0])
        keys = [float(p.pts * p.time_base) for p in packets if p.size and p.is_keyframe]

    assert keys[0] == 0
    assert all(later - earlier <= 2 for earlier, later in itertools.pairwise([*keys, 6.0]))


def test_the_index_comes_before_the_media_data(clip):
    data = clip.read_bytes()

    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    "colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (20, 90, 160)]
)
def test_colours_survive(tmp_path, colour):
    frame = np.full((64, 64, 3), colour, np.uint8)
    path = tmp_path / "colour.mp4"
    with Encoder(path, width=64, height=64, fps=12) as encoder:
        for _ in range(3):
            encoder.write(frame)

    _, shown = next(sample_frames(path))

    assert np.abs(shown[32, 32].astype(int) - colour).max() <= 3


def test_a_fractional_rate_is_kept(tmp_path, frames):
    path = tmp_path / "film.mp4"
    with Encoder(path, width=WIDTH, height=HEIGHT, fps=24000 / 1001) as encoder:
        for frame in frames[:24]:
            encoder.write(frame)

    assert probe(path).fps == pytest.approx(23.976, abs=1e-3)


def test_the_mark_changes_the_file_but_not_the_frames_given(tmp_path, frames):
    frame = frames[0].copy()
    path = tmp_path / "marked.mp4"
    mark = VisibleMark(WIDTH, HEIGHT, text="Sora", seed=1, fps=FPS)
    with Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS, mark=mark) as encoder:
        encoder.write(frame)

    _, shown = next(sample_frames(path))
    x, y = mark.position(0)
    inside = np.s_[y : y + mark.mark_height, x : x + mark.mark_width]
    difference = np.abs(shown.astype(int) - frame).max(axis=2)

    assert np.array_equal(frame, frames[0])
    assert difference[inside].max() > 60
    difference[inside] = 0
    assert difference.mean() < 8


def test_the_same_frames_give_the_same_file(tmp_path, clip, frames):
    again = tmp_path / "again.mp4"
    with Encoder(again, width=WIDTH, height=HEIGHT, fps=FPS) as encoder:
        for frame in frames:
            encoder.write(frame)

    assert again.read_bytes() == clip.read_bytes()


def test_it_keeps_no_frame(tmp_path):
    """Flat memory: of 120 frames written, never more than two are alive."""
    alive: set[int] = set()
    most = 0
    with Encoder(tmp_path / "flat.mp4", width=64, height=64, fps=24) as encoder:
        for number, frame in enumerate(natural_frames(64, 64, 120)):
            alive.add(number)
            weakref.finalize(frame, alive.discard, number)
            encoder.write(frame)
            most = max(most, len(alive))

    assert encoder.frames == 120
    assert most <= 2


def test_what_is_raised_in_the_block_leaves_nothing(tmp_path, frames):
    with (
        pytest.raises(KeyboardInterrupt),
        Encoder(tmp_path / "clip.mp4", width=WIDTH, height=HEIGHT, fps=FPS) as encoder,
    ):
        encoder.write(frames[0])
        raise KeyboardInterrupt

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [0, 40_000])
def test_a_full_disk_leaves_nothing_and_says_so(tmp_path, limit):
    code = small_disk(limit) + _ENCODE_120

    assert run_python(code, tmp_path / "clip.mp4").split() == ["disk_full"]
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_while_the_file_is_closed_leaves_nothing(tmp_path, clip):
    """The last bytes, and the move of the index to the front, are written at the end."""
    out = tmp_path / "clip.mp4"
    run_python(_ENCODE_120, out)
    whole = out.stat().st_size
    out.unlink()

    assert run_python(small_disk(whole - 1) + _ENCODE_120, out).split() == ["disk_full"]
    assert list(tmp_path.iterdir()) == []


_ENCODE_120 = """
import sys
from benchmarks.footage import natural_frames
from generation.media import Encoder, MediaError
try:
    with Encoder(sys.argv[1], width=320, height=192, fps=24) as encoder:
        for frame in natural_frames(320, 192, 120):
            encoder.write(frame)
except MediaError as error:
    print(error.code)
"""


def test_a_failed_encode_keeps_the_file_that_was_there(tmp_path, frames):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"before")

    with (
        pytest.raises(MediaError),
        Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS) as encoder,
    ):
        encoder.write(frames[0])
        encoder.write(frames[1][:-2])

    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_encoder_that_refuses_leaves_nothing(tmp_path, frames):
    path = tmp_path / "a.mp4"
    with (
        pytest.raises(MediaError) as error,
        Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS, preset="no such preset") as encoder,
    ):
        encoder.write(frames[0])

    assert error.value.code == "encoder_failed"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_a_media_error(tmp_path, frames):
    path = tmp_path / "no" / "a.mp4"
    with (
        pytest.raises(MediaError) as error,
        Encoder(path, width=WIDTH, height=HEIGHT, fps=FPS) as encoder,
    ):
        encoder.write(frames[0])

    assert error.value.code == "encoder_failed"


def test_no_frames_make_no_file(tmp_path):
    with (
        pytest.raises(MediaError) as error,
        Encoder(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=FPS),
    ):
        pass

    assert error.value.code == "encoder_failed"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((HEIGHT, WIDTH), np.uint8),
        np.zeros((WIDTH, HEIGHT, 3), np.uint8),
        np.zeros((HEIGHT, WIDTH, 4), np.uint8),
        np.zeros((HEIGHT, WIDTH, 3), np.float32),
    ],
)
def test_frames_of_another_kind_are_refused(tmp_path, frame):
    with (
        pytest.raises(MediaError) as error,
        Encoder(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=FPS) as encoder,
    ):
        encoder.write(frame)

    assert error.value.code == "bad_frame"


@pytest.mark.parametrize("size", [(321, 192), (320, 191), (0, 0), (8, 8)])
def test_sizes_that_cannot_be_encoded_are_refused(tmp_path, size):
    with pytest.raises(MediaError) as error:
        Encoder(tmp_path / "a.mp4", width=size[0], height=size[1], fps=FPS)

    assert error.value.code == "bad_frame"


@pytest.mark.parametrize("name", ["poster.webp", "poster.jpg", "poster.png"])
def test_a_poster_is_saved_whole(tmp_path, frames, name):
    from PIL import Image

    save_poster(frames[0], tmp_path / name, long_side=160)

    with Image.open(tmp_path / name) as image:
        assert image.size == (160, 96)
        assert np.abs(np.asarray(image.convert("RGB")).mean() - frames[0].mean()) < 4
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_preview_moves(tmp_path, frames):
    from PIL import Image

    save_preview(frames[::12], tmp_path / "preview.webp", long_side=160)

    with Image.open(tmp_path / "preview.webp") as image:
        assert image.n_frames == 6
        assert image.size == (160, 96)


def test_a_poster_on_a_full_disk_leaves_nothing(tmp_path):
    code = small_disk(1000) + (
        "import sys, numpy\n"
        "from generation.media import MediaError, save_poster\n"
        "frame = numpy.random.default_rng(0).integers(0, 256, (192, 320, 3), numpy.uint8)\n"
        "try: save_poster(frame, sys.argv[1])\n"
        "except MediaError as error: print(error.code)\n"
    )

    assert run_python(code, tmp_path / "poster.webp").split() == ["disk_full"]
    assert list(tmp_path.iterdir()) == []


def test_it_needs_no_django():
    code = "import sys, generation.media; print('django' in sys.modules)"

    assert run_python(code).split() == ["False"]


def test_paths_may_be_strings(tmp_path, frames):
    with Encoder(str(tmp_path / "a.mp4"), width=WIDTH, height=HEIGHT, fps=FPS) as encoder:
        encoder.write(frames[0])

    assert Path(tmp_path / "a.mp4").exists()
