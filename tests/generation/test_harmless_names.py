"""Prompts that name nobody go to the engine as they were written."""

from __future__ import annotations

import pytest

from generation.prompting import rewrite

PLACES = [
    "Sunlight sinks into the Mariana Trench as a submersible descends",
    "A red fox sleeps on Prince Edward Island",
    "Pilgrims wade into the Jordan River",
    "A tram climbs a steep street in San Francisco",
    "A ferry leaves Charlotte Amalie",
    "Charles de Gaulle airport runway at night",
    "Ho Chi Minh City traffic from above",
    "Meiji Shrine in the snow",
    "Ben Nevis in clouds",
    "Scott Base in Antarctica",
    "Ross Ice Shelf from above",
    "Bob Marshall Wilderness in autumn",
    "The United States Capitol in winter, a logo of a bakery beside it",
    "Diego Garcia atoll",
    "Lake Louise in Banff with red canoes",
]
TALES = [
    "The Mad Hatter pours tea for the March Hare",
    "The Queen of Hearts plays croquet with flamingos",
    "Thor's hammer in a manuscript of Norse mythology",
    "The Flying Dutchman sails through a storm",
    "Jade Emperor temple",
    "Uncle Sam costume at a Fourth of July parade",
    "Robin Hood splits an arrow",
    "Joan of Arc rides into Orleans",
    "Albert Einstein writes on a blackboard",
]
INVENTED = [
    "Professor Owl teaches astronomy to mice",
    "Mr. Snowman melts in spring",
    "Prince Frog waits for a kiss",
    "Captain Whiskers, a pirate cat, sails a bathtub",
    "A boy named Leo builds a sandcastle",
    "An astronaut called Nova waves",
    "Grandma Betty knits by the fire",
    "The Prime Minister enters a conference hall",
    "Little Timmy's treehouse in a storm",
]
THINGS = [
    "A Ferris wheel turns above a carnival",
    "A Bunsen burner heats a flask",
    "A waiter tosses a Caesar salad",
    "A Jack Russell Terrier catches a frisbee",
    "Peach Melba served in a crystal bowl",
    "A Granny Smith apple rolls off a table",
    "A puma on a rock",
    "a twitter of birds in a hedge",
    "The James Webb Space Telescope unfolds its mirror",
    "Black-eyed Susan flowers sway",
]
CAMERAS = [
    "a woman in the rain, shot on Kodak Portra 400",
    "portrait of an old sailor, Nikon D850, 85mm",
    "a street at night, photo taken with a Leica M6",
    "a fox in the snow, shot on Canon EOS R5",
]


@pytest.mark.parametrize("prompt", [*PLACES, *TALES, *INVENTED, *THINGS, *CAMERAS])
def test_nothing_is_changed(prompt: str) -> None:
    assert rewrite(prompt).text == prompt


@pytest.mark.parametrize(
    ("prompt", "gone"),
    [
        ("a Nikon camera on a table", "Nikon"),
        ("a billboard with the Kodak logo", "Kodak"),
        ("a twitter logo on a wall", "twitter"),
        ("Thor fights a robot in New York", "Thor"),
        ("Charles de Gaulle gives a speech", "Gaulle"),
        ("My friend Karen Whitfield blows out candles", "Karen"),
        ("Mr. Whitfield walks through the rain", "Whitfield"),
        ("a woman named Karen Whitfield opens a letter", "Whitfield"),
        ("April O'Neil reads the news", "O'Neil"),
    ],
)
def test_what_names_somebody_or_something_still_goes(prompt: str, gone: str) -> None:
    assert gone not in rewrite(prompt).text
