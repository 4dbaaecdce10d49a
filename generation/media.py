"""Frames to video files and back: the only module that touches FFmpeg (through PyAV).

Writing: `Encoder` streams RGB frames into an H.264 MP4. Delivery format: High profile, yuv420p,
BT.709 limited range, a key frame at least every two seconds, and the index before the media data
(`+faststart`), so that a browser knows the duration and can seek after one Range request.

Reading: every file is treated as hostile. The type is taken from the first bytes, never from the
name; FFmpeg is told which demuxer to use, because left to guess it follows playlists, concat
scripts and SDP files to other files and to the network; and `DecodeLimits` bounds bytes, seconds,
pixels, frames, streams and wall time.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from generation.provenance import filetypes

Pixels = NDArray[np.uint8]
Planes = tuple[Pixels, Pixels, Pixels]  # y [h, w], u and v [h / 2, w / 2]

_BT709 = 1  # the same number in FFmpeg's tables of matrix, primaries and transfer
_LIMITED = 1  # AVCOL_RANGE_MPEG
_KEY_FRAME_SECONDS = 2
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: cover art, not video
_DEMUXERS = {"mp4": "mov,mp4,m4a,3gp,3g2,mj2", "matroska": "matroska,webm"}
_FORCED = {"mp4": "mov", "matroska": "matroska"}
_CODECS = frozenset(
    {"h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4"}
)
_IMAGE_OPTIONS: dict[str, dict[str, Any]] = {
    ".webp": {"format": "WEBP", "method": 4},
    ".jpg": {"format": "JPEG", "optimize": True},
    ".jpeg": {"format": "JPEG", "optimize": True},
    ".png": {"format": "PNG"},
}


class MediaError(Exception):
    """A file could not be written, or may not be read. `code` is stable, `message` for people.

    Writing: bad_frame, disk_full, encoder_failed.
    Reading: unsupported_type, unsupported_codec, unreadable, no_video, resolution_change, and for
    the bounds of `DecodeLimits` too_big, too_long, too_large, too_small, too_many_frames,
    too_many_streams, too_slow.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class PlaneMark(Protocol):
    """What `Encoder` needs of a visible mark; see `provenance.watermark.VisibleMark`."""

    def blend(self, y: Pixels, u: Pixels, v: Pixels, index: int) -> None: ...


@dataclass(frozen=True)
class MediaInfo:
    """What the container says of the first video stream. `duration` in seconds."""

    width: int
    height: int
    fps: float
    frames: int
    duration: float
    audio: bool = False


@dataclass(frozen=True)
class DecodeLimits:
    """Upper bounds for one file that somebody else made."""

    bytes: int = 200 * 1024 * 1024
    seconds: float = 60.0
    pixels: int = 3840 * 2160
    side: int = 8192
    frames: int = 3600
    streams: int = 8
    wall_seconds: float = 60.0


DEFAULT_LIMITS = DecodeLimits()


# Writing


