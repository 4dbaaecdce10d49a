"""From a stranger's file to our own form: pixels only, upright, sRGB, at a constant frame rate.

A picture becomes `media.png`, a video `media.mp4` (H.264, no sound); both get `poster.webp`. No byte
of the input is passed on: names, places, cameras, comments, subtitles and hidden tails end here.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin, UnidentifiedImageError

from generation import media
from generation.media import DecodeLimits, MediaError, Pixels
from generation.provenance import filetypes
from generation.provenance.fingerprint import FingerprintBuilder, FrameHash, query_hashes
from generation.reading import drawn

IMAGE_SIDE = 4096  # larger pictures are scaled down: no engine draws more
VIDEO_SIDE = 1920
POSTER_SIDE = 640
VIDEO_CRF = 16  # the next encode follows when the clip is delivered
LOOKS_PER_SECOND = 4.0  # how often a video is asked whether it is drawn
QUERIES_PER_SECOND = 12.0
HIGHEST_RATE = 60
_USUAL_RATES = (
    Fraction(24000, 1001), Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30),
    Fraction(48), Fraction(50), Fraction(60000, 1001), Fraction(60),
)  # fmt: skip
_CAMERA_TAGS = (
    ExifTags.Base.Make,
    ExifTags.Base.Model,
    ExifTags.Base.ExposureTime,
    ExifTags.Base.FNumber,
    ExifTags.Base.ISOSpeedRatings,
    ExifTags.Base.LensModel,
)
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TEXT_BYTES = 1 << 20  # of PNG text chunks, unpacked
HEIF = "heif"  # what phones take; read here alone, every other part of the product sees our PNG
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1")

_UNKNOWN = "This isn't a PNG, JPEG, WebP, HEIC, MP4, MOV or WebM file."
_AVIF = "AVIF pictures aren't read here. Export the picture as PNG or JPEG."

# What people send that isn't taken: first bytes -> what to do instead.
_TELLTALES: tuple[tuple[int, bytes, str, str], ...] = (
    (0, b"GIF8", "animated", "GIF files aren't taken. Save one picture as PNG, or the film as MP4."),
    (4, b"ftypavif", "avif", _AVIF),
    (8, b"AVI ", "container", "AVI files aren't taken. Save the video as MP4 (H.264)."),
    (0, b"%PDF", "document", "PDF files aren't taken. Export the page as PNG."),
    (0, b"PK\x03\x04", "archive", "Archives aren't taken. Unpack it and send the picture or video."),
    (0, b"BM", "unsupported_type", "BMP pictures aren't taken. Save the picture as PNG."),
    (0, b"II*\0", "unsupported_type", "TIFF pictures aren't taken. Save the picture as PNG."),
    (0, b"MM\0*", "unsupported_type", "TIFF pictures aren't taken. Save the picture as PNG."),
)  # fmt: skip


PICTURES = filetypes.IMAGES | {HEIF}


class NotDrawn(MediaError):
    """A photograph or filmed material, or what looks like it. `queries`: hashes to look it up by."""

    def __init__(self, picture: Pixels) -> None:
        super().__init__("photograph", "This is, or looks like, a photograph or filmed material.")
        self.queries = query_hashes([(0.0, picture)])


@dataclass(frozen=True)
class Policy:
    """What is asked of one file besides that it can be read."""

    image_limits: DecodeLimits
    video_limits: DecodeLimits
    drawn_only: bool  # stop at the first picture that is no flat drawing


@dataclass
class Normalised:
    """What was made, and what was seen on the way."""

    kind: str  # "image" or "video"
    width: int
    height: int
    frames: int
    fps: float | None
    had_audio: bool
    drawn: bool
    stored: list[FrameHash]
    queries: list[FrameHash]
    notes: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        def plain(hashes: list[FrameHash]) -> list[tuple[float, int, str, int]]:
            return [(h.seconds, h.variant, h.hash.hex(), h.quality) for h in hashes]

        return {**vars(self), "stored": plain(self.stored), "queries": plain(self.queries)}


def file_type(head: bytes) -> str:
    """mp4, webm, png, jpeg, webp or heif by the first 64 bytes. Raises MediaError that says what to
    send."""
    if not head:
        raise MediaError("empty", "The file is empty. Choose another one.")
    for at, mark, code, message in _TELLTALES:
        if head[at : at + len(mark)] == mark:
            raise MediaError(code, message)
    if head.lstrip()[:1] == b"<":
        raise MediaError(
            "document", "This is a web page or an SVG drawing. Export the picture as PNG."
        )
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        # Half of the AVIF files begin with the brand of all such pictures and name their own later.
        if b"avif" in head[12:64] and b"heic" not in head[12:64]:
            raise MediaError("avif", _AVIF)
        return HEIF
    kind = filetypes.kind_of(head)
    if kind == "matroska":
        # EBML's DocType: the same container under two names.
        if b"webm" in head[:64]:
            return "webm"
        raise MediaError("container", "MKV files aren't taken. Save the video as MP4 or WebM.")
    if kind is None or kind == "gif":
        raise MediaError("unsupported_type", _UNKNOWN)
    return kind


def normalise(
    path: Path, folder: Path, policy: Policy, *, alive: Callable[[], None] = lambda: None
) -> Normalised:
    """Write `media.*` and `poster.webp` into `folder`; `alive` is called with every frame.

    Raises MediaError.
    """
    with path.open("rb") as file:
        kind = file_type(file.read(64))
    if kind in PICTURES:
        return _image(path, kind, folder, policy)
    return _video(path, folder, policy, alive)


# Pictures


def _image(path: Path, kind: str, folder: Path, policy: Policy) -> Normalised:
    picture, notes, camera = read_picture(path, kind, policy.image_limits)
    flat = not camera and drawn.measure(picture).flat_drawing
    if policy.drawn_only and not flat:
        raise NotDrawn(picture)
    height, width = picture.shape[:2]
    Image.fromarray(picture).save(folder / "media.png", compress_level=4)
    media.save_poster(picture, folder / "poster.webp", long_side=POSTER_SIDE)
    fingerprint = FingerprintBuilder(fps=1.0)
    fingerprint.add(0, picture)
    return Normalised(
        kind="image",
        width=width,
        height=height,
        frames=1,
        fps=None,
        had_audio=False,
        drawn=flat,
        stored=fingerprint.hashes(),
        queries=query_hashes([(0.0, picture)]),
        notes=notes,
    )


def read_picture(path: Path, kind: str, limits: DecodeLimits) -> tuple[Pixels, list[str], bool]:
    """(upright sRGB picture on white, notes, whether a camera took it). Raises MediaError."""
    if path.stat().st_size > limits.bytes:
        raise MediaError("too_big", f"A picture may have {limits.bytes // 10**6} MB at most.")
    Image.MAX_IMAGE_PIXELS = limits.pixels
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY = _TEXT_BYTES
    if kind == HEIF:
        _learn_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=[kind.upper()]) as image:
                return _upright(image, limits)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_large(limits) from error
    except MemoryError as error:
        raise MediaError("too_large", "The picture takes too much memory to read.") from error
    except (
        UnidentifiedImageError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
        RuntimeError,
    ) as error:
        raise MediaError("unreadable", "The picture is damaged and can't be read.") from error


def _learn_heif() -> None:
    """Pillow reads HEIC from here on: libheif and libde265, decoders alone. Turns are applied there."""
    import pi_heif

    pi_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )


def _upright(image: Image.Image, limits: DecodeLimits) -> tuple[Pixels, list[str], bool]:
    width, height = image.size
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise _too_large(limits)
    if min(width, height) < 16:
        raise MediaError("too_small", "A picture needs 16 pixels or more on each side.")
    # Several pictures in a HEIC are a burst or a crop beside its whole: the first is what viewers show.
    if getattr(image, "n_frames", 1) > 1 and image.format != "HEIF":
        raise MediaError(
            "animated", "Animated pictures aren't taken. Save one picture as PNG, or a film as MP4."
        )
    notes: list[str] = []
    orientation, camera = _exif(image)
    if image.format == "JPEG":
        image.draft(None, (IMAGE_SIDE, IMAGE_SIDE))  # decodes huge ones at half size or less
    # In this order one picture and its smaller copy are in memory at most.
    profile = image.info.get("icc_profile")
    picture = _eight_bit(image)
    if max(picture.size) > IMAGE_SIDE:
        picture.thumbnail((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS)
        notes.append("scaled_down")
    picture, flattened = _srgb_on_white(picture, profile)
    if flattened:
        notes.append("alpha_on_white")
    if orientation in _TURNS:
        picture = picture.transpose(_TURNS[orientation])
        notes.append("turned_upright")
    return np.asarray(picture, np.uint8).copy(), notes, camera


def _exif(image: Image.Image) -> tuple[int, bool]:
    """(orientation 1 to 8, whether a camera says it took this). Damaged EXIF says nothing."""
    try:
        tags = image.getexif()
        more = tags.get_ifd(ExifTags.IFD.Exif)
        orientation = tags.get(ExifTags.Base.Orientation, 1)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, EOFError):
        return 1, False
    camera = any(tag in tags or tag in more for tag in _CAMERA_TAGS)
    return (orientation if isinstance(orientation, int) else 1), camera


def _eight_bit(image: Image.Image) -> Image.Image:
    """Grey pictures of 16 bits, scaled; everything else Pillow has made 8 bits already."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float32)
        top = 65535.0 if image.mode.startswith("I") else max(1.0, float(values.max()))
        return Image.fromarray(np.clip(values * (255 / top), 0, 255).round().astype(np.uint8))
    image.load()
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    return image


