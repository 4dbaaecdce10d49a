"""For you, by one's own sentence; search; collections."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from feeds.models import Collection, CollectionItem, FeedWish
from feeds.wording import terms_of
from tests.factories import make_user, make_video

pytestmark = pytest.mark.django_db
WISH = "/api/v1/feeds/for-you/wish/"
FEED = "/api/v1/feeds/for-you/"


def prompts(answer: Any) -> list[str]:
    return [card["prompt"] for card in answer.json()["videos"]]


@pytest.mark.parametrize(
    ("sentence", "wanted", "unwanted"),
    [
        ("More hand-drawn nature, no horror", ["hand", "drawn", "nature"], ["horror"]),
        ("boats without people. Calm sea!", ["boats", "calm", "sea"], ["people"]),
        ("I don't want spiders but more cats", ["cats"], ["spiders"]),
        ("no rain, no snow", [], ["rain", "snow"]),
        ("cats, cats, no cats", [], ["cats"]),
        ("猫 и море", ["猫"[:1], "море"], []),
    ],
)
def test_a_sentence_becomes_terms(sentence: str, wanted: list[str], unwanted: list[str]) -> None:
    found, against = terms_of(sentence)

    assert [word for word in found if len(word) > 1] == [w for w in wanted if len(w) > 1]
    assert against == unwanted


def test_the_list_holds_what_fits_and_each_card_says_why(api: APIClient, alice: User) -> None:
    make_video(prompt="drawn nature with a lake")
    make_video(prompt="nature at dusk")
    make_video(prompt="nature full of horror")
    make_video(prompt="a car in a city")
    make_video(by=alice, prompt="my own nature")

    api.put(WISH, {"sentence": "More hand-drawn nature, no horror"})

    answer = api.get(FEED)
    assert prompts(answer) == ["drawn nature with a lake", "nature at dusk"]
    first, second = answer.json()["videos"]
    assert (first["why"], second["why"]) == (["drawn", "nature"], ["nature"])
    page = Client()
    page.force_login(alice)
    assert "you asked for drawn, nature" in page.get("/for-you/").content.decode()


def test_at_most_three_terms_are_named(api: APIClient, alice: User) -> None:
    make_video(prompt="red green blue yellow kites")

    api.put(WISH, {"sentence": "red green blue yellow kites"})

    (card,) = api.get(FEED).json()["videos"]
    assert card["why"] == ["red", "green", "blue"]


def test_reach_weighs_age_against_fit(api: APIClient, alice: User) -> None:
    make_video(prompt="red kite", shared_at=timezone.now() - timedelta(days=10))
    make_video(prompt="red car")

    api.put(WISH, {"sentence": "red kite", "reach": 1})
    assert prompts(api.get(FEED)) == ["red car", "red kite"]
    api.put(WISH, {"reach": 60})
    assert prompts(api.get(FEED)) == ["red kite", "red car"]


def test_pages_of_it_do_not_overlap(api: APIClient, alice: User) -> None:
    creator = make_user()
    for number in range(7):
        make_video(by=creator, prompt=f"kite {'red ' * (number % 2)}{number}")
    api.put(WISH, {"sentence": "red kite"})

    seen, cursor = [], ""
    while cursor is not None:
        answer = api.get(FEED, {"limit": 3, **({"cursor": cursor} if cursor else {})}).json()
        seen += [card["id"] for card in answer["videos"]]
        cursor = answer["next_cursor"]

    assert len(seen) == len(set(seen)) == 7


def test_nobody_gets_it_without_asking_and_it_can_be_switched_off_and_forgotten(
    api: APIClient, alice: User
) -> None:
    make_video(prompt="a kite")
    assert prompts(api.get(FEED)) == []
    assert api.get(WISH).json()["on"] is False

    api.put(WISH, {"sentence": "kites"})
    assert prompts(api.get(FEED)) == ["a kite"]
    api.put(WISH, {"on": False})
    assert prompts(api.get(FEED)) == []
    assert api.get(WISH).json()["sentence"] == "kites"
    assert api.delete(WISH).status_code == 204
    assert not FeedWish.objects.exists()


@pytest.mark.parametrize("sentence", ["", "   ", "no horror", "the and of", "!!! ???"])
def test_a_sentence_that_asks_for_nothing_is_refused(
    api: APIClient, alice: User, sentence: str
) -> None:
    answer = api.put(WISH, {"sentence": sentence})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "sentence"
    assert not FeedWish.objects.exists()


def test_the_page_keeps_what_was_typed_when_it_is_refused(signed_in: Client, alice: User) -> None:
    answer = signed_in.post("/for-you/", {"sentence": "no horror"})

    assert answer.status_code == 400
    assert 'value="no horror"' in answer.content.decode()
    signed_in.post("/for-you/", {"sentence": "<i>kites</i>", "reach": "7"})
    assert "&lt;i&gt;kites" in signed_in.get("/for-you/").content.decode()
    signed_in.post("/for-you/", {"do": "off"})
    assert "For you is off" in signed_in.get("/for-you/").content.decode()
    signed_in.post("/for-you/", {"do": "forget"})
    assert not FeedWish.objects.exists()


# --- Search ------------------------------------------------------------------------------------------


def test_search_finds_public_clips_by_their_words_and_beginnings(client: Client) -> None:
    make_video(prompt="two red balloons over the sea")
    make_video(prompt="a red car")
    make_video(prompt="red balloon", shared=False)
    make_video(prompt="red balloon", quarantined_at=timezone.now())

    assert prompts(client.get("/api/v1/feeds/search/", {"q": "ball red"})) == [
        "two red balloons over the sea"
    ]
    assert "two red balloons" in client.get("/search/", {"q": "balloon"}).content.decode()


def test_search_by_shape_and_what_may_be_remixed(client: Client) -> None:
    make_video(prompt="tall kite", width=288, height=512)
    make_video(prompt="wide kite")
    make_video(prompt="closed kite", remixable=False)

    asked = {"q": "kite", "shape": "wide", "remixable": "true"}
    assert prompts(client.get("/api/v1/feeds/search/", asked)) == ["wide kite"]


@pytest.mark.parametrize("words", ["", "!", "' | & :*"])
def test_a_search_without_words_finds_nothing_and_breaks_nothing(
    client: Client, words: str
) -> None:
    make_video()

    assert client.get("/search/", {"q": words}).status_code == 200
    answer = client.get("/api/v1/feeds/search/", {"q": words})
    assert answer.status_code == (200 if words else 400)


def test_search_keeps_its_words_on_the_next_page(client: Client, alice: User) -> None:
    for number in range(25):
        make_video(by=alice, prompt=f"kite {number}")

    page = client.get("/search/", {"q": "kite"}).content.decode()

    assert "?q=kite&amp;cursor=" in page


# --- Collections -------------------------------------------------------------------------------------


def test_a_collection_is_private_until_its_owner_says_otherwise(
    api: APIClient, alice: User, client: Client, stranger: APIClient
) -> None:
    video = make_video(prompt="a kite")
    made = api.post("/api/v1/collections/", {"name": "Kites"}).json()
    address = f"/api/v1/collections/{made['id']}/"

    assert api.put(f"{address}videos/{video.pk}/").status_code == 204
    assert prompts(api.get(address)) == ["a kite"]
    assert client.get(address).status_code == 404
    assert client.get(f"/collections/{made['id']}/").status_code == 404

    api.patch(address, {"is_public": True})
    assert prompts(client.get(address)) == ["a kite"]
    assert "Kites" in client.get("/u/alice/").content.decode()
    for refused in (
        stranger.patch(address, {"name": "Mine"}),
        stranger.delete(address),
        stranger.put(f"{address}videos/{video.pk}/"),
    ):
        assert refused.status_code == 404
    assert api.delete(address).status_code == 204
    assert client.get(address).status_code == 404


def test_a_collection_shows_only_what_is_public_now(api: APIClient, alice: User) -> None:
    video = make_video()
    number = api.post("/api/v1/collections/", {"name": "Kites"}).json()["id"]
    api.put(f"/api/v1/collections/{number}/videos/{video.pk}/")

    type(video).objects.filter(pk=video.pk).update(shared_at=None)

    assert prompts(api.get(f"/api/v1/collections/{number}/")) == []


def test_private_clips_of_others_go_into_no_collection(api: APIClient, alice: User) -> None:
    number = api.post("/api/v1/collections/", {"name": "Kites"}).json()["id"]
    hidden = make_video(shared=False)

    answer = api.put(f"/api/v1/collections/{number}/videos/{hidden.pk}/")

    assert answer.status_code == 404
    assert not CollectionItem.objects.exists()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "\x00", "﷐"])
def test_a_collection_needs_a_name_one_can_read(api: APIClient, alice: User, name: str) -> None:
    assert api.post("/api/v1/collections/", {"name": name}).status_code in (400, 422)
    assert not Collection.objects.exists()


def test_the_pages_of_collections_work_without_script(signed_in: Client, alice: User) -> None:
    video = make_video(prompt="a kite")

    signed_in.post(f"/clips/{video.pk}/collect/", {"name": "<b>Kites</b>"})
    number = Collection.objects.get().pk
    page = signed_in.get(f"/collections/{number}/").content.decode()
    assert "&lt;b&gt;Kites" in page and "a kite" in page
    assert "&lt;b&gt;Kites" in signed_in.get("/collections/").content.decode()
    signed_in.post(f"/collections/{number}/", {"do": "remove", "video": str(video.pk)})
    assert not CollectionItem.objects.exists()
    signed_in.post(f"/collections/{number}/", {"do": "remove", "video": "nonsense"})
    signed_in.post(f"/collections/{number}/", {"do": "delete"})
    assert not Collection.objects.exists()


def test_saved_clips_are_listed_for_their_owner_alone(
    api: APIClient, alice: User, stranger: APIClient, signed_in: Client
) -> None:
    first, second = make_video(prompt="first"), make_video(prompt="second")
    for video in (second, first):
        signed_in.post(f"/clips/{video.pk}/save/")

    assert prompts(api.get("/api/v1/feeds/saved/")) == ["first", "second"]
    assert prompts(stranger.get("/api/v1/feeds/saved/")) == []
    signed_in.post(f"/clips/{first.pk}/save/", {"state": "off"})
    assert prompts(api.get("/api/v1/feeds/saved/")) == ["second"]
