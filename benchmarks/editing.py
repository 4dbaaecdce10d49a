"""Is what an edit keeps really kept, do loops close, and what does a long clip cost?

For each seed the included model draws a clip, which is delivered (encoded, visible mark and all) and
then edited; what is kept is read as the worker reads it, without the mark. `i2v_psnr`: the first frame
of a clip made from a picture against that picture; `extend_psnr`, `fill_psnr`: kept frames against
their source; all after the delivery encode, in dB, the lowest of all seeds. `loop_seam_ratio`: the
larger step onto and across the seam of a loop over its mean step, the highest of all seeds.
`engine_over_stock`: see benchmarks/engine.py. `long_clip_seconds`: CPU time over the engine's threads
for 20 s at 1080p, drawn in windows, enlarged, encoded, signed; `long_over_short_memory`: its peak
memory over that of the 4 s clip. `roundtrip_equal`: 1 when a workspace's archive, read into another
workspace and written again, is the same to the bit. `--seeds 3` is quick,
`--part` measures one of kept, stock, long and roundtrip alone, `--model` takes another model folder.
Operations that a model was not trained for are measured all the same, since what is kept, what it
costs and how much memory it takes don't depend on training; the context names them as `untrained`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import zipfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

from benchmarks import delivery, throwaway
from benchmarks import engine as engine_benchmark
from benchmarks.context import context
from benchmarks.footage import natural_frames
from generation import media
from generation.clean import UnderMark, clean_planes
from generation.editing import render, tools
from generation.editing.plan import EditPlan, Fit, MediaRef
from generation.engine.frames import fit as cropped
from generation.provenance.fingerprint import FingerprintBuilder
from generation.provenance.watermark import VisibleMark

PARTS = ("kept", "stock", "long", "roundtrip")
SEEDS, STEPS = 20, 4  # what is kept doesn't depend on the number of steps
LONG, SHORT, LONG_SIZE = 20, 4, (1920, 1080)
CLIP, PICTURE = MediaRef("video", UUID(int=1)), MediaRef("upload", UUID(int=2))
EDITS = frozenset({"extend", "fill", "loop", "keyframes", "last_frame", "storyboard"})


def run(
    *,
    seeds: int = SEEDS,
    long: int = LONG,
    rounds: int = engine_benchmark.ROUNDS,
    parts: Sequence[str] = PARTS,
    model: Path = engine_benchmark.MODEL,
) -> Any:
    """Measure once. `parts` of it alone; the other arguments are for quick runs."""
    began, (engine, untrained) = time.perf_counter(), _engine(model)
    measures: dict[str, float] = {}
    about: dict[str, Any] = {
        **context(["torch", "diffusers", "av", "numpy", "c2pa-python"]),
        "model": f"{engine.name} {engine.version}",
        "untrained": untrained,
    }
    if "kept" in parts:
        found = _kept(engine, seeds)
        measures |= {
            "i2v_psnr": round(min(found["i2v"]), 2),
            "extend_psnr": round(min(found["extend"]), 2),
            "fill_psnr": round(min(found["fill"]), 2),
            "loop_seam_ratio": round(max(found["loop"]), 3),
        }
        about["seeds"] = seeds
        about["mean"] = {name: round(float(np.mean(each)), 2) for name, each in found.items()}
    if "stock" in parts:
        ratio = engine_benchmark._over_stock(engine, rounds, None, model)
        measures["engine_over_stock"] = round(ratio, 4)
    if "long" in parts:
        runs = {"long": _in_child(long, model), "short": _in_child(SHORT, model)}
        measures |= {
            "long_clip_seconds": round(runs["long"]["cpu"] / runs["long"]["threads"], 1),
            "long_over_short_memory": round(runs["long"]["peak"] / runs["short"]["peak"], 4),
        }
        about["long_clip"] = f"{LONG_SIZE[0]}x{LONG_SIZE[1]}, {long} s, default steps"
        about["wall_seconds"] = {name: round(each["wall"], 1) for name, each in runs.items()}
        about["peak_mib"] = {name: round(each["peak"]) for name, each in runs.items()}
        about["threads"] = int(runs["long"]["threads"])
    if "roundtrip" in parts:
        measures["roundtrip_equal"] = int(_roundtrip())
    about["seconds"] = round(time.perf_counter() - began, 1)
    return {"measures": measures, "context": about}


def _kept(engine: Any, seeds: int) -> dict[str, list[float]]:
    """What every seed gave."""
    found: dict[str, list[float]] = {"i2v": [], "extend": [], "fill": [], "loop": []}
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            for name, value in _fidelity(engine, seed, Path(folder)).items():
                found[name].append(value)
    return found


def _engine(model: Path) -> tuple[Any, list[str]]:
    """The engine of a folder, made to take every edit; and those that its table doesn't offer."""
    engine = engine_benchmark._engine(model)
    able = engine.capabilities
    engine.capabilities = replace(
        able, operations=able.operations | EDITS, longest_seconds=max(LONG, able.longest_seconds)
    )
    return engine, sorted(EDITS - able.operations)


