"""What a clip of the included model costs: time, memory, and our engine against the plain pipeline.

`default_clip_seconds`: the clip that the site offers first, from the engine's call to its last frame,
without loading. `draft_seconds`: the shortest length offered, in the few steps of the folder's
distilled mode (a third of the default steps where it has none). Both are CPU time divided by the
engine's threads, the least of two runs: what an otherwise idle machine takes; wall time stands in the
context. `peak_memory_gb`: most resident memory of a process that loads the model and makes the
default clip. `engine_over_stock`: CPU time of an engine call over that of diffusers'
LTXConditionPipeline with the same arguments, median of interleaved rounds; the benchmark fails when
their frames differ in a single bit.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.context import context, main

MODEL = Path(__file__).resolve().parent.parent / "generation" / "engine" / "weights"
PROMPT = "a red balloon rises over the ocean at sunset"
ROUNDS, FRAMES = 5, 17


def run(*, rounds: int = ROUNDS, repeats: int = 2, steps: int | None = None) -> dict[str, Any]:
    """Measure once. The arguments are for the test of the benchmark itself."""
    began = time.perf_counter()
    engine = _engine()
    loaded = time.perf_counter() - began
    default, draft = _default_spec(engine, steps), _draft_spec(engine, steps)
    clip = min((_timed(engine, default) for _ in range(repeats)), key=lambda cost: cost["cpu"])
    quick = min((_timed(engine, draft) for _ in range(repeats)), key=lambda cost: cost["cpu"])
    threads = _threads()
    ratio = _over_stock(engine, rounds, steps)
    return {
        "measures": {
            "default_clip_seconds": round(clip["cpu"] / threads, 2),
            "draft_seconds": round(quick["cpu"] / threads, 2),
            "peak_memory_gb": round(_peak_in_child(steps), 3),
            "engine_over_stock": round(ratio, 4),
        },
        "context": {
            **context(["torch", "diffusers", "transformers", "numpy"]),
            "model": f"{engine.name} {engine.version}",
            "threads": threads,
            "load_seconds": round(loaded, 2),
            "default_clip": _in_words(default),
            "draft": _in_words(draft),
            "wall_seconds": {"default": round(clip["wall"], 2), "draft": round(quick["wall"], 2)},
            "stock": f"LTXConditionPipeline, {FRAMES} frames, {rounds} rounds, frames equal to the bit",
        },
    }


def _engine(folder: Path = MODEL) -> Any:
    from generation.engine.diffusers_engine import DiffusersEngine

    return DiffusersEngine(folder)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _spec(engine: Any, **changes: Any) -> Any:
    from generation.engine.protocol import PromptSegment, VideoSpec

    table = engine.capabilities
    fields = {
        "prompts": (PromptSegment(PROMPT),),
        "width": table.default_size[0],
        "height": table.default_size[1],
        "frames": table.default_seconds * table.fps,
        "fps": table.fps,
        "seed": 7,
        "steps": table.default_steps,
        "guidance": table.guidance,
    }
    return VideoSpec(**{**fields, **changes})


def _default_spec(engine: Any, steps: int | None) -> Any:
    return _spec(engine, **({"steps": steps} if steps else {}))


def _draft_spec(engine: Any, steps: int | None) -> Any:
    table = engine.capabilities
    few = engine.family.table.get("distilled") or {"steps": max(4, table.default_steps // 3)}
    return _spec(
        engine,
        frames=min(table.seconds) * table.fps,
        steps=steps or int(few["steps"]),
        guidance=float(few.get("guidance", table.guidance)),
    )


def _in_words(spec: Any) -> str:
    return (
        f"{spec.width}x{spec.height}, {spec.frames} frames, {spec.steps} steps, "
        f"guidance {spec.guidance:g}"
    )


def _make(engine: Any, spec: Any) -> list[np.ndarray]:
    return list(engine.generate(spec, on_progress=lambda progress: None))


def _timed(engine: Any, spec: Any) -> dict[str, float]:
    wall, cpu = time.perf_counter(), time.process_time()
    _make(engine, spec)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def _over_stock(engine: Any, rounds: int, steps: int | None, folder: Path = MODEL) -> float:
    """Both make the same short clip in turn; who goes first changes. folder: what `engine` runs."""
    width, height = engine.capabilities.drawn_size(*engine.capabilities.default_size)
    spec = _spec(
        engine,
        width=width,
        height=height,
        frames=FRAMES,
        steps=steps or engine.capabilities.default_steps,
    )
    stock = _stock_call(engine, spec, folder)
    ours: Callable[[], np.ndarray] = lambda: np.stack(_make(engine, spec))  # noqa: E731
    if not np.array_equal(ours(), stock()):
        raise SystemExit("The engine's frames are not those of the stock pipeline.")
    ratios = []
    for number in range(rounds):
        cost = {}
        for call in (ours, stock) if number % 2 else (stock, ours):
            started = time.process_time()
            call()
            cost[call] = time.process_time() - started
        ratios.append(cost[ours] / cost[stock])
    return statistics.median(ratios)


def _stock_call(engine: Any, spec: Any, folder: Path = MODEL) -> Callable[[], np.ndarray]:
    """diffusers' own pipeline on the same folder: uint8 frames, no callback, no preview."""
    import torch
    from diffusers import LTXConditionPipeline

    from generation.engine.text_encoder import load_minilm

    text_encoder, tokenizer = load_minilm()
    dtype = engine.family.pipe.transformer.dtype
    pipe = LTXConditionPipeline.from_pretrained(
        folder,
        dtype=dtype,
        text_encoder=text_encoder.to(dtype),
        tokenizer=tokenizer,
        local_files_only=True,
    )
    pipe.vae.to(memory_format=torch.channels_last_3d)  # as diffusers' notes advise on a CPU
    pipe.set_progress_bar_config(disable=True)
    drawn = engine.family.length(spec.frames)
    timesteps = engine.family.timesteps(spec.steps, None)

    def call() -> np.ndarray:
        found = pipe(
            prompt=spec.prompts[0].text,
            negative_prompt=spec.negative_prompt,
            width=spec.width,
            height=spec.height,
            num_frames=drawn,
            frame_rate=spec.fps,
            num_inference_steps=spec.steps,
            timesteps=timesteps,
            guidance_scale=spec.guidance,
            generator=torch.Generator().manual_seed(spec.seed),
            max_sequence_length=engine.family.tokens,
            output_type="pt",
        ).frames[0]
        pixels = (found.float() * 255).round().byte().permute(0, 2, 3, 1)
        return pixels.numpy()[: spec.frames]

    return call


def _peak_in_child(steps: int | None) -> float:
    """Peak resident memory, GB (10^9 bytes), of a fresh process that makes the default clip."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.engine",
        "--make",
        *([str(steps)] if steps else []),
    ]
    result = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
        env=os.environ,
    )
    return float(result.stdout.split()[-1]) / 1e9


def _make_and_report(steps: int | None) -> None:
    engine = _engine()
    for _ in engine.generate(_default_spec(engine, steps), on_progress=lambda progress: None):
        pass
    # Not getrusage: its maximum may be inherited from the parent that started this process.
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                print(int(line.split()[1]) * 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--make"]:
        _make_and_report(int(sys.argv[2]) if len(sys.argv) > 2 else None)
    else:
        main(run)
