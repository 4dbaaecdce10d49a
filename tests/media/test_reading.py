"""Files from strangers: read within bounds, or refused with a code that says why."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from generation.media import (
    DEFAULT_LIMITS,
    DecodeLimits,
    MediaError,
    is_image,
    load_image,
    probe,
    sample_frames,
    save_poster,
    sniff,
)
from tests.media.conftest import HEIGHT, WIDTH


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(MediaError) as error:
        work()
    assert error.value.message
    return error.value.code


def read_all(path: Path, limits: DecodeLimits = DEFAULT_LIMITS) -> int:
    return sum(1 for _ in sample_frames(path, limits=limits))


def test_samples_are_evenly_spread_and_look_like_the_frames(clip, frames):
    samples = list(sample_frames(clip, per_second=4))

    assert [seconds for seconds, _ in samples] == pytest.approx(np.arange(12) / 4, abs=0.03)
    for seconds, shown in samples:
        assert shown.shape == (HEIGHT, WIDTH, 3)
        assert np.abs(shown.astype(int) - frames[round(seconds * 24)]).mean() < 6


def test_webm_is_read_too(tmp_path):
    path = write_video(tmp_path / "a.webm", "libvpx", container="webm")

    assert sniff(path) == "matroska"
    assert read_all(path) == 1


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (DecodeLimits(bytes=1000), "too_big"),
        (DecodeLimits(seconds=2), "too_long"),
        (DecodeLimits(pixels=WIDTH * HEIGHT - 1), "too_large"),
        (DecodeLimits(side=WIDTH - 1), "too_large"),
        (DecodeLimits(frames=20), "too_many_frames"),
        (DecodeLimits(wall_seconds=0), "too_slow"),
    ],
)
def test_each_bound_has_a_name(clip, limits, code):
    assert refusal(lambda: probe(clip, limits=limits)) == code
    assert refusal(lambda: read_all(clip, limits)) == code


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"ffconcat version 1.0\nfile clip.mp4\n",
        b"#EXTM3U\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n",
        b"v=0\r\nm=video 5004 RTP/AVP 96\r\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n" + b"\0\0\0\x20ftypisom",
        b"\0\0\0\x20ftypheic" + b"\0" * 64,
    ],
)
def test_only_known_types_reach_a_decoder(tmp_path, clip, content):
    """Left to guess, FFmpeg would play the other file that a script names."""
    path = tmp_path / "upload.mp4"
    path.write_bytes(content)
    (tmp_path / "clip.mp4").write_bytes(clip.read_bytes())

    assert refusal(lambda: probe(path)) == "unsupported_type"
    assert refusal(lambda: read_all(path)) == "unsupported_type"


def test_damaged_files_are_unreadable(tmp_path, clip):
    whole = clip.read_bytes()
    flipped = bytearray(whole)
    for at in range(64, len(flipped), 997):
        flipped[at] ^= 0xFF
    damaged = {
        "header.mp4": whole[:400],
        "random.mp4": whole[:32] + np.random.default_rng(1).bytes(5000),
        "half.mp4": whole[: len(whole) // 2],
        "flipped.mp4": bytes(flipped),
    }
    for name, content in damaged.items():
        path = tmp_path / name
        path.write_bytes(content)

        assert refusal(lambda path=path: read_all(path)) == "unreadable", name


def test_the_size_is_taken_from_the_video_not_from_the_box_that_lies(tmp_path, clip):
    data = bytearray(clip.read_bytes())
    entry = data.index(b"avc1", data.index(b"stsd"))
    assert data[entry + 28 : entry + 32] == struct.pack(">HH", WIDTH, HEIGHT)
    data[entry + 28 : entry + 32] = struct.pack(">HH", 64, 64)
    path = tmp_path / "liar.mp4"
    path.write_bytes(data)

    assert refusal(lambda: probe(path, limits=DecodeLimits(pixels=100 * 100))) == "too_large"


def test_a_clip_of_many_hours_in_few_bytes_is_too_long(tmp_path, clip):
    data = bytearray(clip.read_bytes())
    times = data.index(b"stts")  # one entry: count, duration of each
    data[times + 16 : times + 20] = struct.pack(">I", 2**28)
    path = tmp_path / "hours.mp4"
    path.write_bytes(data)

    assert refusal(lambda: probe(path)) == "too_long"


@pytest.mark.parametrize("count", [2, 12, 100])
def test_many_streams_are_refused(tmp_path, count):
    path = write_video(tmp_path / "many.mp4", "libx264", streams=count)

    assert refusal(lambda: probe(path)) == "too_many_streams"


def test_an_unexpected_codec_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mov", "mjpeg", pixels="yuvj420p", container="mov")

    assert refusal(lambda: probe(path)) == "unsupported_codec"


def test_sound_alone_is_no_video(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)

    assert refusal(lambda: probe(path)) == "no_video"


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp"])
def test_still_images_are_read(tmp_path, frames, name):
    save_poster(frames[0], tmp_path / name)

    image = load_image(tmp_path / name)

    assert is_image(tmp_path / name)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.abs(image.astype(int) - frames[0]).mean() < 8


def test_an_image_that_claims_to_be_huge_is_refused_before_it_is_decoded(tmp_path):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 13000, 13000, 8, 2, 0, 0, 0)
    body = (
        chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)

    assert refusal(lambda: load_image(path)) == "too_large"


def test_an_animated_image_is_refused(tmp_path, frames):
    images = [Image.fromarray(frame) for frame in frames[:3]]
    images[0].save(tmp_path / "a.webp", save_all=True, append_images=images[1:])

    assert refusal(lambda: load_image(tmp_path / "a.webp")) == "unsupported_type"


def test_a_broken_image_is_unreadable(tmp_path, frames):
    save_poster(frames[0], tmp_path / "a.jpg")
    data = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(data[: len(data) // 3])

    assert refusal(lambda: load_image(tmp_path / "a.jpg")) == "unreadable"


def test_mutated_files_raise_nothing_but_media_errors(tmp_path, clip):
    rng = np.random.default_rng(7)
    whole, path = clip.read_bytes(), tmp_path / "mutant.mp4"
    outcomes = set()
    for number in range(60):
        data = bytearray(whole)
        # Every other time only in the index, where the numbers are that a demuxer believes.
        reach = len(data) if number % 2 else data.index(b"mdat")
        for _ in range(4):
            at = int(rng.integers(12, reach - 4))
            data[at : at + 4] = rng.bytes(4) if rng.random() < 0.5 else b"\x7f\xff\xff\xff"
        path.write_bytes(data)
        try:
            probe(path)
            read_all(path)
            outcomes.add("read")
        except MediaError as error:
            outcomes.add(error.code)

    assert "unreadable" in outcomes
    assert len(outcomes) >= 2


def test_the_file_is_closed_when_reading_stops_early(clip):
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        samples = sample_frames(clip)
        next(samples)
        samples.close()

    assert len(os.listdir("/proc/self/fd")) <= before


def write_video(
    path: Path,
    codec: str,
    *,
    streams: int = 1,
    pixels: str = "yuv420p",
    container: str = "mp4",
) -> Path:
    """One grey 64x64 frame in each of `streams` video streams."""
    with av.open(str(path), "w", format=container) as output:
        made = [output.add_stream(codec, rate=24) for _ in range(streams)]
        for stream in made:
            stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        for stream in made:
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
            for packet in [*stream.encode(frame.reformat(format=pixels)), *stream.encode(None)]:
                output.mux(packet)
    return path