class _Reel:
    """What the plans refer to: a picture, and a delivered clip without its mark."""

    def __init__(self, picture: media.Pixels, clip: np.ndarray) -> None:
        self.clips = {PICTURE: picture[None], CLIP: clip}

    def frames(
        self,
        ref: MediaRef,
        start: float,
        count: int,
        *,
        fps: int,
        width: int,
        height: int,
        fit: Fit,
    ) -> Iterator[media.Pixels]:
        clip = self.clips[ref]
        for index in range(count):
            at = min(len(clip) - 1, round(start * fps) + index)
            yield cropped(clip[at], width, height)

    def picture(
        self, ref: MediaRef, moment: float, *, width: int, height: int, fit: Fit
    ) -> media.Pixels:
        return cropped(self.clips[ref][0], width, height)


def _fidelity(engine: Any, seed: int, folder: Path) -> dict[str, float]:
    width, height = engine.capabilities.default_size
    canvas = tools.Canvas(
        width=width,
        height=height,
        fps=engine.capabilities.fps,
        seed=seed,
        steps=STEPS,
        guidance=engine.capabilities.guidance,
    )
    words = engine_benchmark.PROMPT
    picture = next(natural_frames(width, height, 1, seed=seed, grain=0.0))
    nothing = _Reel(picture, np.zeros((1, height, width, 3), np.uint8))
    source = _delivered(_frames(tools.text(canvas, words, 2), engine, nothing), canvas, folder)
    reel, whole = _Reel(picture, source), tools.Span(CLIP, 0, 2)
    made = {
        "i2v": tools.image(canvas, words, 2, PICTURE),
        "extend": tools.extend(canvas, words, whole, before=0.5, after=1),
        "fill": tools.fill(canvas, words, whole, start=0.5, end=1.5),
    }
    shown = {n: _delivered(_frames(p, engine, reel), canvas, folder) for n, p in made.items()}
    half, kept = canvas.fps // 2, len(source)
    loop = np.stack(list(_frames(tools.loop(canvas, words, whole, 1.5), engine, reel)))
    steps = np.abs(np.diff(np.concatenate([loop, loop[:1]]).astype(np.int16), axis=0))
    each = steps.mean((1, 2, 3))
    return {
        "i2v": _psnr(shown["i2v"][:1], picture[None]),
        "extend": _psnr(shown["extend"][half : half + kept], source),
        "fill": min(
            _psnr(shown["fill"][:half], source[:half]),
            _psnr(shown["fill"][3 * half :], source[3 * half :]),
        ),
        "loop": float(each[-2:].max() / each[:-1].mean()),
    }


def _frames(plan: EditPlan, engine: Any, reel: _Reel) -> Iterator[media.Pixels]:
    return render.frames(plan, engine, reel, on_progress=lambda progress: None)


def _delivered(frames: Iterator[media.Pixels], canvas: tools.Canvas, folder: Path) -> np.ndarray:
    """Encode as the pipeline does, and read back without the mark: uint8 [n, h, w, 3]."""
    clip, below = folder / "clip.mp4", folder / "under.mp4"
    mark = VisibleMark(canvas.width, canvas.height, text="Sora", seed=canvas.seed, fps=canvas.fps)
    with (
        UnderMark(below, mark, canvas.fps) as under,
        media.Encoder(
            clip,
            width=canvas.width,
            height=canvas.height,
            fps=canvas.fps,
            mark=mark,
            before_mark=under,
        ) as encoder,
    ):
        for frame in frames:
            encoder.write(frame)
    return np.stack([media.planes_to_rgb(p) for p in clean_planes(clip, below, under.moves)])


def _psnr(one: np.ndarray, two: np.ndarray) -> float:
    """The lowest of any frame, dB."""
    error = np.square(one.astype(np.float32) - two).mean((1, 2, 3))
    return float(10 * np.log10(255**2 / np.maximum(error, 1e-6)).min())


