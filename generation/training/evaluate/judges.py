"""Judges: small networks, trained on drawings only, that read from a clip what it shows.

One reads stills (colour, place, time of day, weather, style) from three frames of a clip and finds the
thing in them; one looks at the thing alone, closely (object); one reads seven frames together (motion,
camera). They learn from freshly drawn scenes made worse the way
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
from dataclasses import dataclass
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

FULL_HEIGHT, FULL_WIDTH = 96, 160  # what is drawn
HEIGHT, WIDTH = 72, 120  # what the judge of stills sees
CROP, SEEN, CLOSE = (
    80,
    54,
    48,
)  # pixels kept around the thing, looked at, and as its judge sees them
LOW_HEIGHT, LOW_WIDTH = 36, 60  # what the judge of motion sees, seven times
MOMENTS = 7
FPS = 3.0  # of those seven: two seconds
THING = {"object": tuple(world.OBJECTS)}
STILL = {
    "colour": tuple(world.COLOURS),
    "place": tuple(world.PLACES),
    "time_of_day": tuple(world.TIMES),
    "weather": tuple(world.WEATHERS),
    "style": tuple(world.STYLES),
}
MOVING = {"motion": tuple(world.MOTIONS), "camera": tuple(world.CAMERAS)}
ANSWERS = THING | STILL | MOVING
ATTRIBUTES = tuple(ANSWERS)
TRAIN_SEED, TEST_SEED = 1, 2

RoundTrip = Callable[[Tensor], Tensor]  # pictures [B, 3, H, W] through an autoencoder


@dataclass(frozen=True)
class Effort:
    """How much is drawn and how long is learned. The tests take less."""

    clips: int = 3500  # of seven moments, three of which are stills too
    coded: int = 240  # clips whose stills go through the autoencoder
    still_steps: int = 500
    thing_steps: int = 600
    moving_steps: int = 500
    tested: int = 300


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
    """Looks for the thing first (a map of where it is), reads its colour there and the rest from the
    whole picture."""

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
                name: nn.Linear(160 if name == "colour" else 128, len(choices))
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
            name: head(thing if name == "colour" else scenery) for name, head in self.heads.items()
        }
        return scores, where

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.look(x)[0]


class ThingJudge(nn.Module):
    """Looks closely at the thing: pictures [B, 3, 48, 48] with it in the middle."""

    answers = THING

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for channels, out in ((3, 32), (32, 64), (64, 128)):
            layers += [_block(channels, out, 3, 1), nn.MaxPool2d(2)]
        self.body = nn.Sequential(*layers, _block(128, 192, 3, 1), nn.Flatten(), nn.Dropout(0.3))
        self.heads = nn.ModuleDict(
            {k: nn.Linear(192 * (CLOSE // 8) ** 2, len(v)) for k, v in THING.items()}
        )

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        hidden = self.body(x)
        return {name: head(hidden) for name, head in self.heads.items()}


class MovingJudge(nn.Module):
    """Reads seven frames at once [B, 21, 36, 60]: the middle one, and what changes from each to the next."""

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
        frames = x.unflatten(1, (MOMENTS, 3))
        changes = 2 * (frames[:, 1:] - frames[:, :-1])
        hidden = self.body(torch.cat([frames[:, MOMENTS // 2], changes.flatten(1, 2)], 1))
        return {name: head(hidden) for name, head in self.heads.items()}


# --- Drawings to learn from ------------------------------------------------------------------


@dataclass(frozen=True)
class Drawings:
    """Bytes: moving [N, 21, 36, 60] of the scenes; stills [M, 3, 72, 120] of scenes[of[m]], with
    half float covers [M, cells of the map], and close [M, 3, 80, 80] around the thing."""

    scenes: list[Scene]
    moving: Tensor
    stills: Tensor
    close: Tensor
    covers: Tensor
    of: Tensor


KEPT = 3  # stills of a clip


def draw(clips: int, seed: int, round_trip: RoundTrip | None = None, coded: int = 0) -> Drawings:
    """That many scenes, two seconds each; the stills of the first `coded` go through an autoencoder."""
    rng = random.Random(seed)
    scenes: list[Scene] = []
    moving, stills, close, covers = [], [], [], []
    for number in range(clips):
        scene = one_actor(rng, split="held_out" if rng.random() < 0.1 else "train")
        size = {
            "frames": MOMENTS,
            "height": FULL_HEIGHT,
            "width": FULL_WIDTH,
            "fps": FPS,
            "start": rng.uniform(0, 2),
        }
        clip = render(scene, **size).transpose(0, 1)
        kept = rng.sample(range(MOMENTS), KEPT)
        masks = cover(scene, **size)[kept]
        pictures = clip[kept]
        if round_trip is not None and number < coded:
            pictures = round_trip(pictures)
        scenes.append(scene)
        moving.append(to_bytes(shrink(clip).flatten(0, 1)))
        stills.append(to_bytes(F.interpolate(pictures, (HEIGHT, WIDTH), mode="area")))
        close.append(to_bytes(cut_out(pictures, centres(masks), CROP)))
        cells = F.adaptive_avg_pool2d(masks[:, None], (HEIGHT // 8, WIDTH // 8))
        covers.append(cells.flatten(1).half())
    of = torch.arange(clips).repeat_interleave(KEPT)
    return Drawings(
        scenes, torch.stack(moving), torch.cat(stills), torch.cat(close), torch.cat(covers), of
    )


def centres(maps: Tensor) -> Tensor:
    """Where the weight of maps [B, h, w] lies: [B, 2], x and y from -1 to 1."""
    h, w = maps.shape[1:]
    share = maps / maps.sum((1, 2), keepdim=True).clamp(min=1e-6)
    x = (share.sum(1) * (torch.arange(w) + 0.5)).sum(1) / w
    y = (share.sum(2) * (torch.arange(h) + 0.5)).sum(1) / h
    return torch.stack([2 * x - 1, 2 * y - 1], 1)


def cut_out(pictures: Tensor, middle: Tensor, size: int, shown: int | None = None) -> Tensor:
    """`size` pixels of pictures [B, 3, 96, 160] around `middle` [B, 2], drawn `shown` pixels large."""
    b, shown = len(pictures), shown or size
    grid = torch.zeros(b, 2, 3)
    grid[:, 0, 0], grid[:, 1, 1] = size / FULL_WIDTH, size / FULL_HEIGHT
    grid[:, :, 2] = middle
    places = F.affine_grid(grid, [b, 3, shown, shown], align_corners=False)
    return F.grid_sample(pictures, places, padding_mode="border", align_corners=False)


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


def _learn_things(judge: ThingJudge, drawn: Drawings, steps: int) -> None:
    wanted = _targets([drawn.scenes[i] for i in drawn.of.tolist()], THING)

    def loss_of(pick: Tensor) -> Tensor:
        b = len(pick)
        grid = torch.zeros(b, 2, 3)
        scale = SEEN / CROP * (0.9 + 0.25 * torch.rand(b))
        grid[:, 0, 0] = scale * torch.where(torch.rand(b) < 0.5, -1.0, 1.0)
        grid[:, 1, 1] = scale
        grid[:, :, 2] = 0.2 * (2 * torch.rand(b, 2) - 1)  # it is not found exactly
        places = F.affine_grid(grid, [b, 3, CLOSE, CLOSE], align_corners=False)
        x = F.grid_sample(from_bytes(drawn.close[pick]), places, align_corners=False)
        return _loss(judge(worsened(x)), {k: v[pick] for k, v in wanted.items()})

    _learn(judge, steps, 64, loss_of, len(drawn.close))


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
    thing: ThingJudge
    moving: MovingJudge
    ceiling: dict[str, float]

    @torch.no_grad()
    def read(self, clip: Clip, fps: int) -> dict[str, str]:
        """What a clip [frames, h, w, 3] shows. Two seconds are looked at, a shorter one to its end."""
        x = torch.from_numpy(clip).permute(0, 3, 1, 2).float() / 127.5 - 1
        last = min(len(x) - 1, 2 * fps)
        three = x[[last // 6, last // 2, last - last // 6]]
        seven = x[torch.linspace(0, last, MOMENTS).round().long()]
        scores, where = self.still.look(F.interpolate(three, (HEIGHT, WIDTH), mode="area"))
        share = where.exp().view(len(three), HEIGHT // 8, WIDTH // 8)
        share = share * (
            share > 0.2 * share.amax((1, 2), keepdim=True)
        )  # leaves out what is far off
        full = F.interpolate(three, (FULL_HEIGHT, FULL_WIDTH), mode="area")
        scores |= self.thing(cut_out(full, centres(share), SEEN, CLOSE))
        found = {k: v.log_softmax(1).mean(0) for k, v in scores.items()}
        found |= {k: v[0] for k, v in self.moving(shrink(seven).flatten(0, 1)[None]).items()}
        return {k: ANSWERS[k][int(found[k].argmax())] for k in ATTRIBUTES}


PARTS = {"still": StillJudge, "thing": ThingJudge, "moving": MovingJudge}


def train_judges(round_trip: RoundTrip | None, effort: Effort) -> Judges:
    """New judges; `round_trip` is the autoencoder of the model that will be judged."""
    torch.manual_seed(TRAIN_SEED)
    began = time.monotonic()
    drawn = draw(effort.clips, TRAIN_SEED, round_trip, effort.coded)
    _say(f"{len(drawn.scenes)} scenes drawn in {time.monotonic() - began:.0f} s")
    still, thing, moving = StillJudge(), ThingJudge(), MovingJudge()
    _learn_stills(still, drawn, effort.still_steps)
    _learn_things(thing, drawn, effort.thing_steps)
    _learn_moving(moving, drawn, effort.moving_steps)
    return Judges(still, thing, moving, ceiling_of(Judges(still, thing, moving, {}), effort.tested))


def ceiling_of(judges: Judges, tested: int) -> dict[str, float]:
    """Share of drawings of other scenes that are read right, per attribute, in the way clips are read."""
    rng = random.Random(TEST_SEED)
    hits: dict[str, list[bool]] = {name: [] for name in ATTRIBUTES}
    for _ in range(tested):
        scene = one_actor(rng, split="held_out")
        clip = render(scene, frames=25, height=FULL_HEIGHT, width=FULL_WIDTH, fps=12.0)
        read = judges.read(to_bytes(clip).permute(1, 2, 3, 0).numpy(), 12)
        for name, value in visible(scene).items():
            hits[name].append(read[name] == value)
    share = {name: round(sum(found) / max(1, len(found)), 4) for name, found in hits.items()}
    _say(f"judges on unseen drawings: {share}")
    return share


def load_judges(
    folder: Path, round_trip: RoundTrip | None, *, coder: str = "", effort: Effort | None = None
) -> Judges:
    """The judges kept in `folder`, trained anew when the world, this file or the autoencoder (the
    hash `coder`) changed."""
    effort = effort or Effort()
    path = folder / f"judges-{_key(coder, effort)}.safetensors"
    if path.is_file():
        kept = load_file(path)
        parts = {name: kind().eval() for name, kind in PARTS.items()}
        for name, judge in parts.items():
            judge.load_state_dict(
                {k.removeprefix(f"{name}."): v for k, v in kept.items() if k.startswith(f"{name}.")}
            )
        ceiling = {k: float(kept[f"ceiling.{k}"]) for k in ATTRIBUTES}
        return Judges(**parts, ceiling=ceiling)
    judges = train_judges(round_trip, effort)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{k}": v for name in PARTS for k, v in getattr(judges, name).state_dict().items()
    }
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
