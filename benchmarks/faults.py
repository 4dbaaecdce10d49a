"""Many clips while the services that must judge them are down, slow, wrong or die half-way.

Every run is a whole job through the real queue, pipeline, ledger and encoder, with an engine that
paints at once. The services are one small HTTP server whose behaviour the run chooses. It counts what
it really answered, so that "this clip was scanned" has a witness outside the product.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from generation.engine.capabilities import read_capabilities
from generation.engine.protocol import Frames, Progress, VideoSpec

NAMES = (
    "sexual", "sexual/minors", "violence", "violence/graphic", "self-harm", "self-harm/intent",
    "self-harm/instructions", "hate", "hate/threatening", "harassment", "harassment/threatening",
    "illicit", "illicit/violent",
)  # fmt: skip
SECONDS = 2.0  # a service has for one answer; a slow one takes twice as long
TABLE = {
    "name": "painted", "version": "1", "title": "Painted", "operations": ["text"],
    "sizes": [[256, 144]], "seconds": [2, 4], "fps": 8, "default_size": [256, 144],
    "default_seconds": 2, "default_steps": 1, "max_steps": 1, "guidance": 1.0,
    "draws_people": True, "seconds_per_megapixel_second": 1,
}  # fmt: skip


class Painted:
    """An engine that paints moving stripes at once and says that it can draw people."""

    name, version = "painted", "1"

    def __init__(self, model_dir: Path, **given: Any) -> None:
        self.capabilities = read_capabilities(Path(model_dir))

    def generate(
        self, spec: VideoSpec, *, on_progress: Callable[[Progress], None]
    ) -> Iterator[Frames]:
        on_progress(Progress("denoise", 1, 1))
        on_progress(Progress("decode", 1, 1))
        for index in range(spec.frames):
            frame = np.full((spec.height, spec.width, 3), 120, np.uint8)
            left = (index * 8 + spec.seed) % (spec.width - 40)
            frame[:, left : left + 40] = (200, 40, 40)
            yield frame


class Double:
    """The text and picture service on a free port. `mode` says how it behaves, see MODES."""

    def __init__(self) -> None:
        self.mode = "fine"
        self.pictures_only = False  # the prompt is judged well, the fault comes with the clip
        self.asked = {"text": 0, "image": 0}
        self.judged = {"text": 0, "image": 0}  # answered in full and in time
        self._lock = threading.Lock()
        double = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                kind = "text" if isinstance(body["input"], str) else "image"
                with double._lock:
                    double.asked[kind] += 1
                    number = double.asked[kind]
                whole = kind == "text" and double.pictures_only
                try:
                    (_fine if whole else MODES[double.mode])(self, double, kind, number)
                except OSError:
                    pass  # the other side gave up

            def log_message(self, *arguments: object) -> None:
                pass

        self._handler = Handler
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/moderations"

    def up(self) -> None:
        """Listen, always on the same port."""
        if self._server is None:
            ThreadingHTTPServer.allow_reuse_address = True
            self._server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
            self._server.daemon_threads = True
            self.port = self._server.server_port
            threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def begin(self, mode: str, *, pictures_only: bool = False) -> None:
        """A new run."""
        self.mode, self.pictures_only = mode, pictures_only
        self.asked = {"text": 0, "image": 0}
        self.judged = {"text": 0, "image": 0}
        if mode == "down":
            self.down()
        else:
            self.up()

    def answer(self, handler: Any, kind: str, scores: dict[str, Any] | None = None) -> None:
        values: dict[str, Any] = dict.fromkeys(NAMES, 0.01) | (scores or {})
        result = {
            "flagged": False,
            "categories": dict.fromkeys(NAMES, False),
            "category_scores": values,
            "category_applied_input_types": {name: ["text", "image"] for name in NAMES},
        }
        send(handler, json.dumps({"id": "m", "model": "x", "results": [result]}).encode())
        with self._lock:
            self.judged[kind] += 1


def send(handler: Any, body: bytes, *, status: int = 200, length: int | None = None) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    handler.end_headers()
    handler.wfile.write(body)


def _fine(handler: Any, double: Double, kind: str, number: int) -> None:
    double.answer(handler, kind)


def _slow(handler: Any, double: Double, kind: str, number: int) -> None:
    time.sleep(2 * SECONDS)


def _drips(handler: Any, double: Double, kind: str, number: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(8):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(SECONDS / 4)


def _garbage(handler: Any, double: Double, kind: str, number: int) -> None:
    send(handler, random.Random(number).randbytes(500))


def _errors(handler: Any, double: Double, kind: str, number: int) -> None:
    send(handler, b"overloaded", status=503)


def _huge(handler: Any, double: Double, kind: str, number: int) -> None:
    send(handler, b" " * 3_000_000)


def _half(handler: Any, double: Double, kind: str, number: int) -> None:
    send(handler, b'{"results": [{"categories": {}, "category_scores": {"violence": 0.1}}]}')


def _wrong(handler: Any, double: Double, kind: str, number: int) -> None:
    values = dict.fromkeys(NAMES, [float("nan"), 7, -1, "0.1", None, True][number % 6])
    send(handler, json.dumps({"results": [{"category_scores": values}]}).encode())


def _cut(handler: Any, double: Double, kind: str, number: int) -> None:
    send(handler, b'{"results": [', length=1000)
    handler.close_connection = True


def _blind(handler: Any, double: Double, kind: str, number: int) -> None:
    """A text model that answers zeros for pictures it never saw."""
    result = {
        "categories": {},
        "category_scores": dict.fromkeys(NAMES, 0.0),
        "category_applied_input_types": {name: ["text"] for name in NAMES},
    }
    send(handler, json.dumps({"results": [result]}).encode())


def _flapping(handler: Any, double: Double, kind: str, number: int) -> None:
    if number % 2:
        send(handler, b"busy", status=503)
    else:
        double.answer(handler, kind)


def _dies(handler: Any, double: Double, kind: str, number: int) -> None:
    """Fine for the prompt and the first pictures, then gone: the clip is half scanned."""
    if kind == "image" and number > 3:
        handler.close_connection = True
        threading.Thread(target=double.down, daemon=True).start()
        return
    double.answer(handler, kind)


def _unsafe(handler: Any, double: Double, kind: str, number: int) -> None:
    bad = kind == "image" and number == 4
    double.answer(handler, kind, {"sexual": 0.99} if bad else None)


MODES: dict[str, Callable[[Any, Double, str, int], None]] = {
    "fine": _fine,
    "down": _fine,  # nobody listens
    "slow": _slow,
    "drips": _drips,
    "garbage": _garbage,
    "errors": _errors,
    "huge": _huge,
    "half": _half,
    "wrong": _wrong,
    "cut": _cut,
    "blind": _blind,
    "flapping": _flapping,
    "dies": _dies,
    "unsafe": _unsafe,
}
DELIVERS = frozenset({"fine"})
NEVER_DELIVERS = frozenset(MODES) - {"fine", "flapping"}


@dataclass
class Outcome:
    """What all runs together came to."""

    runs: int = 0
    delivered: int = 0
    unscanned_delivered: int = 0
    charged_without_clip: int = 0
    held_after: int = 0  # runs after which credits were still reserved
    unfinished: int = 0
    by_mode: dict[str, dict[str, int]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of each run, by mode

    def count(self, mode: str, status: str) -> None:
        row = self.by_mode.setdefault(mode, {})
        row[status] = row.get(status, 0) + 1


@contextmanager
def set_up(folder: Path, double: Double) -> Iterator[None]:
    """Point this process's settings at the painted engine and the double."""
    from django.conf import settings

    from generation import capabilities, vision

    model = folder / "painted"
    model.mkdir(exist_ok=True)
    (model / "capabilities.json").write_text(json.dumps(TABLE))
    wanted = {
        "SORA_ENGINE": "benchmarks.faults.Painted",
        "SORA_MODEL_DIR": model,
        "SORA_TEXT_MODERATION_URL": double.url,
        "SORA_FRAME_MODERATION_URL": double.url,
        "SORA_PROVIDER_SECONDS": SECONDS,
    }
    before = {name: getattr(settings, name) for name in wanted}
    for name, value in wanted.items():
        setattr(settings, name, value)
    vision._loaded.cache_clear()
    capabilities._read.cache_clear()
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(settings, name, value)
        vision._loaded.cache_clear()
        capabilities._read.cache_clear()


