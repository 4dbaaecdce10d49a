"""Does a model fit a device? Answered from the headers of its files, before a weight is loaded.

A safetensors file begins with a table of its tensors, so a 40 GB folder is measured in milliseconds.
What the steps need on top is estimated from the configurations: the largest tensors that live at
once in a transformer block, and in the last stage of the decoder. No torch.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from generation.engine.capabilities import INDEX, Capabilities, read_json
from generation.engine.options import EngineOptions
from generation.engine.protocol import ModelMissing, ModelTooLarge

GB = 1e9
BITS = {
    "F64": 64, "I64": 64, "F32": 32, "I32": 32, "BF16": 16, "F16": 16, "I16": 16,
    "F8_E4M3": 8, "F8_E5M2": 8, "I8": 8, "U8": 8, "BOOL": 8,
}  # fmt: skip
FLOATS = frozenset({"F64", "F32", "BF16", "F16", "F8_E4M3", "F8_E5M2"})
RESERVE = 1.0 * GB  # context of the device, and what its allocator can't use
TILE = (512, 512)  # pixels of a decoder tile where tiling is on
TILE_FRAMES = 16
COPIES = 4  # tensors of the largest decoder stage that live at once
TEMPORARY = 12  # tensors of tokens x width that live at once in a block, the feed-forward included


@dataclass(frozen=True)
class Component:
    """One part of a pipeline: its floating point parameters, and bytes per type as stored."""

    name: str
    parameters: int
    stored: dict[str, int]

    def bytes_at(self, bytes_per_parameter: float) -> float:
        """Memory once loaded: floats are cast, packed integers stay as they are."""
        packed = sum(size for kind, size in self.stored.items() if kind not in FLOATS)
        return self.parameters * bytes_per_parameter + packed


@dataclass(frozen=True)
class Demand:
    """Memory on the device in bytes: weights that lie there at once, and work of the larger stage."""

    weights: float
    work: float

    @property
    def total(self) -> float:
        return self.weights + self.work + RESERVE


def read_components(model_dir: Path) -> tuple[Component, ...]:
    """The parts that have weights, largest first. Raises ModelMissing for a file that is torn."""
    if not (model_dir / INDEX).is_file():
        raise ModelMissing(
            f"{model_dir} holds no {INDEX}. Point SORA_MODEL_DIR at a folder in diffusers format."
        )
    found = []
    for folder in sorted(p for p in model_dir.iterdir() if p.is_dir()):
        parameters, stored = 0, Counter[str]()
        for path in sorted(folder.glob("*.safetensors")):
            for entry in _header(path).values():
                count = math.prod(entry["shape"])
                kind = str(entry["dtype"])
                stored[kind] += count * BITS.get(kind, 16) // 8
                parameters += count if kind in FLOATS else 0
        if stored:
            found.append(Component(folder.name, parameters, dict(stored)))
    if not found:
        raise ModelMissing(
            f"{model_dir} holds no *.safetensors files. Copy the whole folder again."
        )
    return tuple(sorted(found, key=lambda c: -sum(c.stored.values())))


def demand(
    model_dir: Path,
    options: EngineOptions,
    *,
    width: int,
    height: int,
    frames: int,
    bytes_per_parameter: int = 2,
    guided: bool = True,
    components: tuple[Component, ...] | None = None,
) -> Demand:
    """Memory that a clip of this size needs on the device, with these options.

    bytes_per_parameter: 2 where the engine computes in 16 bits, 4 where in 32.
    """
    parts = components or read_components(model_dir)
    sizes = {part.name: _loaded(part, options, bytes_per_parameter) for part in parts}
    if options.offload == "model":
        weights = max(sizes.values())
    elif options.offload == "group":  # a few leaves or blocks of the largest part at a time
        weights = max(sizes.values()) / max(2, _layers(model_dir)) * 2
    else:
        weights = sum(sizes.values())
    work = max(
        _transformer_work(model_dir, width, height, frames, bytes_per_parameter, guided),
        _decoder_work(model_dir, options, width, height, frames, bytes_per_parameter),
    )
    return Demand(weights, work)


def check_fit(
    model_dir: Path,
    capabilities: Capabilities,
    options: EngineOptions,
    *,
    available: float,
    device: str,
    bytes_per_parameter: int = 2,
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
) -> Demand:
    """Compare the demand of a clip with the device's memory in bytes; default: the default clip.

    Raises ModelTooLarge that names what is needed, what is there and which setting helps.
    """
    if options.vae_tiling is None:  # what the engine does by itself
        options = replace(options, vae_tiling=device != "cpu")
    width, height = capabilities.drawn_size(*(size or capabilities.default_size))
    frames = round((seconds or capabilities.default_seconds) * capabilities.fps)
    parts = read_components(model_dir)

    def needs(changed: EngineOptions) -> Demand:
        return demand(
            model_dir,
            changed,
            width=width,
            height=height,
            frames=frames,
            bytes_per_parameter=bytes_per_parameter,
            guided=capabilities.guidance > 1,
            components=parts,
        )

    wanted = needs(options)
    if wanted.total <= available:
        return wanted
    where = "this machine has" if device == "cpu" else "this GPU has"
    text = (
        f"{capabilities.title} in {model_dir} needs about {_gb(wanted.total)} GB for {width}x{height} "
        f"and {frames} frames, {where} {_gb(available)}"
    )
    for setting, changed in _remedies(options, device):
        less = needs(changed).total
        if less <= available:
            raise ModelTooLarge(
                f"{text}: use SORA_ENGINE_OPTIONS={setting} (about {_gb(less)} GB)."
            )
    raise ModelTooLarge(
        f"{text}, and no option brings it below that: use a smaller model in SORA_MODEL_DIR, smaller "
        "sizes, or a larger device."
    )


def device_memory(device: str) -> float:
    """Bytes a model may use: free memory of the GPU, or what the system can give."""
    if device.startswith("cuda"):
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return float(free)
    with open("/proc/meminfo", encoding="ascii") as file:
        table = dict(line.split(":", 1) for line in file)
    found = [float(table["MemAvailable"].split()[0]) * 1024]
    for limit, used in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        ),
    ):
        try:
            found.append(float(Path(limit).read_text()) - float(Path(used).read_text()))
        except (OSError, ValueError):
            continue  # no such group, or "max"
    return min(found)


# --- Weights -----------------------------------------------------------------------------------


def _loaded(part: Component, options: EngineOptions, bytes_per_parameter: int) -> float:
    kept: float = bytes_per_parameter
    transformer = part.name.startswith("transformer")
    if transformer and options.fp8:
        kept = 1.0
    wanted = options.quantisation
    if wanted and part.name in wanted.get("components", ["transformer"]):
        kept = min(
            kept, 0.56 if "4" in str(wanted["backend"]) + str(wanted.get("settings")) else 1.0
        )
    return part.bytes_at(kept)


def _remedies(options: EngineOptions, device: str) -> list[tuple[str, EngineOptions]]:
    """What may help, the cheapest in speed first, as the setting to write and its meaning."""
    if device == "cpu":
        tables: list[dict[str, Any]] = [{"vae_tiling": True}]
    else:
        tables = [
            {"fp8": True},
            {"offload": "model"},
            {"fp8": True, "offload": "model"},
            {"offload": "group"},
        ]
    usual = {**vars(EngineOptions()), "vae_tiling": device != "cpu"}
    kept = {k: v for k, v in vars(options).items() if v != usual[k]}
    found = []
    for table in tables:
        merged: dict[str, Any] = {**kept, **table}
        if merged.get("fp8") and merged.get("quantisation"):
            continue
        tiled = {"vae_tiling": True, **merged}
        found.append((json.dumps(merged), EngineOptions(**tiled)))
    return found


def _header(path: Path) -> dict[str, Any]:
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            if length > path.stat().st_size:
                raise ValueError("it is cut off")
            table: dict[str, Any] = json.loads(file.read(length))
        except ValueError as error:
            raise ModelMissing(f"{path} has no readable header: {error}. Copy it again.") from error
    table.pop("__metadata__", None)
    return table


# --- Work --------------------------------------------------------------------------------------


def _config(model_dir: Path, part: str) -> dict[str, Any]:
    return read_json(model_dir / part / "config.json") or {}


def _layers(model_dir: Path) -> int:
    return int(_config(model_dir, "transformer").get("num_layers", 2))


def _ratios(model_dir: Path) -> tuple[int, int]:
    """Frames and pixels to a token of the transformer."""
    vae, transformer = _config(model_dir, "vae"), _config(model_dir, "transformer")
    space = vae.get("spatial_compression_ratio") or vae.get("scale_factor_spatial")
    time = vae.get("temporal_compression_ratio") or vae.get("scale_factor_temporal")
    patch = transformer.get("patch_size", 1)
    side = patch[1] if isinstance(patch, list) else patch
    return int(time or 8), int(space or 32) * int(side)


def _transformer_work(
    model_dir: Path, width: int, height: int, frames: int, size: int, guided: bool
) -> float:
    config = _config(model_dir, "transformer")
    inner = config.get("num_attention_heads", 32) * config.get("attention_head_dim", 64)
    time, space = _ratios(model_dir)
    tokens = (math.ceil((frames - 1) / time) + 1) * (height // space) * (width // space)
    # Pipelines of the LTX families run both halves of the guidance as one batch, Wan's in turn.
    batch = 2 if guided and "vace_layers" not in config else 1
    return float(batch * tokens * inner * size * TEMPORARY)


def _decoder_work(
    model_dir: Path, options: EngineOptions, width: int, height: int, frames: int, size: int
) -> float:
    config = _config(model_dir, "vae")
    patch = config.get("patch_size") or 1
    channels = config.get("decoder_block_out_channels") or config.get("block_out_channels")
    narrow = (
        channels[0] if channels else config.get("decoder_base_dim") or config.get("base_dim", 96)
    )
    whole = frames * width * height
    at_once = whole
    if "base_dim" in config:  # Wan decodes latent frame by latent frame
        at_once = min(frames, config.get("scale_factor_temporal", 4)) * width * height
    if options.vae_tiling:
        tile = min(width, TILE[0]) * min(height, TILE[1])
        at_once = min(at_once, min(frames, TILE_FRAMES) * tile)
    stage = at_once / patch**2 * narrow * size * COPIES
    return float(stage + whole * 3 * (size + 1))  # and the decoded clip itself


def _gb(size: float) -> str:
    return f"{size / GB:.1f}" if size < 10 * GB else f"{size / GB:.0f}"
