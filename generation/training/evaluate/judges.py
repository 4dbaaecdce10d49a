"""Judges: small networks, trained on drawings only, that read from a clip what it shows.

One reads stills (object, colour, place, time of day, weather, style) from three frames of a clip, one
reads seven frames together (motion, camera). They learn from freshly drawn scenes made worse the way
a model makes them worse: blurred, noisy, off in light, and a share of them through the autoencoder
of the model to be judged. What they read from drawings they have never seen is the ceiling of every
figure and stands beside it.

Shape letters: B batch, C channels, H W rows and columns.
"""

from __future__ import annotations

import hashlib
import random
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from generation.training import world
from generation.training.captions import mirrored_scene
from generation.training.evaluate.pictures import Clip
from generation.training.world import Scene, cover, labels, render, sample_scene
from generation.training.world.scene import SHELTERED, Split

HEIGHT, WIDTH = 72, 120  # what the judge of stills sees
LOW_HEIGHT, LOW_WIDTH = 36, 60  # what the judge of motion sees, seven times
MOMENTS = 7
FPS = 3.0  # of those seven: two seconds
STILL = {
    "object": tuple(world.OBJECTS),
    "colour": tuple(world.COLOURS),
    "place": tuple(world.PLACES),
    "time_of_day": tuple(world.TIMES),
    "weather": tuple(world.WEATHERS),
    "style": tuple(world.STYLES),
}
MOVING = {"motion": tuple(world.MOTIONS), "camera": tuple(world.CAMERAS)}
ATTRIBUTES = (*STILL, *MOVING)
TRAIN_SEED, TEST_SEED = 1, 2

RoundTrip = Callable[[Tensor], Tensor]  # pictures [B, 3, H, W] through an autoencoder


@dataclass(frozen=True)
class Effort:
    """How much is drawn and how long is learned. The tests take less."""

    clips: int = 4500  # of seven moments, two of which are stills too
    coded: int = 900  # stills that also go through the autoencoder
    still_steps: int = 420
    moving_steps: int = 260
    tested: int = 400


def visible(scene: Scene) -> dict[str, str]:
    """The attributes of `scene` that a picture can show: no colours in black and white, no weather
    indoors, no time of day in space."""
    found = labels(scene)
    if scene.style in world.MONOCHROME:
        del found["colour"]
    if scene.place in SHELTERED:
        del found["weather"]
    if scene.place == "space":
        del found["time_of_day"]
    return found


def one_actor(rng: random.Random, *, split: Split = "train") -> Scene:
    """A scene with a single thing that does one thing: what can be judged without doubt."""
    while True:
        scene = sample_scene(rng, split=split)
        if len(scene.actors) == 1 and not scene.then:
            return scene


# --- Networks --------------------------------------------------------------------------------


def _block(channels: int, out: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(out),
        nn.ReLU(),
    )


class StillJudge(nn.Module):
    """Looks for the thing first (a map of where it is), reads object and colour there and the
    rest from the whole picture."""

    answers = STILL

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(_block(3, 32, 5, 2), _block(32, 64, 3, 2))
        self.late = nn.Sequential(_block(64, 128, 3, 2), _block(128, 128, 3, 1))
        self.where = nn.Conv2d(128, 1, 1)
        self.thing = nn.Sequential(nn.Linear(64 + 128 + 128, 160), nn.ReLU())
        self.scenery = nn.Sequential(nn.Linear(256, 128), nn.ReLU())
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(160 if name in ("object", "colour") else 128, len(choices))
                for name, choices in STILL.items()
            }
        )

    def look(self, x: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        """Pictures [B, 3, 72, 120] in [-1, 1] to scores per attribute, and the map [B, H*W] in logs."""
        fine = self.early(x)
        coarse = self.late(fine)
        where = self.where(coarse).flatten(1).log_softmax(1)
        share = where.exp().view(-1, 1, *coarse.shape[2:])
        there = (coarse * share).sum((2, 3))
        peak = (coarse * (share / share.amax((2, 3), keepdim=True))).amax((2, 3))
        finer = F.interpolate(share, fine.shape[2:])
        closely = (fine * finer / finer.sum((2, 3), keepdim=True)).sum((2, 3))
        thing = self.thing(torch.cat([closely, there, peak], 1))
        scenery = self.scenery(torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], 1))
        scores = {
            name: head(thing if name in ("object", "colour") else scenery)
            for name, head in self.heads.items()
        }
        return scores, where

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.look(x)[0]


