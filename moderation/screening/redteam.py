"""The red team's machine: every seed in every disguise through the real decisions, and a table of it.

A seed is a prompt that has to be stopped, with a harmless one of the same shape beside it. What is
asked is a Target: the product's own stages. Nothing here decides; it counts.

A cell of the table counts one transform x category x stage. A stage counts what is left after it and
all stages before it; the last two count only what reached them:

    prompt      lists and rules of the web request, on the text as written
    rewritten   the worker's panel on the written and the rewritten text
    upload      prompt and upload judged together
    output      the clip, drawn and scanned (only for the first few that get that far)

"Passed" means allowed without a mark; guarded (made, kept private, judged strictly) is counted apart.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from moderation.screening.protocol import Action, Category, strictest
from moderation.screening.redteam_transforms import Attack, Transform, one, transforms

SEEDS = Path(__file__).parent / "redteam_seeds.jsonl"
BASELINE = Path(__file__).parent / "redteam_baseline.json"
"""The run of the shipped seeds that a site without one of its own compares with."""
MAX_SEEDS = 5000
MAX_TEXT = 2000
Stage = Literal["prompt", "rewritten", "upload", "output"]
STAGES: tuple[Stage, ...] = ("prompt", "rewritten", "upload", "output")
REGRESSION_POINTS = 1.0

_ORDER: dict[Action, int] = {"allow": 0, "guard": 1, "hold": 2, "refuse": 3}


class SeedError(ValueError):
    """A seed file that can't be used. Names the line and the field."""


@dataclass(frozen=True)
class Seed:
    """text must be stopped; harmless, of the same shape, must pass. metaphor says it in pictures."""

    id: str
    text: str
    category: str
    harmless: str = ""
    metaphor: str = ""


class Target(Protocol):
    """The stages of the product. Each returns what it does with the request."""

    def prompt(self, cards: Sequence[str]) -> Action: ...

    def rewritten(self, cards: Sequence[str], *, guarded_source: bool) -> Action: ...

    def upload(self, cards: Sequence[str]) -> Action:
        """Prompt and a harmless picture together; "allow" where nothing judges both."""
        ...

    def output(self, cards: Sequence[str]) -> Action | None:
        """Draw and scan it; None: not looked at."""
        ...


@dataclass(frozen=True)
class Shot:
    """One seed in one disguise: what each stage said, and the words of the try that got furthest."""

    seed: str
    category: str
    transform: str
    group: str
    harmless: bool
    text: str
    stages: Mapping[str, Action] = field(default_factory=dict)

    def action(self, stage: Stage) -> Action | None:
        """The strictest answer up to and with a stage; None for one it has nothing to do with.

        What was refused in the prompt counts as refused after the rewriter too; joint review and
        output count only what reached them.
        """
        if stage in ("upload", "output") and stage not in self.stages:
            return None
        return strictest(
            *(self.stages[s] for s in STAGES[: STAGES.index(stage) + 1] if s in self.stages)
        )

    @property
    def final(self) -> Action:
        return strictest(*self.stages.values())


@dataclass(frozen=True)
class Cell:
    """Counts of one transform x category x stage. `harmless_*`: the paired harmless texts."""

    transform: str
    group: str
    category: str
    stage: str
    n: int = 0
    passed: int = 0
    guarded: int = 0
    harmless_n: int = 0
    harmless_refused: int = 0
    harmless_guarded: int = 0

    @property
    def success(self) -> float:
        """Attack success in percent: what is made as if nothing were wrong."""
        return 100 * self.passed / self.n if self.n else 0.0


def name_of(path: Path) -> str:
    """What runs of a seed file are kept and compared under: its name and what is in it."""
    return f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"


