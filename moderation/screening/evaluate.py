"""Measure the text screening: python -m moderation.screening.evaluate EVALSETS_DIR

Writes docs/safety_evaluation.md from rows no classifier was trained on: the held-out fifth of the
training sources, and whole sources whose licence keeps them out of training. Every row takes the
real decision, moderation.screening.panel.review_prompt. Takes some minutes on one core.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from moderation.screening import gate, text_linear
from moderation.screening.panel import default_text_classifiers, review_prompt
from moderation.screening.protocol import POLICY_VERSION, Category, Score, TextClassifier, Verdict
from moderation.screening.training_data import Row, all_rows, read_evalsets

PROFILES = ("default", "minor_present", "featured")
DOCUMENT = Path(__file__).parents[2] / "docs" / "safety_evaluation.md"


class Remembered:
    """The scores of another classifier, computed once for each text."""

    def __init__(self, inner: TextClassifier) -> None:
        self.name, self.version, self.categories = inner.name, inner.version, inner.categories
        self._inner = inner
        self._scores: dict[str, list[Score]] = {}

    def score(self, text: str) -> list[Score]:
        if text not in self._scores:
            self._scores[text] = self._inner.score(text)
        return self._scores[text]

    def examples(self) -> list[tuple[str, Category, bool]]:
        return self._inner.examples()


@dataclass(frozen=True)
class Judged:
    row: Row
    verdict: Verdict


def judge(
    rows: Iterable[Row], classifiers: Sequence[TextClassifier], *, profile: str = "default"
) -> list[Judged]:
    return [
        Judged(r, review_prompt(r.text, profile=profile, classifiers=classifiers)) for r in rows
    ]


def share(judged: Sequence[Judged], *actions: str) -> float:
    """Share of `judged` with one of `actions`; NaN for none."""
    if not judged:
        return float("nan")
    return sum(item.verdict.action in actions for item in judged) / len(judged)


def interval(judged: Sequence[Judged], *actions: str) -> tuple[float, float]:
    """95 % bootstrap interval of `share`, 1,000 draws with a fixed seed."""
    hits = np.array([item.verdict.action in actions for item in judged], dtype=float)
    draws = np.random.default_rng(11).choice(hits, size=(1000, len(hits))).mean(axis=1)
    return float(np.quantile(draws, 0.025)), float(np.quantile(draws, 0.975))


def percent(value: float) -> str:
    return "–" if np.isnan(value) else f"{100 * value:.1f} %"


def recall_table(judged: Sequence[Judged]) -> list[str]:
    groups: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for item in judged:
        if item.row.category is not None and not item.row.implicit:
            groups[item.row.category.value, _origin(item.row)].append(item)
            groups["all", _origin(item.row)].append(item)
    lines = [
        "| category | rows | n | refused | 95 % interval | refused or guarded |",
        "|---|---|---|---|---|---|",
    ]
    for (category, origin), items in sorted(groups.items(), key=lambda g: (g[0][1], g[0][0])):
        low, high = interval(items, "refuse")
        lines.append(
            f"| {category} | {origin} | {len(items)} | {percent(share(items, 'refuse'))} "
            f"| {100 * low:.0f}–{100 * high:.0f} | {percent(share(items, 'refuse', 'guard'))} |"
        )
    return lines


def _origin(row: Row) -> str:
    if row.source == "templates":
        return "own templates, unseen ones"
    return "unseen source" if row.unseen_source else "held-out rows"


def harmless_groups(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for item in judged:
        row = item.row
        if row.category is not None:
            continue
        if row.label == "rewrite":
            name = "names a person, brand or artist (before rewriting)"
        elif row.contrast:
            name = "harmless but suspicious wording"
        elif row.ordinary:
            name = f"ordinary prompts: {row.source}"
        else:
            name = f"other harmless: {row.source}"
        groups[name].append(item)
    return groups


def false_alarm_table(by_profile: dict[str, list[Judged]]) -> list[str]:
    profiles = list(by_profile)
    head = " | ".join(f"{p}: refused | {p}: ref. or guarded" for p in profiles)
    lines = [f"| harmless rows | n | {head} |", "|---|---|" + "---|---|" * len(profiles)]
    grouped = {p: harmless_groups(judged) for p, judged in by_profile.items()}
    for name in sorted(grouped[profiles[0]]):
        cells = [
            f"{percent(share(grouped[p][name], 'refuse'))} | "
            f"{percent(share(grouped[p][name], 'refuse', 'guard'))}"
            for p in profiles
        ]
        lines.append(f"| {name} | {len(grouped[profiles[0]][name])} | {' | '.join(cells)} |")
    return lines


def minors_table(rows: Sequence[Row]) -> list[str]:
    """References to minors, on the harmless hand-labelled scenes."""
    lines = ["| label | n | switched to the strict profile |", "|---|---|---|"]
    for label in ("yes", "ambiguous", "no"):
        labelled = [r for r in rows if r.minor_reference == label]
        if labelled:
            hit = sum(bool(gate.minor_references(r.text)) for r in labelled)
            lines.append(f"| {label} | {len(labelled)} | {percent(hit / len(labelled))} |")
    return lines


def timing(classifiers: Sequence[TextClassifier], rows: Sequence[Row]) -> tuple[float, float]:
    """Median milliseconds of the gate alone and of the whole panel, CPU time of this process."""
    gate_times, panel_times = [], []
    for row in rows[:200]:
        started = time.process_time()
        gate.screen_prompt(row.text)
        gate_times.append(time.process_time() - started)
        started = time.process_time()
        review_prompt(row.text, classifiers=classifiers)
        panel_times.append(time.process_time() - started)
    return 1000 * float(np.median(gate_times)), 1000 * float(np.median(panel_times))


def document(rows: Sequence[Row], scenes: Sequence[Row]) -> str:
    """rows: each text once. scenes: rows with a hand label for references to minors."""
    test = [row for row in rows if row.split == "test"]
    inner = default_text_classifiers()
    full: list[TextClassifier] = [Remembered(c) for c in inner]
    wording: list[TextClassifier] = [Remembered(text_linear.default())]
    by_profile = {p: judge(test, full, profile=p) for p in PROFILES}
    default = by_profile["default"]
    degraded = judge(test, wording)
    implicit = [j for j in default if j.row.implicit]
    gate_ms, panel_ms = timing(inner, test)
    names = ", ".join(f"`{c.name}` {c.version}" for c in inner)
    unsafe = [j for j in default if j.row.category is not None and not j.row.implicit]
    ordinary = [j for j in default if j.row.ordinary and j.row.unseen_source]
    right = [
        j for j in unsafe
        if not j.verdict.allowed and j.row.category in {Category(c) for c in j.verdict.categories}
    ]  # fmt: skip
    stopped = [j for j in unsafe if not j.verdict.allowed]
    parts = [
        "# Safety evaluation: text screening",
        "",
        f"Made by `python -m moderation.screening.evaluate` on {date.today().isoformat()}, policy "
        f"version {POLICY_VERSION}, Python {platform.python_version()}, classifiers {names}. "
        "Figures change only by running it again.",
        "",
        "## In short",
        "",
        f"- {len(unsafe):,} unsafe prompts no classifier was trained on: "
        f"{percent(share(unsafe, 'refuse'))} refused, "
        f"{percent(share(unsafe, 'refuse', 'guard'))} refused or guarded (guarded: made, but kept "
        "private and judged with the strict output profile).",
        f"- {len(ordinary):,} ordinary prompts from sources never seen in training: "
        f"{percent(share(ordinary, 'refuse'))} refused, "
        f"{percent(share(ordinary, 'refuse', 'guard'))} refused or guarded.",
        f"- Of the refused, {percent(len(right) / max(len(stopped), 1))} name the labelled category.",
        f"- Median CPU time of a prompt here: gate {gate_ms:.2f} ms, whole panel {panel_ms:.1f} ms.",
        "",
        "Who is told what for each category stands in [policies.md](policies.md).",
        "",
        "## Unsafe prompts, default profile",
        "",
        "“Held-out rows” share their source with training rows, so read them as an upper bound. "
        "“Unseen source” is the honest column: other authors, other wording. Templates are ours; "
        "the ones counted here were not trained on.",
        "",
        *recall_table(default),
        "",
        "Rows whose wording is harmless while the intent is not (`implicit`): "
        f"{len(implicit)}, refused {percent(share(implicit, 'refuse'))}, refused or guarded "
        f"{percent(share(implicit, 'refuse', 'guard'))}.",
        "",
        "## Harmless prompts, by profile",
        "",
        "`minor_present` is entered by the text itself when it refers to someone under 18; here it "
        "is forced on all rows to show its price. `featured` judges what is shown to everybody.",
        "",
        *false_alarm_table(by_profile),
        "",
        "Prompts that name a person, brand or artist are rewritten before they are judged; the row "
        "above shows what would happen without that.",
        "",
        "## References to minors",
        "",
        "Harmless scenes, labelled by hand. “Ambiguous” (a bare “girl”, a family of five) counts as "
        "a minor on purpose. Sexual content beside a reference to a minor is refused by rule in "
        "every combination of the lists (`tests/screening/test_gate.py`); there is and will be no "
        "set of such prompts.",
        "",
        *minors_table(scenes),
        "",
        "## Without the sentence model",
        "",
        "Where the sentence encoder is not installed the panel falls back to wording alone "
        f"(`text_linear`): {percent(share([j for j in degraded if j.row in _set(unsafe)], 'refuse'))} "
        "of the same unsafe prompts refused, "
        f"{percent(share([j for j in degraded if j.row in _set(unsafe)], 'refuse', 'guard'))} refused "
        "or guarded, "
        f"{percent(share([j for j in degraded if j.row in _set(ordinary)], 'refuse'))} of the "
        "ordinary prompts from unseen sources refused.",
        "",
        "## How it was trained and what the numbers leave out",
        "",
        "- Trained on rows under Apache-2.0, MIT, CC-BY-4.0 or CC0 (OVERT, Adversarial Nibbler, the "
        "OpenAI moderation evaluation set, HarmBench, SimpleSafetyTests, Parti prompts, DALL·E 3 "
        "evaluation prompts, COCO captions, artist prompts of “Erasing Concepts”, own CC0 sets) and "
        "on templates in `training_prompts.py`. No row of a set is part of this repository.",
        "- Thresholds are shares of ordinary prompts (`thresholds.py`), measured by cross-validation "
        "on training sources. Other sources hit them up to about twice as often, as the table shows.",
        "- Labels of several sources come from language models or crowds and are partly wrong; a "
        "few points of every figure are label noise.",
        "- Weak: deception and crime described in neutral words, harassment without an insult, "
        "risks that only unfold over time, metaphor (“red liquid”), and every language but English: "
        "prompts in other languages meet a short list and are guarded.",
        "- Disguised spelling is undone before judging; `tests/screening/test_obfuscation.py` "
        "demands the same verdict for 45 disguises.",
        "- Frames are judged without a model for structure, flashing and known hashes only. The "
        "built-in video model can't draw people; an engine that can is refused without a configured "
        "frame classifier, and its figures are the operator's to measure.",
        "- The pool of ordinary prompts is Western and English. Nothing here measures fairness "
        "between groups beyond the harmless rows about people of many kinds in the contrast sets.",
        "",
    ]
    return "\n".join(parts)


def _set(judged: Sequence[Judged]) -> set[Row]:
    return {item.row for item in judged}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("evalsets", type=Path)
    parser.add_argument("--output", type=Path, default=DOCUMENT)
    options = parser.parse_args()
    text = document(all_rows(options.evalsets), read_evalsets(options.evalsets))
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
