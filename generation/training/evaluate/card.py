"""The written parts of the model card, between markers: what the model draws, from its vocabulary, and
how well, from the table. Nobody writes there by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from generation.training.evaluate.judges import ATTRIBUTES
from generation.training.evaluate.sheets import write_sheets
from generation.training.evaluate.table import Report, read_training

WORLD, MEASURED = "world", "measured"  # the parts; a marker is <!-- world: start -->
NAMES = {
    "place": "place",
    "time_of_day": "time of day",
    "object": "object",
    "colour": "colour of the object",
    "weather": "weather",
    "style": "style",
    "motion": "motion",
    "camera": "camera",
    "unseen_synonyms": "unseen synonyms (words in no caption)",
    "vae_psnr": "autoencoder alone, held-out clips",
    "vae_ssim": "the same, structural similarity",
    "kept_frames_psnr": "frames given in image to video, extend and fill, before they are laid over",
    "distilled_drop_points": "few-step mode against default, mean over the attributes",
    "flicker": "flicker (second difference in time, levels of 255)",
    "flicker_of_drawings": "the same of drawings of these scenes",
}
SHARES = (*ATTRIBUTES, "unseen_synonyms")
WEAK = 0.75  # an attribute below this is named among what the model can't do


def write(report: Report, pictures: Path, model_dir: Path, cards: list[Path]) -> list[Path]:
    """Pictures, figures.json and golden.json into `pictures`; the table into every card that has the
    markers. Returns what was written."""
    written = write_sheets(pictures, report.prompts, report.clips, report.kept, report.fps)
    for name, content, indent in (
        ("figures.json", report.table, 1),
        ("golden.json", report.golden, None),
    ):
        path = pictures / name
        path.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
        written.append(path)
    vocabulary = json.loads((model_dir / "vocabulary.json").read_text())
    for card in cards:
        put(card, MEASURED, measured(report.table, read_training(model_dir)))
        put(card, WORLD, world(vocabulary), needed=False)
        written.append(card)
    return written


def put(card: Path, part: str, text: str, *, needed: bool = True) -> None:
    """Replace what stands between the markers of a part. Raises ValueError for a card without them,
    unless the part isn't needed there."""
    start, end = f"<!-- {part}: start -->", f"<!-- {part}: end -->"
    before, found, rest = card.read_text(encoding="utf-8").partition(start)
    _, closed, after = rest.partition(end)
    if found and closed:
        card.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
    elif needed:
        raise ValueError(f"{card} has no {start} … {end}: put the two where the part belongs.")


def world(vocabulary: dict[str, Any]) -> str:
    """What the model draws, one line per table of its vocabulary."""
    return "\n".join(
        f"- {title} ({len(table)}): {', '.join(name.replace('_', ' ') for name in table)}"
        for title, table in vocabulary.items()
        if title != "nearest" and table
    )


def measured(table: dict[str, Any], training: dict[str, Any]) -> str:
    """Markdown: the figures with intervals and ceilings, what they stand on, what is weak."""
    lines = [
        "| what the prompt says | is seen in the clip | judge on drawings |",
        "| --- | --- | --- |",
    ]
    for name in SHARES:
        low, high = table["intervals"][name]
        ceiling = table["ceiling"].get(name)
        lines.append(
            f"| {NAMES[name]} | {_percent(table[name])} ({_percent(low)} to {_percent(high)}) | "
            f"{_percent(ceiling) if ceiling is not None else ''} |"
        )
    lines += ["", "| other measures | value |", "| --- | --- |"]
    for name in ("vae_psnr", "vae_ssim", "kept_frames_psnr", "distilled_drop_points", *_FLICKER):
        if table.get(name) is None:
            lines.append(f"| {NAMES[name]} | this folder has none |")
            continue
        low, high = table["intervals"][name]
        unit = {"vae_psnr": " dB", "kept_frames_psnr": " dB", "distilled_drop_points": " points"}
        digits = 3 if name == "vae_ssim" else 1
        lines.append(
            f"| {NAMES[name]} | {table[name]:.{digits}f}{unit.get(name, '')} "
            f"({low:.{digits}f} to {high:.{digits}f}) |"
        )
    lines += ["", _stands_on(table), "", _weak(table), "", how_trained(training)]
    return "\n".join(lines)


_FLICKER = ("flicker", "flicker_of_drawings")


def _stands_on(table: dict[str, Any]) -> str:
    of = table["counted"]
    return (
        f"Measured on {table['model']} (weights {table['weights']}), {table['steps']} steps, guidance "
        f"{table['guidance']:g}, {table['clip']}. {max(of[name] for name in ATTRIBUTES)} clips of plain "
        "prompts whose combination of object, colour and place is in no training clip, one seed each, "
        "every value of every attribute about as often; colour is not judged in black and white, "
        "weather not indoors, under water or in space. "
        f"{of['unseen_synonyms']} more clips for unseen synonyms, {of['kept_frames_psnr']} with given "
        f"frames, {of['vae_psnr']} drawings for the autoencoder. In brackets: 95 % intervals (Wilson "
        "for shares, bootstrap for means). The judges are small classifiers trained on drawings; their "
        "own errors are part of every figure, the last column says how large they are."
    )


def _weak(table: dict[str, Any]) -> str:
    weak = [f"{NAMES[n]} ({_percent(table[n])})" for n in SHARES if table[n] < WEAK]
    if not weak:
        return f"No attribute is drawn as asked in less than {_percent(WEAK)} of the clips."
    return "What it often gets wrong: " + ", ".join(weak) + "."


def how_trained(training: dict[str, Any]) -> str:
    """A paragraph from training.json."""
    if not training:
        return "This folder doesn't say how it was trained."
    parts = [
        f"{name} {part['steps']:,} steps"
        + (f" in {part['hours']:.1f} h" if part.get("hours") else "")
        for name, part in training["parts"].items()
    ]
    return (
        f"Trained on {training['trained_on'].upper()} ({training['device']}): {'; '.join(parts)}. "
        f"Data: {training['data']} Command: `{training['command']}`."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
