"""The shipped weights draw what the prompt says: at the default steps, judged by colours alone."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from generation.engine.protocol import PromptSegment, VideoSpec
from generation.training.world import Actor, Scene, render

HUES = {"red": 0, "yellow": 50, "green": 133, "purple": 280}  # degrees, of the renderer's palette


@pytest.fixture(scope="module")
def draw(engine):
    made: dict[str, np.ndarray] = {}

    def first_frame(prompt: str) -> np.ndarray:
        if prompt not in made:
            spec = VideoSpec(
                prompts=(PromptSegment(prompt),),
                width=160,
                height=96,
                frames=1,
                fps=12,
                seed=5,
                steps=engine.capabilities.default_steps,
                guidance=engine.capabilities.guidance,
            )
            (made[prompt],) = engine.generate(spec, on_progress=lambda progress: None)
        return made[prompt]

    return first_frame


def strip(place: str, time: str, rows: slice) -> np.ndarray:
    """Mean colour the renderer gives these rows, over a few layouts."""
    means = []
    for seed in range(6):
        ball = Actor("ball", "red", "small", "floats")
        scene = Scene(place, time, "clear", (ball,), seed=seed)
        picture = render(scene, frames=1, height=96, width=160)[:, 0].permute(1, 2, 0).numpy()
        means.append(((picture + 1) * 127.5)[rows].mean((0, 1)))
    return np.mean(means, axis=0)


def nearest(colour: np.ndarray, choices: dict[str, np.ndarray]) -> str:
    return min(choices, key=lambda name: float(np.abs(choices[name] - colour).sum()))


def vivid_hues(frame: np.ndarray) -> np.ndarray:
    """Hues in degrees of the clearly coloured pixels."""
    small = frame[::2, ::2].reshape(-1, 3) / 255
    hsv = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in small])
    return hsv[(hsv[:, 1] > 0.45) & (hsv[:, 2] > 0.25), 0] * 360


@pytest.mark.parametrize("colour", HUES)
def test_the_object_has_the_colour_that_was_asked_for(draw, colour):
    hues = vivid_hues(draw(f"a {colour} ball floats over a snowy field during the day"))
    away = {c: np.abs((hues - hue + 180) % 360 - 180) for c, hue in HUES.items()}
    pixels = {c: int((distance < 22).sum()) for c, distance in away.items()}
    assert max(pixels, key=pixels.__getitem__) == colour, pixels
    assert pixels[colour] > 60, pixels  # of 3840


@pytest.mark.parametrize("time", ["day", "sunset", "night"])
def test_the_sky_has_the_time_that_was_asked_for(draw, time):
    when = {"day": "during the day", "sunset": "at sunset", "night": "at night"}[time]
    frame = draw(f"a red balloon rises over the ocean {when}")
    sky = slice(0, 24)
    choices = {name: strip("ocean", name, sky) for name in ("day", "sunset", "night")}
    assert nearest(frame[sky].mean((0, 1)), choices) == time


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("ocean", "over the ocean"),
        ("hills", "over grassy hills"),
        ("desert", "in the desert"),
        ("snowfield", "over a snowy field"),
    ],
)
def test_the_ground_is_the_place_that_was_asked_for(draw, place, words):
    frame = draw(f"a red ball floats {words} during the day")
    ground = slice(84, 96)
    places = ("ocean", "hills", "desert", "snowfield")
    choices = {name: strip(name, "day", ground) for name in places}
    assert nearest(frame[ground].mean((0, 1)), choices) == place
