"""Forty files made to hurt, or merely strange: each is read rightly or refused with a reason.

What one may cost: 5 seconds of processor time and 512 MiB.
"""

from __future__ import annotations

import io
import itertools
import resource
import struct
import zlib
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from generation.media import Encoder, probe, sample_frames
from generation.models import Upload
from generation.reading import reader
from generation.uploads import checks as upload_checks
from tests.generation.uploading import drawing, drawn_video, encoded, write

MOST_CPU_SECONDS = 5.0
MOST_BYTES = 512 * 2**20


class Outcome:
    """What came of one file: `code` when it was refused, else what was made of it."""

    def __init__(self, path: Path, folder: Path, *, drawn_only: bool) -> None:
        upload = Upload(name=path.name)
        folder.mkdir()
        self.folder, self.code, self.found = folder, "", None
        before = _cpu()
        try:
            self.found = upload_checks.read(
                upload, path, folder, drawn_only=drawn_only, known=False
            )
        except reader.Unreadable as error:
            self.code, self.message, self.peak = error.code, error.message, error.peak_bytes
        self.cpu = _cpu() - before

    def picture(self) -> np.ndarray:
        with Image.open(self.folder / "media.png") as image:
            assert image.info.keys() <= {"dpi"}
            return np.asarray(image)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.fixture
def outcome(tmp_path: Path) -> Callable[..., Outcome]:
    def read(data: bytes | Path, *, drawn_only: bool = False, name: str = "file") -> Outcome:
        path = tmp_path / name
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            path = data
        found = Outcome(path, tmp_path / "made", drawn_only=drawn_only)
        assert found.cpu <= MOST_CPU_SECONDS, f"{found.cpu:.1f} s"
        if found.code:
            assert found.message
            assert found.peak <= MOST_BYTES
            assert not list(found.folder.glob("media.*"))
        return found

    return read


