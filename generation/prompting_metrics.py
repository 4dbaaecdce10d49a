"""How well the rewriter does on labelled prompts: python -m generation.prompting_metrics FILE.jsonl …

Reads any JSONL with id, text, category and label ("rewrite", "allow"); `entity` is the name that has
to go, where the set says so. Prints one JSON object, see `measure`. Needs no database and no model.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from generation.captioning import shows_people
from generation.gazetteer import VERSION
from generation.prompting import Rewrite, rewrite
from moderation.screening.normalise import fold

# The categories of the sets -> the kinds of edit that take such a name out.
KINDS = {
    "likeness_public": {"public_figure", "private_person"},
    "likeness_private": {"private_person", "public_figure"},
    "artist_style": {"artist_style"},
    "ip_brand": {"brand", "character", "artist_style"},
}
SEEDS = range(20)


def measure(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts and shares in per cent.

    named: for each category of rows to be rewritten, n and left: the share whose name is still there
        (by its spelling where the row has an `entity`, else: no edit of such a kind was made).
    deceased_touched: of `allow` rows about an artist's style. harmless_altered: of the other `allow`
        rows; _unlisted: the share altered for more than names that are listed. not_idempotent: rows a
        second pass changes. people_added: rows without a person that have one afterwards, also with
        diversification on. people_vary: of harmless rows where it describes somebody, the share with
        more than one description over 20 seeds.
    """
    named: Counter[str] = Counter()
    left: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    times = []
    for row in rows:
        text = str(row["text"])
        category, label = str(row.get("category", "")), str(row.get("label", ""))
        began = time.process_time()
        found = rewrite(text)
        times.append(time.process_time() - began)
        counts["rows"] += 1
        counts["not_idempotent"] += rewrite(found.text).text != found.text
        varied = rewrite(text, diversify=1).text
        if not shows_people(text):
            counts["without_people"] += 1
            counts["people_added"] += varied != found.text
        if label == "rewrite" and category in KINDS and not row.get("implicit"):
            named[category] += 1
            left[category] += _is_left(row, found, KINDS[category])
        elif label == "allow" and category == "artist_style":
            counts["deceased"] += 1
            counts["deceased_touched"] += any(e.kind == "artist_style" for e in found.edits)
        elif label == "allow":
            counts["harmless"] += 1
            counts["harmless_altered"] += found.changed
            counts["harmless_guessed"] += found.guessed
            if varied != found.text:
                counts["describable"] += 1
                counts["vary"] += len({rewrite(text, diversify=s).text for s in SEEDS}) > 1
    times.sort()
    return {
        "version": VERSION,
        "rows": counts["rows"],
        "named": {
            name: {"n": n, "left_percent": _share(left[name], n)}
            for name, n in sorted(named.items())
        },
        "deceased_n": counts["deceased"],
        "deceased_touched_percent": _share(counts["deceased_touched"], counts["deceased"]),
        "harmless_n": counts["harmless"],
        "harmless_altered_percent": _share(counts["harmless_altered"], counts["harmless"]),
        "harmless_altered_unlisted_percent": _share(counts["harmless_guessed"], counts["harmless"]),
        "not_idempotent": counts["not_idempotent"],
        "without_people_n": counts["without_people"],
        "people_added": counts["people_added"],
        "people_vary_percent": _share(counts["vary"], counts["describable"]),
        "p50_ms": _milliseconds(times, 0.5),
        "p99_ms": _milliseconds(times, 0.99),
    }


def _is_left(row: dict[str, Any], found: Rewrite, kinds: set[str]) -> bool:
    if not row.get("entity"):
        return not any(edit.kind in kinds for edit in found.edits)
    name, text = _plain(str(row["entity"])), f" {_plain(found.text)} "
    words = name.split()
    return f" {name} " in text or (
        len(words) > 1 and len(words[-1]) > 3 and f" {words[-1]} " in text
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold(text)))


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _milliseconds(times: list[float], quantile: float) -> float | None:
    return round(1000 * times[int(quantile * (len(times) - 1))], 2) if times else None


def rows_of(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """Raises ValueError naming the file and the line that is no labelled row."""
    for path in paths:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise ValueError(f"{path.name}, line {number}: no JSON") from error
                if not isinstance(row, dict) or not isinstance(row.get("text"), str):
                    raise ValueError(f"{path.name}, line {number}: a row needs a text")
                yield row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="+", type=Path)
    print(json.dumps(measure(rows_of(parser.parse_args().paths)), indent=2))


if __name__ == "__main__":
    main()