class MovingJudge(nn.Module):
    """Reads seven frames at once, as channels of one small picture [B, 21, 36, 60]."""

    answers = MOVING

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _block(3 * MOMENTS, 64, 5, 2),
            _block(64, 96, 3, 2),
            _block(96, 128, 3, 2),
            _block(128, 128, 3, 1),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(128 * 5 * 8, 160),
            nn.ReLU(),
        )
        self.heads = nn.ModuleDict({k: nn.Linear(160, len(v)) for k, v in MOVING.items()})

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.body(x)
        return {name: head(hidden) for name, head in self.heads.items()}


# --- Drawings to learn from ------------------------------------------------------------------


@dataclass(frozen=True)
class Drawings:
    """Bytes: moving [N, 21, 36, 60] of the scenes; stills [M, 3, 72, 120] of scenes[of[m]], with
    half float covers [M, cells of the map]."""

    scenes: list[Scene]
    moving: Tensor
    stills: Tensor
    covers: Tensor
    of: Tensor


def draw(clips: int, seed: int) -> Drawings:
    """That many scenes, two seconds each."""
    rng = random.Random(seed)
    scenes: list[Scene] = []
    moving, pictures, covers = [], [], []
    for _ in range(clips):
        scene = one_actor(rng, split="held_out" if rng.random() < 0.1 else "train")
        first = rng.uniform(0, 2)
        clip = render(scene, frames=MOMENTS, height=HEIGHT, width=WIDTH, fps=FPS, start=first)
        kept = rng.sample(range(MOMENTS), 2)
        for k in kept:
            mask = cover(
                scene, frames=1, height=HEIGHT, width=WIDTH, fps=FPS, start=first + k / FPS
            )
            cells = F.adaptive_avg_pool2d(mask[:, None], (HEIGHT // 8, WIDTH // 8))
            covers.append(cells.flatten(1).half())
        scenes.append(scene)
        pictures.append(to_bytes(clip[:, kept].transpose(0, 1)))
        moving.append(to_bytes(shrink(clip.transpose(0, 1)).flatten(0, 1)))
    of = torch.arange(clips).repeat_interleave(2)
    return Drawings(scenes, torch.stack(moving), torch.cat(pictures), torch.cat(covers), of)


def to_bytes(x: Tensor) -> Tensor:
    """[-1, 1] to 0 to 255: a fourth of the memory."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte()


def from_bytes(x: Tensor) -> Tensor:
    return x.float() / 127.5 - 1


def shrink(pictures: Tensor) -> Tensor:
    """[B, 3, h, w] to the size of the judge of motion."""
    return F.interpolate(pictures, (LOW_HEIGHT, LOW_WIDTH), mode="area")


def worsened(x: Tensor) -> Tensor:
    """Pictures [B, C, h, w] as a model might draw them; each picture in its own way."""
    b = len(x)
    h, w = x.shape[2:]
    level = torch.randint(4, (b,))
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    shrunk = F.interpolate(x, (h // 2, w // 2), mode="area")
    softer = F.interpolate(shrunk, (h, w), mode="bilinear")
    pick = level.view(b, 1, 1, 1)
    x = torch.where(pick == 1, soft, torch.where(pick == 2, softer, x))
    gain = 1 + 0.12 * (2 * torch.rand(b, 1, 1, 1) - 1)
    shift = 0.08 * (2 * torch.rand(b, 1, 1, 1) - 1)
    return gain * x + shift + 0.06 * torch.rand(b, 1, 1, 1) * torch.randn_like(x)


# --- Learning --------------------------------------------------------------------------------


def _targets(scenes: Iterable[Scene], answers: dict[str, tuple[str, ...]]) -> dict[str, Tensor]:
    """Numbers of the right answers, -100 where a picture can't show it."""
    seen = [visible(scene) for scene in scenes]
    return {
        name: torch.tensor([choices.index(s[name]) if name in s else -100 for s in seen])
        for name, choices in answers.items()
    }


def _loss(scores: dict[str, Tensor], wanted: dict[str, Tensor]) -> Tensor:
    """Sum over attributes, a little smoothed; rows without an answer don't count."""
    total = torch.zeros(())
    for name, score in scores.items():
        if bool((wanted[name] >= 0).any()):
            total = total + F.cross_entropy(score, wanted[name], label_smoothing=0.05)
    return total


def _learn(
    judge: nn.Module, steps: int, batch: int, loss_of: Callable[[Tensor], Tensor], count: int
) -> None:
    """AdamW with one warm-up and a fall to zero; `loss_of` takes numbers of drawings."""
    judge.train()
    optimiser = torch.optim.AdamW(judge.parameters(), 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    order = torch.empty(0, dtype=torch.int64)
    began = time.monotonic()
    for step in range(steps):
        if len(order) < batch:
            order = torch.cat([order, torch.randperm(count)])
        pick, order = order[:batch], order[batch:]
        loss = loss_of(pick)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 0 or step + 1 == steps:
            spent = time.monotonic() - began
            _say(
                f"{type(judge).__name__} step {step + 1}/{steps} loss {loss.item():.2f} {spent:.0f} s"
            )
    judge.eval()


def _learn_stills(judge: StillJudge, drawn: Drawings, steps: int) -> None:
    wanted = _targets([drawn.scenes[i] for i in drawn.of.tolist()], STILL)

    def loss_of(pick: Tensor) -> Tensor:
        x, where = from_bytes(drawn.stills[pick]), drawn.covers[pick].float()
        flip = torch.rand(len(pick)) < 0.5
        x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
        grid = where.view(len(pick), HEIGHT // 8, WIDTH // 8)
        grid = torch.where(flip.view(-1, 1, 1), grid.flip(2), grid).flatten(1)
        scores, logs = judge.look(worsened(x))
        share = grid / grid.sum(1, keepdim=True).clamp(min=1e-3)
        finding = -(share * logs).sum(1).mean()
        return _loss(scores, {k: v[pick] for k, v in wanted.items()}) + 0.3 * finding

    _learn(judge, steps, 64, loss_of, len(drawn.stills))


def _learn_moving(judge: MovingJudge, drawn: Drawings, steps: int) -> None:
    scenes = drawn.scenes
    wanted = _targets(scenes, MOVING)
    turned = _targets([mirrored_scene(scene) for scene in scenes], MOVING)

    def loss_of(pick: Tensor) -> Tensor:
        x = from_bytes(drawn.moving[pick])
        flip = torch.rand(len(pick)) < 0.5
        x = torch.where(flip.view(-1, 1, 1, 1), x.flip(3), x)
        right = {k: torch.where(flip, turned[k][pick], wanted[k][pick]) for k in wanted}
        return _loss(judge(worsened(x)), right)

    _learn(judge, steps, 64, loss_of, len(drawn.moving))


# --- The pair --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judges:
    """ceiling: attribute -> share of unseen drawings that are read right."""

    still: StillJudge
    moving: MovingJudge
    ceiling: dict[str, float]

    @torch.no_grad()
    def read(self, clip: Clip, fps: int) -> dict[str, str]:
        """What a clip [frames, h, w, 3] shows. Two seconds are looked at, a shorter one to its end."""
        x = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
        last = min(len(x) - 1, 2 * fps)
        three = x[[last // 6, last // 2, last - last // 6]]
        seven = x[torch.linspace(0, last, MOMENTS).round().long()]
        stills = F.interpolate(three, (HEIGHT, WIDTH), mode="area")
        scores = {k: v.log_softmax(1).mean(0) for k, v in self.still(stills).items()}
        scores |= {k: v[0] for k, v in self.moving(shrink(seven).flatten(0, 1)[None]).items()}
        return {k: (STILL | MOVING)[k][int(v.argmax())] for k, v in scores.items()}


def train_judges(round_trip: RoundTrip | None, effort: Effort) -> Judges:
    """New judges; `round_trip` is the autoencoder of the model that will be judged."""
    torch.manual_seed(TRAIN_SEED)
    began = time.monotonic()
    drawn = draw(effort.clips, TRAIN_SEED)
    _say(f"{len(drawn.scenes)} scenes drawn in {time.monotonic() - began:.0f} s")
    if round_trip is not None and effort.coded:
        pick = torch.randperm(len(drawn.stills))[: effort.coded]
        coded = torch.cat(
            [to_bytes(round_trip(from_bytes(drawn.stills[p]))) for p in pick.split(16)]
        )
        drawn = replace(
            drawn,
            stills=torch.cat([drawn.stills, coded]),
            covers=torch.cat([drawn.covers, drawn.covers[pick]]),
            of=torch.cat([drawn.of, drawn.of[pick]]),
        )
        _say(f"{len(coded)} of them coded, {time.monotonic() - began:.0f} s")
    still, moving = StillJudge(), MovingJudge()
    _learn_stills(still, drawn, effort.still_steps)
    _learn_moving(moving, drawn, effort.moving_steps)
    return Judges(still, moving, ceiling_of(still, moving, effort.tested))


@torch.no_grad()
def ceiling_of(still: StillJudge, moving: MovingJudge, tested: int) -> dict[str, float]:
    """Share of new drawings read right, per attribute."""
    drawn = draw(tested, TEST_SEED)
    share = {}
    for judge, x in ((still, drawn.stills[::2]), (moving, drawn.moving)):
        wanted = _targets(drawn.scenes, judge.answers)
        scores = judge(from_bytes(x))
        for name, right in wanted.items():
            asked = right >= 0
            hits = scores[name].argmax(1)[asked] == right[asked]
            share[name] = round(float(hits.float().mean()), 4)
    _say(f"judges on unseen drawings: {share}")
    return share


def load_judges(
    folder: Path, round_trip: RoundTrip | None, *, coder: str = "", effort: Effort | None = None
) -> Judges:
    """The judges kept in `folder`, trained anew when the world, this file or the autoencoder (the
    hash `coder`) changed."""
    effort = effort or Effort()
    path = folder / f"judges-{_key(coder, effort)}.safetensors"
    still, moving = StillJudge().eval(), MovingJudge().eval()
    if path.is_file():
        kept = load_file(path)
        for name, judge in (("still", still), ("moving", moving)):
            judge.load_state_dict(
                {k.removeprefix(f"{name}."): v for k, v in kept.items() if k.startswith(f"{name}.")}
            )
        ceiling = {k.removeprefix("ceiling."): float(v) for k, v in kept.items() if "ceiling." in k}
        return Judges(still, moving, ceiling)
    judges = train_judges(round_trip, effort)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"still.{k}": v for k, v in judges.still.state_dict().items()}
    tensors |= {f"moving.{k}": v for k, v in judges.moving.state_dict().items()}
    tensors |= {f"ceiling.{k}": torch.tensor(v) for k, v in judges.ceiling.items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, path)
    return judges


def _key(coder: str, effort: Effort) -> str:
    """Changes with everything the judges depend on."""
    digest = hashlib.sha256(f"{coder} {effort}".encode())
    for path in (*sorted(Path(world.__file__).parent.glob("*.py")), Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
