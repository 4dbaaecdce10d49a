"""Start the confined process that reads a stranger's file, and speak with it.

The caller never decodes, parses or trusts a byte of the file: it gets JSON, raw pixels, or
`Unreadable` with a code and a sentence that says what to do.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from generation.media import DecodeLimits
from generation.reading.sandbox import Bounds

MEMORY_BYTES = 512 * 2**20
START_SECONDS = 30.0  # wall, on a machine that does other things too
SECONDS_PER_SECOND = 10.0  # of processor, for each second of video
LARGEST_ANSWER = 64 * 2**20


class Unreadable(Exception):
    """The file was not read. `code` is stable, `message` says why and what to do.

    queries: hashes of what had been seen by then. peak_bytes: memory it took, where it could say so.
    """

    def __init__(
        self,
        code: str,
        message: str,
        queries: list[list[Any]] | None = None,
        peak_bytes: int = 0,
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.queries, self.peak_bytes = queries or [], peak_bytes


def ask(
    job: str, path: Path, *, folder: Path | None = None, seconds: float, **request: Any
) -> dict[str, Any]:
    """Run `job` of `reading.child` on a file that may hold `seconds` of video. Raises Unreadable."""
    with _child(job, path, folder=folder, seconds=seconds, **request) as output:
        for letter, body in _messages(output):
            if letter == b"J":
                return _answer(body)
    raise AssertionError  # _messages ends with an answer or raises


def stream(
    path: Path,
    *,
    start: float,
    end: float | None,
    fps: float,
    width: int,
    height: int,
    fit: str,
    limits: DecodeLimits,
) -> Iterator[NDArray[np.uint8]]:
    """Frames as `reading.fitting.fitted_frames` gives them; one is in memory at a time.

    Closing the iterator ends the process. Raises Unreadable, also between frames.
    """
    request = {
        "start": start,
        "end": end,
        "fps": fps,
        "width": width,
        "height": height,
        "fit": fit,
        "limits": asdict(limits),
    }
    with _child("frames", path, folder=None, seconds=limits.seconds, **request) as output:
        for letter, body in _messages(output):
            if letter == b"F":
                yield np.frombuffer(body, np.uint8).reshape(height, width, 3)
            else:
                _answer(body)
                return


def _answer(body: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(body)
    if "error" in answer:
        error = answer["error"]
        raise Unreadable(
            error["code"], error["message"], error.get("queries"), answer["peak_bytes"]
        )
    return answer


@contextmanager
def _child(
    job: str, path: Path, *, folder: Path | None, seconds: float, **request: Any
) -> Iterator[IO[bytes]]:
    cpu = START_SECONDS + SECONDS_PER_SECOND * seconds
    bounds = Bounds(
        memory=MEMORY_BYTES,
        cpu_seconds=int(cpu),
        file_bytes=settings.SORA_MAX_UPLOAD_VIDEO_BYTES if folder else 0,
    )
    full = {
        **request,
        "job": job,
        "path": str(path.resolve()),
        "folder": str(folder.resolve()) if folder else None,
        "bounds": asdict(bounds),
        "strict": settings.SORA_SANDBOX == "strict",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "generation.reading.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=settings.BASE_DIR,
        # Nothing of this process's environment, which holds keys and addresses.
        env={
            "PATH": os.environ.get("PATH", ""),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
    )
    assert process.stdin is not None and process.stdout is not None
    late = threading.Timer(cpu, process.kill)
    late.start()
    try:
        try:
            process.stdin.write(json.dumps(full).encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended at once; the reading below says so
        yield process.stdout
    except EOFError:
        raise _end_of(process) from None
    finally:
        late.cancel()
        process.kill()
        process.stdout.close()
        process.wait()


def _messages(output: IO[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """(letter, body) until the child ends. Raises EOFError when it ends without a last answer."""
    while True:
        head = output.read(5)
        if len(head) < 5:
            raise EOFError
        (size,) = struct.unpack(">I", head[1:])
        if size > LARGEST_ANSWER:
            raise EOFError
        body = output.read(size)
        if len(body) < size:
            raise EOFError
        yield head[:1], body


def _end_of(process: subprocess.Popen[bytes]) -> Unreadable:
    """Why the child ended without an answer."""
    code = process.wait(timeout=5)
    if code in (-signal.SIGPROF, -signal.SIGXCPU, -signal.SIGKILL):
        return Unreadable(
            "too_slow", "Reading this file takes too long. Send it in another format."
        )
    if code == -signal.SIGXFSZ:
        return Unreadable("too_big", "The file is too large once it is unpacked.")
    return Unreadable("unreadable", "The file is damaged and can't be read.")
