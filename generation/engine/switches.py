"""Turn the engine options on, each through diffusers' own hook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    FirstBlockCacheConfig,
    MagCacheConfig,
    PipelineQuantizationConfig,
    PyramidAttentionBroadcastConfig,
    TaylorSeerCacheConfig,
)

from generation.engine.options import EngineOptions
from generation.engine.protocol import EngineError, ModelMissing

CACHES = {
    "first_block_cache": FirstBlockCacheConfig,
    "mag_cache": MagCacheConfig,
    "pyramid_attention_broadcast": PyramidAttentionBroadcastConfig,
    "taylorseer": TaylorSeerCacheConfig,
}


def loading_arguments(options: EngineOptions) -> dict[str, Any]:
    """What from_pretrained gets."""
    if not (wanted := options.quantisation):
        return {}
    try:
        config = PipelineQuantizationConfig(
            quant_backend=wanted["backend"],
            quant_kwargs=wanted.get("settings", {}),
            components_to_quantize=wanted.get("components", ["transformer"]),
        )
    except (ValueError, ImportError, TypeError) as error:
        raise EngineError(f"SORA_ENGINE_OPTIONS: quantisation can't be used: {error}") from error
    return {"quantization_config": config}


def transformers_of(pipe: Any) -> list[Any]:
    """The one or two transformers of a pipeline (Wan 2.2 has one per half of the noise levels)."""
    found = [getattr(pipe, name, None) for name in ("transformer", "transformer_2")]
    return [model for model in found if model is not None]


def switch_on(pipe: Any, options: EngineOptions, device: str, dtype: torch.dtype) -> None:
    """Set everything that is set after loading, then move the pipeline to its device.

    Raises EngineError naming the option that this model or this machine can't do.
    """
    models = transformers_of(pipe)
    try:
        for model in models:
            if options.attention:
                name = "attention"
                model.set_attention_backend(options.attention)
            if options.fp8:
                name = "fp8"
                model.enable_layerwise_casting(
                    storage_dtype=torch.float8_e4m3fn, compute_dtype=dtype
                )
            if options.cache:
                name = "cache"
                model.enable_cache(_cache_config(pipe, options.cache))
        name = "vae_tiling"
        _tile(pipe.vae, options, device)
        name = "offload"
        _place(pipe, options, device)
        if options.compile:
            name = "compile"
            settings = options.compile if isinstance(options.compile, dict) else {}
            for model in models:
                model.compile_repeated_blocks(**settings)
    except (ValueError, TypeError, ImportError, RuntimeError, AssertionError, KeyError) as error:
        raise EngineError(
            f"SORA_ENGINE_OPTIONS: {name} can't be used with this model on {device}: {error}"
            if name != "offload" or options.offload != "none"
            else f"SORA_DEVICE={device} can't be used: {error}"
        ) from error


def _cache_config(pipe: Any, cache: dict[str, Any]) -> Any:
    settings = {k: v for k, v in cache.items() if k != "name"}
    if cache["name"] == "pyramid_attention_broadcast":
        settings.setdefault("spatial_attention_block_skip_range", 2)
        # The transformers of these families have one list of blocks and no "spatial" in its name.
        settings.setdefault("spatial_attention_block_identifiers", ["transformer_blocks", "blocks"])
        settings["current_timestep_callback"] = lambda: pipe.current_timestep
    if cache["name"] == "taylorseer":  # the default names fit none of these families
        settings.setdefault("cache_identifiers", [r"^.*(blocks)\.\d+\.(attn1|attn2|ff)$"])
    if "mag_ratios" in settings:
        settings["mag_ratios"] = torch.tensor(settings["mag_ratios"])
    return CACHES[cache["name"]](**settings)


def _tile(vae: Any, options: EngineOptions, device: str) -> None:
    wanted = options.vae_tiling if options.vae_tiling is not None else device != "cpu"
    if wanted is False:
        return
    settings = wanted if isinstance(wanted, dict) else {}
    frames = {k: v for k, v in settings.items() if "num_frames" in k}
    vae.enable_tiling(**{k: v for k, v in settings.items() if k not in frames})
    if hasattr(vae, "use_framewise_decoding"):  # tiles of time, which enable_tiling leaves off
        vae.use_framewise_decoding = True
        for name, value in frames.items():
            setattr(vae, name, value)


def _place(pipe: Any, options: EngineOptions, device: str) -> None:
    if options.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    elif options.offload == "group":
        settings = {"offload_type": "leaf_level", **options.group}
        pipe.enable_group_offload(
            onload_device=torch.device(device), offload_device=torch.device("cpu"), **settings
        )
    else:
        pipe.to(device)
    if device == "cpu" and all(p.ndim != 4 for p in pipe.vae.parameters()):
        pipe.vae.to(memory_format=torch.channels_last_3d)  # where there are only 3-D convolutions


def add_lora(pipe: Any, lora: tuple[Path, float]) -> None:
    """Load LoRA weights and merge them: then every step costs what it did before.

    Raises ModelMissing naming the file and SORA_LORA.
    """
    path, scale = lora
    try:
        pipe.load_lora_weights(
            path if path.is_dir() else path.parent,
            **({} if path.is_dir() else {"weight_name": path.name}),
            adapter_name="lora",
            local_files_only=True,
        )
        pipe.fuse_lora(lora_scale=scale, adapter_names=["lora"])
        pipe.unload_lora_weights()
    except (OSError, ValueError, LookupError, RuntimeError, AttributeError, TypeError) as error:
        raise ModelMissing(
            f"The LoRA {path} can't be put on this model: {error}. SORA_LORA must name weights "
            "trained for the transformer in SORA_MODEL_DIR, or be empty."
        ) from error
