"""Is a model folder whole and of a kind this installation can load? Asked before a byte is loaded.

Every refusal is a ModelMissing that names the file and what to do about it. A loader calls

    check_folder(model_dir, pipelines=("LTXConditionPipeline", ...))

first thing. It reads headers and configs only, so it costs milliseconds whatever the folder's size;
`check_sums` reads whole files, and only those that the folder lists in SHA256SUMS.json, as the
shipped model does (big weights come without a list and are not hashed at every start).
"""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from collections.abc import Collection, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from generation.engine.capabilities import INDEX, read_json
from generation.engine.protocol import ModelMissing

SUMS = "SHA256SUMS.json"
# What the safetensors header calls the types that weights may have here; the loader casts them.
WEIGHT_TYPES = frozenset({"BF16", "F16", "F32", "F8_E4M3", "F8_E5M2"})
# Settings that are read by the loader and are no argument of the class.
FREE_KEYS = frozenset({"quantization_config"})
COPY = "Copy the whole folder again from where it came from"
MAX_HEADER = 100_000_000  # bytes; the format's own limit


def check_folder(model_dir: Path, *, pipelines: Collection[str] = ()) -> None:
    """Refuse a folder that can't be loaded as it is. `pipelines`: class names the loader can run.

    Raises ModelMissing for: no folder, index or part; a pipeline or part of another class; a
    configuration from a newer diffusers or with settings the installed one doesn't know; shards
    that are missing, truncated, not safetensors, or of a type that is no weight; changed files.
    """
    index = _read(model_dir / INDEX)
    name = str(index.get("_class_name"))
    if pipelines and name not in pipelines:
        raise ModelMissing(
            f"{model_dir / INDEX} is of a {name}, which this engine doesn't run. It runs "
            f"{', '.join(sorted(pipelines))}: point SORA_MODEL_DIR at a folder of one of these, or "
            "set SORA_ENGINE to the engine of this one."
        )
    _check_version(index, model_dir / INDEX)
    for part, entry in index.items():
        if part.startswith("_") or not isinstance(entry, list) or len(entry) != 2:
            continue
        library, kind = entry
        if library is not None and kind is not None:
            _check_part(model_dir / part, str(library), str(kind))
    check_sums(model_dir)


def check_sums(model_dir: Path) -> None:
    """Compare every file named in SHA256SUMS.json, {"path": "sha256"}; without a list, nothing.

    Raises ModelMissing naming the first file that is missing or not the one that was shipped.
    """
    for name, expected in (read_json(model_dir / SUMS) or {}).items():
        path = model_dir / name
        if not path.is_file():
            raise ModelMissing(f"{path} is missing; {SUMS} lists it. {COPY}.")
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != expected:
            raise ModelMissing(
                f"{path} is not the file that was shipped: its sha256 is {found[:12]}…, {SUMS} says "
                f"{str(expected)[:12]}…. {COPY}; after a change on purpose, delete {SUMS} or write "
                "it anew (python -m generation.training.export --sums DIR)."
            )


def write_sums(model_dir: Path) -> None:
    """List every weight, configuration and table of the folder in SHA256SUMS.json."""
    names = sorted(
        path.relative_to(model_dir).as_posix()
        for pattern in ("**/*.safetensors", "**/*.json")
        for path in model_dir.glob(pattern)
        if path.name != SUMS
    )
    sums = {name: hashlib.sha256((model_dir / name).read_bytes()).hexdigest() for name in names}
    (model_dir / SUMS).write_text(json.dumps(sums, indent=1) + "\n", encoding="utf-8")


def _check_part(folder: Path, library: str, kind: str) -> None:
    """One component: its folder, configuration and, when it has weights, every shard."""
    if not folder.is_dir():
        raise ModelMissing(f"{folder} is missing; {INDEX} names a {kind} there. {COPY}.")
    config, scheduler = folder / "config.json", folder / "scheduler_config.json"
    if scheduler.is_file():  # schedulers read each other's settings on purpose
        _check_version(_read(scheduler), scheduler)
    if library == "diffusers" and not scheduler.is_file():
        table = _check_config(config, kind)
        _check_weights(folder, None if table.get("quantization_config") else WEIGHT_TYPES)
    elif config.is_file():
        if library == "transformers":
            _check_architecture(config, kind)
        _check_weights(folder, None)  # text models keep integers too


