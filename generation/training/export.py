"""Put a trained run together as a model folder: `python -m generation.training.export runs/cpu.toml DIR`.

DIR becomes a diffusers folder (bfloat16, shards under 15 MB) without its text encoder, which comes
from a package, plus the two tables the product reads: capabilities.json and vocabulary.json. Other
files in DIR, such as the model card, stay.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    __version__,
)

from generation.training.captions import vocabulary
from generation.training.config import RunConfig, run_from_argv

SHARD = "14MB"
PARTS = {
    "scheduler": "FlowMatchEulerDiscreteScheduler",
    "transformer": "LTXVideoTransformer3DModel",
    "vae": "AutoencoderKLLTXVideo",
}


def export(run: RunConfig, folder: Path) -> None:
    """Write the newest transformer and autoencoder of `run` into `folder`, replacing older ones."""
    bf16 = torch.bfloat16
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    FlowMatchEulerDiscreteScheduler().save_pretrained(fresh / "scheduler")
    for name, model in (
        (
            "transformer",
            LTXVideoTransformer3DModel.from_pretrained(run.work / "dit", torch_dtype=bf16),
        ),
        ("vae", AutoencoderKLLTXVideo.from_pretrained(run.work / "vae", torch_dtype=bf16)),
    ):
        model.save_pretrained(fresh / name, max_shard_size=SHARD)
        config = fresh / name / "config.json"
        table = json.loads(config.read_text())
        table.pop("_name_or_path", None)  # a path of the training machine
        config.write_text(json.dumps(table, indent=2) + "\n")
    folder.mkdir(parents=True, exist_ok=True)
    for name in PARTS:
        shutil.rmtree(folder / name, ignore_errors=True)
        (fresh / name).rename(folder / name)
        for file in (folder / name).iterdir():
            file.chmod(0o644)
    fresh.rmdir()
    index = {"_class_name": "LTXConditionPipeline", "_diffusers_version": __version__}
    index |= {name: ["diffusers", kind] for name, kind in PARTS.items()}
    write_json(folder / "model_index.json", index)
    write_json(folder / "capabilities.json", run["capabilities"])
    write_json(folder / "vocabulary.json", {**vocabulary(), "nearest": run["nearest_words"]})


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    run = run_from_argv()
    export(run, Path(sys.argv[2]))


if __name__ == "__main__":
    main()
