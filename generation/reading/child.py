"""The process that reads a stranger's file. Started by `reader`, confined before it parses a byte.

It gets one request as JSON on standard input and answers on standard output:

look        what does this file show, and what do its credentials say? (verify)
normalise   the same, and write our own form of it into a folder (uploads)
frames      its pictures at a size and rate, as raw pixels (a worker that edits)

A message is a letter, four bytes of length and a body: `J` JSON, `F` the pixels of one frame.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generation.reading import sandbox

STALL_SECONDS = 5.0  # of processor time without a sign of progress: then SIGPROF ends this process
MARK_FRAMES_PER_SECOND = 4.0
MARK_FRAMES = 40
QUERY_FRAMES_PER_SECOND = 12.0  # dense on this side: stored clips have four hashes a second


def alive() -> None:
    """Something was done: start the stall clock anew."""
    signal.setitimer(signal.ITIMER_PROF, STALL_SECONDS)


def send(letter: bytes, body: bytes) -> None:
    sys.stdout.buffer.write(letter + struct.pack(">I", len(body)))
    sys.stdout.buffer.write(body)


def credentials(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """CredentialsReport.to_json(), and whether the site's own certificate signed it."""
    from generation.provenance.c2pa import read_credentials

    report = read_credentials(path, request["trust_anchors"])
    return {**report.to_json(), "ours": any(map(report.is_from, request["own_names"]))}


def look(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Decode once; hash the frames and look for the visible mark on a few of them each second."""
    from generation import media
    from generation.provenance.fingerprint import query_hashes
    from generation.provenance.watermark import detect_visible_mark

    answer: dict[str, Any] = {"c2pa": credentials(path, request)}
    marked: list[media.Pixels] = []

    def frames() -> Iterator[tuple[float, media.Pixels]]:
        due, step = 0.0, 1 / MARK_FRAMES_PER_SECOND
        moving = media.is_animation(path)
        if not moving and media.is_image(path):
            picture = media.load_image(path)
            marked.append(picture)
            yield 0.0, picture
            return
        pictures = (
            media.animation_frames(path)
            if moving
            else media.sample_frames(path, per_second=QUERY_FRAMES_PER_SECOND)
        )
        for seconds, frame in pictures:
            alive()
            if seconds >= due:
                marked.append(frame)
                if len(marked) > MARK_FRAMES:  # half as dense from here on: the whole clip is seen
                    marked[:] = marked[::2]
                    step *= 2
                due += step
            yield seconds, frame

    hashes = query_hashes(frames())
    answer["mark"] = detect_visible_mark(marked, text=request["mark"]).present
    answer["hashes"] = [(h.seconds, h.variant, h.hash.hex(), h.quality) for h in hashes]
    return answer


def normalise(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    from generation.media import DecodeLimits, MediaError
    from generation.reading import normalise as own_form

    with path.open("rb") as file:
        own_form.file_type(file.read(64))  # what isn't taken is not parsed for credentials either
    found = credentials(path, request)
    alive()
    if camera_made(found) and request["drawn_only"]:
        raise MediaError("photograph", "Its credentials say that a camera took it.")
    policy = own_form.Policy(
        image_limits=DecodeLimits(**request["image_limits"]),
        video_limits=DecodeLimits(**request["video_limits"]),
        drawn_only=request["drawn_only"] and not found["ours"] and not request["known"],
    )
    folder = Path(request["folder"])
    made = own_form.normalise(path, folder, policy, alive=alive)
    alive()
    return {"c2pa": found, "media": made.to_json(), "kept": kept(path, found, request)}


def kept(path: Path, found: dict[str, Any], request: dict[str, Any]) -> dict[str, str]:
    """The file's own manifest as an ingredient of later clips, base64 by relationship; {} without."""
    import c2pa

    from generation.provenance.c2pa import keep_ingredient

    if found["state"] == "none":
        return {}
    try:
        name, archives = keep_ingredient(path, request["trust_anchors"], title=request["title"])
    except c2pa.C2paError:
        return {}  # the report says already that it can't be read
    plain = {str(role): base64.b64encode(data).decode() for role, data in archives.items()}
    return {"id": name, **plain}


def camera_made(report: dict[str, Any]) -> bool:
    """A manifest that names a camera as the source, sound or not."""
    source = str(report["claims"].get("digital_source_type") or "").rsplit("/", 1)[-1].lower()
    return source in ("digitalcapture", "computationalcapture", "compositecapture")


def frames(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Send frames [0, count) at 1 / fps from second `start` on, fitted to width x height."""
    from generation.media import DecodeLimits
    from generation.reading.fitting import fitted_frames

    count = 0
    for frame in fitted_frames(
        path,
        start=request["start"],
        end=request["end"],
        fps=request["fps"],
        size=(request["width"], request["height"]),
        fit=request["fit"],
        limits=DecodeLimits(**request["limits"]),
    ):
        alive()
        send(b"F", frame.tobytes())
        count += 1
    return {"frames": count}


JOBS = {"look": look, "normalise": normalise, "frames": frames}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    from generation.media import MediaError
    from generation.reading.normalise import NotDrawn

    path = Path(request["path"])
    try:
        return JOBS[request["job"]](path, request)
    except NotDrawn as error:
        seen = [(h.seconds, h.variant, h.hash.hex(), h.quality) for h in error.queries]
        return {"error": {"code": error.code, "message": error.message, "queries": seen}}
    except MediaError as error:
        return {"error": {"code": error.code, "message": error.message}}
    except MemoryError:
        return {"error": {"code": "too_large", "message": "The file takes too much memory."}}


def main() -> None:
    request = json.loads(sys.stdin.buffer.read())
    path, folder = Path(request["path"]), request.get("folder")
    status = open("/proc/self/status")  # noqa: SIM115  (out of reach once confined)
    layers = sandbox.confine(
        sandbox.Bounds(**request["bounds"]), read=[path], write=Path(folder) if folder else None
    )
    alive()
    missing = missing_layers(layers, strict=request["strict"])
    reply = {"error": {"code": "sandbox", "message": missing}} if missing else answer(request)
    usage = {"layers": layers, "peak_bytes": peak_bytes(status.read())}
    send(b"J", json.dumps({**reply, **usage}).encode())
    sys.stdout.buffer.flush()
    os._exit(0)  # native state a hostile file may have broken isn't taken apart


def peak_bytes(status: str) -> int:
    """The most memory this process held, from /proc/self/status."""
    line = next((row for row in status.splitlines() if row.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def missing_layers(layers: Iterable[str], *, strict: bool) -> str:
    missing = sandbox.STRICT - set(layers) if strict else frozenset()
    return f"The kernel doesn't grant {', '.join(sorted(missing))}." if missing else ""


if __name__ == "__main__":
    main()
