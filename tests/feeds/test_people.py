"""Following, muting, blocking, hidden topics: what they change in every list."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.models import User
from feeds import featuring
from feeds.models import Follow, HiddenTopic, PersonFilter, Standing
from tests.factories import make_user, make_video
from tests.feeds.staff import make_curator

pytestmark = pytest.mark.django_db
LISTS = ("recent", "featured", "rising", "remixed", "following", "for-you", "saved")


def ids(answer: Any) -> list[str]:
    return [card["id"] for card in answer.json()["videos"]]


def in_every_list(viewer: User, *, by: User, prompt: str = "a red balloon") -> Any:
    """A clip that stands in each list of this viewer."""
    video = make_video(by=by, prompt=prompt)
    featuring.propose(video, by=make_curator(), reason="Calm and clear.", days=7)
    Standing.objects.create(
        video=video, workspace=video.workspace, score=5, remixes=3, review="approved"
    )
    api = APIClient()
    api.force_login(viewer)
    assert api.put(f"/api/v1/people/{by.handle}/follow/").status_code == 200
    assert api.put("/api/v1/feeds/for-you/wish/", {"sentence": "balloons"}).status_code == 200
    assert api.put(f"/api/v1/videos/{video.pk}/save/").status_code == 200
    return video


def lists_with(api: APIClient, video: Any) -> set[str]:
    found = {name for name in LISTS if str(video.pk) in ids(api.get(f"/api/v1/feeds/{name}/"))}
    if str(video.pk) in ids(api.get("/api/v1/feeds/search/", {"q": "balloon"})):
        found.add("search")
    return found


def test_following_shows_the_followed_and_counts_both_ways(
    api: APIClient, alice: User, bob: User, client: Client
) -> None:
    followed = make_video(by=bob)
    make_video()

    profile = api.put("/api/v1/people/bob/follow/").json()
    again = api.put("/api/v1/people/bob/follow/").json()

    assert profile == again
    assert (profile["followers"], profile["followed_by_you"]) == (1, True)
    assert client.get("/api/v1/people/alice/").json()["following"] == 1
    assert ids(api.get("/api/v1/feeds/following/")) == [str(followed.pk)]
    assert api.delete("/api/v1/people/bob/follow/").json()["followers"] == 0
    assert ids(api.get("/api/v1/feeds/following/")) == []


def test_cards_say_whether_the_viewer_follows_likes_and_saves(
    api: APIClient, alice: User, bob: User, client: Client
) -> None:
    video = make_video(by=bob)
    api.put("/api/v1/people/bob/follow/")
    api.put(f"/api/v1/videos/{video.pk}/like/")
    api.put(f"/api/v1/videos/{video.pk}/save/")

    (mine,) = api.get("/api/v1/feeds/recent/").json()["videos"]
    (anybodys,) = client.get("/api/v1/feeds/recent/").json()["videos"]

    assert (mine["liked"], mine["saved"], mine["creator"]["following"]) == (True, True, True)
    assert (anybodys["liked"], anybodys["saved"]) == (False, False)
    assert (anybodys["creator"]["following"], anybodys["likes"]) == (False, 1)


@pytest.mark.parametrize("verb", ["follow", "mute", "block"])
def test_nobody_follows_mutes_or_blocks_themselves(api: APIClient, alice: User, verb: str) -> None:
    answer = api.put(f"/api/v1/people/alice/{verb}/")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "not_with_yourself"


@pytest.mark.parametrize("verb", ["mute", "block"])
def test_muted_and_blocked_people_are_in_none_of_the_viewers_lists(
    api: APIClient, alice: User, bob: User, verb: str, client: Client
) -> None:
    video = in_every_list(alice, by=bob)
    everywhere = lists_with(api, video)

    api.put(f"/api/v1/people/bob/{verb}/")

    assert everywhere == {*LISTS, "search"}
    assert lists_with(api, video) == set()
    assert ids(client.get("/api/v1/feeds/recent/")) == [str(video.pk)]
    api.delete(f"/api/v1/people/bob/{verb}/")
    assert lists_with(api, video) >= {*LISTS, "search"} - {"following"}


def test_a_hidden_topic_is_in_none_of_the_viewers_lists(
    api: APIClient, alice: User, bob: User, client: Client
) -> None:
    video = in_every_list(alice, by=bob, prompt="two red balloons over a hill")
    other = make_video(by=bob, prompt="a balloon in the rain")

    topic = api.post("/api/v1/feeds/topics/", {"words": "Red balloon"})

    assert topic.status_code == 201
    assert lists_with(api, video) == set()
    assert ids(api.get("/api/v1/feeds/recent/")) == [str(other.pk)]
    assert len(ids(client.get("/api/v1/feeds/recent/"))) == 2
    assert api.get("/api/v1/feeds/topics/").json() == [topic.json()]
    api.delete(f"/api/v1/feeds/topics/{topic.json()['id']}/")
    assert len(lists_with(api, video)) == len(LISTS) + 1


def test_hidden_people_and_topics_cost_no_further_query(
    signed_in: Client, alice: User, bob: User, django_assert_max_num_queries: Any
) -> None:
    make_video(by=bob)
    PersonFilter.objects.create(user=alice, other=make_user(), kind="mute")
    api = APIClient()
    api.force_login(alice)
    api.post("/api/v1/feeds/topics/", {"words": "spiders"})
    signed_in.get("/api/v1/feeds/recent/")

    with django_assert_max_num_queries(3):
        assert len(ids(signed_in.get("/api/v1/feeds/recent/"))) == 1


def test_the_blocked_find_neither_the_blockers_clips_nor_their_profile(
    api: APIClient, alice: User, bob: User, stranger: APIClient
) -> None:
    video = make_video(by=alice)
    stranger.put("/api/v1/people/alice/follow/")

    api.put("/api/v1/people/bob/block/")

    assert ids(stranger.get("/api/v1/feeds/recent/")) == []
    assert ids(stranger.get("/api/v1/feeds/search/", {"q": "balloon"})) == []
    assert stranger.get("/api/v1/people/alice/").status_code == 404
    assert stranger.get("/u/alice/").status_code == 404
    assert stranger.put("/api/v1/people/alice/follow/").status_code == 404
    assert stranger.put(f"/api/v1/videos/{video.pk}/like/").status_code == 404
    assert stranger.put(f"/api/v1/videos/{video.pk}/save/").status_code == 404
    assert not Follow.objects.exists()


def test_one_cant_follow_whom_one_blocked(api: APIClient, alice: User, bob: User) -> None:
    api.put("/api/v1/people/bob/block/")

    answer = api.put("/api/v1/people/bob/follow/")

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "blocked"


@pytest.mark.parametrize("words", ["", "   ", "the", "…!?", "-- ' &|!:*"])
def test_a_topic_without_a_word_is_refused(api: APIClient, alice: User, words: str) -> None:
    answer = api.post("/api/v1/feeds/topics/", {"words": words})

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "words"
    assert not HiddenTopic.objects.exists()


@pytest.mark.parametrize("words", ["クモ", "l'araignée", "<b>spider</b>", "cat' | 'dog & ! (fox:*"])
def test_a_topic_in_any_writing_hides_and_breaks_no_list(
    api: APIClient, alice: User, words: str
) -> None:
    hidden = make_video(prompt=f"look: {words} here")
    shown = make_video(prompt="a quiet lake")

    assert api.post("/api/v1/feeds/topics/", {"words": words}).status_code == 201

    assert ids(api.get("/api/v1/feeds/recent/")) == [str(shown.pk)], hidden


def test_topics_and_people_of_others_are_not_mine_to_change(
    api: APIClient, alice: User, stranger: APIClient
) -> None:
    number = api.post("/api/v1/feeds/topics/", {"words": "spiders"}).json()["id"]

    stranger.delete(f"/api/v1/feeds/topics/{number}/")

    assert HiddenTopic.objects.count() == 1
    assert stranger.get("/api/v1/feeds/topics/").json() == []


def test_the_number_of_topics_is_bounded(api: APIClient, alice: User) -> None:
    HiddenTopic.objects.bulk_create(
        HiddenTopic(user=alice, words=f"w{n}", query=f"'w{n}'") for n in range(50)
    )

    answer = api.post("/api/v1/feeds/topics/", {"words": "one more"})

    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "too_many"


def test_people_nobody_knows_are_not_found(api: APIClient, alice: User, client: Client) -> None:
    for verb in ("follow", "mute", "block"):
        assert api.put(f"/api/v1/people/nobody-{uuid.uuid4().hex[:6]}/{verb}/").status_code == 404
        assert client.put(f"/api/v1/people/alice/{verb}/").status_code == 401
    assert client.get("/api/v1/people/nobody/").status_code == 404


def test_the_forms_work_without_script(signed_in: Client, alice: User, bob: User) -> None:
    make_video(by=bob)

    signed_in.post("/u/bob/follow/")
    assert "1</strong> follower" in signed_in.get("/u/bob/").content.decode()
    signed_in.post("/u/bob/block/")
    page = signed_in.get("/u/bob/").content.decode()
    assert "You blocked" in page
    assert "Following" not in page.split("<main")[1].split("</header>")[0]
    signed_in.post("/tastes/", {"words": "spiders"})
    page = signed_in.get("/tastes/").content.decode()
    assert "spiders" in page and "bob" in page
    refused = signed_in.post("/tastes/", {"words": "!"})
    assert refused.status_code == 400
    back = signed_in.post("/u/bob/block/", {"state": "off", "next": "/tastes/"})
    assert back["Location"] == "/tastes/"
    outside = signed_in.post("/u/bob/block/", {"state": "off", "next": "https://evil.example/"})
    assert outside["Location"] == "/u/bob/"
    assert not PersonFilter.objects.exists()


def test_what_somebody_followed_hid_and_asked_for_goes_with_their_account(
    api: APIClient, alice: User, bob: User
) -> None:
    from accounts.services import delete_account
    from feeds.models import FeedWish, Save

    in_every_list(alice, by=bob)
    api.post("/api/v1/feeds/topics/", {"words": "spiders"})
    api.put(f"/api/v1/people/{make_user().handle}/mute/")

    delete_account(alice)

    for model in (Follow, HiddenTopic, PersonFilter, FeedWish, Save):
        assert not model._default_manager.exists(), model
