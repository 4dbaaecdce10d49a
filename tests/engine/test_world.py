from __future__ import annotations

import random

import pytest
import torch

from generation.training import world
from generation.training.captions import caption, mirrored, plain, vocabulary
from generation.training.world import Scene, render, sample_scene

BALLOON = Scene("ocean", "sunset", "clear", "balloon", "red", "large", "rises", 7)


def scenes(count):
    rng = random.Random(0)
    return [sample_scene(rng) for _ in range(count)]


def test_the_same_scene_is_drawn_the_same_twice():
    again = Scene("ocean", "sunset", "clear", "balloon", "red", "large", "rises", 7)
    draw = lambda scene: render(scene, frames=3, height=48, width=80)  # noqa: E731
    assert torch.equal(draw(BALLOON), draw(again))


def test_another_seed_is_another_layout():
    other = Scene("ocean", "sunset", "clear", "balloon", "red", "large", "rises", 8)
    draw = lambda scene: render(scene, frames=1, height=48, width=80)  # noqa: E731
    assert not torch.equal(draw(BALLOON), draw(other))


@pytest.mark.parametrize("size", [(48, 80), (64, 64), (80, 48)])
def test_every_kind_of_scene_draws_at_every_shape(size):
    for scene in scenes(40):
        clip = render(scene, frames=2, height=size[0], width=size[1])
        assert clip.shape == (3, 2, *size)
        assert clip.min() >= -1 and clip.max() <= 1 and clip.isfinite().all()


def test_a_part_of_a_clip_is_drawn_as_in_the_whole():
    whole = render(BALLOON, frames=8, height=48, width=80, fps=4.0)
    part = render(BALLOON, frames=3, height=48, width=80, fps=4.0, start=1.0)
    assert torch.allclose(whole[:, 4:7], part, atol=1e-4)


def test_what_rises_is_higher_at_the_end():
    clip = render(BALLOON, frames=2, height=96, width=160, fps=0.5)
    red = (clip[0] > 0.4) & (clip[1] < -0.4) & (clip[2] < -0.4)
    rows = [red[t].nonzero()[:, 0].float().mean() for t in range(2)]
    assert rows[1] < rows[0] - 10


def test_boats_stay_on_the_water_and_cars_off_it():
    for scene in scenes(500):
        if scene.object == "boat":
            assert scene.place == "ocean"
        if scene.object == "car":
            assert scene.place != "ocean"


def test_a_plain_caption_says_all_that_matters():
    assert plain(BALLOON) == "a red balloon rises over the ocean at sunset"


def test_captions_vary_and_stay_one_line():
    rng = random.Random(1)
    texts = {caption(BALLOON, rng) for _ in range(50)}
    assert len(texts) > 30
    assert all(t and "\n" not in t and "  " not in t for t in texts)


def test_mirroring_swaps_the_sides_and_nothing_else():
    text = "a bright red ball moves left, not right"
    assert mirrored(text) == "a bright red ball moves right, not left"
    assert mirrored(mirrored(text)) == text


def test_the_vocabulary_names_everything_that_is_drawn():
    known = vocabulary()
    assert set(known["objects"]) == set(world.OBJECTS)
    assert set(known["colours"]) == set(world.COLOURS)
    assert set(known["places"]) == set(world.PLACES)
    assert set(known["times"]) == set(world.TIMES)
    assert set(known["motions"]) == set(world.MOTIONS)