class Encoder:
    """Write RGB frames to an MP4 file, one at a time, in flat memory.

        with Encoder(path, width=1280, height=720, fps=24, mark=mark) as encoder:
            for frame in frames:
                encoder.write(frame)

    The frames go to a part file beside `path`, which takes its name when the block ends well.
    Whatever is raised inside the block, or by the encoder or the disk, leaves no file behind.

    Args:
        width, height: pixels, both even (4:2:0 chroma).
        fps: frames per second; 23.976 and the like become the exact fraction.
        crf: x264's constant quality, 0 best to 51.
        preset: x264's preset.
        mark: blended into the planes after colour conversion; None writes a clean file.
        before_mark: called with the number of each frame and its planes (y, u, v) before the mark
            comes on; what it wants to keep it copies.
        on_luma: called with the number of each frame and its luma plane, uint8 [h, w], mark and all;
            the plane is the encoder's own, so read it at once and don't write to it.
        threads: x264 threads; None lets x264 choose.

    Raises MediaError (disk_full, encoder_failed, bad_frame).
    """

    def __init__(
        self,
        path: Path | str,
        *,
        width: int,
        height: int,
        fps: float | Fraction,
        crf: int = 20,
        preset: str = "veryfast",
        mark: PlaneMark | None = None,
        before_mark: Callable[[int, Planes], None] | None = None,
        on_luma: Callable[[int, Pixels], None] | None = None,
        threads: int | None = None,
    ) -> None:
        if width < 16 or height < 16 or width % 2 or height % 2:
            raise MediaError(
                "bad_frame", f"A video needs even sides of 16 or more: {width}x{height}."
            )
        self.path = Path(path)
        self.width, self.height = width, height
        self.fps = Fraction(fps).limit_denominator(1001)
        self.frames = 0
        self._mark = mark
        self._before_mark, self._on_luma = before_mark, on_luma
        self._options = {
            "preset": preset,
            "crf": str(crf),
            "profile": "high",
            "g": str(max(1, round(_KEY_FRAME_SECONDS * self.fps))),
        }
        self._threads = threads or 0
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")
        self._reformatter = VideoReformatter()
        self._container: Any = None
        self._stream: Any = None

    @property
    def seconds(self) -> float:
        """Length of what has been written so far."""
        return float(self.frames / self.fps)

    def __enter__(self) -> Encoder:
        with self._failing_cleanly():
            self._container = av.open(
                str(self._part),
                "w",
                format="mp4",
                options={"movflags": "+faststart", "fflags": "+bitexact"},
            )
            stream = self._container.add_stream("libx264", rate=self.fps, options=self._options)
            stream.width, stream.height, stream.pix_fmt = self.width, self.height, "yuv420p"
            context = stream.codec_context
            context.thread_count = self._threads
            # PyAV's default is SLICE, which makes x264 cut every picture into slices.
            context.thread_type = "AUTO"
            context.color_range = _LIMITED
            context.colorspace = context.color_primaries = context.color_trc = _BT709
            self._stream = stream
        return self

    def write(self, frame: Pixels) -> None:
        """Add one frame: uint8 RGB [height, width, 3]. It is not kept and not changed."""
        if frame.shape != (self.height, self.width, 3) or frame.dtype != np.uint8:
            raise MediaError(
                "bad_frame",
                f"Expected uint8 frames of {(self.height, self.width, 3)}, "
                f"got {frame.dtype} of {frame.shape}.",
            )
        if self._container is None:
            raise MediaError("encoder_failed", "The encoder isn't open.")
        with self._failing_cleanly():
            rgb = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), format="rgb24")
            yuv = self._reformatter.reformat(
                rgb,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                src_color_range=ColorRange.JPEG,
                dst_color_range=ColorRange.MPEG,
            )
            # Our own fresh buffers; the planes of a decoded frame must never be written to.
            planes = _planes(yuv)
            if self._before_mark is not None:
                self._before_mark(self.frames, planes)
            if self._mark is not None:
                self._mark.blend(*planes, self.frames)
            if self._on_luma is not None:
                self._on_luma(self.frames, planes[0])
            self._encode(yuv)

    def write_planes(self, planes: Planes) -> None:
        """Add one frame that is in yuv420p already, BT.709 limited range. No mark is put on it."""
        if planes[0].shape != (self.height, self.width) or self._container is None:
            raise MediaError("bad_frame", f"Expected planes of {self.width}x{self.height}.")
        with self._failing_cleanly():
            yuv = av.VideoFrame(self.width, self.height, "yuv420p")
            for own, given in zip(_planes(yuv), planes, strict=True):
                own[:] = given
            self._encode(yuv)

    def _encode(self, yuv: Any) -> None:
        yuv.pts, yuv.time_base = self.frames, 1 / self.fps
        for packet in self._stream.encode(yuv):
            self._container.mux(packet)
        self.frames += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._abandon()
            return
        if self._container is None:
            raise MediaError("encoder_failed", "The encoder stopped before the last frame.")
        if self.frames == 0:
            self._abandon()
            raise MediaError("encoder_failed", "No frame was written.")
        with self._failing_cleanly():
            for packet in self._stream.encode(None):
                self._container.mux(packet)
            self._container.close()
            self._container = None
            _check_boxes(self._part)
            os.replace(self._part, self.path)

    @contextmanager
    def _failing_cleanly(self) -> Iterator[None]:
        """Turn what FFmpeg and the disk raise into MediaError; remove the part file."""
        try:
            yield
        except MediaError:
            self._abandon()
            raise
        except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
            self._abandon()
            raise _write_error(error) from error

    def _abandon(self) -> None:
        container, self._container, self._stream = self._container, None, None
        if container is not None:
            try:
                container.close()
            except (av.FFmpegError, OSError, ValueError):
                pass  # a half-written file has no valid end; it's removed below
        self._part.unlink(missing_ok=True)


