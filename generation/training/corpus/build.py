"""Choose clips for training: `python -m generation.training.corpus build SOURCE --out FOLDER`.

SOURCE is a folder of video files, a manifest of them (.jsonl), or "world:200" for that many scenes
of the renderer. In a folder, `corpus.json` holds what is true of all files (source, licence, origin,
consent, …) and `NAME.json` beside `NAME.mp4` what is true of one.

FOLDER gets `manifest.jsonl` (every scene, kept or left out with its reason) and `report.json` (counts
and lists). A build that is killed goes on where it was: finished files are in `build.jsonl.part`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from generation.media import DecodeLimits, MediaError, MediaInfo, probe, sample_frames
from generation.provenance.fingerprint import FULL, FingerprintBuilder
from generation.training.config import read_run
from generation.training.corpus import rendered
from generation.training.corpus.clips import limits
from generation.training.corpus.dedup import Duplicates
from generation.training.corpus.filters import Meter, check_pictures, check_size
from generation.training.corpus.manifest import (
    Caption,
    Item,
    LeftOut,
    ManifestError,
    Media,
    Reading,
    Refused,
    check_file,
    parse_item,
    read_manifest,
    write_manifest,
)
from generation.training.corpus.recaption import Agreement, Recaptioner
from generation.training.corpus.safety import Safety
from generation.training.corpus.scenes import find_cuts, small, split
from generation.training.corpus.settings import (
    CorpusSettings,
    CorpusSettingsError,
    corpus_settings,
    named,
)

Pixels = NDArray[np.uint8]
Answer = tuple[Caption, Caption] | None

VIDEO_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv")
CUT_RATE, LOOK_RATE = 12.0, 30.0  # frames a second looked at for cuts, and for everything else
DRAWN = {"frames": 36, "height": 96, "width": 160, "fps": 12.0}  # what is looked at of a seed
DEFAULT_RUN = Path(__file__).parents[1] / "runs" / "cpu.toml"
_UNREADABLE = ("unreadable", "no_video", "resolution_change")


@dataclass
class Report:
    """What a build did. `left_out` counts reasons; `listed` names every clip left out."""

    source: str
    lines: int = 0
    scenes: int = 0
    kept: int = 0
    kept_seconds: float = 0.0
    kept_by_source: Counter[str] = field(default_factory=Counter)
    kept_by_licence: Counter[str] = field(default_factory=Counter)
    captions: Counter[str] = field(default_factory=Counter)
    recaption: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def table(self) -> str:
        """For people: one count a line."""
        rows = [("entries read", self.lines), ("scenes", self.scenes), ("kept", self.kept)]
        rows += [(f"  {name}", count) for name, count in self.kept_by_source.most_common()]
        rows += [(f"  {name}", count) for name, count in self.kept_by_licence.most_common()]
        rows += [("left out", sum(self.left_out.values()))]
        rows += [(f"  {name}", count) for name, count in self.left_out.most_common()]
        if self.recaption:
            rows += [("caption model", self.recaption["asked"])]
            rows += [(f"  {k}", v) for k, v in self.recaption.most_common() if k != "asked"]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}} {count:>8}" for name, count in rows)


def read_source(source: str, licences: Sequence[str]) -> tuple[Reading, Path]:
    """Items of a folder, a manifest or the renderer, and the folder their paths start from.

    Raises ManifestError if there is no such source.
    """
    kind, _, number = source.partition(":")
    if kind == "world" and number.isdigit():
        reading = Reading()
        for item in rendered.items(int(number)):
            parse_item(item.to_json(), licences=licences)  # the allow-list holds for ours too
            reading.items.append(item)
        return reading, Path()
    path = Path(source)
    if path.is_dir():
        return _read_folder(path, licences), path
    if path.is_file():
        return read_manifest(path, licences=licences), path.parent
    raise ManifestError(f"{source} is neither a folder, nor a manifest, nor world:NUMBER.")


def _read_folder(folder: Path, licences: Sequence[str]) -> Reading:
    reading = Reading()
    shared = _sidecar(folder / "corpus.json")
    files = (p for p in folder.rglob("*") if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
    for number, file in enumerate(sorted(files), 1):
        name = file.relative_to(folder).as_posix()
        try:
            own = _sidecar(file.with_suffix(".json"))
            item = parse_item({"id": name, **shared, **own, "path": name}, licences=licences)
            reading.items.append(item)
        except (Refused, ManifestError) as error:
            why = error if isinstance(error, Refused) else Refused("unreadable line", str(error))
            reading.left_out.append(LeftOut(number, name, why.code, why.detail))
    return reading


def _sidecar(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ManifestError(f"{path.name} is not JSON") from error
    if not isinstance(data, dict):
        raise ManifestError(f"{path.name} is not a JSON object")
    return data


class Journal:
    """What is finished, one entry a line, so that a killed build goes on. Gone when it is done."""

    def __init__(self, path: Path, digest: str) -> None:
        """digest: of everything that changes results; a journal with another one is thrown away."""
        self._path = path
        self.done: dict[str, list[Item]] = {}
        if path.exists():
            self._read(digest)
        if not self.done:
            path.write_text(json.dumps({"made with": digest}) + "\n")

    def _read(self, digest: str) -> None:
        lines = self._path.read_bytes().split(b"\n")
        if lines[0] != json.dumps({"made with": digest}).encode():
            return
        for line in lines[1:-1]:  # what follows the last line end was cut off
            entry = json.loads(line)
            self.done[entry["key"]] = [parse_item(data) for data in entry["scenes"]]
        if lines[-1]:
            with open(self._path, "r+b") as file:
                file.truncate(sum(len(line) + 1 for line in lines[:-1]))

    def add(self, key: str, scenes: list[Item]) -> None:
        entry = {"key": key, "scenes": [scene.to_json() for scene in scenes]}
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def close(self) -> None:
        self._path.unlink()


class Build:
    """One build. Raises CorpusSettingsError and ManifestError; single clips never stop it."""

    def __init__(self, source: str, out: Path, settings: CorpusSettings) -> None:
        self.settings, self.out = settings, out
        self.reading, self.root = read_source(source, settings.licences)
        self.report = Report(source)
        self.safety = Safety(settings.safety)
        self.aesthetics = (
            named(settings.aesthetics, "corpus.aesthetics") if settings.aesthetics else None
        )
        wanted = settings.recaption
        self.recaptioner = Recaptioner(wanted) if wanted.base_url else None
        self.agreement = Agreement()
        self.limits = limits(seconds=settings.max_file_seconds, megabytes=settings.max_file_mb)

    def run(self) -> Report:
        self.out.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(repr(self.settings).encode()).hexdigest()
        journal = Journal(self.out / "build.jsonl.part", digest)
        scenes = [scene for group in self._examined(journal) for scene in group]
        scenes = self._without_copies(scenes)
        self._count(scenes)
        write_manifest(self.out / "manifest.jsonl", [self._moved(scene) for scene in scenes])
        part = self.out / "report.json.part"
        part.write_text(json.dumps(vars(self.report), indent=1, ensure_ascii=False))
        os.replace(part, self.out / "report.json")
        journal.close()
        return self.report

    def _examined(self, journal: Journal) -> Iterator[list[Item]]:
        """The scenes of every entry, in order. While a model is asked the next files are read."""
        wanted = self.settings.recaption
        seen: dict[tuple[str, float, float], str] = {}
        waiting: deque[tuple[str, list[tuple[Item, Future[Answer] | None]]]] = deque()
        with ThreadPoolExecutor(max(1, wanted.concurrency)) as pool:
            for item in self.reading.items:
                self.report.lines += 1
                try:
                    if not item.kept:
                        raise _as_before(item)
                    item = self._identified(item, seen)
                    key = f"{item.id} {item.sha256} {item.start} {item.end}"
                    if key in journal.done:
                        yield journal.done[key]
                        continue
                    looked = [self._look(scene, pool) for scene in self._scenes(item)]
                except Refused as why:
                    yield [item.left_out(why)]
                    continue
                waiting.append((key, looked))
                while len(waiting) > 2 * wanted.concurrency or (waiting and not self.recaptioner):
                    yield self._finished(journal, *waiting.popleft())
            while waiting:
                yield self._finished(journal, *waiting.popleft())

    def _finished(
        self, journal: Journal, key: str, looked: list[tuple[Item, Future[Answer] | None]]
    ) -> list[Item]:
        scenes = [self._captioned(item, future) for item, future in looked]
        journal.add(key, scenes)
        return scenes

    def _identified(self, item: Item, seen: dict[tuple[str, float, float], str]) -> Item:
        """With its file's hash. Raises Refused for a file that is missing, wrong or known."""
        if item.seed:
            return item
        item = replace(item, sha256=check_file(item, self.root))
        first = seen.setdefault((item.sha256, item.start, item.end), item.id)
        if first != item.id:
            raise Refused("duplicate file", f"the same as {first}")
        return item

    def _scenes(self, item: Item) -> list[Item]:
        """Cut an item at its cuts. One whose start and end are given is one scene already."""
        if item.seed:
            return [item]
        path = item.file(self.root)
        pictures, seconds = [], []
        with refusing(item):
            info = probe(path, limits=self.limits)
            for at, frame in sample_frames(path, CUT_RATE, limits=self.limits):
                pictures.append(small(frame))
                seconds.append(at)
        end = info.duration
        if seconds[-1] < end - max(1.0, 3 / info.fps):
            raise Refused("corrupt file", f"{item.path} breaks off at {seconds[-1]:.1f} s")
        if item.end:
            parts = [(item.start, min(item.end, end))]
        else:
            cuts = find_cuts(np.stack(pictures))
            parts = split(seconds, cuts, end, longest=self.settings.max_seconds)
        return [
            replace(
                item,
                id=item.id if len(parts) == 1 else f"{item.id}#{number}",
                start=round(start, 3),
                end=round(stop, 3),
                media=_media(info, stop - start),
            )
            for number, (start, stop) in enumerate(parts)
        ]

    def _look(self, item: Item, pool: ThreadPoolExecutor) -> tuple[Item, Future[Answer] | None]:
        """Judge one scene by its pictures and captions, and ask the model what it shows."""
        wanted = self.settings.recaption
        try:
            if item.media:
                check_size(item.media, self.settings)
            review = self.safety.frames_of(item)
            length = item.end - item.start if item.media else DRAWN["frames"] / DRAWN["fps"]
            meter = Meter(length, wanted=max(1, wanted.frames), side=wanted.side)
            prints = FingerprintBuilder(1000.0)  # moments in milliseconds, at any rate
            with refusing(item):
                for seconds, frame in frames_of(item, self.root, self.limits):
                    meter.add(seconds, frame)
                    prints.add(round(seconds * 1000), frame)
                    review.add(meter.frames - 1, seconds, frame)
            if not item.seed:
                hashes = [(h.at_ms, h.hash.hex()) for h in prints.hashes() if h.variant == FULL]
                item = replace(item, fingerprint=tuple(hashes))
            check_pictures(meter, self.settings, self.aesthetics)
            self.safety.check_frames(review)
            self.safety.check_captions(c.text for c in item.captions)
        except Refused as why:
            return item.left_out(why), None
        if self.recaptioner is None or item.seed:  # the grammar knows what it drew
            return item, None
        return item, pool.submit(self.recaptioner, meter.pictures)

    def _captioned(self, item: Item, future: Future[Answer] | None) -> Item:
        """With the model's captions where there were none; left out where both disagree."""
        if not item.kept:
            return item
        try:
            if future is not None and (answer := future.result()):
                self._agree(item, answer)
                self.safety.check_captions(c.text for c in answer)
                short, long = answer
                item = replace(item, short=item.short or short, long=item.long or long)
            if not item.captions:
                raise Refused("no caption", "none given, and no model to ask or no answer")
        except Refused as why:
            return item.left_out(why)
        return item

    def _agree(self, item: Item, answer: tuple[Caption, Caption]) -> None:
        if not item.captions:
            return
        cosine = self.agreement([c.text for c in item.captions], [c.text for c in answer])
        if cosine < self.settings.recaption.disagreement:
            raise Refused("caption disputed", f"the model sees: {answer[0].text[:120]}")

    def _without_copies(self, scenes: list[Item]) -> list[Item]:
        """Leave out copies; of copies the one with the most pixels stays."""
        duplicates = Duplicates(self.settings.duplicate_share)
        result = dict(enumerate(scenes))
        for number in sorted(result, key=lambda k: -_pixels(scenes[k])):
            if not result[number].kept:
                continue
            try:
                duplicates.check(result[number])
            except Refused as why:
                result[number] = result[number].left_out(why)
        return list(result.values())

    def _moved(self, item: Item) -> Item:
        """Its path as seen from the folder of the new manifest."""
        if not item.path or Path(item.path).is_absolute():
            return item
        path = Path(os.path.relpath(item.file(self.root).resolve(), self.out.resolve()))
        return replace(item, path=path.as_posix())

    def _count(self, scenes: list[Item]) -> None:
        report = self.report
        report.lines += len(self.reading.left_out)
        report.scenes = len(scenes)
        for bad in self.reading.left_out:
            report.left_out[bad.code] += 1
            report.listed.append({"line": bad.line, "id": bad.id, "reason": _reason(bad)})
        for item in scenes:
            if item.kept:
                report.kept += 1
                report.kept_seconds += item.media.seconds if item.media else 0.0
                report.kept_by_source[item.source] += 1
                report.kept_by_licence[item.licence] += 1
                for length in ("short", "long"):
                    if caption := getattr(item, length):
                        report.captions[f"{length} by {caption.origin}"] += 1
            else:
                report.left_out[item.reason.partition(":")[0]] += 1
                report.listed.append({"id": item.id, "reason": item.reason})
        if self.recaptioner:
            report.recaption = self.recaptioner.counts


