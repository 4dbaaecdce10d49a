"""What can be known about a vision model's folder without loading it."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from moderation.screening.model_folder import check, describe
from moderation.screening.protocol import Category, ScreeningUnavailable


def weights(path: Path, size: int = 16) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, size]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(16))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text(
        json.dumps({"id2label": {"0": "normal", "1": "nsfw", "2": "gore"}})
    )
    weights(tmp_path / "model.safetensors")
    describes(tmp_path, {"labels": {"nsfw": "sexual", "gore": "violence_gore"}})
    return tmp_path


def describes(folder: Path, data: Any) -> None:
    (folder / "screening.json").write_text(data if isinstance(data, str) else json.dumps(data))


def test_a_folder_says_what_it_judges_without_being_loaded(folder: Path) -> None:
    assert check(folder).categories == {Category.SEXUAL, Category.VIOLENCE_GORE}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "can't be read"),
        ("[]", "no object"),
        ("[" * 100_000, "can't be read"),
        ({}, "no label"),
        ({"labels": {"nsfw": "rude"}}, "rude"),
        ({"labels": {"sfw": "sexual"}}, "no label 'sfw'; it has"),
        ({"kind": "magic", "labels": {"nsfw": "sexual"}}, "kind is one of"),
        ({"labels": {"nsfw": "sexual"}, "crops": "yes"}, "crops"),
        ({"labels": {"nsfw": "sexual"}, "points": {"gore": {"guard": 0.1, "refuse": 0.2}}}, "gore"),
        ({"labels": {"nsfw": "sexual"}, "points": {"nsfw": {"guard": 0.5}}}, "guard and refuse"),
        ({"labels": {"nsfw": "sexual"}, "points": {"nsfw": {"guard": 0.9, "refuse": 0.2}}}, "<"),
        ({"kind": "zero_shot", "prompts": {}}, "prompts"),
        ({"kind": "zero_shot", "prompts": {"sexual": "a nude"}}, "list of"),
        ({"kind": "zero_shot", "prompts": {"sexual": ["a nude"]}}, "ordinary"),
    ],
)
def test_a_description_that_does_not_fit_is_refused_in_words(
    folder: Path, data: Any, message: str
) -> None:
    describes(folder, data)

    with pytest.raises(ScreeningUnavailable, match=message):
        check(folder)


def test_weights_that_are_missing_cut_short_or_no_weights_are_refused(folder: Path) -> None:
    weights(folder / "model.safetensors", size=4000)
    with pytest.raises(ScreeningUnavailable, match="cut short"):
        check(folder)
    (folder / "model.safetensors").write_bytes(b"version https://git-lfs\n" * 9)
    with pytest.raises(ScreeningUnavailable, match="no safetensors"):
        check(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(ScreeningUnavailable, match="no weights"):
        check(folder)
    with pytest.raises(ScreeningUnavailable, match="no folder"):
        check(folder / "nowhere")


def test_an_operators_points_move_a_probability_to_the_common_scale(folder: Path) -> None:
    describes(
        folder, {"labels": {"nsfw": "sexual"}, "points": {"nsfw": {"guard": 0.1, "refuse": 0.3}}}
    )
    described = describe(folder)

    scaled = [round(described.scaled("nsfw", v), 3) for v in (0.0, 0.05, 0.1, 0.2, 0.3, 1.0)]
    assert scaled == [0.0, 0.225, 0.45, 0.575, 0.7, 1.0]
    assert described.scaled("nsfw", float("nan")) == 1.0
    assert describe(folder).scaled("other", 0.2) == 0.2