def _srgb_on_white(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bool]:
    """(mode RGB in sRGB, whether anything was transparent)."""
    alpha = None
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        if alpha.getextrema() == (255, 255):
            alpha = None
        image = image.convert("RGB")
    if profile and image.mode in ("RGB", "CMYK", "L"):
        image = _to_srgb(image, profile)
    image = image.convert("RGB")
    if alpha is None:
        return image, False
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(image, mask=alpha)
    return white, True


def _to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Through the embedded profile; a damaged or foreign one is left out, as viewers do."""
    if len(profile) > 4 * 2**20:
        return image
    try:
        converted = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    return converted or image


def _too_large(limits: DecodeLimits) -> MediaError:
    return MediaError(
        "too_large",
        f"A picture may have {limits.pixels // 10**6} million pixels and {limits.side} on a side. "
        "Make it smaller and send it again.",
    )


# Videos


def _video(path: Path, folder: Path, policy: Policy, alive: Callable[[], None]) -> Normalised:
    limits = policy.video_limits
    info = media.probe(path, limits=limits)
    alive()
    fps = steady_rate(info.fps)
    shown = steady(
        media.upright_frames(path, long_side=VIDEO_SIDE, limits=limits), fps, info.duration
    )
    first = next(shown)  # a video without frames has raised
    if policy.drawn_only and not drawn.measure(first).flat_drawing:
        raise NotDrawn(first)  # before anything is encoded
    height, width = first.shape[:2]
    fingerprint = FingerprintBuilder(fps=float(fps))
    looks, asks = _Every(LOOKS_PER_SECOND), _Every(QUERIES_PER_SECOND)
    queries: list[FrameHash] = []
    flat, count = True, 0
    media.save_poster(first, folder / "poster.webp", long_side=POSTER_SIDE)
    with media.Encoder(
        folder / "media.mp4", width=width, height=height, fps=fps, crf=VIDEO_CRF, threads=2
    ) as encoder:
        for count, frame in enumerate(chain([first], shown), 1):
            alive()
            seconds = (count - 1) / float(fps)
            if looks.due(seconds):
                flat = flat and drawn.measure(frame).flat_drawing
                if policy.drawn_only and not flat:
                    raise NotDrawn(frame)
            if asks.due(seconds):
                queries += query_hashes([(seconds, frame)])
            fingerprint.add(count - 1, frame)
            encoder.write(frame)
    return Normalised(
        kind="video",
        width=width,
        height=height,
        frames=count,
        fps=float(fps),
        had_audio=info.audio,
        drawn=flat,
        stored=fingerprint.hashes(),
        queries=queries,
        notes=["sound_dropped"] if info.audio else [],
    )


class _Every:
    """True for the first moment at or after each 1 / per_second."""

    def __init__(self, per_second: float) -> None:
        self._step, self._next = 1 / per_second, 0.0

    def due(self, seconds: float) -> bool:
        if seconds < self._next - 1e-6:
            return False
        self._next = max(self._next + self._step, seconds)
        return True


def steady_rate(average: float) -> Fraction:
    """The frame rate a video gets: the usual one within half a percent, else a whole number."""
    for rate in _USUAL_RATES:
        if abs(average / float(rate) - 1) < 0.0005:
            return rate
    for rate in _USUAL_RATES:
        if abs(average / float(rate) - 1) < 0.005:
            return rate
    return Fraction(min(HIGHEST_RATE, max(1, round(average))))


def steady(
    frames: Iterator[tuple[float, Pixels]], fps: Fraction, duration: float
) -> Iterator[Pixels]:
    """Frames at k / fps from frames at any times: each moment shows the latest frame before it."""
    step, index, shown = 1 / float(fps), 0, None
    for seconds, frame in frames:
        while shown is not None and index * step < seconds - step / 2:
            yield shown
            index += 1
        shown = frame
    last = max(index + 1, round(duration / step))
    while shown is not None and index < last:
        yield shown
        index += 1
