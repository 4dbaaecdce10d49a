"""What is measured of a model folder, one function a measure. All go through the engine.

Prompts are the plainest wording of scenes with one actor whose combination of object, colour and
place is in no training clip; clips are two seconds long, drawn at the default steps of the folder.
"""

from __future__ import annotations

import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.engine.diffusers_engine import DiffusersEngine
from generation.engine.family import Drawn
from generation.engine.protocol import Conditioning, PromptSegment, VideoSpec
from generation.training import captions
from generation.training.captions import plain, unseen_synonyms
from generation.training.evaluate.intervals import Interval, mean_interval, share_interval
from generation.training.evaluate.judges import ATTRIBUTES, Judges, one_actor, visible
from generation.training.evaluate.pictures import Clip, flicker, psnr, ssim
from generation.training.world import Scene, render, sample_scene
from generation.training.world.scene import Split

PROMPT_SEED, WORD_SEED, CLIP_SEED = 3, 4, 5
PIECE = 9  # frames given in extend and fill
CANDIDATES = 12
DRAWS = 5000


@dataclass(frozen=True)
class Value:
    """One figure with its 95 % interval; `of` says how many clips (or words) it stands on."""

    value: float
    interval: Interval
    of: int


@dataclass
class Shots:
    """Clips of prompts, and what the judges read from them."""

    scenes: list[Scene] = field(default_factory=list)
    prompts: list[str] = field(default_factory=list)
    clips: list[Clip] = field(default_factory=list)
    read: list[dict[str, str]] = field(default_factory=list)


class Studio:
    """Draws short clips with the engine at its native size and default steps."""

    def __init__(self, engine: DiffusersEngine) -> None:
        table = engine.capabilities
        self.engine, self.fps = engine, table.fps
        self.width, self.height = table.drawn_size(*table.default_size)
        self.frames = 2 * table.fps + 1

    def clip(
        self,
        prompt: str,
        seed: int,
        *,
        frames: int | None = None,
        given: tuple[Conditioning, ...] = (),
        **changes: float,
    ) -> Clip:
        """uint8 [frames, height, width, 3]; changes: of steps, guidance."""
        table = self.engine.capabilities
        spec = VideoSpec(
            prompts=(PromptSegment(prompt),),
            width=self.width,
            height=self.height,
            frames=frames or self.frames,
            fps=self.fps,
            conditioning=given,
            seed=seed,
            steps=int(changes.get("steps", table.default_steps)),
            guidance=changes.get("guidance", table.guidance),
        )
        return np.stack(list(self.engine.generate(spec, on_progress=lambda progress: None)))

    @torch.no_grad()
    def coded(self, clip: Clip) -> Clip:
        """The clip through the autoencoder and back; its length is one the model draws."""
        family = self.engine.family
        drawn = Drawn(clip.shape[2], clip.shape[1], len(clip))
        return family.decode(family.denormalise(family.encode(clip, drawn)))

    def coded_pictures(self, x: Tensor) -> Tensor:
        """Single pictures [B, 3, h, w] in [-1, 1] through the autoencoder, at the size the model draws."""
        large = F.interpolate(x, (self.height, self.width), mode="bilinear", align_corners=False)
        coded = [self.coded(to_clip(picture[:, None])) for picture in large]
        back = torch.from_numpy(np.concatenate(coded)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return F.interpolate(back, x.shape[2:], mode="area")

    def truth(self, scene: Scene, frames: int | None = None) -> Clip:
        """What the renderer draws for the scene, as the engine would deliver it."""
        x = render(
            scene,
            frames=frames or self.frames,
            height=self.height,
            width=self.width,
            fps=self.fps,
        )
        return to_clip(x)


def to_clip(x: Tensor) -> Clip:
    """float [3, frames, h, w] in [-1, 1] to uint8 [frames, h, w, 3]."""
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 3, 0).numpy()


# --- Prompts ---------------------------------------------------------------------------------


