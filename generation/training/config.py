"""Read a run file from `runs/`: plain TOML tables, with paths made relative to its work folder."""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class RunError(SystemExit):
    """A run can't go on as it is described; the text says what to change. Ends a command with it."""


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
        if table not in self.tables:
            raise RunError(f"The run file has no table [{table}]; it has {', '.join(self.tables)}.")
        return dict(self.tables[table])

    def merged(self, base: str, table: str) -> dict[str, Any]:
        """A table completed by another one; how far that one was carried is its own matter."""
        shared = {k: v for k, v in self[base].items() if not k.startswith("carried_")}
        return {**shared, **self[table]}

    def path(self, name: str) -> Path:
        """A folder named in the run file: relative to `work` unless absolute."""
        return self.work / Path(name).expanduser()

    def prepare(self) -> None:
        """Set the thread count of torch and check the device. Raises RunError."""
        import torch

        torch.set_num_threads(self.threads)
        if self.device.startswith("cuda") and not torch.cuda.is_available():
            raise RunError(
                'The run file asks for device = "cuda", and torch sees no GPU here. '
                'Use generation/training/runs/cpu.toml, or set device = "cpu".'
            )


def read_run(path: str | Path) -> RunConfig:
    """Raises RunError when there is no such file, or it is not a run file."""
    try:
        with open(path, "rb") as file:
            tables = tomllib.load(file)
        run = tables.pop("run")
        return RunConfig(
            Path(run["work"]).expanduser(), run["device"], run["threads"], run["bf16"], tables
        )
    except FileNotFoundError as error:
        raise RunError(
            f"There is no run file {path}. Examples are in generation/training/runs/."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise RunError(f"{path} is not TOML: {error}.") from error
    except KeyError as error:
        raise RunError(f"{path}: the table [run] lacks {error}.") from error


def run_from_argv() -> RunConfig:
    """The run named as the first command line argument; sets the thread count of torch."""
    if len(sys.argv) < 2:
        raise SystemExit(f"usage: python -m {sys.argv[0]} generation/training/runs/<run>.toml")
    run = read_run(sys.argv[1])
    run.prepare()
    return run