def run_many(workspace: Any, person: Any, double: Double, *, runs: int, seed: int = 1) -> Outcome:
    """`runs` jobs, one after the other, each with the services in another state. See set_up."""
    from billing.models import LedgerEntry
    from billing.services import balance
    from generation import worker
    from generation.models import Generation, SafetyCheck, Video
    from generation.services import request_generation

    outcome = Outcome()
    modes = [list(MODES)[number % len(MODES)] for number in range(runs)]
    random.Random(seed).shuffle(modes)
    for number, mode in enumerate(modes):
        double.begin(mode, pictures_only=bool(number % 3))
        began = time.monotonic()
        job = request_generation(
            workspace,
            by=person,
            request_key=f"fault-{seed}-{number}",
            prompt="a red balloon rises over the ocean at sunset",
            width=256,
            height=144,
            seconds=2,
            steps=1,
            seed=number,
        )
        worker.drain()
        job.refresh_from_db()
        outcome.seconds.setdefault(mode, []).append(time.monotonic() - began)
        outcome.runs += 1
        outcome.count(mode, job.status)
        outcome.unfinished += job.is_open
        captured = LedgerEntry.objects.filter(kind="capture", reference=str(job.pk)).exists()
        delivered = Video.objects.filter(generation=job).exists()
        outcome.charged_without_clip += captured and not delivered
        outcome.held_after += balance(workspace).held != 0
        if delivered:
            outcome.delivered += 1
            assert job.status == Generation.Status.SUCCEEDED
            check = SafetyCheck.objects.filter(generation=job, stage="output").last()
            details = check.verdict["details"] if check is not None else {}
            looked = check is not None and any(
                name.startswith("frame_http") for name in check.verdict["evaluated"]
            )
            sampled = int(details.get("frames_sampled", 0))
            # Two a second, the first and the last, each really answered by the service.
            outcome.unscanned_delivered += not (looked and 5 <= sampled <= double.judged["image"])
    double.begin("fine")
    return outcome
