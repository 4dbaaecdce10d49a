"""`manage.py filter_corpus`: what of a training set is left out, and why."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from tests.engine.corpus_files import pan, write

CLASSIFIER = "tests.engine.corpus_files.RedIsUnsafe"
GOOD = {"source": "own", "licence": "CC0-1.0", "origin": "our camera", "shows_people": False}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A manifest with one line of each kind."""
    write(tmp_path / "plain.mp4", pan(1, 24))
    red = np.zeros((144, 256, 3), np.uint8)
    red[..., 0] = 250
    frames = [red.copy() for _ in range(24)]
    for k, frame in enumerate(frames):
        frame[:, k : k + 8] = (230, 0, 30)
    write(tmp_path / "red.mp4", frames)
    lines = [
        {**GOOD, "id": "plain", "path": "plain.mp4", "short": "a pan over colours"},
        {**GOOD, "id": "red", "path": "red.mp4", "short": "a red wall"},
        {**GOOD, "id": "words", "path": "plain.mp4", "short": "explicit porn of naked people"},
        {**GOOD, "id": "lost", "path": "none.mp4", "short": "a lake"},
        {**GOOD, "id": "rights", "path": "plain.mp4", "licence": ""},
        {**GOOD, "id": "people", "path": "plain.mp4", "shows_people": True},
        {
            **GOOD,
            "id": "asked",
            "path": "plain.mp4",
            "shows_people": True,
            "short": "a pan",
            "consent": {"who": "A. Example", "when": "2026-03-01", "scope": "training"},
        },
    ]
    path = tmp_path / "set.jsonl"
    path.write_text("\n".join([*(json.dumps(line) for line in lines), "broken"]))
    return path


def screen(manifest: Path, **options: Any) -> dict[str, Any]:
    out = StringIO()
    call_command("filter_corpus", str(manifest), json=True, stdout=out, **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_every_reason_is_counted_and_every_item_named(corpus: Path, tmp_path: Path) -> None:
    report = screen(corpus, out=tmp_path / "out", frame_classifier=CLASSIFIER)

    assert (report["read"], report["kept"]) == (8, 2)
    assert report["left_out"] == {
        "unsafe frames": 1,
        "unsafe caption": 1,
        "missing file": 1,
        "no licence": 1,
        "no consent": 1,
        "unreadable line": 1,
    }
    assert report["unsafe"] == {"sexual": 2}
    assert report["kept_by_licence"] == {"CC0-1.0": 2}
    assert report["with_consent"] == 1
    assert any("red 1" in name for name in report["classifiers"])
    written = [
        json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text().splitlines()
    ]
    kept = {item["id"] for item in written if item.get("status") == "kept"}
    assert kept == {"plain", "asked"}
    assert {item["id"]: item.get("reason", "") for item in written}[
        "red"
    ] == "unsafe frames: sexual"
    assert json.loads((tmp_path / "out" / "filter_report.json").read_text())["kept"] == 2
    assert (tmp_path / "out" / written[0]["path"]).resolve() == tmp_path / "plain.mp4"


def test_footage_of_people_nobody_can_judge_is_left_out(corpus: Path, tmp_path: Path) -> None:
    report = screen(corpus, out=tmp_path / "out")

    assert report["left_out"]["not screened"] == 1
    assert {item["id"] for item in report["listed"]} >= {"asked"}


def test_captions_alone_open_no_file(corpus: Path) -> None:
    report = screen(corpus, captions_only=True)

    assert report["pictures"] is False
    assert "missing file" not in report["left_out"]
    assert report["left_out"]["unsafe caption"] == 1
    assert (corpus.parent / "set-filtered" / "manifest.jsonl").exists()


def test_the_table_is_for_people(corpus: Path) -> None:
    out = StringIO()
    call_command("filter_corpus", str(corpus), captions_only=True, stdout=out)

    assert "unsafe caption" in out.getvalue()
    assert "written:" in out.getvalue()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"manifest": "/nowhere.jsonl"}, "can't be read"),
        ({"frame_classifier": "nowhere.Nothing"}, "leads nowhere"),
        ({"run": Path("/nowhere.toml")}, "nowhere.toml"),
    ],
)
def test_what_can_not_be_used_is_named(corpus: Path, options: dict[str, Any], says: str) -> None:
    manifest = options.pop("manifest", str(corpus))

    with pytest.raises(CommandError, match=says):
        call_command("filter_corpus", manifest, **options)


def test_the_result_is_not_written_over_a_file(corpus: Path) -> None:
    with pytest.raises(CommandError, match="is a file"):
        call_command("filter_corpus", str(corpus), out=corpus)
