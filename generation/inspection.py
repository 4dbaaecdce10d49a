"""Where does this file come from? Credentials, visible mark, and our own clips it looks like.

Strangers' files are decoded in a child process with limits on memory, processor time and file size,
so that a hostile one costs a child and not the web server. Run as a module it is that child.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from accounts.models import User

SECONDS = 60
MEMORY_BYTES = 3 * 2**30
FRAMES_PER_SECOND = 12.0  # dense on this side: stored clips have four hashes a second
MARK_FRAMES_PER_SECOND = 4.0
MARK_FRAMES = 40


def verify_file(path: Path, *, viewer: User | AnonymousUser | None) -> dict[str, Any]:
    """What `./sora verify`, the verify page and the API say about a file.

    Only clips the viewer may see are named as matches; None is the operator at the machine.

    Returns {"c2pa": {state, issuer, claims, failures}, "visible_watermark": bool or None for
    a file without pictures we can read, "matches": [{id, url, distance, share, offset_seconds}]}.
    Raises InvalidFile when it is neither a video nor an image we read.
    """
    from django.conf import settings

    from generation import matching, signing
    from generation.errors import InvalidFile
    from generation.provenance.fingerprint import FrameHash

    report = signing.read(path)
    request = {"path": str(path), "mark": settings.SORA_WATERMARK_TEXT}
    try:
        child = subprocess.run(
            [sys.executable, "-m", "generation.inspection"],
            input=json.dumps(request),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            cwd=settings.BASE_DIR,
        )
    except subprocess.TimeoutExpired:
        raise InvalidFile("Reading this file takes too long.") from None
    if child.returncode != 0:
        raise InvalidFile("This file can't be decoded.")
    seen = json.loads(child.stdout)
    if "error" in seen:
        raise InvalidFile(seen["error"])
    hashes = [
        FrameHash(seconds, variant, bytes.fromhex(value), quality)
        for seconds, variant, value, quality in seen["hashes"]
    ]
    return {
        "c2pa": report.to_json(),
        "visible_watermark": seen["mark"],
        "matches": matching.find_clips(hashes, viewer=viewer),
    }


def limit_this_process() -> None:
    """Bound what decoding a hostile file can take."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def look(path: Path, mark_text: str) -> dict[str, Any]:
    """Decode once; hash the frames and look for the visible mark on a few of them each second."""
    from generation import media
    from generation.provenance.fingerprint import query_hashes
    from generation.provenance.watermark import detect_visible_mark

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
            else media.sample_frames(path, per_second=FRAMES_PER_SECOND)
        )
        for seconds, frame in pictures:
            if seconds >= due:
                marked.append(frame)
                if len(marked) > MARK_FRAMES:  # half as dense from here on: the whole clip is seen
                    marked[:] = marked[::2]
                    step *= 2
                due += step
            yield seconds, frame

    hashes = query_hashes(frames())
    return {
        "mark": detect_visible_mark(marked, text=mark_text).present,
        "hashes": [(h.seconds, h.variant, h.hash.hex(), h.quality) for h in hashes],
    }


def main() -> None:
    from generation.media import MediaError

    request = json.loads(sys.stdin.read())
    limit_this_process()
    try:
        answer = look(Path(request["path"]), request["mark"])
    except MediaError as error:
        answer = {"error": error.message}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
