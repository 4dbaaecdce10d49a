"""Rising and Most remixed: what counts, what doesn't, and that a person looks first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from feeds import hooks, rising
from feeds.models import Like, Save, Standing
from generation.models import Video
from tests.factories import make_user, make_video
from tests.feeds.staff import make_curator

pytestmark = pytest.mark.django_db
NOW = timezone.now


def old_friend(**fields: Any) -> User:
    """An account older than a day."""
    return make_user(date_joined=NOW() - timedelta(days=3), **fields)


def like(video: Video, *, by: User | None = None, hours: float = 0, kind: Any = Like) -> None:
    kind.objects.create(
        workspace=video.workspace,
        video=video,
        user=by or old_friend(),
        created_at=NOW() - timedelta(hours=hours),
    )


def remix(video: Video, *, by: User | None = None, **fields: Any) -> Video:
    made: Video = make_video(by=by or old_friend(), shared=False, **fields)
    made.parents.add(video)
    return made


def score(video: Video) -> float:
    rising.compute()
    found = Standing.objects.filter(video=video).first()
    return found.score if found else 0.0


def shown(client: Client, name: str = "rising") -> list[str]:
    return [card["id"] for card in client.get(f"/api/v1/feeds/{name}/").json()["videos"]]


def let_rise(video: Video, *, do: str = "rise") -> Client:
    client = Client()
    client.force_login(make_curator())
    client.post(f"/featured/desk/rising/{video.standing.pk}/", {"do": do})
    return client


def test_likes_and_saves_count_one_and_remixes_two() -> None:
    video = make_video()
    like(video)
    like(video, kind=Save)
    remix(video)

    assert score(video) == pytest.approx(4, abs=0.01)


def test_a_reaction_counts_half_after_six_hours() -> None:
    video = make_video()
    like(video, hours=6)
    like(video, hours=12)

    assert score(video) == pytest.approx(0.75, abs=0.01)


def test_new_suspended_and_closed_accounts_and_the_creators_own_count_nothing() -> None:
    creator = old_friend()
    video = make_video(by=creator)
    like(video, by=make_user(date_joined=NOW() - timedelta(hours=23)))
    like(video, by=old_friend(suspended_at=NOW()))
    like(video, by=old_friend(is_active=False))
    like(video, by=creator)
    remix(video, by=creator)

    assert score(video) == 0


def test_many_remixes_by_one_person_count_once() -> None:
    video, person = make_video(), old_friend()
    for _ in range(5):
        remix(video, by=person)

    assert score(video) == pytest.approx(2, abs=0.01)


def test_a_clip_rises_only_after_a_curator_has_looked(client: Client) -> None:
    video = make_video()
    like(video)
    like(video)
    rising.compute()
    assert shown(client) == []

    desk = let_rise(video)

    assert shown(client) == [str(video.pk)]
    assert str(video.pk) in client.get("/rising/").content.decode()
    desk.post(f"/featured/desk/rising/{video.standing.pk}/", {"do": "decline"})
    assert shown(client) == []
    rising.compute()
    assert not rising.waiting().exists()  # a no holds


def test_the_desk_asks_about_what_wants_to_rise_and_nothing_lower() -> None:
    wants, low = make_video(prompt="wants to rise"), make_video(prompt="stays low")
    like(wants)
    like(wants)
    like(low, hours=5)
    rising.compute()

    assert [standing.video_id for standing in rising.waiting()] == [wants.pk]


def test_higher_scores_come_first_and_pages_do_not_overlap(client: Client) -> None:
    clips = [make_video() for _ in range(5)]
    for place, video in enumerate(clips):
        Standing.objects.create(
            video=video, workspace=video.workspace, score=1 + place // 2, review="approved"
        )

    seen, cursor = [], ""
    while cursor is not None:
        asked = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        answer = client.get("/api/v1/feeds/rising/", asked).json()
        seen += [card["id"] for card in answer["videos"]]
        cursor = answer["next_cursor"]

    assert len(seen) == len(set(seen)) == 5
    assert seen[0] == str(clips[4].pk)


def test_a_cursor_of_another_list_is_refused(client: Client) -> None:
    for _ in range(2):
        make_video()
    other = client.get("/api/v1/feeds/recent/", {"limit": 1}).json()["next_cursor"]

    answer = client.get("/api/v1/feeds/rising/", {"cursor": other})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_cursor"


def test_few_clips_of_one_creator_rise_at_once(client: Client) -> None:
    creator = old_friend()
    for _ in range(5):
        video = make_video(by=creator)
        like(video)
        Standing.objects.create(video=video, workspace=video.workspace, review="approved")
    rising.compute()

    assert len(shown(client)) == 3


def test_an_objection_takes_a_clip_out_until_somebody_looks_again(client: Client) -> None:
    video = make_video()
    like(video)
    like(video)
    rising.compute()
    let_rise(video)
    against = [""]
    hooks.objections.append(lambda _: against[0])
    try:
        against[0] = "Somebody reported it."
        assert rising.compute() == 1
        assert shown(client) == []
        let_rise(video)
        assert shown(client) == []  # the objection stands
        against[0] = ""
        let_rise(video)
        assert shown(client) == [str(video.pk)]
    finally:
        hooks.objections.pop()


def test_what_fades_leaves_and_what_is_unshared_leaves_at_once(client: Client, alice: User) -> None:
    video = make_video(by=alice)
    like(video)
    like(video)
    rising.compute()
    let_rise(video)
    owner = Client()
    owner.force_login(alice)
    owner.post(f"/api/v1/videos/{video.pk}/unshare/")
    assert shown(client) == []
    owner.post(f"/api/v1/videos/{video.pk}/share/")
    assert shown(client) == []  # coming back takes a new look

    Like.objects.update(created_at=NOW() - timedelta(hours=40))
    rising.compute()
    video.standing.refresh_from_db()
    assert video.standing.score == 0


def test_most_remixed_counts_distinct_other_people(client: Client) -> None:
    twice, once, own = make_video(), make_video(), make_video()
    remix(twice)
    remix(twice)
    person = old_friend()
    remix(once, by=person)
    remix(once, by=person)
    remix(own, by=own.creator)
    rising.compute()

    assert shown(client, "remixed") == [str(twice.pk), str(once.pk)]
    assert "Most remixed" in client.get("/remixed/").content.decode()

    for made in Video.objects.filter(parents=twice):
        Video.objects.filter(pk=made.pk).update(quarantined_at=NOW())
    rising.compute()
    assert shown(client, "remixed") == [str(once.pk)]


def test_cards_credit_the_public_clips_of_others_they_were_made_from(client: Client) -> None:
    creator = make_user(handle="origin", display_name="Origin <b>")
    parent, hidden = make_video(by=creator), make_video(shared=False)
    child = make_video()
    child.parents.add(parent, hidden)
    type(child.generation).objects.filter(pk=child.generation_id).update(tool="remix")

    cards = {card["id"]: card for card in client.get("/api/v1/feeds/recent/").json()["videos"]}

    assert cards[str(child.pk)]["credits"] == [
        {"page_url": f"/clips/{parent.pk}/", "handle": "origin", "name": "Origin <b>"}
    ]
    assert cards[str(parent.pk)]["credits"] == []
    page = client.get("/").content.decode()
    assert "a clip by Origin &lt;b&gt;" in page