def _check_config(path: Path, kind: str) -> dict[str, Any]:
    """A diffusers configuration: of the class that the index names, with settings it knows."""
    table = _read(path)
    found = table.get("_class_name", kind)
    if found != kind:
        raise ModelMissing(
            f"{path} is of a {found}, but {INDEX} names a {kind} there. Put the right part in its "
            f"place, or correct {INDEX}."
        )
    _check_version(table, path)
    known = _arguments(kind)
    if known is None:
        raise ModelMissing(
            f"{path} needs the class {kind}, which the installed diffusers {version('diffusers')} "
            "doesn't have. Upgrade diffusers or use another folder."
        )
    strange = sorted(k for k in table.keys() - known - FREE_KEYS if not k.startswith("_"))
    if strange:
        raise ModelMissing(
            f"{path} has settings that {kind} of the installed diffusers {version('diffusers')} "
            f"doesn't know: {', '.join(strange)}. They would be ignored and the pictures be wrong: "
            "upgrade diffusers, or remove them if they are not needed."
        )
    return table


def _check_architecture(path: Path, kind: str) -> None:
    """A transformers configuration names the classes its weights are of."""
    named = _read(path).get("architectures")
    if not named:
        return
    stem = re.compile(r"(Model|EncoderModel|TextModel\w*|For\w+|WithProjection|Fast)$")
    if not any(stem.sub("", str(n)) == stem.sub("", kind) for n in named):
        raise ModelMissing(
            f"{path} is of a {', '.join(map(str, named))}, but {INDEX} names a {kind} there. Put the "
            f"right part in its place, or correct {INDEX}."
        )


def _arguments(kind: str) -> frozenset[str] | None:
    """What the constructor of a diffusers class takes, None when there is no such class."""
    import diffusers

    found = getattr(diffusers, kind, None)
    return frozenset(inspect.signature(found.__init__).parameters) if found is not None else None


def _check_version(table: dict[str, Any], path: Path) -> None:
    written, installed = table.get("_diffusers_version"), version("diffusers")
    if written is not None and _release(str(written)) > _release(installed):
        raise ModelMissing(
            f"{path} was written by diffusers {written}, newer than the installed {installed}. "
            "Upgrade diffusers or use a folder written for this version."
        )


def _release(text: str) -> tuple[int, ...]:
    """ "0.42.1.dev0" -> (0, 42, 1)."""
    return tuple(int(n) for n in re.findall(r"\d+", text.split(".dev")[0])[:3])


def _check_weights(folder: Path, types: Collection[str] | None) -> None:
    """Every shard is there and whole; `types`: what its tensors may be, None for anything."""
    indexes = sorted(folder.glob("*.safetensors.index.json"))
    if not indexes:
        shards = sorted(folder.glob("*.safetensors"))
        if not shards:
            raise ModelMissing(
                f"{folder} holds no *.safetensors file. {COPY}; weights in other formats are not "
                "loaded."
            )
        for path in shards:
            list(_tensors(path, types))
        return
    for index in indexes:
        where: dict[str, str] = _read(index).get("weight_map", {})
        if not where:
            raise ModelMissing(f"{index} names no shards. {COPY}.")
        for shard in sorted(set(where.values())):
            path = folder / shard
            if not path.is_file():
                raise ModelMissing(f"{path} is missing; {index.name} lists it. {COPY}.")
            lacking = {n for n, file in where.items() if file == shard} - set(_tensors(path, types))
            if lacking:
                raise ModelMissing(
                    f"{path} lacks {min(lacking)} and {len(lacking) - 1} more tensors that "
                    f"{index.name} puts there: the two are of different versions. {COPY}."
                )


def _tensors(path: Path, types: Collection[str] | None) -> Iterator[str]:
    """Names of the tensors in a safetensors file, each checked against the file's size and type.

    The file is: 8 bytes header length, the header in JSON, then the data to the very end.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, MAX_HEADER):
            raise ModelMissing(
                f"{path} is truncated or no safetensors file ({size} bytes). {COPY}."
            )
        try:
            header = json.loads(file.read(length))
        except ValueError as error:
            raise ModelMissing(f"{path} has a damaged header ({error}). {COPY}.") from error
    header.pop("__metadata__", None)
    end = max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    if 8 + length + end != size:
        raise ModelMissing(
            f"{path} is {'truncated' if size < 8 + length + end else 'too long'}: {size} bytes, its "
            f"header says {8 + length + end}. {COPY}."
        )
    for name, entry in header.items():
        if types is not None and entry["dtype"] not in types:
            raise ModelMissing(
                f"{path} holds {name} as {entry['dtype']}; weights are loaded from "
                f"{', '.join(sorted(types))}. Convert the file or get another one."
            )
        yield name


def _read(path: Path) -> dict[str, Any]:
    table = read_json(path)
    if table is None:
        raise ModelMissing(
            f"{path} is missing. {COPY}, or point SORA_MODEL_DIR at a whole folder in diffusers "
            "format."
        )
    if not isinstance(table, dict):
        raise ModelMissing(f"{path} holds no JSON object. {COPY}.")
    return table