def save_poster(frame: Pixels, path: Path | str, *, quality: int = 82, long_side: int = 0) -> None:
    """Save one uint8 RGB frame [h, w, 3] as .webp, .jpg or .png, whole or not at all.

    `long_side` > 0 scales down to it. Raises MediaError (disk_full, encoder_failed, bad_frame).
    """
    path = Path(path)
    image = _scaled(Image.fromarray(frame), long_side)
    options = _IMAGE_OPTIONS.get(path.suffix.lower())
    if options is None:
        raise MediaError("encoder_failed", f"No image format for {path.suffix!r}.")
    _save_image(path, lambda part: image.save(part, quality=quality, **options))


def save_preview(
    frames: list[Pixels], path: Path | str, *, frame_ms: int = 250, long_side: int = 320
) -> None:
    """Save a small endless animated WebP for hovering over a card. Raises as `save_poster`."""
    if not frames:
        raise MediaError("encoder_failed", "A preview needs at least one frame.")
    images = [_scaled(Image.fromarray(frame), long_side) for frame in frames]
    _save_image(
        Path(path),
        lambda part: images[0].save(
            part,
            format="WEBP",
            save_all=True,
            append_images=images[1:],
            duration=frame_ms,
            loop=0,
            quality=60,
            method=2,
        ),
    )


