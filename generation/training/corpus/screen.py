"""Screen a training set that lies ready: `manage.py filter_corpus MANIFEST`.

A build (build.py) chooses clips and screens them on the way. This screens a manifest as it is, with the
product's own classifiers over captions and pictures, and says what has to go and why: after a new
policy or a better classifier, or for a set that came from somewhere else. Rights are checked first:
an item without a source, a licence or, where people may be seen, a consent is left out unseen.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from generation.training.corpus.build import frames_of, refusing
from generation.training.corpus.clips import limits
from generation.training.corpus.manifest import (
    Item,
    Reading,
    Refused,
    check_file,
    read_manifest,
    write_manifest,
)
from generation.training.corpus.safety import Safety
from generation.training.corpus.settings import CorpusSettings

UNSAFE = ("unsafe caption", "unsafe frames")
MOST_LISTED = 10_000


@dataclass
class Screened:
    """Counts of one screening. `left_out`: reasons; `unsafe`: the categories they were left out for."""

    manifest: str
    read: int = 0
    kept: int = 0
    kept_by_source: Counter[str] = field(default_factory=Counter)
    kept_by_licence: Counter[str] = field(default_factory=Counter)
    with_consent: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    left_out_by_source: Counter[str] = field(default_factory=Counter)
    left_out_by_licence: Counter[str] = field(default_factory=Counter)
    unsafe: Counter[str] = field(default_factory=Counter)
    pictures: bool = True
    classifiers: list[str] = field(default_factory=list)
    listed: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }

    def table(self) -> str:
        """For people: one count a line."""
        rows: list[tuple[str, int]] = [("read", self.read), ("kept", self.kept)]
        for counts in (self.kept_by_source, self.kept_by_licence):
            rows += [(f"  {name}", count) for name, count in counts.most_common()]
        rows += [("  with a consent on record", self.with_consent)]
        rows += [("left out", sum(self.left_out.values()))]
        rows += [(f"  {name}", count) for name, count in self.left_out.most_common()]
        if self.unsafe:
            rows += [("of these unsafe for", sum(self.unsafe.values()))]
            rows += [(f"  {name}", count) for name, count in self.unsafe.most_common()]
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}} {count:>8}" for name, count in rows)


def screen(
    manifest: Path,
    out: Path,
    settings: CorpusSettings,
    *,
    pictures: bool = True,
    tell: Callable[[int], None] = lambda count: None,
) -> Screened:
    """Judge every item; write OUT/manifest.jsonl and OUT/filter_report.json.

    pictures: False judges captions alone, and says so in the report.
    Raises ManifestError for a manifest that can't be read, CorpusSettingsError for a classifier that
    can't be made. Single items never stop it: what can't be judged is left out.
    """
    reading = read_manifest(manifest, licences=settings.licences)
    safety = Safety(settings.safety)
    report = Screened(str(manifest), pictures=pictures, classifiers=safety.names)
    judged: list[Item] = []
    for number, item in enumerate(reading.items, 1):
        judged.append(_judged(item, manifest.parent, safety, settings, pictures=pictures))
        tell(number)
    _count(report, reading, judged)
    out.mkdir(parents=True, exist_ok=True)
    write_manifest(out / "manifest.jsonl", [_moved(item, manifest.parent, out) for item in judged])
    part = out / "filter_report.json.part"
    part.write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    os.replace(part, out / "filter_report.json")
    return report


def _judged(
    item: Item, root: Path, safety: Safety, settings: CorpusSettings, *, pictures: bool
) -> Item:
    if not item.kept:
        return item
    try:
        safety.check_captions(caption.text for caption in item.captions)
        if not pictures:
            return item
        if item.path:
            check_file(item, root)
        review = safety.frames_of(item)
        bounds = limits(seconds=settings.max_file_seconds, megabytes=settings.max_file_mb)
        with refusing(item):
            for index, (seconds, frame) in enumerate(frames_of(item, root, bounds)):
                review.add(index, seconds, frame)
        safety.check_frames(review)
    except Refused as why:
        return item.left_out(why)
    return item


def _count(report: Screened, reading: Reading, judged: list[Item]) -> None:
    report.read = len(reading.items) + len(reading.left_out)
    for bad in reading.left_out:
        report.left_out[bad.code] += 1
        report.listed.append(
            {"line": bad.line, "id": bad.id, "reason": f"{bad.code}: {bad.detail}".rstrip(": ")}
        )
    for item in judged:
        if item.kept:
            report.kept += 1
            report.kept_by_source[item.source] += 1
            report.kept_by_licence[item.licence] += 1
            report.with_consent += item.consent is not None
            continue
        code, _, detail = item.reason.partition(": ")
        report.left_out[code] += 1
        report.left_out_by_source[item.source] += 1
        report.left_out_by_licence[item.licence] += 1
        if code in UNSAFE:
            report.unsafe.update(name.strip() for name in detail.split(",") if name.strip())
        report.listed.append({"id": item.id, "reason": item.reason})
    del report.listed[MOST_LISTED:]


def _moved(item: Item, root: Path, out: Path) -> Item:
    """Its path as seen from the folder of the new manifest."""
    if not item.path or Path(item.path).is_absolute():
        return item
    path = Path(os.path.relpath(item.file(root).resolve(), out.resolve()))
    return replace(item, path=path.as_posix())