# --- Building blocks -----------------------------------------------------------------------------


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, *, data: bytes = b"", extra: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + extra
        + chunk(b"IDAT", data or zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Two seconds of a drawing, as an ordinary MP4."""
    return drawn_video(tmp_path_factory.mktemp("clip") / "clip.mp4").read_bytes()


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body


# --- Pictures that are refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "code"),
    [((65535, 65535), "too_large"), ((13000, 13000), "too_large"), ((2**31 - 1, 1), "too_large"),
     ((1, 1), "too_small"), ((0, 10), "unreadable")],
)  # fmt: skip
def test_a_picture_is_judged_by_the_size_it_claims(outcome: Any, size: Any, code: str) -> None:
    assert outcome(png(*size)).code == code


def test_a_jpeg_that_claims_the_largest_size_there_is(outcome: Any) -> None:
    data = bytearray(encoded(drawing(64, 64), "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65500, 65500)
    assert outcome(bytes(data)).code == "too_large"


def test_a_small_png_that_unpacks_to_gigabytes(outcome: Any) -> None:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(2**20)) for _ in range(1500)) + packer.flush()
    found = outcome(png(64, 64, data=data))
    assert found.code in ("", "unreadable")  # the pixels it announced are all that is unpacked


def test_a_png_text_that_unpacks_to_200_megabytes(outcome: Any) -> None:
    packed = zlib.compress(bytes(200 * 2**20), 9)
    text = chunk(b"zTXt", b"Comment\0\0" + packed)
    rows = zlib.compress((b"\0" + bytes(64 * 3)) * 64)
    assert outcome(png(64, 64, data=rows, extra=text)).code in ("", "unreadable")


def test_a_truncated_picture(outcome: Any) -> None:
    data = encoded(drawing(), "JPEG")
    assert outcome(data[: len(data) // 2]).code == "unreadable"


def test_a_picture_with_a_corrupt_tail(outcome: Any) -> None:
    data = encoded(drawing())
    assert outcome(data[:-200] + b"\xff" * 200).code == "unreadable"


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "GIF"])
def test_animated_pictures(outcome: Any, kind: str) -> None:
    more = [drawing(64, 64, shift=s) for s in (5, 10)]
    data = encoded(drawing(64, 64), kind, save_all=True, append_images=more)
    assert outcome(data).code == "animated"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\0" * 4096, "unsupported_type"),
        (b"hello", "unsupported_type"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "document"),
        (b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", "document"),
        (b"<html><script>alert(1)</script></html>", "document"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9", "unsupported_type"),
        (b"%PDF-1.7\n" + b"\0\0\0\x20ftypisom", "document"),
        (b"MZ\x90\0", "unsupported_type"),
        (b"BM" + bytes(60), "unsupported_type"),
    ],
)  # fmt: skip
def test_what_is_no_picture_and_no_video(outcome: Any, data: bytes, code: str) -> None:
    assert outcome(data, name="photo.png").code == code


# --- Pictures that are read ----------------------------------------------------------------------


def test_a_wrong_extension_changes_nothing(outcome: Any) -> None:
    assert outcome(encoded(drawing()), name="clip.mp4").found.kind == "image"


def test_a_polyglot_keeps_only_its_pixels(outcome: Any) -> None:
    tail = b"PK\x03\x04evil.zip<html><script>alert(1)</script></html>"
    found = outcome(encoded(drawing(), "JPEG", quality=95) + tail)
    assert found.found.kind == "image"
    made = (found.folder / "media.png").read_bytes()
    assert b"script" not in made
    assert b"evil" not in made


def test_alpha_lies_on_white(outcome: Any) -> None:
    picture = drawing(64, 48).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((64, 48)))
    found = outcome(encoded(picture))
    assert found.found.notes == ["alpha_on_white"]
    assert (found.picture()[0] > 250).all()  # the first row is wholly transparent
    palette = picture.convert("P")
    palette.info["transparency"] = 0


def test_cmyk_becomes_srgb(outcome: Any) -> None:
    picture = Image.new("RGB", (64, 64), (220, 40, 30))
    made = outcome(encoded(picture.convert("CMYK"), "JPEG", quality=95)).picture()
    assert np.abs(made.astype(int) - (220, 40, 30)).max() < 24


def test_sixteen_bits_become_eight(outcome: Any) -> None:
    values = (np.arange(64 * 64).reshape(64, 64) * 16).astype(np.uint16)
    made = outcome(encoded(Image.fromarray(values))).picture()
    assert made.shape == (64, 64, 3)
    assert np.abs(made[..., 0].astype(int) - values // 257).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_upright(outcome: Any, orientation: int) -> None:
    from PIL import ImageOps

    exif = Image.Exif()
    exif[274] = orientation
    data = encoded(drawing(96, 64), "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as image:
        wanted = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(outcome(data).picture(), wanted)


def test_a_huge_exif_block_and_xmp_are_left_behind(outcome: Any) -> None:
    exif = Image.Exif()
    exif[37510] = b"c" * 60_000
    found = outcome(encoded(drawing(), "JPEG", exif=exif, xmp=b"<x>home</x>" * 5000, quality=95))
    assert found.found.kind == "image"
    assert (found.folder / "media.png").stat().st_size < 60_000


def test_another_colour_space_is_converted_before_its_profile_goes(outcome: Any) -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    damaged = outcome(encoded(drawing(), icc_profile=profile[:200]))
    assert np.array_equal(damaged.picture(), np.asarray(drawing()))


def test_a_picture_of_odd_size_keeps_it(outcome: Any) -> None:
    assert outcome(encoded(drawing(333, 201))).picture().shape == (201, 333, 3)


# --- Videos that are refused ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "script",
    [
        b"ffconcat version 1.0\nfile clip.mp4\n",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"#EXTM3U\n#EXTINF:1,\ndata:video/mp4;base64,AAAA\n",
        b"v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
        b"concat:clip.mp4|clip.mp4",
        b"<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>http://127.0.0.1/</BaseURL></MPD>",
    ],
)
def test_scripts_that_name_other_files(
    outcome: Any, tmp_path: Path, clip: bytes, script: bytes
) -> None:
    (tmp_path / "clip.mp4").write_bytes(clip)
    assert outcome(script, name="upload.mp4").code in ("unsupported_type", "document")


def test_an_mp4_whose_samples_lie_in_another_file(outcome: Any, clip: bytes) -> None:
    """A data reference that is no longer marked as "in this file" and names a path."""
    data = bytearray(clip)
    at = data.index(b"url ", data.index(b"dref"))
    data[at + 4 : at + 8] = b"\0\0\0\0"
    assert outcome(bytes(data)).code in ("", "unreadable")


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("a truncated video", lambda d: d[: len(d) // 2]),
        ("only a header", lambda d: d[:400]),
        ("random bytes behind a header", lambda d: d[:32] + np.random.default_rng(1).bytes(5000)),
        ("a table of 2^28 sizes", lambda d: _patched(d, b"stsz", 12, 2**28)),
    ],
)  # fmt: skip
def test_damaged_videos(outcome: Any, clip: bytes, name: str, make: Any) -> None:
    assert outcome(make(clip)).code in ("unreadable", "no_video"), name


def test_an_index_that_claims_two_gigabytes_is_read_to_the_end_of_the_file(
    outcome: Any, clip: bytes
) -> None:
    found = outcome(_patched(clip, b"moov", -4, 0x7FFFFFFF))
    assert found.code == "unreadable" or found.found.frames == 24


def _patched(data: bytes, kind: bytes, offset: int, value: int) -> bytes:
    at = data.index(kind) + offset
    return data[:at] + struct.pack(">I", value) + data[at + 4 :]


def test_ten_hours_in_a_few_kilobytes(outcome: Any, clip: bytes) -> None:
    at = clip.index(b"stts")
    assert outcome(clip[: at + 16] + struct.pack(">I", 2**28) + clip[at + 20 :]).code == "too_long"


def test_a_thousand_frames_a_second(outcome: Any, tmp_path: Path) -> None:
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=1000, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for index in range(8000):
            frame = av.VideoFrame(16, 16, "yuv420p")
            frame.pts = index
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    assert outcome(path).code == "too_many_frames"


def test_a_picture_size_that_lies(outcome: Any, tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "big.mp4", size=(4608, 2592), times=[0]))
    at = data.index(b"avc1", data.index(b"stsd"))
    data[at + 28 : at + 32] = struct.pack(">HH", 64, 64)
    assert outcome(bytes(data)).code == "too_large"


@pytest.mark.parametrize(
    ("container", "codec"), [("matroska", "libx264"), ("avi", "libx264"), ("mov", "mjpeg")]
)
def test_containers_and_codecs_that_are_not_taken(
    outcome: Any, tmp_path: Path, container: str, codec: str
) -> None:
    if codec == "mjpeg":
        path = tmp_path / "a.mov"
        with av.open(str(path), "w", format="mov") as output:
            stream = output.add_stream("mjpeg", rate=12)
            stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
            frame = av.VideoFrame(64, 64, "yuvj420p")
            for packet in [*stream.encode(frame), *stream.encode(None)]:
                output.mux(packet)
        assert outcome(path).code == "unsupported_codec"
        return
    write(tmp_path / "a.video", container=container, codec=codec)
    assert outcome(tmp_path / "a.video").code == "container"


def test_sound_alone(outcome: Any, tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            output.mux(packet)
    assert outcome(path).code == "no_video"


@pytest.mark.parametrize("count", [2, 12])
def test_many_video_tracks(outcome: Any, tmp_path: Path, count: int) -> None:
    write(tmp_path / "many.mp4", streams=count, times=[0], size=(64, 64))
    assert outcome(tmp_path / "many.mp4").code == "too_many_streams"


def test_many_subtitle_tracks(outcome: Any, tmp_path: Path) -> None:
    write(tmp_path / "many.mp4", subtitles=20, times=[0])
    assert outcome(tmp_path / "many.mp4").code == "too_many_streams"


def test_a_picture_size_that_changes_on_the_way(outcome: Any, tmp_path: Path) -> None:
    path = tmp_path / "changes.webm"
    with av.open(str(path), "w", format="webm") as output:
        stream = output.add_stream("libvpx", rate=12)
        stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
        first = _vp8(320, 192)
        for index, packet in enumerate([*first, *_vp8(128, 96)]):
            packet.stream, packet.pts, packet.dts = stream, index * 83, index * 83
            packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    assert outcome(path).code in ("resolution_change", "unreadable")


def _vp8(width: int, height: int) -> list[Any]:
    context = av.CodecContext.create("libvpx", "w")
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 12), Fraction(12)
    packets = []
    for index in range(3):
        picture = np.asarray(drawing(width, height, shift=index))
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        packets += context.encode(frame)
    return [*packets, *context.encode(None)]


# --- Videos that are read ------------------------------------------------------------------------


def frames_of(found: Outcome) -> list[np.ndarray]:
    return [frame for _, frame in sample_frames(found.folder / "media.mp4", per_second=1000.0)]


def test_a_turned_phone_video_is_upright(outcome: Any, clip: bytes) -> None:
    """A quarter turn clockwise in the track header, as phones write it."""
    at = clip.index(b"tkhd") + 4 + 40
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 192 << 16, 0, 1 << 30)
    found = outcome(clip[:at] + turn + clip[at + 36 :])
    assert (found.found.width, found.found.height) == (192, 320)
    wanted = np.rot90(np.asarray(drawing(320, 192)), -1)
    assert np.abs(frames_of(found)[0].astype(int) - wanted).mean() < 4


def test_a_variable_frame_rate_becomes_constant(outcome: Any, tmp_path: Path) -> None:
    """Four frames at 0, 0.1, 0.9 and 1.0 seconds: the second stays on screen longest."""
    write(tmp_path / "vfr.mp4", times=[0, 100, 900, 1000])
    found = outcome(tmp_path / "vfr.mp4")
    info = probe(found.folder / "media.mp4")
    assert info.frames == found.found.frames
    assert info.duration == pytest.approx(info.frames / found.found.fps, abs=0.01)
    assert 0.9 < info.duration < 1.5
    shown = frames_of(found)
    still = [np.abs(a.astype(int) - b).mean() < 0.5 for a, b in itertools.pairwise(shown)]
    assert sum(still) >= 1


def test_sound_and_subtitles_are_dropped_and_said(outcome: Any, tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", audio=True, subtitles=1, metadata={"comment": "at home"})
    found = outcome(tmp_path / "a.mp4")
    assert found.found.had_audio
    assert found.found.notes == ["sound_dropped"]
    with av.open(str(found.folder / "media.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert b"at home" not in (found.folder / "media.mp4").read_bytes()


def test_odd_sizes_lose_a_row_and_a_column(outcome: Any, tmp_path: Path) -> None:
    path = tmp_path / "odd.webm"
    with av.open(str(path), "w", format="webm") as output:
        stream = output.add_stream("libvpx", rate=12)
        stream.width, stream.height, stream.pix_fmt = 321, 193, "yuv420p"
        for index in range(6):
            picture = np.asarray(drawing(321, 193, shift=index))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
            frame.pts = index
            for packet in stream.encode(frame):
                output.mux(packet)
        for packet in stream.encode(None):
            output.mux(packet)
    found = outcome(path)
    assert (found.found.width, found.found.height) == (320, 192)


def test_pixels_that_are_not_square_are_made_so(outcome: Any, tmp_path: Path) -> None:
    write(tmp_path / "wide.mp4", size=(320, 240), aspect=Fraction(4, 3))
    found = outcome(tmp_path / "wide.mp4")
    assert abs(found.found.width / found.found.height - 16 / 9) < 0.02


def test_a_drawing_that_flashes_is_left_to_the_review(outcome: Any, tmp_path: Path) -> None:
    with Encoder(tmp_path / "flash.mp4", width=64, height=64, fps=24) as encoder:
        for index in range(24):
            encoder.write(np.full((64, 64, 3), 255 * (index % 2), np.uint8))
    assert outcome(tmp_path / "flash.mp4").found.frames == 24


# --- The process itself --------------------------------------------------------------------------

TRY = """
import sys
from pathlib import Path
from generation.reading import sandbox
layers = sandbox.confine(sandbox.Bounds(memory=200 << 20), read=[Path(sys.argv[1])], write=Path(sys.argv[2]))
import socket, subprocess
def refused(work):
    try: work()
    except (OSError, MemoryError): return True
    return False
print(",".join(sorted(layers)))
print(Path(sys.argv[1]).read_text())
for work in (
    lambda: Path("/etc/passwd").read_text(),
    lambda: Path(sys.argv[3]).read_text(),
    lambda: Path(sys.argv[3]).write_text("x"),
    lambda: socket.socket(),
    lambda: subprocess.run(["/bin/true"]),
    lambda: bytearray(400 << 20),
    lambda: (Path(sys.argv[2]) / "big").write_bytes(b"x" * 10),
):
    print(refused(work))
"""


def test_the_process_can_do_nothing_else(tmp_path: Path) -> None:
    from tests.children import run_python

    given, other, folder = tmp_path / "given", tmp_path / "other", tmp_path / "out"
    given.write_text("readable")
    other.write_text("secret")
    folder.mkdir()
    lines = run_python(TRY, given, folder, other).splitlines()
    layers = set(lines[0].split(","))
    assert lines[1] == "readable"
    refused = [line == "True" for line in lines[2:]]
    assert refused[5], "memory"
    if {"landlock", "seccomp"} <= layers:
        assert all(refused[:5])
    assert other.read_text() == "secret"