def save_gif(frames: Iterable[Pixels], path: Path | str, *, fps: float) -> None:
    """Save an endless GIF of uint8 RGB frames [h, w, 3]. Raises as `save_poster`.

    All frames share one palette, made from the first sixteen; then a still ground stays still. GIF
    counts hundredths of a second, so the frames' times are rounded without adding up an error.
    Memory: one byte a pixel of every frame.
    """
    palette: Image.Image | None = None
    pages: list[Image.Image] = []
    waiting: list[Image.Image] = []

    def settle() -> None:
        nonlocal palette
        if palette is None and waiting:
            palette = _mosaic(waiting).quantize(255, Image.Quantize.MEDIANCUT)
        pages.extend(image.quantize(palette=palette) for image in waiting)
        waiting.clear()

    for frame in frames:
        waiting.append(Image.fromarray(frame))
        if palette is not None or len(waiting) == 16:
            settle()
    settle()
    if not pages:
        raise MediaError("encoder_failed", "A GIF needs at least one frame.")
    ends = [round((index + 1) * 100 / fps) for index in range(len(pages))]
    times = [10 * (end - begin) for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    _save_image(
        Path(path),
        lambda part: pages[0].save(
            part, format="GIF", save_all=True, append_images=pages[1:], duration=times, loop=0
        ),
    )


def save_animation(frames: Iterable[Pixels], path: Path | str, *, fps: float) -> None:
    """Save an endless animated WebP of uint8 RGB frames [h, w, 3], which may be many: they go into
    the encoder one by one. Raises as `save_poster`."""
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    rate = Fraction(fps).limit_denominator(1001)
    container: Any = None
    try:
        container = av.open(str(part), "w", format="webp", options={"loop": "0"})
        stream: Any = None
        for index, frame in enumerate(frames):
            if stream is None:
                options = {"quality": "75", "compression_level": "2"}
                stream = container.add_stream("libwebp_anim", rate=rate, options=options)
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "yuv420p"
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            picture = rgb.reformat(format="yuv420p")
            picture.pts, picture.time_base = index, 1 / rate
            container.mux(stream.encode(picture))
        if stream is None:
            raise MediaError("encoder_failed", "An animation needs at least one frame.")
        container.mux(stream.encode(None))
        container.close()
        container = None
        os.replace(part, path)
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise _write_error(error) from error
    finally:
        if container is not None:
            container.close()
        part.unlink(missing_ok=True)


def _mosaic(images: list[Image.Image]) -> Image.Image:
    """All pictures below each other, each small: what a common palette is made from."""
    small = [
        image.resize((max(1, image.width // 2), max(1, image.height // 2))) for image in images
    ]
    sheet = Image.new("RGB", (small[0].width, sum(image.height for image in small)))
    top = 0
    for image in small:
        sheet.paste(image, (0, top))
        top += image.height
    return sheet


# Reading


def sniff(path: Path | str) -> str:
    """The file's type by its first bytes: mp4, matroska, png, jpeg, webp or gif.

    Raises MediaError (unsupported_type, unreadable).
    """
    try:
        kind = filetypes.sniff(path)
    except OSError as error:
        raise MediaError("unreadable", "The file can't be read.") from error
    if kind is None:
        raise MediaError("unsupported_type", "This isn't an MP4, WebM, PNG, JPEG or WebP file.")
    return kind


def is_image(path: Path | str) -> bool:
    """True for PNG, JPEG and WebP, False for video. Raises MediaError as `sniff`."""
    return sniff(path) in filetypes.IMAGES


def probe(path: Path | str, *, limits: DecodeLimits = DEFAULT_LIMITS) -> MediaInfo:
    """Size, rate and length of a video, without decoding it. Raises MediaError."""
    with _opened(path, limits) as (container, stream, clock):
        frames, last, step = 0, 0.0, 0.0
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        for packet in container.demux(stream):
            if packet.size == 0:
                continue
            frames += 1
            clock.frame(frames)
            if packet.pts is not None and packet.time_base:
                last = max(last, float(packet.pts * packet.time_base))
                step = float((packet.duration or 0) * packet.time_base) or step
            clock.second(last)
        if frames == 0:
            raise MediaError("no_video", "The file holds no video frames.")
        duration = last + (step or (1 / rate if rate else 0.0))
        return MediaInfo(
            width=stream.codec_context.width,
            height=stream.codec_context.height,
            fps=rate or frames / max(duration, 1e-6),
            frames=frames,
            duration=duration,
            audio=bool(container.streams.audio),
        )


def upright_frames(
    path: Path | str,
    *,
    start: float = 0.0,
    long_side: int = 0,
    limits: DecodeLimits = DEFAULT_LIMITS,
    threads: int = 2,
) -> Iterator[tuple[float, Pixels]]:
    """Every frame of a video as it is meant to be seen: (seconds from the first frame, uint8 RGB).

    Turned as the file's display matrix says, stretched to square pixels, scaled down to `long_side`
    (0: not), both sides even. From the key frame at or before second `start`. Flat memory. Raises
    MediaError, also between frames.
    """
    reformatter = VideoReformatter()
    zero: float | None = None
    for seconds, frame, ratio in _decoded(path, start=start, limits=limits, threads=threads):
        if zero is None:
            zero = 0.0 if start else seconds
        size = _square_size(frame.width, frame.height, ratio, long_side)
        rgb = reformatter.reformat(
            frame,
            width=size[0],
            height=size[1],
            format="rgb24",
            src_colorspace=_colour_space(frame),
            interpolation="BICUBIC" if size == (frame.width, frame.height) else "LANCZOS",
        )
        # FFmpeg's angle is counter-clockwise, as numpy's.
        turned = np.rot90(np.asarray(rgb.to_ndarray(), np.uint8), round(frame.rotation / 90) % 4)
        height, width = turned.shape[0] & ~1, turned.shape[1] & ~1
        if min(width, height) < 16:
            raise MediaError("too_small", "A picture needs 16 pixels or more on each side.")
        yield seconds - zero, np.ascontiguousarray(turned[:height, :width])


def _square_size(width: int, height: int, ratio: Fraction, long_side: int) -> tuple[int, int]:
    """(width, height) before turning, with square pixels and within `long_side`."""
    if ratio != 1 and Fraction(1, 4) <= ratio <= 4:
        width = max(1, round(width * ratio))
    if long_side and max(width, height) > long_side:
        scale = long_side / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return width, height


def _colour_space(frame: Any) -> Colorspace:
    """The matrix the file names; unnamed, what players assume: BT.709 from 720 lines on."""
    if frame.colorspace in (1, 5, 6, 7, 9):
        return Colorspace(frame.colorspace)
    return Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601


def _decoded(
    path: Path | str, *, start: float, limits: DecodeLimits, threads: int
) -> Iterator[tuple[float, Any, Fraction]]:
    """(seconds, decoded frame, a pixel's width over its height) within the bounds. Raises MediaError."""
    with _opened(path, limits) as (container, stream, clock):
        context = stream.codec_context
        context.thread_count = threads
        context.thread_type = "AUTO"
        context.options = {"max_pixels": str(limits.pixels)}
        width, height = context.width, context.height
        ratio = stream.sample_aspect_ratio or context.sample_aspect_ratio or Fraction(1)
        frames = 0
        try:
            if start:  # to the last key frame before it
                container.seek(int(start * 1_000_000))
            for frame in container.decode(stream):
                frames += 1
                clock.frame(frames)
                if (frame.width, frame.height) != (width, height):
                    raise MediaError(
                        "resolution_change", "The picture size changes inside the file."
                    )
                seconds = frame.time if frame.time is not None else frames / 24
                clock.second(seconds)
                yield seconds, frame, ratio
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise MediaError("unreadable", "The video can't be decoded.") from error
        if frames == 0:
            raise MediaError("no_video", "The file holds no video frames.")


def sample_frames(
    path: Path | str,
    per_second: float = 2.0,
    *,
    start: float = 0.0,
    limits: DecodeLimits = DEFAULT_LIMITS,
    threads: int = 2,
) -> Iterator[tuple[float, Pixels]]:
    """Decode a video once from second `start` to its end and yield (seconds, uint8 RGB [h, w, 3]).

    The first frame at or after every 1 / per_second is yielded. Flat memory: frames are decoded as
    they are asked for. Raises MediaError, also between frames.
    """
    due, reformatter = start, VideoReformatter()
    for seconds, frame, _ in _decoded(path, start=start, limits=limits, threads=threads):
        if seconds + 1e-6 < due:
            continue
        due = max(due + 1 / per_second, seconds + 0.5 / per_second)
        rgb = reformatter.reformat(frame, format="rgb24")
        yield seconds, np.asarray(rgb.to_ndarray(), np.uint8)


def decode_planes(path: Path | str, *, limits: DecodeLimits = DEFAULT_LIMITS) -> Iterator[Planes]:
    """Every frame of a clip of our own as yuv420p planes: copies, which may be written to."""
    with _opened(path, limits) as (container, stream, clock):
        stream.codec_context.thread_type = "AUTO"
        try:
            for frames, frame in enumerate(container.decode(stream), start=1):
                clock.frame(frames)
                if frame.format.name != "yuv420p":
                    raise MediaError("unsupported_codec", "The clip isn't in our own form.")
                y, u, v = _planes(frame)
                yield y.copy(), u.copy(), v.copy()
        except (av.FFmpegError, ValueError, MemoryError) as error:
            raise MediaError("unreadable", "The video can't be decoded.") from error


def planes_to_rgb(planes: Planes) -> Pixels:
    """BT.709 limited yuv420p to uint8 RGB [h, w, 3]."""
    height, width = planes[0].shape
    yuv = av.VideoFrame(width, height, "yuv420p")
    for own, given in zip(_planes(yuv), planes, strict=True):
        own[:] = given
    rgb = VideoReformatter().reformat(
        yuv,
        format="rgb24",
        src_colorspace=Colorspace.ITU709,
        src_color_range=ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
    )
    return np.asarray(rgb.to_ndarray(), np.uint8)


def load_image(path: Path | str, *, limits: DecodeLimits = DEFAULT_LIMITS) -> Pixels:
    """Decode one still PNG, JPEG or WebP file to upright uint8 RGB [h, w, 3]. Raises MediaError."""
    kind = sniff(path)
    if kind not in filetypes.IMAGES:
        raise MediaError("unsupported_type", "This isn't a PNG, JPEG or WebP image.")
    _check_bytes(path, limits)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow only warns of moderate decompression bombs
            with Image.open(path, formats=[kind.upper()]) as image:
                width, height = image.size
                _check_size(width, height, limits)
                if getattr(image, "n_frames", 1) > 1:
                    raise MediaError("unsupported_type", "Animated images aren't accepted.")
                upright = ImageOps.exif_transpose(image)
                return np.asarray(upright.convert("RGB"))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError("too_large", "The image is larger than what is accepted.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Warning) as error:
        raise MediaError("unreadable", "The image can't be decoded.") from error


def animation_frames(
    path: Path | str, *, limits: DecodeLimits = DEFAULT_LIMITS
) -> Iterator[tuple[float, Pixels]]:
    """The pictures of a GIF or an animated WebP as (seconds, uint8 RGB [h, w, 3]).

    Flat memory. Raises MediaError, also between pictures.
    """
    kind = sniff(path)
    if kind not in ("gif", "webp"):
        raise MediaError("unsupported_type", "This isn't a GIF or WebP file.")
    _check_bytes(path, limits)
    clock, seconds = _Clock(limits), 0.0
    try:
        with Image.open(path, formats=[kind.upper()]) as image:
            _check_size(*image.size, limits)
            for index in range(getattr(image, "n_frames", 1)):
                clock.frame(index + 1)
                image.seek(index)
                yield seconds, np.asarray(image.convert("RGB"))
                seconds += image.info.get("duration", 100) / 1000
                clock.second(seconds)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise MediaError("too_large", "The image is larger than what is accepted.") from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError) as error:
        raise MediaError("unreadable", "The image can't be decoded.") from error


def is_animation(path: Path | str) -> bool:
    """True for a GIF and for a WebP file of several pictures (its header says so)."""
    with open(path, "rb") as file:
        head = file.read(21)
    return head.startswith(b"GIF8") or (head[8:16] == b"WEBPVP8X" and bool(head[20] & 2))


# Helpers


class _Clock:
    """Counts frames, media seconds and wall seconds of one reading against the limits."""

    def __init__(self, limits: DecodeLimits) -> None:
        self.limits = limits
        self.deadline = time.monotonic() + limits.wall_seconds

    def frame(self, count: int) -> None:
        if count > self.limits.frames:
            raise MediaError(
                "too_many_frames", f"The video has more than {self.limits.frames} frames."
            )
        if time.monotonic() > self.deadline:
            raise MediaError(
                "too_slow", f"Reading took longer than {self.limits.wall_seconds:g} seconds."
            )

    def second(self, seconds: float) -> None:
        if seconds > self.limits.seconds:
            raise MediaError(
                "too_long", f"The video is longer than {self.limits.seconds:g} seconds."
            )


@contextmanager
def _opened(path: Path | str, limits: DecodeLimits) -> Iterator[tuple[Any, Any, _Clock]]:
    """(container, video stream, clock) of an untrusted file, demuxer forced, bounds checked."""
    kind = sniff(path)
    if kind not in _FORCED:
        raise MediaError("unsupported_type", "This is an image, not a video.")
    _check_bytes(path, limits)
    options = {
        "format_whitelist": _DEMUXERS[kind],
        "protocol_whitelist": "none",
        "enable_drefs": "0",
        "max_streams": str(limits.streams),
        "probesize": "5000000",
        "analyzeduration": "5000000",
        "codec_whitelist": ",".join(sorted(_CODECS | {"aac", "opus", "mp3", "vorbis", "libopus"})),
    }
    with open(path, "rb") as file:
        container = _open_forced(file, _FORCED[kind], options)
        try:
            yield container, _video_stream(container, limits), _Clock(limits)
        except av.FFmpegError as error:
            raise MediaError("unreadable", "The video can't be read.") from error
        finally:
            container.close()


def _open_forced(file: BinaryIO, demuxer: str, options: dict[str, str]) -> Any:
    def refuse(url: str, flags: int, options: dict[str, str]) -> None:
        raise PermissionError("nested open refused")

    try:
        return av.open(
            file,
            format=demuxer,
            container_options=options,
            io_open=refuse,
            metadata_errors="replace",
        )
    except MemoryError as error:  # also FFmpeg's answer to more streams than max_streams
        raise MediaError("too_many_streams", "The file has too many streams.") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaError("unreadable", "The file can't be read as video.") from error


def _video_stream(container: Any, limits: DecodeLimits) -> Any:
    if len(container.streams) > limits.streams:
        raise MediaError("too_many_streams", f"The file has more than {limits.streams} streams.")
    videos = [s for s in container.streams.video if not s.disposition & _ATTACHED_PICTURE]
    if not videos:
        raise MediaError("no_video", "The file holds no video.")
    if len(videos) > 1:
        raise MediaError("too_many_streams", "The file has more than one video stream.")
    stream = videos[0]
    context = stream.codec_context
    if context is None:
        raise MediaError("unreadable", "The file doesn't say how its video is coded.")
    if context.name not in _CODECS:
        raise MediaError("unsupported_codec", "The video is in a format that isn't accepted.")
    _check_size(context.width, context.height, limits)
    if container.duration and container.duration / 1e6 > limits.seconds:
        raise MediaError("too_long", f"The video is longer than {limits.seconds:g} seconds.")
    return stream


def _check_bytes(path: Path | str, limits: DecodeLimits) -> None:
    if os.path.getsize(path) > limits.bytes:
        raise MediaError("too_big", f"The file is larger than {limits.bytes // 1024**2} MiB.")


def _check_size(width: int, height: int, limits: DecodeLimits) -> None:
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise MediaError("too_large", f"A picture of {width}x{height} is larger than accepted.")
    if width < 1 or height < 1:
        raise MediaError("unreadable", "The file gives no picture size.")


def _planes(frame: Any) -> tuple[Pixels, Pixels, Pixels]:
    """Writable views [rows, columns] of the three planes of a yuv420p frame, padding left out."""
    views = []
    for plane in frame.planes:
        rows = np.frombuffer(plane, np.uint8)[: plane.height * plane.line_size]
        views.append(rows.reshape(plane.height, plane.line_size)[:, : plane.width])
    return views[0], views[1], views[2]


def _scaled(image: Image.Image, long_side: int) -> Image.Image:
    if long_side and max(image.size) > long_side:
        image.thumbnail((long_side, long_side))
    return image


def _save_image(path: Path, save: Callable[[BinaryIO], object]) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with open(part, "wb") as file:
            save(file)
        os.replace(part, path)
    except (OSError, ValueError) as error:
        raise _write_error(error) from error
    finally:
        part.unlink(missing_ok=True)


def _write_error(error: Exception) -> MediaError:
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return MediaError("disk_full", "The disk has no room for the file.")
    return MediaError("encoder_failed", f"The file couldn't be written: {error}")


def _check_boxes(path: Path) -> None:
    """Walk the top-level MP4 boxes: index before media data, and the last box ends the file."""
    size, at, seen = os.path.getsize(path), 0, []
    with open(path, "rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length < 8:
                break
            seen.append(head[4:8])
            at += length
    if at != size or b"moov" not in seen or b"mdat" not in seen[seen.index(b"moov") :]:
        raise MediaError("encoder_failed", "The written file isn't complete.")
