"""Put a trained run together as a model folder: `python -m generation.training.export runs/cpu.toml DIR`.

DIR becomes a diffusers folder (bfloat16, shards under 15 MB, 60 MB in all) without its text encoder,
which comes from a package. Beside the weights lie the tables the product reads (capabilities.json,
vocabulary.json), how it was trained (training.json), its licence, and the hash of every file
(SHA256SUMS.json), which the engine compares at every load. The model card README.md stays as it is:
its measured part is written by the evaluation.

`python -m generation.training.export --sums DIR` writes the hashes anew after a change on purpose.
"""

from __future__ import annotations

import json
import platform
import shutil
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    FlowMatchEulerDiscreteScheduler,
    LTXVideoTransformer3DModel,
    __version__,
)

from generation.engine.integrity import check_folder, write_sums
from generation.training import checkpoint, neighbours
from generation.training.captions import vocabulary
from generation.training.config import RunConfig, run_from_argv

SHARD = "14MB"
LARGEST, TOGETHER = 15_000_000, 60_000_000  # bytes of a shard, of all shards
PARTS = {
    "scheduler": "FlowMatchEulerDiscreteScheduler",
    "transformer": "LTXVideoTransformer3DModel",
    "vae": "AutoencoderKLLTXVideo",
}
DATA = (
    "clips and captions of generation/training/world and captions.py alone; no photograph, film, "
    "artwork or likeness of a person."
)
LICENCE = """These weights were trained from nothing on pictures and sentences that the programs of this
repository make. They may be used, changed and passed on under the terms of this repository.

They contain no part of the text encoder they are used with (all-MiniLM-L6-v2, Apache-2.0), which is
installed from a Python package of its own.
"""


class ExportError(Exception):
    """The run can't be shipped as it is; the text says what to change."""


def export(run: RunConfig, folder: Path, command: str = "") -> None:
    """Write the newest transformer and autoencoder of `run` into `folder`, replacing older ones.

    Raises ExportError when a part is missing or the weights are too large; the folder then stays.
    """
    student = str(run.tables.get("export", {}).get("transformer", "dit"))
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    FlowMatchEulerDiscreteScheduler().save_pretrained(fresh / "scheduler")
    for name, kind, source in (
        ("transformer", LTXVideoTransformer3DModel, run.work / student),
        ("vae", AutoencoderKLLTXVideo, run.work / "vae"),
    ):
        if not (source / "config.json").is_file():
            raise ExportError(
                f"{source} holds no trained {name}: train it first, or set [run] work."
            )
        model = kind.from_pretrained(source, torch_dtype=torch.bfloat16)
        model.save_pretrained(fresh / name, max_shard_size=SHARD)
        config = fresh / name / "config.json"
        table = json.loads(config.read_text())
        table.pop("_name_or_path", None)  # a path of the training machine
        config.write_text(json.dumps(table, indent=2) + "\n")
    check_size(fresh)
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
    write_json(
        folder / "vocabulary.json",
        words(run["nearest_words"], run.tables.get("cache", {}).get("objects", ())),
    )
    write_json(folder / "training.json", training(run, command))
    (folder / "LICENSE").write_text(LICENCE, encoding="utf-8")
    write_sums(folder)
    check_folder(folder)


def check_size(folder: Path) -> None:
    """Raise ExportError naming what is too large to ship."""
    sizes = {path: path.stat().st_size for path in sorted(folder.glob("*/*.safetensors"))}
    for path, size in sizes.items():
        if size > LARGEST:
            raise ExportError(
                f"{path.name} would have {size / 1e6:.0f} MB, more than {LARGEST / 1e6:.0f}: one tensor "
                "alone is larger than a shard may be. Use a narrower model."
            )
    if (total := sum(sizes.values())) > TOGETHER:
        raise ExportError(
            f"The weights would have {total / 1e6:.0f} MB, more than {TOGETHER / 1e6:.0f}. Use a "
            "smaller model in the run file."
        )


def words(by_hand: dict[str, str], objects: Collection[str] = ()) -> dict[str, Any]:
    """vocabulary.json: the words of the captions, and for others the nearest of them. What a run file
    says goes before what the text encoder finds. objects: those that were drawn; all by default."""
    tables = vocabulary()
    if objects:
        tables["objects"] = {k: v for k, v in tables["objects"].items() if k in objects}
    wordings = {w for table in tables.values() for phrases in table.values() for w in phrases}
    found: dict[str, str] = json.loads(neighbours.FILE.read_text())
    nearest = {
        word: target
        for word, target in sorted({**found, **by_hand}.items())
        if target in wordings and word not in wordings
    }
    return {**tables, "nearest": nearest}


def training(run: RunConfig, command: str = "") -> dict[str, Any]:
    """How the weights came about: what training.json says and the model card quotes."""
    parts = {}
    for name, state in (
        ("vae", "vae"),
        ("dit", "dit"),
        ("decoder", "decoder"),
        ("distill", "distilled"),
    ):
        # what was carried from another machine, or what was made here on top of it
        table = run.tables.get(name, {})
        steps, hours = table.get("carried_steps", 0), table.get("carried_hours", 0.0)
        if newest := checkpoint.newest(run.work / f"{state}.state"):
            facts = json.loads((newest / "state.json").read_text())
            steps, hours = int(facts["step"]), float(facts.get("hours", 0.0))
        if steps:
            parts[name] = {"steps": int(steps), "hours": round(hours, 2)}
    hours = sum(part["hours"] for part in parts.values())
    return {
        "trained_on": "cpu" if run.device == "cpu" else "gpu",
        "device": device_name(run.device),
        "hours": round(hours, 2),
        "transformer": str(run.tables.get("export", {}).get("transformer", "dit")),
        "parts": parts,
        "command": command or "python -m generation.training.export RUN DIR",
        "data": DATA,
        "text_encoder": "all-MiniLM-L6-v2, unchanged",
        "torch": torch.__version__,
        "diffusers": __version__,
    }


def device_name(device: str) -> str:
    """The card, or the processor as the system names it."""
    if device != "cpu" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    if sys.argv[1:2] == ["--sums"]:
        write_sums(Path(sys.argv[2]))
        return
    run = run_from_argv()
    if len(sys.argv) < 3:
        raise SystemExit("usage: python -m generation.training.export RUN.toml DIR")
    try:
        export(
            run,
            Path(sys.argv[2]),
            f"python -m generation.training.export {Path(sys.argv[1]).name} DIR",
        )
    except ExportError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
