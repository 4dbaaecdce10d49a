"""A HEIC picture built by hand: one HEVC still in the boxes of ISO/IEC 23008-12, as phones write it."""

from __future__ import annotations

import io
import struct

import av
import numpy as np

VPS, SPS, PPS = 32, 33, 34


def heic(picture: np.ndarray, *, turned: int = 0) -> bytes:
    """uint8 RGB [h, w, 3], even sides; `turned`: quarters to the left that a reader has to apply."""
    height, width = picture.shape[:2]
    units = _units(picture)
    data = b"".join(struct.pack(">I", len(unit)) + unit for unit in units if _kind(unit) < VPS)
    properties = [_decoder(units), _full(b"ispe", struct.pack(">II", width, height))]
    if turned:
        properties.append(_box(b"irot", bytes([turned])))
    essential = bytes(0x80 | number for number in range(1, len(properties) + 1))
    links = struct.pack(">IHB", 1, 1, len(properties)) + essential

    def meta(offset: int) -> bytes:
        place = struct.pack(">BBHHHHII", 0x44, 0, 1, 1, 0, 1, offset, len(data))
        item = _full(b"infe", struct.pack(">HH", 1, 0), b"hvc1", b"\0", version=2)
        return _full(
            b"meta",
            _full(b"hdlr", bytes(4), b"pict", bytes(12), b"\0"),
            _full(b"pitm", struct.pack(">H", 1)),
            _full(b"iloc", place),
            _full(b"iinf", struct.pack(">H", 1), item),
            _box(b"iprp", _box(b"ipco", *properties), _full(b"ipma", links)),
        )

    head = _box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    return head + meta(len(head) + len(meta(0)) + 8) + _box(b"mdat", data)


def _units(picture: np.ndarray) -> list[bytes]:
    """The picture as HEVC, one unit each."""
    out = io.BytesIO()
    with av.open(out, "w", format="hevc") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.height, stream.width = picture.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"x265-params": "keyint=1:log-level=none:info=0", "crf": "8"}
        for packet in stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")):
            container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    parts = out.getvalue().replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1")
    return [part for part in parts if part]


def _kind(unit: bytes) -> int:
    return (unit[0] >> 1) & 63


def _decoder(units: list[bytes]) -> bytes:
    """The box hvcC: the profile, and the parameter sets."""
    sets = {kind: [u for u in units if _kind(u) == kind] for kind in (VPS, SPS, PPS)}
    arrays = b"".join(
        struct.pack(">BH", 0x80 | kind, len(found))
        + b"".join(struct.pack(">H", len(unit)) + unit for unit in found)
        for kind, found in sets.items()
    )
    return _box(b"hvcC", b"\1", sets[SPS][0][3:15], b"\xf0\0\xfc\xfd\xf8\xf8\0\0\x0f\x03", arrays)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24), *parts)
