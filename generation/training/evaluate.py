"""How well a model folder follows its prompts:
`python -m generation.training.evaluate DIR judges.pt [clips]`.

Two small networks, the judges, learn from freshly drawn scenes to read object, colour, place, time
and weather from one frame, and the motion from three. They are first measured on drawings they have
not seen (that is the ceiling), then asked about clips the model made for plain prompts. A figure is
the share of clips in which the judge reads what the prompt said.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.protocol import PromptSegment, VideoSpec
from generation.training import world
from generation.training.captions import plain
from generation.training.world import Scene, render, sample_scene

HEIGHT, WIDTH = 48, 80  # what the judges see
STILL = {
    "object": world.OBJECTS,
    "colour": tuple(world.COLOURS),
    "place": world.PLACES,
    "time": world.TIMES,
    "weather": world.WEATHERS,
}
MOVING = ("rises", "falls", "moves left", "moves right", "grows", "shrinks")
TRAIN_SEED, TEST_SEED, PROMPT_SEED = 1, 2, 3


class Judge(nn.Module):
    """A plain convolutional classifier with one head per attribute."""

    def __init__(self, channels: int, answers: dict[str, tuple[str, ...]]) -> None:
        super().__init__()
        self.answers = answers
        layers: list[nn.Module] = []
        for out in (32, 64, 96):
            layers += [nn.Conv2d(channels, out, 3, 2, 1), nn.GroupNorm(8, out), nn.SiLU()]
            channels = out
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(192), nn.SiLU())
        self.heads = nn.ModuleDict({k: nn.Linear(192, len(v)) for k, v in answers.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.body(x)
        return {k: head(hidden) for k, head in self.heads.items()}

    @torch.no_grad()
    def read(self, x: Tensor) -> list[dict[str, str]]:
        """The attributes it sees in pictures [B, C, 48, 80]."""
        best = {k: v.argmax(1).tolist() for k, v in self(x).items()}
        return [{k: self.answers[k][best[k][i]] for k in best} for i in range(len(x))]


def still(rng: random.Random) -> tuple[Scene, Tensor]:
    scene = sample_scene(rng)
    return scene, render(scene, frames=1, height=HEIGHT, width=WIDTH, start=rng.uniform(0, 4))[:, 0]


def moving(rng: random.Random) -> tuple[Scene, Tensor]:
    """Frames at 0, 1 and 2 seconds, stacked as channels."""
    scene = sample_scene(rng)
    while scene.motion not in MOVING:
        scene = sample_scene(rng)
    clip = render(scene, frames=3, height=HEIGHT, width=WIDTH, fps=1.0)
    return scene, clip.transpose(0, 1).flatten(0, 1)


def fresh_judge(channels: int, answers: dict[str, tuple[str, ...]]) -> Judge:
    judge = Judge(channels, answers)
    judge(torch.zeros(1, channels, HEIGHT, WIDTH))  # sizes its lazy layer
    return judge.eval()


Draw = Callable[[random.Random], tuple[Scene, Tensor]]


def train_judge(
    draw: Draw, answers: dict[str, tuple[str, ...]], samples: int, epochs: int = 8
) -> Judge:
    rng = random.Random(TRAIN_SEED)
    scenes, pictures = zip(*(draw(rng) for _ in range(samples)), strict=True)
    x = torch.stack(pictures)
    y = {
        k: torch.tensor([names.index(getattr(s, k)) for s in scenes])
        for k, names in answers.items()
    }
    torch.manual_seed(TRAIN_SEED)
    judge = fresh_judge(x.shape[1], answers).train()
    optimiser = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.05)
    steps = epochs * (samples // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    for _ in range(steps):
        pick = torch.randint(samples, (64,))
        blurred = (
            F.avg_pool2d(x[pick], 3, 1, 1)
            if random.Random(int(pick[0])).random() < 0.5
            else x[pick]
        )
        noisy = blurred + 0.05 * torch.randn_like(
            blurred
        )  # the model draws softer than the renderer
        loss = sum(
            (F.cross_entropy(out, y[k][pick]) for k, out in judge(noisy).items()), torch.zeros(())
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return judge.eval()


def accuracy(judge: Judge, scenes: list[Scene], pictures: Tensor) -> dict[str, float]:
    read = judge.read(pictures)
    return {
        k: sum(r[k] == getattr(s, k) for r, s in zip(read, scenes, strict=True)) / len(scenes)
        for k in judge.answers
    }


def to_picture(frame: np.ndarray) -> Tensor:
    """uint8 [h, w, 3] to what a judge sees."""
    x = torch.from_numpy(np.array(frame)).permute(2, 0, 1)[None].float() / 127.5 - 1
    return F.interpolate(x, (HEIGHT, WIDTH), mode="area")[0]


def sample_clips(
    engine: DiffusersEngine, scenes: list[Scene], *, frames: int, steps: int, guidance: float
) -> list[np.ndarray]:
    """One clip at 160x96 for the plain prompt of every scene."""
    clips = []
    for number, scene in enumerate(scenes):
        spec = VideoSpec(
            prompts=(PromptSegment(plain(scene)),),
            width=160,
            height=96,
            frames=frames,
            fps=engine.capabilities.fps,
            seed=number,
            steps=steps,
            guidance=guidance,
        )
        clips.append(np.stack(list(engine.generate(spec, on_progress=lambda progress: None))))
    return clips


def judges(keep: Path) -> tuple[Judge, Judge]:
    """The judges of still and moving pictures: those kept in the file, else newly trained ones."""
    if keep.exists():
        kept = torch.load(keep, weights_only=True)
        pair = fresh_judge(3, STILL), fresh_judge(9, {"motion": MOVING})
        for judge, weights in zip(pair, kept, strict=True):
            judge.load_state_dict(weights)
        return pair
    pair = train_judge(still, STILL, 6000), train_judge(moving, {"motion": MOVING}, 3000)
    rng = random.Random(TEST_SEED)
    for judge, draw in zip(pair, (still, moving), strict=True):
        scenes, pictures = zip(*(draw(rng) for _ in range(400)), strict=True)
        print(
            "judge on drawings:", accuracy(judge, list(scenes), torch.stack(pictures)), flush=True
        )
    torch.save([judge.state_dict() for judge in pair], keep)
    return pair


def main() -> None:
    folder, keep = Path(sys.argv[1]), Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 48
    torch.set_num_threads(1)
    still_judge, motion_judge = judges(keep)
    engine = DiffusersEngine(folder, threads=1)
    steps, guidance = engine.capabilities.default_steps, engine.capabilities.guidance
    rng = random.Random(PROMPT_SEED)
    scenes = [sample_scene(rng) for _ in range(count)]
    clips = sample_clips(engine, scenes, frames=25, steps=steps, guidance=guidance)
    middle = torch.stack([to_picture(clip[12]) for clip in clips])
    print(f"model, {count} clips:", accuracy(still_judge, scenes, middle), flush=True)
    moved = [(s, c) for s, c in zip(scenes, clips, strict=True) if s.motion in MOVING]
    three = torch.stack([torch.cat([to_picture(c[t]) for t in (0, 12, 24)]) for _, c in moved])
    print(f"motion, {len(moved)} clips:", accuracy(motion_judge, [s for s, _ in moved], three))


if __name__ == "__main__":
    main()
