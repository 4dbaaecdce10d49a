"""Read a run file from `runs/`: plain TOML tables, with paths made relative to its work folder."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class RunConfig:
    """One training run. `work` is the folder of all its data, caches and checkpoints.

    `bf16` turns mixed precision on: right for CUDA and for CPUs with AMX, slow on others.
    """

    work: Path
    device: str
    threads: int
    bf16: bool
    tables: dict[str, Any]

    def __getitem__(self, table: str) -> dict[str, Any]:
        return dict(self.tables[table])


def read_run(path: str | Path) -> RunConfig:
    with open(path, "rb") as file:
        tables = tomllib.load(file)
    run = tables.pop("run")
    return RunConfig(
        Path(run["work"]).expanduser(), run["device"], run["threads"], run["bf16"], tables
    )


def run_from_argv() -> RunConfig:
    """The run named as the first command line argument; sets the thread count of torch."""
    import torch

    if len(sys.argv) < 2:
        raise SystemExit(f"usage: python -m {sys.argv[0]} generation/training/runs/<run>.toml")
    run = read_run(sys.argv[1])
    torch.set_num_threads(run.threads)
    return run
