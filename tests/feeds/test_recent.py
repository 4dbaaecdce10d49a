"""The Recent feed: what is in it, in what order, at what cost."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import User
from feeds.listings import recent_for
from feeds.models import Like
from feeds.pages import PAGE_SIZE, read_page
from generation.models import Video
from tests.factories import make_video

FEED = "/api/v1/feeds/recent/"
pytestmark = pytest.mark.django_db


def walk(client: Client) -> list[str]:
    """The ids of the whole feed, page after page."""
    seen, cursor = [], ""
    while cursor is not None:
        answer = client.get(FEED, {"cursor": cursor} if cursor else {}).json()
        seen += [video["id"] for video in answer["videos"]]
        cursor = answer["next_cursor"]
    return seen


def test_nobody_signed_in_reads_shared_clips_newest_first(client: Client) -> None:
    older = make_video(shared_at=timezone.now() - timedelta(hours=1))
    newer = make_video()
    make_video(shared=False)

    assert walk(client) == [str(newer.pk), str(older.pk)]


def test_a_clip_in_quarantine_is_in_no_list(client: Client) -> None:
    make_video(quarantined_at=timezone.now())

    assert walk(client) == []
    assert b"clip__frame" not in client.get("/").content


def test_every_clip_comes_once_even_when_many_were_shared_at_the_same_moment(
    client: Client, alice: User
) -> None:
    moment = timezone.now()
    made = {str(make_video(by=alice, shared_at=moment).pk) for _ in range(2 * PAGE_SIZE + 3)}

    seen = walk(client)

    assert len(seen) == len(set(seen))
    assert set(seen) == made


def test_a_clip_shared_while_somebody_reads_on_shifts_no_page(client: Client, alice: User) -> None:
    made = [make_video(by=alice) for _ in range(PAGE_SIZE + 2)]
    first = client.get(FEED).json()

    make_video(by=alice)
    second = client.get(FEED, {"cursor": first["next_cursor"]}).json()

    assert [v["id"] for v in second["videos"]] == [str(made[1].pk), str(made[0].pk)]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "é",
        "A" * 5000,
        base64.urlsafe_b64encode(b'["2026-01-01", "x"]').decode(),
        base64.urlsafe_b64encode(b"[1, 2]").decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
        "\x00",
    ],
)
def test_a_cursor_that_is_none_is_refused_by_name(client: Client, cursor: str) -> None:
    answer = client.get(FEED, {"cursor": cursor})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_cursor"


def test_a_bad_cursor_on_the_page_shows_the_newest_clips_and_says_so(client: Client) -> None:
    video = make_video()

    answer = client.get("/", {"cursor": "nonsense"})

    assert answer.status_code == 400
    assert str(video.pk) in answer.content.decode()
    assert "newest clips instead" in answer.content.decode()


def test_a_page_costs_one_query_whatever_its_depth(
    alice: User, django_assert_num_queries: Any
) -> None:
    for _ in range(PAGE_SIZE + 5):
        make_video(by=alice)
    with django_assert_num_queries(1):
        first = read_page(recent_for(alice), alice, None)
    with django_assert_num_queries(1):
        second = read_page(recent_for(alice), alice, first.next_cursor)
    assert (len(first.cards), len(second.cards)) == (PAGE_SIZE, 5)


def test_the_page_of_somebody_signed_in_costs_three_queries_with_sixty_creators(
    signed_in: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(PAGE_SIZE):
        make_video()
    signed_in.get("/")  # loads the session into the cache

    with django_assert_max_num_queries(3):  # the person, the credits, the page
        assert signed_in.get("/").status_code == 200


def test_likes_are_counted_and_the_viewers_own_are_marked(alice: User, bob: User) -> None:
    video = make_video()
    for user in (alice, bob):
        Like.objects.create(workspace=video.workspace, video=video, user=user)

    (mine,) = read_page(recent_for(alice), alice, None).cards
    (anybodys,) = read_page(recent_for(AnonymousUser()), AnonymousUser(), None).cards

    assert (mine["likes"], mine["liked"]) == (2, True)
    assert (anybodys["likes"], anybodys["liked"]) == (2, False)


def test_the_feed_shows_strangers_what_the_product_is(client: Client, signed_in: Client) -> None:
    assert "Watch it become a film" in client.get("/").content.decode()
    assert "Watch it become a film" not in signed_in.get("/").content.decode()


def test_a_page_without_clips_invites_to_make_one(client: Client) -> None:
    assert "Make the first clip" in client.get("/").content.decode()


def test_older_is_a_plain_link(client: Client, alice: User) -> None:
    for _ in range(PAGE_SIZE + 1):
        make_video(by=alice)

    assert 'rel="next"' in client.get("/").content.decode()


def test_a_part_of_the_feed_is_only_its_cards(client: Client) -> None:
    make_video()

    part = client.get("/", headers={"X-Feed-Part": "1"})

    assert b"<html" not in part.content
    assert b"data-clip=" in part.content
    assert "X-Feed-Part" in part["Vary"]


def test_html_and_json_show_the_same_clips(client: Client) -> None:
    for _ in range(3):
        make_video()

    html = client.get("/").content.decode()

    assert all(f'data-clip="{video_id}"' in html for video_id in walk(client))


def test_a_prompt_is_shown_as_text_never_as_markup(client: Client) -> None:
    make_video(prompt="<script>alert(1)</script>")

    html = client.get("/").content.decode()

    assert "<script>alert(1)" not in html
    assert "&lt;script&gt;alert(1)" in html


def test_a_profile_lists_what_that_person_shared(client: Client, alice: User) -> None:
    own = make_video(by=alice)
    make_video(by=alice, shared=False)
    other = make_video()

    html = client.get("/u/alice/").content.decode()

    assert str(own.pk) in html
    assert str(other.pk) not in html
    assert html.count("data-clip=") == 1
    assert alice.email not in html


def test_profiles_of_the_unknown_and_the_suspended_are_not_found(
    client: Client, alice: User
) -> None:
    alice.suspended_at = timezone.now()
    alice.save()

    assert client.get("/u/alice/").status_code == 404
    assert client.get("/u/nobody/").status_code == 404


def test_the_feeds_query_uses_its_partial_index(alice: User) -> None:
    from django.db import connection

    make_video(by=alice)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
    plan = Video.objects.shared().order_by("-shared_at", "-id")[:24].explain()

    assert "video_recent" in plan


def test_the_api_answers_somebody_signed_in_too(api: APIClient) -> None:
    make_video()

    assert len(api.get(FEED).json()["videos"]) == 1