def frames_of(item: Item, root: Path, bounds: DecodeLimits) -> Iterator[tuple[float, Pixels]]:
    """(seconds, frame uint8 [h, w, 3]) of one scene, LOOK_RATE a second. Raises MediaError, OSError."""
    if item.seed:
        drawn = rendered.draw(item.seed, **DRAWN, rng=random.Random(item.seed))
        yield from ((k / DRAWN["fps"], frame) for k, frame in enumerate(drawn))
        return
    path = item.file(root)
    for at, frame in sample_frames(path, LOOK_RATE, start=item.start, limits=bounds):
        if item.end and at >= item.end - 1e-3:
            return
        yield max(0.0, at - item.start), frame


class refusing:
    """Turns what reading a file raises into Refused."""

    def __init__(self, item: Item) -> None:
        self._item = item

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, MediaError):
            code = "corrupt file" if error.code in _UNREADABLE else "unsupported file"
            raise Refused(code, f"{self._item.path}: {error.message}") from error
        if isinstance(error, OSError):
            raise Refused("missing file", f"{self._item.path}: {error.strerror}") from error


def _as_before(item: Item) -> Refused:
    code, _, detail = item.reason.partition(": ")
    return Refused(code or "left out", detail)


def _reason(bad: LeftOut) -> str:
    return f"{bad.code}: {bad.detail}" if bad.detail else bad.code


def _media(info: MediaInfo, seconds: float) -> Media:
    frames = max(1, round(seconds * info.fps))
    return Media(info.width, info.height, round(info.fps, 3), frames, round(seconds, 3))


def _pixels(item: Item) -> int:
    return item.media.width * item.media.height if item.media else 0


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m generation.training.corpus")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("build", help="choose clips and write their manifest")
    command.add_argument("source", help="a folder of videos, a manifest (.jsonl), or world:NUMBER")
    command.add_argument("--out", type=Path, required=True, help="folder of manifest and report")
    command.add_argument(
        "--run", type=Path, default=DEFAULT_RUN, help="run file with the table [corpus]"
    )
    given = parser.parse_args(arguments)
    try:
        settings = corpus_settings(read_run(given.run).tables.get("corpus", {}))
        report = Build(given.source, given.out, settings).run()
    except (CorpusSettingsError, ManifestError, Refused) as error:
        raise SystemExit(str(error)) from error
    print(report.table())
    print(f"\nwritten: {given.out / 'manifest.jsonl'}, {given.out / 'report.json'}")
    if not report.kept:
        raise SystemExit("No clip is left; the report says why.")