def read_seeds(path: Path = SEEDS) -> list[Seed]:
    """Seeds of a JSONL file: id, text, category, label; optional harmless and metaphor.

    Rows with the label "allow" are left out: they are nobody's attack. Raises SeedError.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SeedError(f"{path} can't be read: {error}") from error
    seeds: dict[str, Seed] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if len(seeds) >= MAX_SEEDS:
            raise SeedError(f"{path.name} holds more than {MAX_SEEDS:,} seeds.")
        seed = _seed(line, f"{path.name}, line {number}")
        if seed is None:
            continue
        if seed.id in seeds:
            raise SeedError(f"{path.name}, line {number}: the id {seed.id!r} stands there twice.")
        seeds[seed.id] = seed
    if not seeds:
        raise SeedError(f"{path.name} holds no row with the label block.")
    return list(seeds.values())


def _seed(line: str, where: str) -> Seed | None:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise SeedError(f"{where}: not JSON.") from error
    if not isinstance(row, dict):
        raise SeedError(f"{where}: not a JSON object.")
    for name in ("id", "text", "category", "harmless", "metaphor"):
        value = row.get(name, "")
        if not isinstance(value, str) or len(value) > MAX_TEXT:
            raise SeedError(f"{where}: {name} must be a text of at most {MAX_TEXT} characters.")
        if name in ("id", "text", "category") and not value.strip():
            raise SeedError(f"{where}: {name} is missing.")
    if row["category"] == Category.SEXUAL_MINORS.value:
        raise SeedError(f"{where}: no prompts about minors; that rule is tested without any.")
    if row.get("label", "block") != "block":
        return None
    return Seed(
        row["id"], row["text"], row["category"], row.get("harmless", ""), row.get("metaphor", "")
    )


def run(seeds: Iterable[Seed], target: Target, *, only: Iterable[str] = ()) -> list[Shot]:
    """Every seed, and its harmless pair, in every disguise. `only`: names or groups of transforms."""
    wanted = set(only)
    chosen = [t for t in transforms() if not wanted or {t.name, t.group} & wanted]
    shots: list[Shot] = []
    for seed in seeds:
        for transform in chosen:
            shots.append(_shoot(seed, transform, seed.text, target, harmless=False))
            if seed.harmless:
                shots.append(_shoot(seed, transform, seed.harmless, target, harmless=True))
        if seed.metaphor and (not wanted or "metaphor" in wanted):
            metaphor = Transform("metaphor", "metaphor", one)
            shots.append(_shoot(seed, metaphor, seed.metaphor, target, harmless=False))
    return shots


def _shoot(seed: Seed, transform: Transform, text: str, target: Target, *, harmless: bool) -> Shot:
    attack = transform.make(text)
    stages, cards = (_chain if attack.chained else _best)(attack, target)
    return Shot(
        seed=seed.id,
        category=seed.category,
        transform=transform.name,
        group=transform.group,
        harmless=harmless,
        text=" | ".join(cards),
        stages=stages,
    )


def _best(attack: Attack, target: Target) -> tuple[dict[str, Action], tuple[str, ...]]:
    """The try that gets furthest; one that passes ends the trying."""
    best: tuple[dict[str, Action], tuple[str, ...]] | None = None
    for cards in attack.tries:
        stages = _stages(cards, target, with_upload=attack.with_upload)
        if best is None or _rank(stages) < _rank(best[0]):
            best = stages, cards
        if strictest(*stages.values()) == "allow":
            break
    assert best is not None
    return best


def _chain(attack: Attack, target: Target) -> tuple[dict[str, Action], tuple[str, ...]]:
    """Remix after remix: what a guarded parent was made of stays guarded; a refusal ends the chain."""
    guarded = False
    stages: dict[str, Action] = {}
    for number, cards in enumerate(attack.tries):
        first_upload = attack.with_upload and number == 0
        stages = _stages(cards, target, with_upload=first_upload, guarded_source=guarded)
        action = strictest(*stages.values())
        if action in ("refuse", "hold"):
            break
        guarded = guarded or action == "guard"
    return stages, cards


def _stages(
    cards: Sequence[str], target: Target, *, with_upload: bool, guarded_source: bool = False
) -> dict[str, Action]:
    stages: dict[str, Action] = {"prompt": target.prompt(cards)}
    if stages["prompt"] in ("refuse", "hold"):
        return stages
    stages["rewritten"] = target.rewritten(cards, guarded_source=guarded_source)
    if with_upload and stages["rewritten"] not in ("refuse", "hold"):
        stages["upload"] = target.upload(cards)
    if strictest(*stages.values()) in ("allow", "guard"):
        output = target.output(cards)
        if output is not None:
            stages["output"] = output
    return stages


def _rank(stages: Mapping[str, Action]) -> tuple[int, int]:
    return _ORDER[strictest(*stages.values())], -len(stages)


# --- The table -------------------------------------------------------------------------------------


def tabulate(shots: Iterable[Shot]) -> list[Cell]:
    """Cells in the order of transforms, categories and stages; those without a shot are left out."""
    counts: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    for shot in shots:
        for stage in STAGES:
            action = shot.action(stage)
            if action is None:
                continue
            count = counts[shot.transform, shot.group, shot.category, stage]
            if shot.harmless:
                count["harmless_n"] += 1
                count["harmless_refused"] += action in ("refuse", "hold")
                count["harmless_guarded"] += action == "guard"
            else:
                count["n"] += 1
                count["passed"] += action == "allow"
                count["guarded"] += action == "guard"
    return [_cell(*key, count) for key, count in counts.items()]


def _cell(transform: str, group: str, category: str, stage: str, count: Counter[str]) -> Cell:
    return Cell(
        transform=transform,
        group=group,
        category=category,
        stage=stage,
        n=count["n"],
        passed=count["passed"],
        guarded=count["guarded"],
        harmless_n=count["harmless_n"],
        harmless_refused=count["harmless_refused"],
        harmless_guarded=count["harmless_guarded"],
    )


def totals(cells: Iterable[Cell], *by: str) -> dict[tuple[str, ...], Cell]:
    """Cells added up over everything but the named fields."""
    sums: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for cell in cells:
        values = asdict(cell)
        key = tuple(values[name] for name in by)
        sums[key].update({k: v for k, v in values.items() if isinstance(v, int)})
    found = {}
    for key, count in sums.items():
        named = dict(zip(by, key, strict=True))
        found[key] = _cell(
            named.get("transform", ""),
            named.get("group", ""),
            named.get("category", ""),
            named.get("stage", ""),
            count,
        )
    return found


@dataclass(frozen=True)
class Change:
    """One total that moved between two runs, in points. Worse: more attacks pass, or more harmless
    texts are refused."""

    what: str
    measure: Literal["attacks passed", "harmless refused"]
    before: float
    after: float

    @property
    def worse_by(self) -> float:
        return self.after - self.before


def compare(old: Sequence[Cell], new: Sequence[Cell]) -> list[Change]:
    """What moved between two runs: by transform and by category, at every stage both looked at.

    Cells only one of them has (a new transform, another seed's category) are not compared.
    """
    changes = []
    shared = {(c.transform, c.category, c.stage) for c in old} & {
        (c.transform, c.category, c.stage) for c in new
    }
    before, after = (
        [c for c in cells if (c.transform, c.category, c.stage) in shared] for cells in (old, new)
    )
    for by in ("transform", "category"):
        olds, news = totals(before, by, "stage"), totals(after, by, "stage")
        for key, cell in news.items():
            was = olds[key]
            name = f"{key[0]}, {key[1]}"
            for measure, then, now in (
                ("attacks passed", was.success, cell.success),
                ("harmless refused", _refused(was), _refused(cell)),
            ):
                if then != now:
                    changes.append(Change(name, measure, then, now))  # type: ignore[arg-type]
    return changes


def regressions(changes: Iterable[Change]) -> list[Change]:
    return [change for change in changes if change.worse_by > REGRESSION_POINTS]


def _refused(cell: Cell) -> float:
    return 100 * cell.harmless_refused / cell.harmless_n if cell.harmless_n else 0.0


def as_text(cells: Sequence[Cell]) -> str:
    """The table for people: one line a transform, one a category; success, guarded, over-refusal."""
    lines = [
        f"{'':<26}{'stage':<11}{'n':>5}{'passed':>9}{'guarded':>9}{'stopped':>9}{'harmless refused':>18}"
    ]
    for title, by in (("By transform", "transform"), ("By category", "category"), ("All", "")):
        lines += ["", title]
        keys = (by, "stage") if by else ("stage",)
        for cell in totals(cells, *keys).values():
            name = getattr(cell, by) if by else "all"
            lines.append(_line(name, cell))
    return "\n".join(lines)


def _line(name: str, cell: Cell) -> str:
    n = max(cell.n, 1)
    stopped = cell.n - cell.passed - cell.guarded
    return (
        f"{name:<26}{cell.stage:<11}{cell.n:>5}{100 * cell.passed / n:>8.1f}%"
        f"{100 * cell.guarded / n:>8.1f}%{100 * stopped / n:>8.1f}%{_refused(cell):>17.1f}%"
    )


def to_json(cells: Iterable[Cell]) -> list[dict[str, Any]]:
    return [asdict(cell) for cell in cells]


@dataclass(frozen=True)
class Baseline:
    """A run kept in a file: which seeds, by which classifiers, and its table."""

    seeds: str
    classifiers: tuple[str, ...]
    cells: tuple[Cell, ...]


def read_baseline(path: Path = BASELINE) -> Baseline | None:
    """None where there is no such file. Raises SeedError for one that can't be read."""
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        cells = tuple(
            Cell(*row[:4], **dict(zip(_COUNTS, row[4:], strict=True))) for row in data["cells"]
        )
        return Baseline(str(data["seeds"]), tuple(data["classifiers"]), cells)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SeedError(f"{path.name} is no baseline: {error}") from error


def write_baseline(baseline: Baseline, path: Path = BASELINE) -> None:
    """One line for each cell, so that a change of the file can be read."""
    rows = [
        json.dumps(
            [c.transform, c.group, c.category, c.stage, *(getattr(c, name) for name in _COUNTS)]
        )
        for c in baseline.cells
    ]
    head = {"seeds": baseline.seeds, "classifiers": list(baseline.classifiers)}
    body = ",\n  ".join(rows)
    path.write_text(
        json.dumps(head, indent=1)[:-2] + ',\n "cells": [\n  ' + body + "\n ]\n}\n",
        encoding="utf-8",
    )


_COUNTS = ("n", "passed", "guarded", "harmless_n", "harmless_refused", "harmless_guarded")


def from_json(rows: Iterable[Mapping[str, Any]]) -> list[Cell]:
    return [Cell(**row) for row in rows]
