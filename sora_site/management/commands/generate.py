"""`./sora generate "PROMPT"`: one clip from the command line, through the same services and checks."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import time
import uuid
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from typing import Any

from django.conf import settings
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError

from accounts.services import personal_workspace
from generation import presenting, scheduling
from generation.capabilities import engine_capabilities
from generation.editing.plan import TOOLS
from generation.errors import InvalidSize
from generation.inspection import verify_file
from generation.models import Generation
from generation.services import cancel_generation, request_generation
from sora_site.embedded import processes, services
from sora_site.embedded.processes import EmbeddedServiceError
from sora_site.embedded.progress import Bar
from sora_site.lib.errors import SoraError
from sora_site.management import first_admin
from sora_site.management.site import ready_site

STAGE_NAMES = {
    "queued": "waiting in the queue",
    "load": "loading the model",
    "prompt": "reading the prompt",
    "denoise": "drawing",
    "decode": "decoding",
    "checks": "checking and encoding",
    "sign": "signing",
    "store": "storing",
}
LOOK_EVERY = 0.3


class Command(BaseCommand):
    help = "Make one clip as the first operator and write the delivered file."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("prompt", metavar="PROMPT")
        parser.add_argument("--seconds", type=int, help="length (default: the engine's)")
        parser.add_argument("--size", metavar="WxH", help="for example 512x288")
        parser.add_argument("--seed", type=int, help="same seed and settings, same clip")
        parser.add_argument("--steps", type=int, help="denoising steps (default: the engine's)")
        parser.add_argument("--tool", choices=TOOLS, default="text", help="a tool of the editor")
        parser.add_argument("--edit", metavar="JSON", type=_edit, help="its form, as in the API")
        parser.add_argument("-o", "--output", metavar="FILE", help="default: clip-<id>.mp4 here")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, prompt: str, **options: Any) -> None:
        target = Path(options["output"]).expanduser().absolute() if options["output"] else None
        if target is not None:
            _check_writable(target)
        with Bar() as bar:
            try:
                with ready_site("generate", bar) as runtime:
                    result = _generate(prompt, options, target, bar, has_worker=runtime.has_worker)
            except EmbeddedServiceError as error:
                raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(result))
        else:
            self.stdout.write(_in_words(result))
        if result["status"] != "succeeded":
            sys.exit(1)


def _generate(
    prompt: str, options: dict[str, Any], target: Path | None, bar: Bar, *, has_worker: bool
) -> dict[str, Any]:
    admin = first_admin.first_admin()
    try:
        engine = engine_capabilities()
        width, height = None, None  # an edit has the size of its clip
        if options["size"]:
            width, height = _size(options["size"])
        elif options["tool"] == "text":
            width, height = engine.default_size
        generation = request_generation(
            personal_workspace(admin),
            by=admin,
            prompt=prompt,
            width=width,
            height=height,
            seconds=engine.default_seconds if options["seconds"] is None else options["seconds"],
            seed=options["seed"],
            steps=options["steps"],
            tool=options["tool"],
            edit=options["edit"],
            request_key=f"cli-{uuid.uuid4()}",
        )
    except SoraError as error:
        return _refused_at_the_door(prompt, error)
    with _worker(needed=not has_worker):
        try:
            _wait(generation, bar)
        except KeyboardInterrupt:
            cancel_generation(generation, by=admin)
            raise SystemExit(130) from None
    return _result(generation, target)


def _edit(text: str) -> dict[str, Any]:
    """Raises ArgumentTypeError; what the form says is checked with everything else."""
    try:
        form = json.loads(text)
    except ValueError as error:
        raise ArgumentTypeError(f"it is no JSON: {error}") from None
    if not isinstance(form, dict):
        raise ArgumentTypeError('it is no JSON object, like {"clip": "video:…", "after": 2}')
    return form


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.isdigit() and height.isdigit()):
        raise InvalidSize(
            f"A size is WIDTHxHEIGHT, for example 512x288, not {text!r}.", param="size"
        )
    return int(width), int(height)


def _check_writable(target: Path) -> None:
    """Before minutes of work: can the file be written at the end?"""
    if target.is_dir():
        raise CommandError(f"{target} is a folder; -o takes a file name.")
    if not target.parent.is_dir() or not os.access(target.parent, os.W_OK):
        raise CommandError(f"{target.parent} can't be written; choose another file with -o.")


@contextlib.contextmanager
def _worker(*, needed: bool) -> Iterator[None]:
    """A worker of our own for this one command, unless somebody else's is alive."""
    process: Popen[bytes] | None = None
    if needed and not scheduling.live_workers():
        process = services.start_worker(Path(settings.SORA_STATE_DIR))
    try:
        yield
    finally:
        if process is not None:
            processes.stop(process, grace=15)


