"""The gate: bad input, rules, minors, harmless words that frighten, and its speed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from moderation import policies
from moderation.screening import thresholds
from moderation.screening.gate import (
    BLOCKLISTS,
    InvalidPrompt,
    clean_prompt,
    matcher,
    minor_references,
    read_blocklist,
    screen_prompt,
)
from moderation.screening.protocol import Category


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "prompt_empty"),
        ("   \n\t  ", "prompt_empty"),
        ("\u200b\u200d\ufeff", "prompt_empty"),
        ("\u3164\u2800\u115f", "prompt_empty"),
        ("\U000e0041\U000e0042", "prompt_empty"),
        ("...!?", "prompt_empty"),
        ("\u0301\u0302\u0303", "prompt_empty"),
        ("a red\x00 balloon", "prompt_invalid_characters"),
        ("a red\x1b[31m balloon", "prompt_invalid_characters"),
        ("a red\x7f balloon", "prompt_invalid_characters"),
        ("a red \ud83d balloon", "prompt_invalid_characters"),
        ("a red \udc00 balloon", "prompt_invalid_characters"),
        ("a red \uffff balloon", "prompt_invalid_characters"),
        ("a red \ufdd0 balloon", "prompt_invalid_characters"),
        ("a red \U0001fffe balloon", "prompt_invalid_characters"),
        ("a" * 2001, "prompt_too_long"),
    ],
)
def test_what_is_no_prompt_is_refused_with_a_stable_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidPrompt) as caught:
        clean_prompt(text)

    assert caught.value.reason == reason
    assert caught.value.message
    assert caught.value.remedy


def test_ten_megabytes_are_refused_at_once() -> None:
    text = "z\u0301" * 5_000_000
    started = time.process_time()

    with pytest.raises(InvalidPrompt, match="10,000,000"):
        clean_prompt(text)

    assert time.process_time() - started < 0.05


def test_the_longest_prompt_can_be_set() -> None:
    assert clean_prompt("a" * 30, max_chars=30)
    with pytest.raises(InvalidPrompt):
        clean_prompt("a" * 31, max_chars=30)


def test_cleaning_keeps_what_a_person_can_read() -> None:
    assert clean_prompt("  a  red\u200b balloon \r\n\r\n rises\u202e ") == "a red balloon\nrises"
    assert clean_prompt("Ein Mädchen, 一只猫, кот 🎈") == "Ein Mädchen, 一只猫, кот 🎈"
    assert clean_prompt("🎈") == "🎈"
    assert clean_prompt("cafe\u0301") == "café"


def test_a_flood_of_marks_shrinks_to_three_on_a_letter() -> None:
    flooded = "n" + "\u0335\u0337\u0321\u0316\u0317" * 300 + "ow"

    assert len(clean_prompt(flooded)) <= 3 + 3


@pytest.mark.parametrize("level", ["refuse", "mention", "guard"])
def test_every_listed_term_has_the_effect_its_list_promises(level: str) -> None:
    missed = []
    for blocklist in matcher().blocklists:
        if blocklist.level != level:
            continue
        for entry in blocklist.entries:
            text = " ".join(part.rstrip("*") for part in entry)
            verdict = screen_prompt(text)
            if verdict.action == "allow" or (level != "guard" and verdict.allowed):
                missed.append((blocklist.name, text))

    assert not missed


@pytest.mark.parametrize(
    "prompt",
    [
        "A red balloon rises over the ocean at sunset",
        "A chef kills the heat under the pan and steam rises",
        "A blood orange is squeezed into a glass, macro",
        "Naked mole rats dig a tunnel, documentary",
        "Killer whales leap beside a boat at dawn",
        "A bath bomb dissolves in turquoise water",
        "Blue tits and great tits at a feeder in winter",
        "A rooster crows, the weather cock turns in the wind",
        "A dusty book called Moby Dick on a shelf",
        "Pussy willow branches in a vase by the window",
        "A lioness with torn ears stands in the savanna",
        "The director yells cut and the crew claps",
        "Shooting stars over a desert camp, time lapse",
        "A photographer shoots a wedding in the rain",
        "Nude colored shoes on a wooden floor",
        "A marble statue in a museum hall, slow pan",
        "A poster for a suicide prevention hotline, sunrise colours",
        "A same sex couple dances at their wedding",
        "Fake snow falls on a film set",
        "Swimmers race breaststroke, underwater camera",
        "A flawless execution of a triple jump on ice",
        "A murder of crows lands on a barn roof",
        "A Scunthorpe street in the rain",
        "The cocktail bar in Essex closes at night",
        "An analyst assesses a classic bass guitar",
        "A therapist sits in a bright room with a plant",
        "Summa cum laude graduates throw their hats",
        "A field of oilseed rape in bloom, aerial view",
        "A pirate counts his booty of gold",
        "An old wire stripper lies on a workbench",
        "Comic strip panels come alive, drawn style",
        "A crab with a gun metal grey shell",
        "4k, 60 fps, 3d render of a blue cube, f/1.8, 35mm",
        "A robot says b33p, an h4ck3r themed arcade glows",
    ],
)
def test_harmless_prompts_with_frightening_words_pass(prompt: str) -> None:
    verdict = screen_prompt(prompt)

    assert verdict.action == "allow", verdict.categories


@pytest.mark.parametrize(
    "prompt",
    [
        "A child builds a sandcastle", "Two kids fly a kite", "A teenager reads on the bus",
        "A 16-year-old skateboarder at dawn", "A toddler laughs", "a seven year old on a swing",
        "A boy feeds a rabbit", "a girl floating underwater", "Twin brothers aged seven",
        "A father teaches his son to ride a bicycle", "High school students rehearse a play",
        "ein kleiner Junge füttert Enten", "una niña salta la cuerda", "Un enfant court",
        "一个小女孩在放风筝", "девочка рисует", "A k1d builds a sandcastle", "Kindergarteners paint",
        "The scout troop of eleven year olds", "A quinceañera twirls in her dress",
        "Little league pitcher, 12, throws a fastball", "A sixteenth birthday party",
    ],
)  # fmt: skip
def test_a_reference_to_a_minor_switches_to_the_strict_profile(prompt: str) -> None:
    verdict = screen_prompt(prompt)

    assert verdict.allowed
    assert verdict.profile == "minor_referenced"
    assert verdict.details["minor_reference"] is True


@pytest.mark.parametrize(
    "prompt",
    [
        "Baby carrots tumble into a bowl", "A kid goat hops over rocks", "A cowboy rides at dusk",
        "The Girl with a Pearl Earring hangs in a museum", "A baby grand piano in an empty hall",
        "A baby penguin follows its mother", "A young couple dances", "A woman in her sixties",
        "A 26-year-old skateboarder", "A 45 year old whisky cask", "A school bus in the rain",
        "Children's toys on a shelf", "A minor key melody as waves", "A school of fish turns",
        "A 25 year old girl graduates", "An adult daughter visits her mother", "A kind old man",
        "A miner with a headlamp", "The Beach Boys record on a turntable",
    ],
)  # fmt: skip
def test_what_only_sounds_like_a_minor_keeps_the_default_profile(prompt: str) -> None:
    verdict = screen_prompt(prompt)

    assert verdict.action == "allow"
    assert verdict.profile == "default"


def _entries(category: str, *levels: str) -> list[str]:
    return [
        " ".join(part.rstrip("*") for part in entry)
        for blocklist in matcher().blocklists
        if blocklist.category == category and blocklist.level in levels
        for entry in blocklist.entries
    ]


def test_any_sexual_term_beside_any_reference_to_a_minor_is_refused() -> None:
    sexual = [t for t in _entries("sexual", "refuse", "mention", "guard") if t.isascii()]
    minors = [t for t in _entries("minors", "note") if minor_references(f"a {t} there")]
    assert len(sexual) > 150
    assert len(minors) > 100
    ages = [f"{age} year old" for age in range(1, 18)]
    missed = []
    for number, term in enumerate(sexual):
        for minor in (minors[number % len(minors)], minors[-1 - number % 97], ages[number % 17]):
            for text in (f"{minor}, {term}", f"{term} and {minor}"):
                verdict = screen_prompt(text)
                if verdict.action != "refuse" or verdict.categories[0] != "sexual_minors":
                    missed.append((text, verdict.action, verdict.categories))

    assert not missed


@pytest.mark.parametrize("category", ["violence_gore", "self_harm"])
def test_guarded_violence_and_self_harm_are_refused_beside_a_minor(category: str) -> None:
    for term in _entries(category, "guard"):
        text = f"a child, {term}"
        if screen_prompt(term).action != "allow":
            assert screen_prompt(text).action == "refuse", text


def test_a_language_the_lists_cannot_read_is_guarded_not_waved_through() -> None:
    for text in (
        "красный воздушный шар поднимается над океаном на закате",
        "夕日の海の上を赤い風船が昇る",
        "بالون أحمر يرتفع فوق المحيط",
        "ein roter Ballon steigt über dem Meer auf und die Sonne ist rot",
    ):
        verdict = screen_prompt(text)
        assert verdict.action == "guard"
        assert verdict.categories == ("language",)
        assert "language" in verdict.not_evaluated


def test_help_against_self_harm_is_guarded_while_its_depiction_stays_refused() -> None:
    for prompt in (
        "A therapist listens to a man with suicidal thoughts, hopeful light",
        "A suicide prevention charity plants a tree of remembrance",
        "Hands reach out, overcoming self harm, mental health campaign",
    ):
        assert screen_prompt(prompt).action in ("allow", "guard")
    assert screen_prompt("A man commits suicide").action == "refuse"
    assert screen_prompt("A therapist cuts her wrists in the bath").action == "refuse"
    assert screen_prompt("A child with suicidal thoughts sees a therapist").action == "refuse"


def test_the_featured_profile_refuses_what_the_default_guards() -> None:
    assert screen_prompt("a bloody knife").action == "guard"
    assert screen_prompt("a bloody knife", profile="feed").action == "refuse"


def test_every_code_a_verdict_can_carry_is_a_published_policy() -> None:
    assert {category.value for category in Category} <= policies.POLICIES.keys()
    for code, item in policies.POLICIES.items():
        assert code == item.code
        assert item.message and item.remedy and item.rule


def test_the_policy_page_is_made_from_the_constants() -> None:
    page = Path(__file__).parents[2] / "docs" / "policies.md"

    assert page.read_text(encoding="utf-8") == policies.as_markdown()


def test_every_blocklist_says_where_it_comes_from() -> None:
    for path in BLOCKLISTS.glob("*.txt"):
        blocklist = read_blocklist(path)
        assert blocklist.entries
        assert blocklist.level in {"refuse", "guard", "note", "exception", "mention", "relief"}
        assert len(set(blocklist.entries)) == len(blocklist.entries), path.name


def test_a_list_without_a_full_header_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# category: sexual | level: refuse\nterm\n", encoding="utf-8")

    with pytest.raises(ValueError, match="licence"):
        read_blocklist(path)


def test_an_unknown_profile_never_falls_back_to_a_looser_one() -> None:
    with pytest.raises(thresholds.UnknownProfile):
        thresholds.points_for("lenient", Category.SEXUAL)


def test_a_verdict_never_tells_which_word_matched() -> None:
    verdict = screen_prompt("a topless dancer on a stage")

    assert "topless" not in str(verdict.to_json())
