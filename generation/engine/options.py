"""The switches of SORA_ENGINE_OPTIONS: how a big model is squeezed into a device. No torch.

Every one of them is a hook of diffusers itself; switches.py turns them on. Reading refuses unknown
names and values, so that a typing mistake is seen at start and not as a clip that is out of memory.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

OFFLOADS = ("none", "model", "group")
PREVIEWS = ("auto", "vae", "projection", "off")
# name -> the settings its diffusers config takes from here
CACHES: dict[str, frozenset[str]] = {
    "first_block_cache": frozenset({"threshold"}),
    "mag_cache": frozenset(
        {
            "threshold",
            "max_skip_steps",
            "retention_ratio",
            "num_inference_steps",
            "mag_ratios",
            "calibrate",
        }
    ),
    "pyramid_attention_broadcast": frozenset(
        {
            "spatial_attention_block_skip_range",
            "spatial_attention_timestep_skip_range",
            "spatial_attention_block_identifiers",
        }
    ),
    "taylorseer": frozenset(
        {
            "cache_interval",
            "disable_cache_before_step",
            "disable_cache_after_step",
            "max_order",
            "cache_identifiers",
        }
    ),
}
TILING = frozenset(
    {
        "tile_sample_min_height",
        "tile_sample_min_width",
        "tile_sample_min_num_frames",
        "tile_sample_stride_height",
        "tile_sample_stride_width",
        "tile_sample_stride_num_frames",
    }
)
GROUPS = frozenset(
    {
        "offload_type",
        "num_blocks_per_group",
        "use_stream",
        "record_stream",
        "low_cpu_mem_usage",
        "non_blocking",
        "offload_to_disk_path",
    }
)
QUANTISATION = frozenset({"backend", "components", "settings"})
COMPILE = frozenset({"mode", "fullgraph", "dynamic", "backend"})


class InvalidOptions(ValueError):
    """SORA_ENGINE_OPTIONS can't be used. The message names the option and what is allowed."""


@dataclass(frozen=True)
class EngineOptions:
    """fp8: keep the transformer's weights in 8 bits and compute in 16.
    offload: "model" moves one component at a time to the device, "group" a few blocks at a time.
    group: settings of group offloading. compile: compile the repeated blocks, or settings for it.
    cache: {"name": ...} and its settings. vae_tiling: decode in tiles, or settings for it; None
    leaves it to the engine (on for every device but the CPU). attention: backend of the attention.
    quantisation: backend, components and settings. previews: how clips are shown while drawn.
    fit_check: refuse to load a model that doesn't fit.
    """

    fp8: bool = False
    offload: str = "none"
    group: dict[str, Any] = field(default_factory=dict)
    compile: bool | dict[str, Any] = False
    cache: dict[str, Any] = field(default_factory=dict)
    vae_tiling: bool | dict[str, Any] | None = None
    attention: str = ""
    quantisation: dict[str, Any] = field(default_factory=dict)
    previews: str = "auto"
    fit_check: bool = True


def read_options(value: str) -> EngineOptions:
    """SORA_ENGINE_OPTIONS: a JSON object, or the path of a TOML file; "" for none.

    Raises InvalidOptions.
    """
    text = value.strip()
    if not text:
        return EngineOptions()
    try:
        if text.startswith("{"):
            table = json.loads(text)
        else:
            with open(Path(text).expanduser(), "rb") as file:
                table = tomllib.load(file)
    except OSError as error:
        raise InvalidOptions(
            f"SORA_ENGINE_OPTIONS is neither a JSON object nor a TOML file that can be read: {error}"
        ) from error
    except ValueError as error:
        raise InvalidOptions(f"SORA_ENGINE_OPTIONS can't be read: {error}") from error
    return options_of(table)


def options_of(table: dict[str, Any]) -> EngineOptions:
    """Check every name and value. Raises InvalidOptions."""
    names = [f.name for f in fields(EngineOptions)]
    _known("", table, names)
    for name in ("fp8", "fit_check"):
        _one_of_types(name, table, (bool,))
    for name in ("group", "cache", "quantisation"):
        _one_of_types(name, table, (dict,))
    for name in ("compile", "vae_tiling"):
        _one_of_types(name, table, (bool, dict))
    _one_of_types("attention", table, (str,))
    options = EngineOptions(**table)
    _choice("offload", options.offload, OFFLOADS)
    _choice("previews", options.previews, PREVIEWS)
    _known("group.", options.group, GROUPS)
    if isinstance(options.compile, dict):
        _known("compile.", options.compile, COMPILE)
    if isinstance(options.vae_tiling, dict):
        _known("vae_tiling.", options.vae_tiling, TILING)
    _known("quantisation.", options.quantisation, QUANTISATION)
    if options.quantisation and not isinstance(options.quantisation.get("backend"), str):
        raise InvalidOptions(
            "quantisation.backend is missing: one of diffusers', such as bitsandbytes_8bit."
        )
    if options.cache:
        kind = options.cache.get("name")
        _choice("cache.name", kind, tuple(CACHES))
        _known("cache.", options.cache, {"name", *CACHES[str(kind)]})
        if kind == "mag_cache" and not {"mag_ratios", "calibrate"} & options.cache.keys():
            raise InvalidOptions(
                "cache: mag_cache needs mag_ratios, measured for this checkpoint and step count "
                "(run once with calibrate = true; they are printed to the log)."
            )
    if options.group and options.offload != "group":
        raise InvalidOptions('group has settings, but offload is not "group".')
    if options.fp8 and options.quantisation:
        raise InvalidOptions("fp8 and quantisation both change the weights: choose one.")
    return options


def _known(prefix: str, table: dict[str, Any], allowed: Any) -> None:
    strange = sorted(table.keys() - set(allowed))
    if strange:
        raise InvalidOptions(
            f"SORA_ENGINE_OPTIONS: {prefix}{strange[0]} is unknown. Allowed: "
            f"{', '.join(prefix + name for name in sorted(allowed))}."
        )


def _one_of_types(name: str, table: dict[str, Any], types: tuple[type, ...]) -> None:
    if name in table and not isinstance(table[name], types):
        wanted = " or ".join(
            {"bool": "true/false", "dict": "a table"}.get(t.__name__, "a text") for t in types
        )
        raise InvalidOptions(
            f"SORA_ENGINE_OPTIONS: {name} is {table[name]!r}; it must be {wanted}."
        )


def _choice(name: str, value: Any, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InvalidOptions(
            f"SORA_ENGINE_OPTIONS: {name} is {value!r}; choose one of {', '.join(allowed)}."
        )


def read_lora(value: str) -> tuple[Path, float] | None:
    """SORA_LORA: a folder or .safetensors file, and after a comma how strongly it works; "" for none.

    Raises InvalidOptions.
    """
    text = value.strip()
    if not text:
        return None
    path, _, scale = text.rpartition(",")
    if not path:
        path, scale = text, "1"
    try:
        strength = float(scale)
    except ValueError as error:
        raise InvalidOptions(
            f"SORA_LORA ends in {scale!r}, which is no number. Write PATH or PATH,SCALE."
        ) from error
    found = Path(path).expanduser()
    if not found.exists():
        raise InvalidOptions(f"SORA_LORA names {found}, which does not exist.")
    return found, strength
