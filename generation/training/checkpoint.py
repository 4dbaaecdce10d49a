"""The whole state of a training run in small plain files, saved so that no kill can spoil it.

    work/dit.state/00001200/state.json           step, seed, how the numbers were rounded, SHA-256 per file
                            00.safetensors …      weights, running average, optimiser; each below 15 MB

A save is written beside under another name, synced and renamed; only then older ones are deleted. Whatever
moment a process dies in, the newest folder with a final name is whole. No pickle.

Small numbers: weights are kept in float32; the average as its distance from the weights and the
optimiser's moments in bfloat16. The run that saves goes on with the rounded numbers itself, so a
resumed run and one that was never stopped are equal to the bit. Random numbers need no state:
every step draws from its own seed (`loop.seed_step`).
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

LARGEST = 14_000_000  # bytes of one file
FORMAT = 1


class CheckpointError(Exception):
    """A checkpoint can't be used; the text names the file and what to do."""


def save(folder: Path, step: int, tensors: dict[str, Tensor], facts: dict[str, Any]) -> Path:
    """Write one checkpoint and drop older ones. Returns its folder."""
    final = folder / f"{step:08}"
    if final.exists():
        return final
    part = folder / f"{step:08}.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    hashes = {}
    for number, names in enumerate(_shards(tensors)):
        path = part / f"{number:02}.safetensors"
        save_file({n: tensors[n].detach().cpu().contiguous() for n in names}, path)
        hashes[path.name] = _sync(path)
    state = part / "state.json"
    state.write_text(
        json.dumps({"format": FORMAT, "step": step, "files": hashes, **facts}, indent=1) + "\n"
    )
    _sync(state)
    os.rename(part, final)
    _sync_folder(folder)
    for other in folder.iterdir():
        if other != final:
            shutil.rmtree(other)
    return final


def newest(folder: Path) -> Path | None:
    """The folder of the last whole checkpoint, if any."""
    whole = [p for p in folder.glob("*/state.json") if p.parent.suffix != ".part"]
    return max(whole).parent if whole else None


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and facts of the newest checkpoint; None where there is none.

    Raises CheckpointError when one of its files is missing, changed or not readable.
    """
    if (found := newest(folder)) is None:
        return None
    advice = (
        f"Delete the folder {found} to begin again, or copy the file back from where you keep it."
    )
    state = found / "state.json"
    try:
        facts = json.loads(state.read_text())
        files = facts["files"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise CheckpointError(f"{state} is not readable ({error}). {advice}") from error
    if facts.get("format") != FORMAT:
        raise CheckpointError(
            f"{state} has format {facts.get('format')}, this version reads {FORMAT}. "
            "Go on with the version that wrote it, or begin again in another work folder."
        )
    tensors: dict[str, Tensor] = {}
    for name, expected in files.items():
        path = found / name
        if not path.exists():
            raise CheckpointError(f"The checkpoint file {path} is missing. {advice}")
        if _sha256(path) != expected:
            raise CheckpointError(f"The checkpoint file {path} is corrupt. {advice}")
        try:
            tensors |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path} can't be read ({error}). {advice}") from error
    return tensors, facts


def _shards(tensors: dict[str, Tensor]) -> list[list[str]]:
    """Names grouped into files below LARGEST, in order."""
    shards: list[list[str]] = [[]]
    size = 0
    for name, tensor in tensors.items():
        have = tensor.numel() * tensor.element_size()
        if shards[-1] and size + have > LARGEST:
            shards.append([])
            size = 0
        shards[-1].append(name)
        size += have
    return shards


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> str:
    """Make sure it is on the disk; returns its SHA-256."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    return _sha256(path)


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- What is in it -----------------------------------------------------------------------------


def rounded(tensor: Tensor) -> Tensor:
    """As bfloat16; also changes the tensor itself to what was kept."""
    small = tensor.to(torch.bfloat16)
    tensor.copy_(small)
    return small


@torch.no_grad()
def pack_state(
    model: torch.nn.Module, average: list[Tensor], moments: dict[str, Tensor]
) -> dict[str, Tensor]:
    """All tensors of a run, the small ones rounded in place.

    average: running average of model.parameters(), in their order. moments: of the optimiser.
    """
    out: dict[str, Tensor] = {}
    for (name, p), mean in zip(model.named_parameters(), average, strict=True):
        out[f"model/{name}"] = p.detach()
        distance = (mean - p).to(torch.bfloat16)
        mean.copy_(p + distance)
        out[f"average/{name}"] = distance
    for name, buffer in model.named_buffers():
        out[f"buffer/{name}"] = buffer
    for name, moment in moments.items():
        out[f"moment/{name}"] = rounded(moment)
    return out


@torch.no_grad()
def unpack_state(
    tensors: dict[str, Tensor],
    model: torch.nn.Module,
    average: list[Tensor],
    moments: dict[str, Tensor],
) -> None:
    """The reverse, into a fresh model of the same shape. Raises CheckpointError otherwise."""
    try:
        for (name, p), mean in zip(model.named_parameters(), average, strict=True):
            p.copy_(tensors[f"model/{name}"])
            mean.copy_(p + tensors[f"average/{name}"].to(p.device))
        for name, buffer in model.named_buffers():
            buffer.copy_(tensors[f"buffer/{name}"])
        for name, moment in moments.items():
            moment.copy_(tensors[f"moment/{name}"])
    except (KeyError, RuntimeError) as error:
        raise CheckpointError(
            f"The checkpoint is of another model or optimiser ({error}). "
            "Give the run its own work folder, or go back to the run file it was begun with."
        ) from error
