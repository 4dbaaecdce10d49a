"""Names out, meaning kept, every change told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from generation import gazetteer
from generation.prompting import REASONS, ModelVocabulary, rewrite

VOCABULARY = ModelVocabulary(
    frozenset(
        {
            "red",
            "blue",
            "ball",
            "boat",
            "bird",
            "ocean",
            "city",
            "sunset",
            "night",
            "drifts",
            "rain",
        }
    )
)


@pytest.mark.parametrize(
    ("prompt", "expected", "kind"),
    [
        ("Taylor Swift's guitar on a stage", "A pop singer's guitar on a stage", "public_figure"),
        ("elon musk rides a horse", "A business leader rides a horse", "public_figure"),
        ("ELON MUSK rides a horse", "A business leader rides a horse", "public_figure"),
        ("a film about Lionel Messi.", "a film about a football player.", "public_figure"),
        ("t4ylor sw1ft sings", "A pop singer sings", "public_figure"),
        ("tаylоr swift sings", "A pop singer sings", "public_figure"),
        ("Ｔａｙｌｏｒ Ｓｗｉｆｔ sings", "A pop singer sings", "public_figure"),
        ("Taylor\u200b Swift sings", "A pop singer sings", "public_figure"),
        ("#TaylorSwift sings", "#a pop singer sings", "public_figure"),
        ("Robert Downey Jr.'s face", "A film actor's face", "public_figure"),
        ("young Tom Hanks smiles", "young film actor smiles", "public_figure"),
        ("A portrait of Enrico Bellandi", "A portrait of a person", "public_figure"),
        ("a village in the style of Greg Rutkowski",
         "a village in the style of a dramatic fantasy oil painting", "artist_style"),
        ("By Greg Rutkowski, a knight", "In the style of a dramatic fantasy oil painting, a knight",
         "artist_style"),
        ("a street in the style of Petra Lindqvist",
         "a street in the style of a carefully drawn illustration", "artist_style"),
        ("Petra Lindqvist style portrait", "Illustrated style portrait", "artist_style"),
        ("A Nike sneakers billboard", "A sports sneakers billboard", "brand"),
        ("a Coca-Cola on a table", "a soda drink on a table", "brand"),
        ("an Apple laptop on a desk", "a modern laptop on a desk", "brand"),
        ("A McDonald's at night", "A fast-food restaurant at night", "brand"),
        ("the Veridex logo on a wall", "the abstract logo on a wall", "brand"),
        ("Mickey Mouse dances", "A cheerful cartoon mouse dances", "character"),
        ("spider-man climbs a tower", "A masked acrobat hero climbs a tower", "character"),
        ("Karen Whitfield walks her dog", "A woman walks her dog", "private_person"),
        ("a video of Jason Reed surfing", "a video of a man surfing", "private_person"),
        ("My friend Karen Whitfield blows out candles", "My friend blows out candles",
         "private_person"),
        ("my neighbor Hassan waves", "my neighbor waves", "private_person"),
        ("a man named John Smith walks", "a man walks", "private_person"),
        ("Governor Ellis Marsh gives a talk", "A politician gives a talk", "private_person"),
    ],
)  # fmt: skip
def test_a_name_becomes_a_description(prompt: str, expected: str, kind: str) -> None:
    result = rewrite(prompt)

    assert result.text == expected
    assert result.changed
    assert {edit.kind for edit in result.edits} == {kind}
    assert all(edit.reason == REASONS[edit.kind] for edit in result.edits)
    assert all(edit.original and edit.to_json()["reason"].endswith(".") for edit in result.edits)


@pytest.mark.parametrize(
    "prompt",
    [
        "A red balloon rises over the ocean at sunset",
        "a red apple rolls across a table",
        "The Amazon river at dawn, drone shot",
        "A puma stalks through tall grass",
        "A jaguar drinks from a stream",
        "A dove lands on a windowsill",
        "An archery target with three arrows",
        "the subway arrives, doors open",
        "a musk ox in the snow",
        "he plays a trump card",
        "a goofy dog chases its tail",
        "orange juice is poured, apple slices fall",
        "a village in the style of Rembrandt",
        "in the style of Vincent van Gogh, a starry night",
        "by J. M. W. Turner, a ship in fog",
        "watercolor style, a fox",
        "in the style of classical Greek sculpture",
        "Art Deco style lobby with brass lamps",
        "Sherlock Holmes searches a foggy street",
        "Golden Gate Bridge in fog",
        "Sydney Opera House at night",
        "Mount Fuji by Lake Kawaguchi at dawn",
        "Big Ben strikes noon",
        "A Jack Russell terrier leaps",
        "The Mona Lisa in a museum hall",
        "Victoria Falls from above",
        "Christmas Market On A Snowy Evening In Vienna",
        "transformers hum at a power station",
        "",
        "🎈",
    ],
)
def test_a_harmless_prompt_stays_as_it_is(prompt: str) -> None:
    result = rewrite(prompt)

    assert result.text == prompt
    assert not result.changed
    assert result.edits == ()


def _every_name() -> list[str]:
    tables = (
        gazetteer.PUBLIC_FIGURES,
        gazetteer.LIVING_ARTISTS,
        gazetteer.BRANDS,
        gazetteer.CHARACTERS,
    )
    return [
        name.removeprefix("~")
        for table in tables
        for line in table.strip().splitlines()
        for name in line.partition(" = ")[0].split("/")
    ]


def test_every_listed_name_is_replaced_and_the_result_is_stable() -> None:
    names = _every_name()
    assert len(names) > 700
    for name in names:
        for prompt in (
            f"a clip of {name} in the rain",
            f"{name}'s hat",
            f"We see {name}, then fog",
        ):
            result = rewrite(prompt)
            assert result.text.strip()
            again = rewrite(result.text)
            assert again.text == result.text, (prompt, result.text, again.text)
            assert not again.changed
        first = rewrite(f"a clip of {name} in the rain")
        assert first.changed, name
        assert name.casefold() not in first.text.casefold(), (name, first.text)


def test_two_people_stay_two_and_one_stays_one() -> None:
    text = rewrite("Donald Trump and Joe Biden shake hands, then Donald Trump laughs").text

    assert text == (
        "A political leader and another political leader shake hands, then the political leader laughs"
    )


def test_it_is_deterministic() -> None:
    prompt = "Elon Musk and Batman drink Coca-Cola in the style of Banksy"

    assert rewrite(prompt) == rewrite(prompt)
    assert len(rewrite(prompt).edits) == 4


def test_words_are_mapped_to_ones_the_model_knows() -> None:
    result = rewrite("An orb and a yacht drift on the sea at dusk", vocabulary=VOCABULARY)

    assert result.text == "A ball and a boat drift on the ocean at sunset"
    assert {(e.original, e.replacement) for e in result.edits} == {
        ("orb", "ball"), ("yacht", "boat"), ("sea", "ocean"), ("dusk", "sunset"),
    }  # fmt: skip
    assert {edit.kind for edit in result.edits} == {"vocabulary"}
    assert result.unknown == ()


def test_known_words_are_kept_and_unknown_ones_named() -> None:
    result = rewrite(
        "A red boat drifts past a wombat and a lighthouse at night", vocabulary=VOCABULARY
    )

    assert not result.changed
    assert result.unknown == ("wombat", "lighthouse")


def test_without_a_vocabulary_nothing_is_called_unknown() -> None:
    assert rewrite("A wombat on a lighthouse").unknown == ()


def test_a_vocabulary_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(
        json.dumps(
            {
                "version": "1",
                "objects": {"boat": ["sailing boat", "dinghy"], "ball": []},
                "colours": ["red", "blue"],
                "nearest": {"galleon": "boat"},
            }
        )
    )
    vocabulary = ModelVocabulary.read(path)

    assert {"boat", "dinghy", "sailing", "red"} <= vocabulary.known
    assert rewrite("a red galleon", vocabulary=vocabulary).text == "a red boat"
    path.write_text("[]")
    with pytest.raises(ValueError, match="object"):
        ModelVocabulary.read(path)


def test_mapping_words_is_stable_too() -> None:
    first = rewrite("A scarlet sphere ascends at dusk over downtown", vocabulary=VOCABULARY)

    assert rewrite(first.text, vocabulary=VOCABULARY).text == first.text
