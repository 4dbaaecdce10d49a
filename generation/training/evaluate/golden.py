"""Golden seeds: what fixed prompts and seeds give with these weights, to notice any change.

The file keeps for every clip the SHA-256 of its frames and a thumbnail of each frame. The hash is
equal only on the same processor family and version of torch: other instruction sets add in another
order. Thumbnails allow for that: `differs` takes two clips for the same when no thumbnail pixel is
off by more than TOLERANCE levels of 255. Another seed is off by far more.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.integrity import SUMS
from generation.training.evaluate.measures import Studio
from generation.training.evaluate.pictures import Clip

PROMPTS = (
    "a red balloon rises over the ocean at sunset",
    "a blue car drives right in the city at night in the rain",
    "a yellow star spins in the desert during the day",
)
FRAMES = 9
TOLERANCE = 6
THUMBNAIL = (6, 10)  # rows, columns


def golden(studio: Studio, model_dir: Path) -> dict[str, Any]:
    """The file's content: which weights, which torch, and one entry per prompt, seed = its number."""
    clips = [studio.clip(prompt, seed, frames=FRAMES) for seed, prompt in enumerate(PROMPTS)]
    return {
        "weights": weights_id(model_dir),
        "torch": torch.__version__,
        "tolerance": TOLERANCE,
        "clips": [
            {
                "prompt": prompt,
                "seed": seed,
                "frames": FRAMES,
                "sha256": hashlib.sha256(clip.tobytes()).hexdigest(),
                "thumbnails": thumbnails(clip).tolist(),
            }
            for seed, (prompt, clip) in enumerate(zip(PROMPTS, clips, strict=True))
        ],
    }


def weights_id(model_dir: Path) -> str:
    """One hash for a folder's weights: of its list of hashes, or of the weights themselves."""
    sums = model_dir / SUMS
    if sums.is_file():
        listed = json.loads(sums.read_text())
        parts = [f"{k} {v}" for k, v in sorted(listed.items()) if k.endswith(".safetensors")]
    else:
        files = sorted(model_dir.glob("*/*.safetensors"))
        parts = [
            f"{f.relative_to(model_dir).as_posix()} {hashlib.sha256(f.read_bytes()).hexdigest()}"
            for f in files
        ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def thumbnails(clip: Clip) -> np.ndarray:
    """uint8 [frames, 6, 10, 3]: means over blocks."""
    x = torch.from_numpy(clip).permute(0, 3, 1, 2).float()
    small = F.adaptive_avg_pool2d(x, THUMBNAIL)
    return small.round().byte().permute(0, 2, 3, 1).numpy()


def differs(clip: Clip, kept: dict[str, Any]) -> bool:
    """Whether a clip is another one than what was kept, beyond what processors differ by."""
    before = np.array(kept["thumbnails"], np.int16)
    now = thumbnails(clip).astype(np.int16)
    return before.shape != now.shape or int(np.abs(before - now).max()) > TOLERANCE


def main() -> None:
    """`python -m generation.training.evaluate.golden DIR FILE`: write the golden clips alone."""
    model_dir, file = Path(sys.argv[1]), Path(sys.argv[2])
    file.parent.mkdir(parents=True, exist_ok=True)
    studio = Studio(DiffusersEngine(model_dir, threads=1))
    file.write_text(json.dumps(golden(studio, model_dir)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
