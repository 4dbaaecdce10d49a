"""Train everything in slices of some minutes: `python -m generation.training.slices RUN.toml --out DIR`.

Every call does a part of the same list and stops in time: draw clips, train the autoencoder, encode,
train the transformer, its decoder and the few-step student, evaluate, and write the model folder DIR.
Call it again until its table says that all is done. Killed in the middle, it goes on where it was.

With `--carry FOLDER` the state also travels to machines that keep nothing: at the end of a slice the
models so far lie there in bfloat16 (at most 60 MB in files of at most 15 MB), and a slice that finds
no work of its own begins from them: optimiser and running average begin anew with a warm-up, clips
are drawn and encoded again (others than before). Distillation needs teacher and student at once, so
it has to fit into one slice; unfinished, it is begun again in the next.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLLTXVideo, LTXVideoTransformer3DModel

from generation.training import checkpoint, distill, render, train_dit, train_vae
from generation.training.cache import CacheBuilder
from generation.training.config import RunConfig, RunError, read_run
from generation.training.evaluate.command import in_words
from generation.training.evaluate.table import evaluate
from generation.training.export import export
from generation.training.loop import total_steps

TOGETHER, LARGEST = 60_000_000, "14MB"  # of what is carried
RESERVE = 0.1  # share of a slice that is kept for saving and writing
SUPPLY = 0.3  # share of what is left that drawing and encoding may take before a phase trains


@dataclass(frozen=True)
class Phase:
    """One kind of training. `folder` holds its model; `inherits` is the table it completes."""

    table: str
    inherits: str
    folder: str
    train: Callable[..., list[float]]

    def settings(self, run: RunConfig) -> dict[str, Any]:
        return run.merged(self.inherits, self.table)

    def state(self, run: RunConfig) -> Path:
        return run.work / f"{'distilled' if self.table == 'distill' else self.table}.state"

    def total(self, run: RunConfig) -> int:
        return total_steps(self.settings(run))

    def done(self, run: RunConfig) -> int:
        """Steps made, here or before it was carried here."""
        newest = checkpoint.newest(self.state(run))
        here = int(newest.name) if newest else 0
        return max(here, int(run.tables.get(self.table, {}).get("carried_steps", 0)))


PHASES = (
    Phase("vae", "vae", "vae", train_vae.train),
    Phase("dit", "dit", "dit", train_dit.train),
    Phase("decoder", "vae", "vae", lambda run, **how: train_vae.train(run, "decoder", **how)),
    Phase("distill", "dit", "distilled", distill.train),
)


@dataclass
class Clock:
    minutes: float
    began: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Minutes until the reserve begins."""
        return self.minutes * (1 - RESERVE) - (time.monotonic() - self.began) / 60


# --- What is carried -------------------------------------------------------------------------------


