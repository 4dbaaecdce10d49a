"""`manage.py age_bias` and `manage.py probe_representation`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image

from moderation.screening.protocol import Frame


class AlwaysAWoman:
    """A group classifier that sees the same in every frame."""

    name, version = "always", "1"

    def groups(self, frames: Sequence[Frame]) -> list[dict[str, str]]:
        return [{"gender": "woman"} for _ in frames]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    lines = []
    for number, (group, child, grey) in enumerate(
        [("light", True, 230), ("dark", True, 20), ("light", False, 20), ("dark", False, 20)]
    ):
        Image.fromarray(np.full((8, 8, 3), grey, np.uint8)).save(tmp_path / f"{number}.png")
        lines.append(json.dumps({"path": f"{number}.png", "group": group, "child": child}))
    path = tmp_path / "labelled.jsonl"
    path.write_text("\n".join(lines))
    return path


def run(command: str, *arguments: str, **options: object) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, **options)
    return out.getvalue()


def test_without_an_age_check_there_is_nothing_to_measure(labelled: Path) -> None:
    with pytest.raises(CommandError, match="SORA_FRAME_CLASSIFIER"):
        run("age_bias", str(labelled))


def test_the_report_shows_each_group_and_the_gap(labelled: Path, settings: object) -> None:
    settings.SORA_FRAME_CLASSIFIER = "tests.screening.test_fairness.BrightIsAChild"  # type: ignore[attr-defined]
    settings.SORA_FRAME_CLASSIFIER_PATH = ""  # type: ignore[attr-defined]

    report = json.loads(run("age_bias", str(labelled), json=True))
    table = run("age_bias", str(labelled))

    assert report["groups"]["dark"]["children_missed"]["hits"] == 1
    assert report["widest_gap_points"]["children_missed"] == 100.0
    assert "Widest gap between two groups: 100 points missed" in table


def test_the_rewriter_s_effect_is_printed_with_intervals() -> None:
    report = json.loads(run("probe_representation", seeds=2, json=True))
    table = run("probe_representation", seeds=1)

    assert report["measured"] == "texts"
    assert report["without"]["gender"]["stated"]["hits"] == 0
    assert report["with"]["texts"] == 32
    assert report["people_added"]["hits"] == 0
    assert "people put into scenes without people: 0 of" in table


def test_own_prompts_and_frames_are_measured(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("a red balloon over the ocean\n")

    report = json.loads(
        run(
            "probe_representation",
            seeds=1,
            prompts=prompts,
            group_classifier="tests.moderation.test_fairness_commands.AlwaysAWoman",
            json=True,
        )
    )

    assert report["measured"] == "frames"
    assert report["with"]["gender"]["values"]["woman"]["share"] == 1.0


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"seeds": 0}, "--seeds"),
        ({"prompts": Path("/nowhere.txt")}, "--prompts"),
        ({"group_classifier": "nowhere.Nothing"}, "can't be loaded"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run("probe_representation", **options)