# --- A long clip ---------------------------------------------------------------------------------


def _in_child(seconds: int, model: Path) -> dict[str, float]:
    """cpu and wall seconds, peak MiB and threads of a fresh process that delivers one long clip."""
    command = [sys.executable, "-m", "benchmarks.editing", "--deliver", str(seconds), str(model)]
    result = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ,
    )
    names = ("cpu", "wall", "peak", "threads")
    return dict(zip(names, map(float, result.stdout.split()[-4:]), strict=True))


def _deliver_and_report(seconds: int, model: Path) -> None:
    engine, _ = _engine(model)
    able = engine.capabilities
    canvas = tools.Canvas(
        width=LONG_SIZE[0],
        height=LONG_SIZE[1],
        fps=able.fps,
        seed=7,
        steps=able.default_steps,
        guidance=able.guidance,
    )
    plan = tools.text(canvas, engine_benchmark.PROMPT, seconds)
    reel = _Reel(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1, 1, 3), np.uint8))
    wall, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mark = VisibleMark(*LONG_SIZE, text="Sora", seed=7, fps=able.fps)
        fingerprint = FingerprintBuilder(able.fps)
        with media.Encoder(
            folder / "marked.mp4",
            width=LONG_SIZE[0],
            height=LONG_SIZE[1],
            fps=able.fps,
            mark=mark,
            on_luma=fingerprint.add_marked,
        ) as encoder:
            for index, frame in enumerate(_frames(plan, engine, reel)):
                fingerprint.add(index, frame)
                encoder.write(frame)
        delivery._sign(folder, delivery._identity(folder), fingerprint)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    # Not getrusage: its maximum may be inherited from the parent that started this process.
    with open("/proc/self/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM:"))
    print(cpu, wall, peak, engine_benchmark._threads())


# --- Export and import ---------------------------------------------------------------------------


def _roundtrip() -> bool:
    """A clip and an edit of it, made by the worker; their archive, read elsewhere, written again."""
    with throwaway.database() as folder:
        from django.conf import settings
        from django.utils import timezone

        from accounts import services as accounts
        from accounts.models import User
        from generation import services, worker
        from generation.archives import format as archive_format
        from generation.archives import reading as archive_reading
        from generation.archives import writing as archive_writing
        from generation.models import Video
        from generation.provenance.development_ca import ensure_development_ca

        ensure_development_ca(settings.SORA_DEVELOPMENT_CA_DIR, settings.SITE_NAME)
        person = User.objects.create_user("editing@example.com", date_joined=timezone.now())
        one, two = (accounts.create_workspace(person, "Library") for _ in range(2))
        services.request_generation(
            one,
            by=person,
            request_key="clip",
            prompt=engine_benchmark.PROMPT,
            width=512,
            height=288,
            seconds=2,
            steps=STEPS,
        )
        worker.drain()
        part = {"media": f"video:{Video.objects.get().pk}", "end": 1}
        services.request_generation(
            one, by=person, request_key="edit", tool="stitch", edit={"parts": [part, part]}
        )
        worker.drain()
        if Video.objects.count() != 2:
            raise SystemExit("The clips to export were not made.")

        def content(workspace: Any, name: str) -> dict[str, bytes]:
            archive = folder / name
            archive_writing.write_archive(workspace, archive, scratch=folder)
            with zipfile.ZipFile(archive) as bundle:  # the cover's signature is another each time
                names = [n for n in bundle.namelist() if n != archive_format.COVER]
                return {n: bundle.read(n) for n in names}

        before = content(one, "one.zip")
        report = archive_reading.read_archive(folder / "one.zip", two, by=person, scratch=folder)
        return report.taken_in == 2 and content(two, "two.zip") == before


def _arguments() -> dict[str, Any]:
    parser = ArgumentParser(prog="python -m benchmarks.editing", description=__doc__)
    parser.add_argument("--json", action="store_true", help="what is printed anyway")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--part", action="append", choices=PARTS, help="one alone; may be repeated")
    parser.add_argument("--model", type=Path, default=engine_benchmark.MODEL, metavar="DIR")
    given = parser.parse_args()
    return {"seeds": given.seeds, "parts": given.part or PARTS, "model": given.model}


if __name__ == "__main__":
    import json

    if sys.argv[1:2] == ["--deliver"]:
        _deliver_and_report(int(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(run(**_arguments()), indent=2))