def pack(run: RunConfig, carry: Path, slices: int) -> None:
    """Write the models so far and how many steps they have, replacing what was carried before.

    Raises RunError when they are too large to be carried.
    """
    fresh = carry.with_name(carry.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    facts: dict[str, Any] = {"slices": slices, "steps": {}, "hours": {}, "models": []}
    done = {p.table: p.done(run) >= p.total(run) for p in PHASES}
    for phase in PHASES:
        if (steps := phase.done(run)) and (phase.table != "distill" or done["distill"]):
            facts["steps"][phase.table] = steps
            facts["hours"][phase.table] = _hours(run, phase)
    transformer = _shipped(run) if done["distill"] else "dit"
    for name, kind in (("vae", AutoencoderKLLTXVideo), (transformer, LTXVideoTransformer3DModel)):
        if (run.work / name / "config.json").exists():
            model = kind.from_pretrained(run.work / name, torch_dtype=torch.bfloat16)
            model.save_pretrained(fresh / name, max_shard_size=LARGEST)
            facts["models"].append(name)
    size = sum(p.stat().st_size for p in fresh.rglob("*") if p.is_file())
    if size > TOGETHER:
        raise RunError(
            f"The models would take {size / 1e6:.0f} MB in {carry}, more than {TOGETHER / 1e6:.0f}. "
            "Make [vae.model] or [dit.model] smaller, or keep the work folder and leave out --carry."
        )
    (fresh / "carry.json").write_text(json.dumps(facts, indent=1) + "\n")
    old = carry.with_name(carry.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if carry.exists():
        carry.rename(old)
    fresh.rename(carry)
    shutil.rmtree(old, ignore_errors=True)


def _shipped(run: RunConfig) -> str:
    """The transformer that is exported, by its folder in the work folder."""
    return str(run.tables.get("export", {}).get("transformer", "dit"))


def _hours(run: RunConfig, phase: Phase) -> float:
    newest = checkpoint.newest(phase.state(run))
    if newest is None:
        return float(run.tables[phase.table].get("carried_hours", 0.0))
    return float(json.loads((newest / "state.json").read_text())["hours"])


def unpack(run: RunConfig, carry: Path) -> int:
    """Begin from what was carried here, where this machine has no work of its own. Slices so far.

    Raises RunError when a part of it is missing or not readable.
    """
    for folder in (carry, carry.with_name(carry.name + ".old")):  # killed between two renames
        if (folder / "carry.json").exists():
            break
    else:
        return 0
    try:
        facts = json.loads((folder / "carry.json").read_text())
        for name in facts["models"]:
            kind = AutoencoderKLLTXVideo if name == "vae" else LTXVideoTransformer3DModel
            if not (run.work / name / "config.json").exists():
                kind.from_pretrained(folder / name).save_pretrained(run.work / name)
        for phase in PHASES:
            steps = facts["steps"].get(phase.table, 0)
            if steps and not phase.state(run).exists():
                table = run.tables[phase.table]
                table |= {"carried_steps": steps, "carried_hours": facts["hours"][phase.table]}
                if phase.folder in facts["models"] and phase.table != "distill":
                    table["start_from"] = phase.folder
        return int(facts["slices"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(
            f"What was carried in {folder} can't be used ({error}). Copy it again whole, or remove "
            "the folder to begin anew."
        ) from error


# --- One slice -------------------------------------------------------------------------------------


def supply_clips(run: RunConfig, minutes: float, slices: int) -> None:
    """Draw clips for the autoencoder: all, or as many as the time allows (one at least)."""
    clock = Clock(minutes / (1 - RESERVE))
    count = run["clips"]["shards"]
    for k in range(count):
        render.make(run, (k + slices * max(1, count // 5)) % count)
        if clock.left() < 0:
            return


def supply_latents(run: RunConfig, groups: set[str], minutes: float, slices: int) -> None:
    """Draw and encode clips for the transformer: one shard of every group, then more in turn."""
    clock = Clock(minutes / (1 - RESERVE))
    builder = CacheBuilder(run)
    todo = [(name, number) for name, number in builder.order() if name in groups]
    first = [(name, n) for name in sorted(groups) for n in [min(k for g, k in todo if g == name)]]
    for place, (name, number) in enumerate([*first, *todo]):
        count = builder.shards(name)
        builder.make(name, (number + slices * max(1, count // 5)) % count)
        if clock.left() < 0 and place + 1 >= len(first):
            return


def advance(run: RunConfig, phase: Phase, clock: Clock, slices: int) -> None:
    """Supply a phase with clips and train it until it is done or the time is over."""
    minutes = SUPPLY * clock.left()
    if phase.folder == "vae":
        supply_clips(run, minutes, slices)
    else:
        supply_latents(run, train_dit.used_groups(phase.settings(run)), minutes, slices)
    if clock.left() > 0:
        phase.train(run, minutes=clock.left())


def slice_of(
    run: RunConfig, out: Path, *, minutes: float, carry: Path | None, clips: int
) -> list[tuple[str, str]]:
    """Do one slice. Returns the rows of its table."""
    clock = Clock(minutes)
    slices = unpack(run, carry) if carry else 0
    for phase in PHASES:
        if phase.done(run) < phase.total(run) and clock.left() > 0:
            print(f"--- {phase.table}, {clock.left():.1f} minutes left", flush=True)
            advance(run, phase, clock, slices)
            if phase.done(run) < phase.total(run):
                break
    if carry:
        pack(run, carry, slices + 1)
    finished = all(phase.done(run) >= phase.total(run) for phase in PHASES)
    rows = [(phase.table, _progress(run, phase)) for phase in PHASES]
    if all((run.work / name / "config.json").exists() for name in ("vae", _shipped(run))):
        export(run, out, f"python -m generation.training.slices RUN.toml --out {out.name}")
        rows.append(("model folder", str(out)))
    measured = not clips
    if finished and clips and clock.left() > minutes / 2:  # else in a slice of its own
        report = evaluate(out, clips=clips, device=run.device)
        rows += [(line.split()[0], line.split(maxsplit=1)[1]) for line in _lines(report.table)]
        measured = True
    rows.append(("all done", "yes" if finished and measured else "no: call it again"))
    return rows


def _lines(table: dict[str, Any]) -> list[str]:
    return in_words(table).splitlines()


def _progress(run: RunConfig, phase: Phase) -> str:
    text = f"{phase.done(run)} of {phase.total(run)} steps"
    if newest := checkpoint.newest(phase.state(run)):
        facts = json.loads((newest / "state.json").read_text())
        text += f", {facts['hours']:.2f} h, {facts['figures']}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("run", type=Path, help="a run file, as generation/training/runs/gpu.toml")
    parser.add_argument("--out", type=Path, required=True, help="the model folder to write")
    parser.add_argument("--minutes", type=float, default=10.0, help="length of the slice")
    parser.add_argument("--carry", type=Path, help="folder that travels from slice to slice")
    parser.add_argument(
        "--clips", type=int, default=100, help="prompts to evaluate when all is trained (0: none)"
    )
    args = parser.parse_args()
    run = read_run(args.run)
    run.prepare()
    rows = slice_of(run, args.out, minutes=args.minutes, carry=args.carry, clips=args.clips)
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        print(f"{name:<{width}}  {text}")


if __name__ == "__main__":
    main()
