"""The report of evaluate.py as Markdown: docs/safety_evaluation.md and what the command prints."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

NOTES = (
    "## How it was trained and what the numbers leave out",
    "",
    "- Trained on rows under Apache-2.0, MIT, CC-BY-4.0 or CC0 and on prompts written for this "
    "project (`training_prompts.py`, `training_texts/`); no row of a set is part of this repository. "
    "Every row with a checksum among the training texts is left out here (`--unseen`). Rows of the "
    "sources EvalCrafter, T2V-CompBench, T2I-RiskyPrompt and CopyCat train nothing; rows of the others "
    "are a held-out tenth and share their source with training rows: an upper bound.",
    "- One half of every set, by the CRC-32 of the text, was looked at to find faults and mend them; "
    "the other half only counts. Prompts that no set labels as naming anybody do name many: every "
    "alteration in the measured half was read once by hand, and of the ordinary and contrast rows 3 of "
    "3,137 named nobody, real or of a work (a misspelt Salvador Dali, an invented surname, a people); "
    "the others name real people, living artists, brands or characters.",
    "- The political rows of T2I-RiskyPrompt are satire and metaphor, which policy guards and does not "
    "refuse; deceptive reads lower for it. Tried for it: prompts of our own about false notices, staged "
    "footage and invented reports, which raised the refused share in the half that was looked at from 38 "
    "to 46 %; teaching satire as deception was not tried, since that would refuse cartoons.",
    "- Thresholds are shares of ordinary prompts, measured by cross-validation over families of "
    "training rows and set as if every share were 1.5 times as large (`calibration.DRIFT`).",
    "- Gate and heads: one binary margin decides, the mean of a network over sentence vectors and of a "
    "linear model over words and letters; the heads only name the category.",
    "- Labels of several sources come from language models or crowds and are partly wrong; a few "
    "points of every figure are label noise. Small groups have wide intervals: read those first.",
    "- Weak: political metaphor and deception in neutral words (they are guarded, not refused), privacy "
    "and brands, risks that only unfold over time, figurative wording, and every language but English: "
    "prompts in other languages meet lists in fourteen languages and are otherwise guarded.",
    "- Sexual content beside a reference to a minor is refused by rule in every combination of the lists "
    "(`tests/screening/test_gate.py`); there is and will be no set of such prompts.",
    "- The pool of ordinary prompts is Western and English. Nothing here measures fairness between "
    "groups beyond the harmless rows about people of many kinds in the contrast sets.",
)


_HALVES = {
    "both": "all rows",
    "odd": "the half with an odd CRC-32, which nothing was tuned on",
    "even": "the half with an even CRC-32, which faults were looked for in",
}


def percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _interval(value: list[float] | None) -> str:
    return "–" if value is None else f"{100 * value[0]:.0f}–{100 * value[1]:.0f}"


def _rates_table(title: str, rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = [
        f"| {title} | n | refused | 95 % interval | refused or guarded | 95 % interval |",
        "|---|---|---|---|---|---|",
    ]
    for name, rates in rows.items():
        if rates["n"]:
            lines.append(
                f"| {name} | {rates['n']} | {percent(rates['refused'])} "
                f"| {_interval(rates['refused_interval'])} | {percent(rates['refused_or_guarded'])} "
                f"| {_interval(rates['refused_or_guarded_interval'])} |"
            )
    return lines


def _groups_table(groups: Mapping[str, Mapping[str, int]]) -> list[str]:
    lines = [
        "| label/category | n | refuse | guard | rewrite | allow |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {c['n']} | {c['refuse']} | {c['guard']} | {c['rewrite']} | {c['allow']} |"
        for name, c in groups.items()
    ]
    return lines


def _tables(report: Mapping[str, Any]) -> list[str]:
    recall = {"all": report["recall_all"], **report["recall"]}
    if report["implicit"]["n"]:
        recall["wording harmless, intent not"] = report["implicit"]
    precision = {name: value for name, value in report["precision"].items() if value is not None}
    minors = report["minor_references"]
    rewriting = report["rewriting"]
    parts = [
        "### Unsafe prompts",
        "",
        *_rates_table("category", recall),
        "",
        f"Of the refused, {percent(report['right_category'])} name the labelled category.",
        *(
            f"- Of the {name} rows refused or guarded, {percent(value)} are labelled unsafe."
            for name, value in precision.items()
        ),
        "",
        "### Ordinary prompts: false alarms",
        "",
        *_rates_table("source", report["false_positives"]),
        "",
        "### Harmless but suspicious wording: over-refusal",
        "",
        *_rates_table("source", report["over_refusal"]),
        "",
        "### Names",
        "",
        f"- {rewriting['to_rewrite']} prompts that name somebody or something: "
        f"{percent(rewriting['rewritten'])} rewritten.",
        f"- Ordinary prompts altered: {percent(rewriting['harmless_altered'])}; "
        f"{percent(rewriting['harmless_altered_unlisted'])} for something that no table lists.",
        "",
        "| harmless, source | n | altered | of all, by more than listed names |",
        "|---|---|---|---|",
        *(
            f"| {name} | {c['n']} | {percent(c['altered'])} | {percent(c['unlisted'])} |"
            for name, c in rewriting["by_source"].items()
        ),
        "",
    ]
    if minors:
        parts += ["### References to minors", "", "| label | n | found |", "|---|---|---|"]
        parts += [f"| {n} | {c['n']} | {percent(c['found'])} |" for n, c in minors.items()]
        parts += [""]
    languages = {n: t for n, t in report["languages"].items() if t["block"]["n"] + t["allow"]["n"]}
    if len(languages) > 1:
        parts += ["### By language", ""]
        parts += _rates_table("unsafe, language", {n: t["block"] for n, t in languages.items()})
        parts += [""]
        parts += _rates_table("harmless, language", {n: t["allow"] for n, t in languages.items()})
        parts += [""]
    parts += ["### Counts", "", *_groups_table(report["groups"]), ""]
    return parts


def render(report: Mapping[str, Any], notes: Iterable[str] = ()) -> str:
    """Markdown of one report; the tables with providers, if any, stand apart."""
    spent = report["milliseconds"]
    lines = [
        "# Safety evaluation: text screening",
        "",
        f"Made by `manage.py evaluate_screening` on {date.today().isoformat()}: profile "
        f"`{report['profile']}`, policy {report['policy_version']}, Python "
        f"{platform.python_version()}, {report['rows']:,} rows of "
        f"{', '.join(report['sets'])} ({_HALVES[report.get('half', 'both')]}). Figures change only by "
        "running it again.",
        "",
        "CPU time of one prompt here (rewriter, lists, classifiers, decision; a vector from --cache "
        f"costs nothing): median {spent['median']} ms, p95 {spent['p95']} ms.",
        "",
        f"## Embedded classifiers: {', '.join(report['classifiers'])}",
        "",
        *_tables(report),
        "### Ordinary prompts by profile: false alarms",
        "",
        *_rates_table("profile", report["profiles"]),
        "",
    ]
    if report.get("with_providers"):
        other = report["with_providers"]
        lines += [
            f"## The same rows with providers: {', '.join(other['providers'])}",
            "",
            *_tables(other),
        ]
    lines += notes
    return "\n".join(lines).rstrip() + "\n"
