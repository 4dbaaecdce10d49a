"""All figures of one model folder: measured, put into one table, written into its card."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from generation.engine.diffusers_engine import DiffusersEngine
from generation.training.captions import plain
from generation.training.evaluate import measures
from generation.training.evaluate.golden import golden, weights_id
from generation.training.evaluate.judges import ATTRIBUTES, Effort, load_judges
from generation.training.evaluate.measures import Known, Studio, Value, held_out_scenes
from generation.training.evaluate.pictures import Clip

JUDGES = Path("var/judges")
TRAINING = "training.json"


@dataclass(frozen=True)
class Report:
    """The table for people and programs, and the clips that show it."""

    table: dict[str, Any]
    prompts: list[str]
    clips: list[Clip]
    kept: list[Clip]
    golden: dict[str, Any]
    fps: int


def evaluate(
    model_dir: Path,
    *,
    clips: int = 500,
    device: str = "cpu",
    threads: int | None = 1,
    distilled: Path | None = None,
    judges_dir: Path = JUDGES,
    effort: Effort | None = None,
) -> Report:
    """Measure a folder with `clips` held-out prompts; the other measures take shares of that.

    distilled: a folder of the same model's few-step student, to be compared at its own default steps;
    not needed where capabilities.json of the folder names a few-step mode.
    The judges are trained first where none fit. Raises ModelMissing or EngineError.
    """
    engine = DiffusersEngine(model_dir, device=device, threads=threads)
    studio = Studio(engine)
    judges = load_judges(
        judges_dir, studio.coded_pictures, coder=weights_id(model_dir / "vae"), effort=effort
    )
    known = Known(model_dir)
    scenes = held_out_scenes(clips, known=known)
    shots = measures.draw_prompts(studio, judges, scenes, [plain(scene) for scene in scenes])
    values: dict[str, Value] = measures.attribute_shares(shots)
    details: dict[str, Any] = {}
    values["unseen_synonyms"], details["unseen_synonyms_by_attribute"] = measures.unseen_share(
        judges, studio, max(2, clips // 2), known
    )
    values |= measures.coding(studio, max(2, min(40, clips // 4)))
    values["kept_frames_psnr"], details["kept_frames_psnr_by_operation"], kept = (
        measures.kept_frames(studio, max(1, min(20, clips // 8)), known)
    )
    few = studio if measures.distilled_mode(engine) else None
    if distilled is not None:
        few = Studio(DiffusersEngine(distilled, device=device, threads=threads))
    if few is not None:
        values["distilled_drop_points"], details["distilled_points_by_attribute"] = (
            measures.distilled_points(few, judges, shots, max(2, clips // 2))
        )
    values |= measures.restlessness(studio, shots)
    capabilities = engine.capabilities
    table: dict[str, Any] = {name: _rounded(v.value) for name, v in values.items()}
    table.setdefault("distilled_drop_points", None)
    training = read_training(model_dir)
    table |= {
        "trained_on": training.get("trained_on", "unknown"),
        "intervals": {name: [_rounded(x) for x in v.interval] for name, v in values.items()},
        "counted": {name: v.of for name, v in values.items()},
        "ceiling": {name: judges.ceiling[name] for name in ATTRIBUTES},
        "details": details,
        "model": f"{engine.name} {engine.version}",
        "weights": weights_id(model_dir),
        "steps": capabilities.default_steps,
        "guidance": capabilities.guidance,
        "clip": f"{studio.frames} frames of {studio.width}x{studio.height}",
        "torch": torch.__version__,
    }
    return Report(
        table, shots.prompts[:24], shots.clips[:24], kept, golden(studio, model_dir), studio.fps
    )


def read_training(model_dir: Path) -> dict[str, Any]:
    """How a folder was trained, as its export wrote it; empty where it doesn't say."""
    path = model_dir / TRAINING
    found: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    return found


def _rounded(value: float) -> float:
    return round(value, 4)