class Known:
    """The scenes a model may be asked for: those whose every part is in its vocabulary.

    A folder may have been trained on a part of the world. Without a table of styles or cameras it
    knows the plain style and the camera that stands still.
    """

    def __init__(self, model_dir: Path | None = None) -> None:
        """model_dir None, or a folder without a vocabulary: everything counts as known."""
        path = model_dir / "vocabulary.json" if model_dir is not None else None
        self.tables: dict[str, Any] = (
            json.loads(path.read_text()) if path is not None and path.exists() else {}
        )

    def names(self, table: str, plain: str) -> frozenset[str] | None:
        """What it knows of a table; None for everything."""
        return frozenset(self.tables.get(table, (plain,))) if self.tables else None

    def __call__(self, scene: Scene) -> bool:
        asked = {
            "objects": (scene.object, ""),
            "colours": (scene.colour, ""),
            "places": (scene.place, ""),
            "times": (scene.time, ""),
            "weathers": (scene.weather, ""),
            "motions": (scene.motion, ""),
            "styles": (scene.style, "plain"),
            "cameras": (scene.camera, "static"),
        }
        return all(
            (known := self.names(table, least)) is None or value in known
            for table, (value, least) in asked.items()
        )


EVERYTHING = Known()


def one_known(rng: random.Random, known: Known, split: Split = "held_out") -> Scene:
    """Raises ValueError for a vocabulary so small that no such scene turns up."""
    for _ in range(DRAWS):
        if known(scene := one_actor(rng, split=split)):
            return scene
    raise ValueError(f"no {split} scene is made of the words in the folder's vocabulary.json alone")


def held_out_scenes(count: int, seed: int = PROMPT_SEED, known: Known = EVERYTHING) -> list[Scene]:
    """Scenes of held-out combinations in which every value of every attribute comes up about as
    often as the others: guessing the commonest one helps nobody."""
    rng = random.Random(seed)
    seen: Counter[tuple[str, str]] = Counter()
    chosen = []
    for _ in range(count):
        candidates = [one_known(rng, known) for _ in range(CANDIDATES)]
        best = min(candidates, key=lambda s: sum(seen[pair] for pair in visible(s).items()))
        seen.update(visible(best).items())
        chosen.append(best)
    return chosen


# How a word is put where captions have a phrase.
SAID = {
    "place": "in the {}",
    "time_of_day": "at {}",
    "weather": "in the {}",
    "style": "in {} style",
}
ALONE = ("indoors", "overcast")  # these need no preposition


def unseen_prompts(count: int, known: Known = EVERYTHING) -> list[tuple[Scene, str, str, str]]:
    """(scene, prompt, attribute, word): scenes said with a word that is in no caption.

    Each word in turn, in a scene that shows what it means, in place of what captions say.
    """
    rng = random.Random(WORD_SEED)
    tables = {"time_of_day": "times"}
    words = [
        (word, (attribute, name))
        for word, (attribute, name) in sorted(unseen_synonyms().items())
        if (names := known.names(tables.get(attribute, f"{attribute}s"), "")) is None
        or name in names
    ]
    rng.shuffle(words)
    found = []
    for number in range(count):
        word, (attribute, name) = words[number % len(words)]
        scene = _showing(attribute, name, rng, known)
        found.append((scene, said_with(scene, attribute, word), attribute, word))
    return found


def _showing(attribute: str, name: str, rng: random.Random, known: Known = EVERYTHING) -> Scene:
    """A plainly drawn scene in which one can see `name`; of a held-out combination if there is one."""
    looks = {} if attribute == "style" else {"style": "plain"}
    for split in ("held_out", "train"):
        for _ in range(4000):
            scene = replace(one_known(rng, known, split), camera="static", **looks)  # type: ignore[arg-type]
            if visible(scene).get(attribute) == name:
                return scene
    raise ValueError(f"no scene shows the {attribute} {name!r}; see unseen_synonyms")


