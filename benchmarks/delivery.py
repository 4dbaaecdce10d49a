"""What delivering a 1080p clip costs over encoding it alone: CPU time, and memory by length.

`delivery_over_encode`: CPU seconds of visible mark, keeping what lies under it, encode, fingerprint
and signing, divided by those of encoding the same 20 s clip alone. Both encoders take the same frames
in turn, so that a busy machine slows both; x264 runs in the calling thread, so that its time can be
told apart.
`memory_20s_over_2s`: peak resident memory of a process that delivers 20 s over one that delivers
2 s. CPU time, not wall time. Takes about two minutes of one core.
"""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.context import context, main
from benchmarks.footage import natural_frames
from generation.clean import UnderMark
from generation.media import Encoder
from generation.provenance.c2pa import ManifestClaim, SigningIdentity, load_signer, sign_file
from generation.provenance.development_ca import ensure_development_ca
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark

WIDTH, HEIGHT, FPS = 1920, 1080, 24
LONG, SHORT = 20, 2


def run(*, width: int = WIDTH, height: int = HEIGHT, seconds: int = LONG) -> dict[str, Any]:
    """Measure once. The arguments are for the test of the benchmark itself."""
    with tempfile.TemporaryDirectory() as folder:
        cost = _interleaved(Path(folder), width, height, seconds)
        short = min(SHORT, seconds)
        long_peak = _peak_in_child(width, height, seconds)
        short_peak = _peak_in_child(width, height, short)
    delivery = cost["encode_and_mark"] + cost["fingerprint"] + cost["sign"]
    return {
        "measures": {
            "delivery_over_encode": round(delivery / cost["encode"], 4),
            "memory_20s_over_2s": round(long_peak / short_peak, 4),
        },
        "context": {
            **context(["av", "numpy", "pillow", "c2pa-python"]),
            "clip": {"width": width, "height": height, "fps": FPS, "seconds": seconds},
            "cpu_seconds": {name: round(value, 3) for name, value in cost.items()},
            "peak_mib": {f"{seconds}s": round(long_peak), f"{short}s": round(short_peak)},
        },
    }


def _interleaved(folder: Path, width: int, height: int, seconds: int) -> dict[str, float]:
    """CPU seconds by stage; every frame goes to both encoders before the next is drawn."""
    identity = _identity(folder)
    cost = dict.fromkeys(("encode", "encode_and_mark", "fingerprint", "sign"), 0.0)

    @contextmanager
    def timed(stage: str, clock: Callable[[], float] = time.thread_time) -> Iterator[None]:
        start = clock()
        yield
        cost[stage] += clock() - start

    plain = Encoder(folder / "plain.mp4", width=width, height=height, fps=FPS, threads=1)
    mark = VisibleMark(width, height, text="Sora", seed=7, fps=FPS)
    under = UnderMark(folder / "under.mp4", mark, FPS)
    marked = Encoder(
        folder / "marked.mp4",
        width=width,
        height=height,
        fps=FPS,
        threads=1,
        mark=mark,
        before_mark=under,
    )
    fingerprint = FingerprintBuilder(FPS)
    turns = [("encode", plain), ("encode_and_mark", marked)]
    with timed("encode_and_mark"):
        under.__enter__()
    for stage, encoder in turns:
        with timed(stage):
            encoder.__enter__()
    for index, frame in enumerate(natural_frames(width, height, seconds * FPS, seed=1)):
        # Who goes second finds the frame in the cache: they take turns at that too.
        for stage, encoder in turns if index % 2 else reversed(turns):
            with timed(stage):
                encoder.write(frame)
        with timed("fingerprint"):
            fingerprint.add(index, frame)
    for stage, encoder in turns:
        with timed(stage):
            encoder.__exit__(None, None, None)
    with timed("encode_and_mark"):
        under.__exit__(None, None, None)
    # The signing library may use threads of its own; nothing else runs by now.
    with timed("sign", time.process_time):
        _sign(folder, identity, fingerprint)
    return cost


def _deliver(folder: Path, width: int, height: int, seconds: int) -> None:
    """One whole delivery, as the pipeline does it."""
    identity = _identity(folder)
    mark = VisibleMark(width, height, text="Sora", seed=7, fps=FPS)
    fingerprint = FingerprintBuilder(FPS)
    with (
        UnderMark(folder / "under.mp4", mark, FPS) as under,
        Encoder(
            folder / "marked.mp4",
            width=width,
            height=height,
            fps=FPS,
            mark=mark,
            before_mark=under,
            on_luma=fingerprint.add_marked,
        ) as encoder,
    ):
        for index, frame in enumerate(natural_frames(width, height, seconds * FPS, seed=1)):
            encoder.write(frame)
            fingerprint.add(index, frame)
    _sign(folder, identity, fingerprint)


def _sign(folder: Path, identity: SigningIdentity, fingerprint: FingerprintBuilder) -> None:
    claim = ManifestClaim(
        title="Delivery benchmark",
        model_name="footage",
        model_version="1",
        software_name="benchmarks.delivery",
        software_version="1",
        job_id="benchmark",
        prompt_rewritten=False,
        created_at=dt.datetime.now(dt.UTC),
        watermark="Sora",
        fingerprint=fingerprint.digest(),
    )
    sign_file(folder / "marked.mp4", folder / "signed.mp4", claim, identity=identity)


def _identity(folder: Path) -> SigningIdentity:
    ensure_development_ca(folder / "ca", "Delivery benchmark")
    return load_signer(development_ca=folder / "ca")


def _peak_in_child(width: int, height: int, seconds: int) -> float:
    """Peak resident memory, MiB, of a fresh process that delivers one clip."""
    command = [sys.executable, "-m", "benchmarks.delivery", "--deliver"]
    result = subprocess.run(
        [*command, str(width), str(height), str(seconds)],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    return float(result.stdout.split()[-1])


def _deliver_and_report(width: int, height: int, seconds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _deliver(Path(folder), width, height, seconds)
    # Not getrusage: its maximum may be inherited from the parent that started this process.
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                print(int(line.split()[1]) / 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--deliver"]:
        _deliver_and_report(*(int(value) for value in sys.argv[2:5]))
    else:
        main(run)
