"""What the GPU gives and what we take of it: matrix rate, stock diffusers, our engine, big models' shapes.

Order: ceilings of matrix products and copies; then, interleaved so that heat and clocks hit all alike,
one denoising step of LTX-Video 2B and Wan 2.1 1.3B with random weights, eager and compiled (random
weights give true times; zeros would not); then a clip of the installed small model through stock
LTXConditionPipeline, through our engine, and through our engine compiled. `of_peak` is counted
floating-point operations per second over the matrix rate of the same run. Methods that skip work by
looking at activations (caches) can't be measured with random weights and are left out.

On a machine without a GPU, or with `--toy`, everything runs at toy shapes: then only the way is
tested, and the figures mean nothing.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.context import context

WARM_UP, TIMED = 2, 5
PROMPT = "a red ball bounces over the ocean at sunset"


@dataclass(frozen=True)
class Shape:
    """A transformer by its class name and configuration, and what one step gets."""

    name: str
    model: str
    config: dict[str, Any]
    latents: tuple[int, int, int]  # frames, rows, columns
    text: tuple[int, int]  # tokens, width


LTX = {
    "in_channels": 128,
    "out_channels": 128,
    "num_attention_heads": 32,
    "attention_head_dim": 64,
    "cross_attention_dim": 2048,
    "num_layers": 28,
    "caption_channels": 4096,
}
WAN = {
    "patch_size": (1, 2, 2),
    "num_attention_heads": 12,
    "attention_head_dim": 128,
    "in_channels": 16,
    "out_channels": 16,
    "text_dim": 4096,
    "freq_dim": 256,
    "ffn_dim": 8960,
    "num_layers": 30,
}
TRUE = (
    Shape("ltx_2b_768x512x121", "LTXVideoTransformer3DModel", LTX, (16, 16, 24), (256, 4096)),
    Shape("wan_1.3b_832x480x81", "WanTransformer3DModel", WAN, (21, 60, 104), (512, 4096)),
)
TOY = (
    Shape(
        "ltx_2b_toy",
        "LTXVideoTransformer3DModel",
        LTX
        | {
            "in_channels": 8,
            "out_channels": 8,
            "num_attention_heads": 2,
            "attention_head_dim": 16,
            "cross_attention_dim": 32,
            "num_layers": 2,
            "caption_channels": 16,
        },
        (2, 2, 4),
        (8, 16),
    ),
    Shape(
        "wan_1.3b_toy",
        "WanTransformer3DModel",
        WAN
        | {
            "num_attention_heads": 2,
            "attention_head_dim": 16,
            "text_dim": 16,
            "freq_dim": 16,
            "ffn_dim": 32,
            "num_layers": 2,
        },
        (2, 4, 4),
        (8, 16),
    ),
)


@dataclass(frozen=True)
class Machine:
    device: str
    dtype: torch.dtype
    toy: bool

    @property
    def compiling(self) -> dict[str, str]:
        """How to compile; at toy shapes without a compiler, which would take a minute for nothing."""
        return {"backend": "eager"} if self.toy else {}

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def seconds_of(work: dict[str, Callable[[], object]], machine: Machine) -> dict[str, float]:
    """Median seconds of each, interleaved, after a warm-up of each."""
    for call in work.values():
        for _ in range(WARM_UP):
            call()
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(TIMED):
        for name, call in work.items():
            machine.wait()
            began = time.perf_counter()
            call()
            machine.wait()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in times.items()}


def ceilings(machine: Machine) -> dict[str, float]:
    """TFLOP/s of a square matrix product and GB/s of a copy, on random numbers."""
    side, length = (256, 1 << 20) if machine.toy else (8192, 1 << 30)
    a, b = (torch.randn(side, side, device=machine.device, dtype=machine.dtype) for _ in range(2))
    source = torch.empty(length, device=machine.device, dtype=torch.uint8).random_(255)
    target = torch.empty_like(source)
    found = seconds_of({"gemm": lambda: a @ b, "copy": lambda: target.copy_(source)}, machine)
    return {
        "gemm_tflops": 2 * side**3 / found["gemm"] / 1e12,
        "copy_gb_per_second": 2 * length / found["copy"] / 1e9,
    }


def inputs(shape: Shape, machine: Machine) -> dict[str, Any]:
    """What one forward pass gets: noise of one clip."""
    frames, rows, columns = shape.latents
    how: dict[str, Any] = {"device": machine.device, "dtype": machine.dtype}
    text = torch.randn(1, *shape.text, **how)
    if shape.model.startswith("Wan"):
        return {
            "hidden_states": torch.randn(1, shape.config["in_channels"], *shape.latents, **how),
            "timestep": torch.tensor([500], device=machine.device),
            "encoder_hidden_states": text,
        }
    grid = torch.meshgrid(*(torch.arange(n) for n in shape.latents), indexing="ij")
    coords = torch.stack(grid).flatten(1).float()[None] * torch.tensor([8 / 24, 32, 32])[:, None]
    return {
        "hidden_states": torch.randn(
            1, frames * rows * columns, shape.config["in_channels"], **how
        ),
        "timestep": torch.full((1, 1), 500.0, device=machine.device),
        "encoder_hidden_states": text,
        "encoder_attention_mask": torch.ones(1, shape.text[0], device=machine.device),
        "video_coords": coords.to(machine.device),
    }


@torch.no_grad()
def steps(shape: Shape, machine: Machine, gemm_tflops: float) -> dict[str, float]:
    """Seconds of one forward pass, eager and compiled, and the share of the matrix rate."""
    import diffusers

    with torch.device(machine.device):
        model = getattr(diffusers, shape.model)(**shape.config).to(machine.dtype).eval()
    given = inputs(shape, machine)
    with FlopCounterMode(display=False) as counter:
        model(**given)
    tflop = counter.get_total_flops() / 1e12
    found = {"eager": seconds_of({"eager": lambda: model(**given)}, machine)["eager"]}
    model.compile_repeated_blocks(**machine.compiling)
    found["compiled"] = seconds_of({"compiled": lambda: model(**given)}, machine)["compiled"]
    row = {"tflop": tflop}
    for name, seconds in found.items():
        row[f"{name}_seconds"] = seconds
        row[f"{name}_of_peak"] = tflop / seconds / gemm_tflops
    return row


def small_model(model_dir: Path, machine: Machine) -> dict[str, float]:
    """Seconds of one clip: stock pipeline, our engine, our engine compiled."""
    from generation.engine.diffusers_engine import DiffusersEngine
    from generation.engine.options import EngineOptions
    from generation.engine.protocol import PromptSegment, VideoSpec

    plain = DiffusersEngine(model_dir, device=machine.device, threads=1)
    compiled = DiffusersEngine(
        model_dir,
        device=machine.device,
        threads=1,
        options=EngineOptions(compile=machine.compiling or True),
    )
    able = plain.capabilities
    width, height = able.native_size(*able.default_size) or able.default_size
    count = 2 if machine.toy else able.default_steps
    frames = 9 if machine.toy else able.default_seconds * able.fps
    spec = VideoSpec(
        (PromptSegment(PROMPT),),
        width=width,
        height=height,
        frames=frames,
        fps=able.fps,
        seed=1,
        steps=count,
        guidance=able.guidance,
    )
    pipe, family = plain.family.pipe, plain.family
    timesteps = family.timesteps(count, None)

    def stock() -> object:
        return pipe(
            prompt=PROMPT,
            width=width,
            height=height,
            num_frames=family.length(frames),
            frame_rate=able.fps,
            num_inference_steps=count,
            timesteps=timesteps,
            guidance_scale=able.guidance,
            generator=torch.Generator().manual_seed(1),
            output_type="np",
            max_sequence_length=family.tokens,
        )

    def ours(engine: DiffusersEngine) -> Callable[[], object]:
        return lambda: list(engine.generate(spec, on_progress=lambda progress: None))

    work = {"stock": stock, "engine": ours(plain), "engine_compiled": ours(compiled)}
    return {f"{name}_seconds": value for name, value in seconds_of(work, machine).items()}


def run(*, toy: bool = False, model_dir: Path | None = None) -> dict[str, Any]:
    """The whole table. toy: small shapes, on the GPU too; without a GPU always."""
    import generation.engine

    cuda = torch.cuda.is_available()
    machine = Machine("cuda" if cuda else "cpu", torch.bfloat16 if cuda else torch.float32, toy)
    if not cuda:
        machine = Machine("cpu", torch.float32, True)
    torch.manual_seed(0)
    peak = ceilings(machine)
    rows = {}
    for shape in TOY if machine.toy else TRUE:
        rows[shape.name] = steps(shape, machine, peak["gemm_tflops"])
        gc.collect()
        if cuda:
            torch.cuda.empty_cache()
    folder = model_dir or Path(generation.engine.__file__).parent / "weights"
    rows["small_model"] = small_model(folder, machine)
    flat = {f"{name}.{key}": value for name, row in rows.items() for key, value in row.items()}
    return {
        "measures": {k: float(f"{v:.4g}") for k, v in (peak | flat).items()},
        "context": context(["torch", "diffusers"])
        | {
            "device": torch.cuda.get_device_name() if cuda else "cpu",
            "dtype": str(machine.dtype),
            "toy_shapes": machine.toy,
        },
    }


def rows(result: dict[str, Any]) -> str:
    """The table for people."""
    width = max(len(name) for name in result["measures"])
    lines = [f"{name:<{width}}  {value}" for name, value in result["measures"].items()]
    return "\n".join([*lines, json.dumps(result["context"])])


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {"--json", "--toy"}:
        sys.exit(f"usage: python -m benchmarks.gpu_table [--toy] [--json]   (unknown: {unknown})")
    found = run(toy="--toy" in sys.argv)
    print(json.dumps(found, indent=2) if "--json" in sys.argv else rows(found))