def said_with(scene: Scene, attribute: str, word: str) -> str:
    """The plain prompt of the scene with `word` in place of what it says of `attribute`."""
    prompt = plain(scene)
    phrase = next((p for p in _phrases(scene, attribute) if p in prompt), None)
    if phrase is None:
        raise ValueError(f"{prompt!r} says nothing of {attribute}")
    said = word if word in ALONE else SAID.get(attribute, "{}").format(word)
    prompt = prompt.replace(phrase, said, 1)
    prompt = re.sub(r"\ban? (?=[aeiou])", "an ", prompt)
    return re.sub(r"\ban (?![aeiou])", "a ", prompt)


def _phrases(scene: Scene, attribute: str) -> list[str]:
    """Every wording of an attribute of the scene, longest first."""
    kind, motion = scene.object, scene.motion
    phrases = {
        "object": captions.OBJECTS[kind],
        "colour": captions.COLOURS[scene.colour],
        "place": captions.PLACES[scene.place] + captions.ON_THE_GROUND.get(scene.place, []),
        "time_of_day": captions.TIMES[scene.time],
        "weather": captions.WEATHERS[scene.weather],
        "motion": captions.OWN_VERBS.get((kind, motion), []) + captions.MOTIONS[motion],
        "style": captions.STYLES[scene.style],
        "camera": captions.CAMERAS[scene.camera],
    }[attribute]
    return sorted(phrases, key=len, reverse=True)


# --- Measures --------------------------------------------------------------------------------


def draw_prompts(
    studio: Studio,
    judges: Judges,
    scenes: Sequence[Scene],
    prompts: Sequence[str],
    **changes: float,
) -> Shots:
    """One clip for each prompt, seeds 0, 1, 2 …, and what the judges read from it."""
    drawn = Shots(list(scenes), list(prompts))
    watch = Watch(len(drawn.prompts), "clips drawn")
    for seed, prompt in enumerate(drawn.prompts):
        clip = studio.clip(prompt, seed, **changes)
        drawn.clips.append(clip)
        drawn.read.append(judges.read(clip, studio.fps))
        watch.step()
    return drawn


def attribute_shares(drawn: Shots) -> dict[str, Value]:
    """Per attribute, the share of clips in which the judge reads what the prompt said."""
    found = {}
    for name in ATTRIBUTES:
        asked = [
            (visible(scene)[name], read[name])
            for scene, read in zip(drawn.scenes, drawn.read, strict=True)
            if name in visible(scene)
        ]
        found[name] = share([wanted == seen for wanted, seen in asked])
    return found


def unseen_share(
    judges: Judges, studio: Studio, count: int, known: Known = EVERYTHING
) -> tuple[Value, dict[str, float]]:
    """Share of clips that show what an unseen word means, over words and by attribute."""
    asked = unseen_prompts(count, known)
    drawn = draw_prompts(studio, judges, [a[0] for a in asked], [a[1] for a in asked])
    right = [
        read[attribute] == visible(scene)[attribute]
        for (scene, _, attribute, _), read in zip(asked, drawn.read, strict=True)
    ]
    by: dict[str, list[bool]] = {}
    for (_, _, attribute, _), hit in zip(asked, right, strict=True):
        by.setdefault(attribute, []).append(hit)
    return share(right), {name: round(sum(hits) / len(hits), 3) for name, hits in by.items()}


def distilled_points(
    few: Studio, judges: Judges, default: Shots, count: int
) -> tuple[Value, dict[str, float]]:
    """Points (hundredths) that the few-step model `few` gains on the default one, mean over attributes,
    on the same prompts and seeds at its own default steps; negative where it is worse.

    The interval is over clips: each clip's share of attributes read right, few-step minus default.
    """
    scenes, prompts = default.scenes[:count], default.prompts[:count]
    shots = draw_prompts(few, judges, scenes, prompts, **distilled_mode(few.engine))
    same = Shots(scenes, prompts, default.clips[:count], default.read[:count])
    a, b = attribute_shares(shots), attribute_shares(same)
    by = {name: round(100 * (a[name].value - b[name].value), 1) for name in ATTRIBUTES}
    gains = [
        100 * (_right(scene, new) - _right(scene, old))
        for scene, new, old in zip(scenes, shots.read, same.read, strict=True)
    ]
    return Value(sum(by.values()) / len(by), mean_interval(gains), len(scenes)), by