def _wait(generation: Generation, bar: Bar) -> None:
    """Until the job has ended, showing where it stands."""
    began = time.monotonic()
    while True:
        generation.refresh_from_db()
        if not generation.is_open:
            bar.show(100, generation.status)
            return
        progress = presenting.present_progress(generation)
        text = STAGE_NAMES.get(progress["stage"], progress["stage"])
        if progress["total"] > 1:
            text += f": {progress['step']} of {progress['total']}"
        if generation.status == Generation.Status.QUEUED:
            text = _waiting_text(generation, time.monotonic() - began)
        bar.show(10 + 0.9 * progress["percent"], text)
        time.sleep(LOOK_EVERY)


def _waiting_text(generation: Generation, waited: float) -> str:
    ahead = scheduling.queue_position(generation)
    text = STAGE_NAMES["queued"] + (f", {ahead} before it" if ahead else "")
    if waited > 30 and not scheduling.live_workers():
        text = "no worker is alive; see logs/worker.log in the state folder"
    return text


def _refused_at_the_door(prompt: str, error: SoraError) -> dict[str, Any]:
    """Nothing was queued and nothing charged."""
    refused = error.http_status == 422
    return {
        "id": None,
        "status": "refused" if refused else "failed",
        "file": None,
        "prompt": prompt,
        "rewritten_prompt": None,
        "reason": {
            "code": error.code,
            "message": error.message,
            "param": error.param,
            "remedy": error.remedy,
        }
        | error.extra,
        "timings": {},
        "verification": None,
    }


def _result(generation: Generation, target: Path | None) -> dict[str, Any]:
    timings = {
        timing.stage: round(timing.seconds, 3)
        for timing in generation.timings.filter(attempt=generation.attempts).order_by("pk")
    }
    if generation.finished_at is not None:
        timings["total"] = round(
            (generation.finished_at - generation.created_at).total_seconds(), 3
        )
    if generation.started_at is not None:
        timings["queued"] = round(
            (generation.started_at - generation.created_at).total_seconds(), 3
        )
    file: Path | None = None
    verification: dict[str, Any] | None = None
    if generation.status == Generation.Status.SUCCEEDED:
        video = generation.video
        file = target or Path.cwd() / video.download_name
        _copy(video.media_key, file)
        verification = verify_file(file, viewer=None)
    return {
        "id": str(generation.pk),
        "status": generation.status,
        "file": str(file) if file else None,
        "prompt": generation.prompt,
        "rewritten_prompt": generation.rewritten_prompt or None,
        "reason": presenting.reason(generation),
        "timings": timings,
        "verification": verification,
    }


def _copy(key: str, file: Path) -> None:
    """The file appears whole or not at all."""
    fresh = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        with storages["private"].open(key) as source, fresh.open("wb") as copy:
            shutil.copyfileobj(source, copy)
        fresh.replace(file)
    except OSError as error:
        raise CommandError(
            f"The clip was made but {file} can't be written ({error.strerror}). "
            "It is in the library of the first account."
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def _in_words(result: dict[str, Any]) -> str:
    if result["status"] == "succeeded":
        c2pa = result["verification"]["c2pa"]["state"]
        seconds = result["timings"].get("total", 0)
        return f"{result['file']}   ({seconds:.1f} s, Content Credentials: {c2pa})"
    reason = result["reason"] or {"message": "", "remedy": ""}
    return f"{result['status']}: {reason['message']} {reason['remedy'] or ''}".rstrip()
