"""The evaluation measures what it says: on pictures whose answer is known, and end to end once."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.training import captions
from generation.training.captions import plain, unseen_synonyms
from generation.training.evaluate import card, command, golden, judges, sheets
from generation.training.evaluate.intervals import mean_interval, share_interval
from generation.training.evaluate.measures import (
    Known,
    Shots,
    Studio,
    attribute_shares,
    held_out_scenes,
    kept_frames,
    unseen_prompts,
)
from generation.training.evaluate.pictures import flicker, psnr, ssim
from generation.training.world import MONOCHROME, held_out
from tests.engine.conftest import WEIGHTS


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


# --- Figures -----------------------------------------------------------------------------------


def test_wilson_intervals_hold_the_share_and_never_leave_zero_to_one():
    for hits, of in ((0, 10), (10, 10), (93, 100), (465, 500)):
        low, high = share_interval(hits, of)
        assert 0 <= low <= hits / of <= high <= 1
    assert share_interval(0, 10)[1] == pytest.approx(0.278, abs=0.001)  # the textbook's value
    assert share_interval(0, 0) == (0, 1)


def test_more_clips_make_a_figure_surer():
    wide, narrow = share_interval(9, 10), share_interval(900, 1000)
    assert narrow[1] - narrow[0] < 0.2 * (wide[1] - wide[0])


def test_the_interval_of_a_mean_is_the_same_at_every_call():
    values = [1.0, 2.0, 3.0, 4.0]
    assert mean_interval(values) == mean_interval(values)
    low, high = mean_interval(values)
    assert low < 2.5 < high


def test_psnr_is_that_of_the_textbook():
    a = np.zeros((1, 8, 8, 3), np.uint8)
    assert psnr(a, a + 16) == pytest.approx(20 * np.log10(255 / 16), abs=1e-3)
    assert psnr(a, a) == 99


def test_ssim_is_one_for_equal_pictures_and_falls_with_noise():
    a = noise(1, 32, 32, 3)
    assert ssim(a, a) == pytest.approx(1)
    blurred = (a // 2 + 64).astype(np.uint8)
    assert ssim(a, noise(1, 32, 32, 3, seed=1)) < 0.2 < ssim(a, blurred) < 1


def test_steady_motion_does_not_flicker_and_blinking_does():
    ramp = np.arange(9, dtype=np.uint8)[:, None, None, None] * 10 + np.zeros((9, 4, 4, 3), np.uint8)
    blinking = ramp.copy()
    blinking[::2] = 255 - blinking[::2]
    assert flicker(ramp) == pytest.approx(0, abs=1e-3)
    assert flicker(blinking) > 100


# --- Prompts -----------------------------------------------------------------------------------


def test_prompts_are_of_combinations_that_no_training_clip_has():
    scenes = held_out_scenes(40)
    assert all(held_out(s.object, s.colour, s.place) for s in scenes)
    assert all(len(s.actors) == 1 and not s.then for s in scenes)
    assert [plain(s) for s in scenes] == [plain(s) for s in held_out_scenes(40)]


def test_guessing_the_commonest_answer_helps_nobody():
    scenes = held_out_scenes(160)
    for name, most in (("style", 0.35), ("camera", 0.35), ("weather", 0.4), ("time_of_day", 0.4)):
        said = Counter(judges.visible(s)[name] for s in scenes if name in judges.visible(s))
        assert max(said.values()) / said.total() < most, (name, said)


def test_what_a_picture_cannot_show_is_not_asked():
    for scene in held_out_scenes(160):
        assert ("colour" in judges.visible(scene)) is (scene.style not in MONOCHROME)


def test_every_unseen_word_is_asked_in_a_scene_that_shows_it():
    words = unseen_synonyms()
    asked = unseen_prompts(len(words))
    assert {word for *_, word in asked} == set(words)
    for scene, prompt, attribute, word in asked:
        name = words[word][1]
        assert word in prompt
        assert judges.visible(scene)[attribute] == name
        table = {"object": captions.OBJECTS, "colour": captions.COLOURS}.get(attribute)
        if table and table[name][0] not in word:
            assert f" {table[name][0]} " not in f" {prompt} ".replace(",", " ")


def test_shares_count_only_what_was_asked():
    scenes = held_out_scenes(12)
    right = Shots(
        scenes, read=[dict.fromkeys(judges.ATTRIBUTES, "?") | judges.visible(s) for s in scenes]
    )
    wrong = Shots(scenes, read=[dict.fromkeys(judges.ATTRIBUTES, "?") for _ in scenes])
    assert {v.value for v in attribute_shares(right).values()} == {1.0}
    assert {v.value for v in attribute_shares(wrong).values()} == {0.0}


# --- Judges ------------------------------------------------------------------------------------

SMALL = judges.Effort(clips=64, coded=0, still_steps=36, thing_steps=2, moving_steps=2, tested=24)


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[judges.Judges, Path]:
    folder = tmp_path_factory.mktemp("judges")
    return judges.load_judges(folder, None, effort=SMALL), folder


def test_a_little_training_beats_guessing(trained):
    ceiling = trained[0].ceiling
    assert set(ceiling) == set(judges.ATTRIBUTES)
    assert ceiling["time_of_day"] > 0.4 and ceiling["place"] > 0.25  # chance: 0.25 and 0.09


def test_trained_judges_are_kept(trained, monkeypatch):
    kept, folder = trained
    monkeypatch.setattr(judges, "train_judges", lambda *args: pytest.fail("trained again"))
    again = judges.load_judges(folder, None, effort=SMALL)
    clip = noise(25, 96, 160, 3)
    assert again.read(clip, 12) == kept.read(clip, 12)
    assert again.ceiling == pytest.approx(kept.ceiling)


def test_judges_of_another_autoencoder_are_others(trained, monkeypatch):
    def again(*args):
        raise RuntimeError("trained again")

    monkeypatch.setattr(judges, "train_judges", again)
    with pytest.raises(RuntimeError, match="trained again"):
        judges.load_judges(trained[1], None, coder="another", effort=SMALL)


def test_worse_pictures_keep_their_shape_and_differ():
    x = torch.rand(4, 3, judges.HEIGHT, judges.WIDTH)
    y = judges.worsened(x)
    assert y.shape == x.shape and bool((y != x).any())


# --- Golden seeds, pictures, card -----------------------------------------------------------------


def test_a_golden_clip_is_known_again_and_another_is_not():
    clip = noise(9, 96, 160, 3)
    kept = {"thumbnails": golden.thumbnails(clip).tolist()}
    rounding = np.clip(clip.astype(int) + 2, 0, 255).astype(np.uint8)
    assert not golden.differs(clip, kept)
    assert not golden.differs(rounding, kept)
    assert golden.differs(255 - clip // 4, kept)
    assert golden.differs(clip[:5], kept)


def test_the_pictures_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr(sheets, "LARGEST", 60_000)
    clips = [noise(5, 48, 80, 3, seed=n) for n in range(3)]
    written = sheets.write_sheets(tmp_path, ["a red ball"] * 3, clips, clips[:1], 12)
    assert {path.name for path in written} == {"prompts.webp", "kept.webp", "clips.gif"}
    # noise is what compresses worst: colours and frames were given up until it fitted
    assert (tmp_path / "clips.gif").stat().st_size < len(sheets.moving_sheet(clips, 12, 10**9))


def test_a_card_without_markers_is_named(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# A card\n")
    with pytest.raises(ValueError, match=r"README\.md has no <!-- measured: start -->"):
        card.put(path, card.MEASURED, "text")
    card.put(path, card.WORLD, "text", needed=False)
    assert path.read_text() == "# A card\n"


def test_only_the_part_between_the_markers_changes(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- measured: start -->\nold\n<!-- measured: end -->\nafter\n")
    card.put(path, card.MEASURED, "new")
    assert (
        path.read_text() == "before\n<!-- measured: start -->\nnew\n<!-- measured: end -->\nafter\n"
    )


@pytest.mark.parametrize("path", [WEIGHTS / "README.md", Path("docs/model_card.md")], ids=str)
def test_the_cards_have_their_markers(path):
    text = path.read_text()
    assert text.count("<!-- measured: start -->") == text.count("<!-- measured: end -->") == 1


# --- With the model ----------------------------------------------------------------------------


def test_frames_that_are_given_come_out_again(engine):
    value, means, shown = kept_frames(Studio(engine), 1)
    assert set(means) == {"image", "extend", "fill"}
    assert value.value > 15  # dB; other pictures of this world are at about 10
    assert len(shown) == 6


@pytest.mark.slow
def test_the_whole_table_is_measured_and_written(tmp_path, monkeypatch):
    model = tmp_path / "model"
    model.mkdir()
    for path in WEIGHTS.iterdir():
        if path.name != "README.md":
            (model / path.name).symlink_to(path)
    (model / "README.md").write_text("<!-- measured: start --><!-- measured: end -->")
    random.seed(0)
    text = command.run(
        model_dir=model,
        clips=2,
        device="cpu",
        distilled=None,
        judges=tmp_path / "judges",
        quick=True,
        write=tmp_path / "docs" / "model",
        as_json=True,
    )
    table = json.loads(text)
    for name in (*judges.ATTRIBUTES, "unseen_synonyms"):
        assert 0 <= table[name] <= 1
        low, high = table["intervals"][name]
        assert 0 <= low <= table[name] <= high <= 1
    assert table["vae_psnr"] > 15 and table["kept_frames_psnr"] > 10
    assert table["trained_on"] in ("cpu", "gpu", "unknown")
    assert "distilled_drop_points" in table
    written = {path.name for path in (tmp_path / "docs" / "model").iterdir()}
    assert written == {"prompts.webp", "clips.gif", "kept.webp", "figures.json", "golden.json"}
    assert "| place |" in (model / "README.md").read_text()


def test_too_few_clips_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        command.run(
            model_dir=WEIGHTS,
            clips=1,
            device="cpu",
            distilled=None,
            judges=Path("x"),
            quick=True,
            write=None,
            as_json=True,
        )


def test_a_model_is_asked_only_for_what_its_vocabulary_names(tmp_path: Path) -> None:
    words = {
        "objects": {key: [] for key in ("ball", "kite", "star", "heart", "balloon", "ring")},
        "colours": {key: [] for key in ("red", "blue", "green", "yellow", "purple", "white")},
        "places": {key: [] for key in ("ocean", "hills", "desert", "city")},
        "times": {"day": [], "night": []},
        "weathers": {"clear": [], "clouds": []},
        "motions": {key: [] for key in ("rises", "falls", "floats", "bounces", "grows")},
    }
    (tmp_path / "vocabulary.json").write_text(json.dumps(words))
    known = Known(tmp_path)

    for scene in held_out_scenes(2, known=known):
        assert scene.object in words["objects"]
        assert scene.place in words["places"]
        assert (scene.style, scene.camera) == ("plain", "static")
    for scene, _, attribute, _ in unseen_prompts(4, known):
        assert known(scene), attribute