def distilled_mode(engine: DiffusersEngine) -> dict[str, float]:
    """Steps and guidance of the few-step mode that the folder's capabilities.json names; empty for one
    without, and for a folder whose default it is."""
    found = engine.family.table.get("distilled", {})
    return {k: float(found[k]) for k in ("steps", "guidance") if k in found}


def _right(scene: Scene, read: dict[str, str]) -> float:
    seen = visible(scene)
    return sum(read[name] == value for name, value in seen.items()) / len(seen)


def coding(studio: Studio, count: int) -> dict[str, Value]:
    """PSNR in dB and SSIM of held-out drawings after the autoencoder alone; 17 frames a clip."""
    rng = random.Random(CLIP_SEED)
    noise, likeness = [], []
    for _ in range(count):
        scene = sample_scene(rng, split="held_out")
        clip = studio.truth(scene, 17)
        again = studio.coded(clip)
        noise.append(psnr(clip, again))
        likeness.append(ssim(clip, again))
    return {"vae_psnr": mean(noise), "vae_ssim": mean(likeness)}


def restlessness(studio: Studio, drawn: Shots) -> dict[str, Value]:
    """Flicker of the clips, and of drawings of the same scenes: the two should be alike."""
    return {
        "flicker": mean([flicker(clip) for clip in drawn.clips]),
        "flicker_of_drawings": mean([flicker(studio.truth(scene)) for scene in drawn.scenes[:60]]),
    }


def kept_frames(
    studio: Studio, count: int, known: Known = EVERYTHING
) -> tuple[Value, dict[str, float], list[Clip]]:
    """PSNR in dB of the frames given in image to video, extend and fill against what comes out.

    Straight from the model: the editor lays the given frames over it later. Also returned: the
    mean of each operation, and for each the first clip beside its drawing.
    """
    rng = random.Random(CLIP_SEED)
    last = studio.frames - PIECE
    pieces = {  # operation -> [first, end) of each piece that is given
        "image": [(0, 1)],
        "extend": [(0, PIECE)],
        "fill": [(0, PIECE), (last, studio.frames)],
    }
    values: dict[str, list[float]] = {name: [] for name in pieces}
    shown: list[Clip] = []
    watch = Watch(count * len(pieces), "clips with given frames")
    for number in range(count):
        scene = one_known(rng, known)
        truth = studio.truth(scene)
        for name, given in pieces.items():
            conditions = tuple(Conditioning(truth[a:b], at=a / studio.fps) for a, b in given)
            clip = studio.clip(plain(scene), number, given=conditions)
            at = np.concatenate([np.arange(a, b) for a, b in given])
            values[name].append(psnr(truth[at], clip[at]))
            if number == 0:
                shown += [truth, clip]
            watch.step()
    means = {name: round(sum(found) / len(found), 2) for name, found in values.items()}
    return mean([v for found in values.values() for v in found]), means, shown


def share(hits: Sequence[bool]) -> Value:
    if not hits:
        return Value(0.0, (0.0, 1.0), 0)
    return Value(sum(hits) / len(hits), share_interval(sum(hits), len(hits)), len(hits))


def mean(values: Sequence[float]) -> Value:
    return Value(sum(values) / len(values), mean_interval(values), len(values))


class Watch:
    """Tells on stderr, now and then, how far a slow loop is."""

    def __init__(self, total: int, what: str) -> None:
        self.total, self.what, self.done = total, what, 0
        self.began = self.told = time.monotonic()

    def step(self) -> None:
        self.done += 1
        now = time.monotonic()
        if now - self.told > 20 or self.done == self.total:
            self.told = now
            left = (now - self.began) / self.done * (self.total - self.done)
            print(
                f"{self.done} of {self.total} {self.what}, {left:.0f} s to go",
                file=sys.stderr,
                flush=True,
            )
