"""A prompt outside the model's world is answered with what the model takes from it, everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import User, Workspace
from generation.models import Generation
from generation.prompting import ModelVocabulary, rewrite
from generation.rewriting import in_words
from generation.understanding import phrases_of, understood
from tests.factories import make_generation, make_video

TABLES = {
    "objects": {"balloon": ["party balloon"], "star": ["five-pointed star"], "car": ["taxi cab"]},
    "colours": {"red": ["crimson"], "blue": []},
    "sizes": ["small", "large"],
    "places": {"ocean": ["sea"], "snowy_field": ["snowy landscape"]},
    "times": {"sunset": ["dusk"], "night": ["stars"]},
    "motions": {"moves left": ["drifts to the left"], "rises": ["goes up"]},
}


def read(text: str) -> tuple[str, ...]:
    return understood(text, phrases_of(TABLES))


def test_a_thing_comes_first_with_its_colour_and_size() -> None:
    assert read("At dusk over the sea, a small crimson balloon rises") == (
        "small red balloon",
        "rises",
        "ocean",
        "sunset",
    )


def test_the_longest_wording_wins() -> None:
    assert read("a five-pointed star drifts to the left") == ("star", "moves left")


def test_other_forms_of_a_word_are_found() -> None:
    assert read("Red balloons RISE") == ("red balloon", "rises")


def test_two_things_keep_their_own_colours() -> None:
    assert read("a red balloon beside a blue taxi cab") == ("red balloon", "blue car")


def test_a_colour_without_a_known_thing_is_still_said() -> None:
    assert read("a red philharmonic in a snowy landscape") == ("snowy field", "red")


@pytest.mark.parametrize("text", ["", "philharmonic", "42 !?", "電車"])
def test_nothing_known_is_nothing_understood(text: str) -> None:
    assert read(text) == ()


def test_the_rewriter_tells_both_what_is_drawn_and_what_is_not() -> None:
    known = frozenset({"red", "balloon", "ocean", "sea", "sunset", "over", "the", "at"})
    vocabulary = ModelVocabulary(known, {"crimson": "red"}, phrases_of(TABLES))

    result = rewrite("A crimson balloon and a philharmonic over the ocean", vocabulary=vocabulary)

    assert result.understood == ("red balloon", "ocean")
    assert result.unknown == ("philharmonic",)
    assert in_words(result) == "draws: red balloon, ocean; not understood: philharmonic"


def test_a_prompt_of_strange_words_alone_is_answered_plainly() -> None:
    result = rewrite("philharmonic", vocabulary=ModelVocabulary(frozenset(), {}, {}))

    assert in_words(result) == "draws: something of its own; not understood: philharmonic"


def test_the_vocabulary_file_gives_the_phrases(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.json"
    path.write_text(json.dumps({**TABLES, "nearest": {"zeppelin": "balloon"}}))

    result = rewrite("a blue zeppelin at dusk", vocabulary=ModelVocabulary.read(path))

    assert result.text == "a blue balloon at dusk"
    assert result.understood == ("blue balloon", "sunset")
    assert result.unknown == ()


# --- Where people see it ---------------------------------------------------------------------------


def test_the_shipped_model_knows_its_own_words() -> None:
    vocabulary = ModelVocabulary.read(Path(site.SORA_MODEL_DIR) / "vocabulary.json")

    result = rewrite(
        "a red balloon rises over the ocean at sunset with a philharmonic", vocabulary=vocabulary
    )

    assert result.understood == ("red balloon", "rises", "ocean", "sunset")
    assert result.unknown == ("philharmonic",)


@pytest.mark.django_db
def test_the_estimate_says_it_before_it_is_paid_for(api: APIClient, workspace: Workspace) -> None:
    body = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/",
        {"prompt": "a red balloon and a philharmonic", "width": 512, "height": 288},
    ).json()

    assert body["understood"] == ["red balloon"]
    assert body["unknown_words"] == ["philharmonic"]
    assert "draws: red balloon; not understood: philharmonic" in " ".join(body["warnings"])


@pytest.mark.django_db
def test_the_estimate_of_a_known_prompt_warns_of_no_word(
    api: APIClient, workspace: Workspace
) -> None:
    body = api.post(
        f"/api/v1/workspaces/{workspace.pk}/estimates/",
        {"prompt": "a red balloon over the ocean", "width": 512, "height": 288},
    ).json()

    assert body["understood"] == ["red balloon", "ocean"]
    assert "not understood" not in " ".join(body["warnings"])


@pytest.mark.django_db(transaction=True)
def test_the_job_keeps_it(ask: Any, run_worker: Any, api: APIClient) -> None:
    job = ask(prompt="a red balloon and a philharmonic").json()["id"]
    run_worker()

    body = api.get(f"/api/v1/generations/{job}/").json()
    assert body["understood"] == ["red balloon"]
    assert body["unknown_words"] == ["philharmonic"]


@pytest.mark.django_db
def test_a_job_nobody_has_read_yet_understands_nothing(alice: User) -> None:
    job = make_generation(by=alice)

    assert Generation.objects.get(pk=job.pk).understood == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("unknown", "said"), [(["philharmonic"], True), ([], False)], ids=["outside", "inside"]
)
def test_the_page_of_a_clip_says_it(alice: User, unknown: list[str], said: bool) -> None:
    video = make_video(by=alice)
    Generation.objects.filter(pk=video.generation.pk).update(
        understood=["red balloon", "ocean"], unknown_words=unknown
    )
    client = Client()
    client.force_login(alice)

    page = client.get(reverse("generation:clip", args=[video.pk]))

    assert page.status_code == 200
    html = page.content.decode()
    line = "The model draws: red balloon, ocean; not understood: philharmonic"
    assert (line in html) is said
