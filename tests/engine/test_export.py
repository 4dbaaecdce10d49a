"""What ships beside the weights, and what is refused before it ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation.training import neighbours
from generation.training.captions import vocabulary
from generation.training.config import RunConfig
from generation.training.export import ExportError, check_size, export, training, words


def run_of(work: Path, device: str = "cpu", **tables) -> RunConfig:
    return RunConfig(work, device, 1, False, {"capabilities": {}, "nearest_words": {}, **tables})


def wordings() -> set[str]:
    return {w for table in vocabulary().values() for phrases in table.values() for w in phrases}


def test_every_neighbour_leads_to_words_of_the_captions():
    nearest = words({})["nearest"]
    assert len(nearest) > 40
    assert set(nearest.values()) <= wordings()
    assert not set(nearest) & wordings()
    assert nearest["locomotive"] == "train"


def test_a_near_word_that_means_another_thing_is_left_out():
    assert not set(neighbours.REFUSED.split()) & set(json.loads(neighbours.FILE.read_text()))


def test_the_run_file_goes_before_the_text_encoder():
    table = words({"locomotive": "steam train", "zeppelin": "balloon", "ghost": "no such wording"})
    assert table["nearest"]["locomotive"] == "steam train"
    assert table["nearest"]["zeppelin"] == "balloon"
    assert "ghost" not in table["nearest"]


def test_only_objects_that_were_drawn_are_in_the_vocabulary():
    table = words({"missile": "rocket", "dory": "fish"}, ["ball", "rocket"])
    assert list(table["objects"]) == ["ball", "rocket"]
    assert table["nearest"]["missile"] == "rocket"
    assert "dory" not in table["nearest"]


def test_a_missing_part_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(ExportError, match="holds no trained transformer"):
        export(run_of(tmp_path / "work"), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize(
    ("sizes", "says"), [((16_000_000,), "16 MB, more than 15"), ((14_000_000,) * 5, "70 MB")]
)
def test_weights_that_are_too_large_to_ship_are_refused(tmp_path, sizes, says):
    (tmp_path / "vae").mkdir()
    for number, size in enumerate(sizes):
        with open(tmp_path / "vae" / f"{number}.safetensors", "wb") as file:
            file.truncate(size)  # a hole: takes no room on the disk
    with pytest.raises(ExportError, match=says):
        check_size(tmp_path)


def test_training_says_on_what_and_how_long(tmp_path):
    state = tmp_path / "dit.state" / "00000700"
    state.mkdir(parents=True)
    (state / "state.json").write_text(json.dumps({"step": 700, "hours": 1.5}))
    run = run_of(tmp_path, vae={"carried_steps": 2000, "carried_hours": 0.25}, dit={})
    facts = training(run, "python -m generation.training.slices RUN.toml")
    assert facts["trained_on"] == "cpu"
    assert facts["parts"] == {
        "vae": {"steps": 2000, "hours": 0.25},
        "dit": {"steps": 700, "hours": 1.5},
    }
    assert facts["hours"] == 1.75
    assert training(run_of(tmp_path, "cuda"))["trained_on"] == "gpu"
    assert str(tmp_path) not in json.dumps(facts)
