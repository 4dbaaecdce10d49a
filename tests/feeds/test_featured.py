"""Featured: who may choose, what is asked again, when a slot ends; the curators' desk."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import StaffRole, User
from feeds import featuring, hooks
from feeds.models import FeaturedPick
from generation.models import SafetyCheck, Video
from generation.services import quarantine_video
from tests.factories import make_user, make_video
from tests.feeds.staff import make_curator

pytestmark = pytest.mark.django_db
FEED = "/api/v1/feeds/featured/"


@pytest.fixture
def curator() -> User:
    return make_curator(handle="cora")


@pytest.fixture
def desk(curator: User) -> Client:
    return client_of(curator)


@pytest.fixture
def objections() -> Iterator[list[Any]]:
    """The list others register in, as it was afterwards."""
    before = list(hooks.objections)
    hooks.objections.clear()
    yield hooks.objections
    hooks.objections[:] = before


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def propose(desk: Client, video: Video, **changed: str) -> str:
    """The page a curator lands on after asking for a slot."""
    form = {"reason": "A calm sea, drawn with care.", "days": "7", **changed}
    return desk.post(f"/featured/desk/clips/{video.pk}/", form, follow=True).content.decode()


def featured(client: Client) -> list[str]:
    return [card["id"] for card in client.get(FEED).json()["videos"]]


def test_a_featured_clip_shows_with_its_public_reason(
    desk: Client, curator: User, client: Client
) -> None:
    video = make_video()

    propose(desk, video)

    (card,) = client.get(FEED).json()["videos"]
    assert (card["id"], card["note"]) == (str(video.pk), "A calm sea, drawn with care.")
    assert "A calm sea" in client.get("/featured/").content.decode()
    pick = FeaturedPick.objects.get()
    assert (pick.proposed_by, pick.approved_by, pick.days) == (curator, curator, 7)


def test_the_strictest_checks_are_asked_once_more_and_their_word_is_kept(
    desk: Client, client: Client
) -> None:
    """The clip was public before today's rules; they are not sure about it."""
    video = make_video()
    SafetyCheck.objects.create(
        workspace=video.workspace,
        generation=video.generation,
        stage=SafetyCheck.Stage.OUTPUT,
        action="allow",
        profile="default",
        policy_version="1",
        verdict={
            "action": "allow",
            "profile": "default",
            "scores": [{"category": "sexual", "value": 0.97, "source": "old"}],
        },
    )

    page = propose(desk, video)

    assert "strictest checks" in page or "can&#x27;t be read" in page
    assert featured(client) == []


def test_what_a_person_released_after_a_doubt_may_be_public_not_featured(
    desk: Client, client: Client
) -> None:
    video = make_video(released_at=timezone.now())

    assert "strictest checks" in propose(desk, video)
    assert featured(client) == []
    assert SafetyCheck.objects.filter(generation=video.generation, stage="feed").exists()


def test_an_open_report_keeps_a_clip_out_and_takes_it_out(
    desk: Client, client: Client, objections: list[Any]
) -> None:
    inside, outside = make_video(), make_video()
    propose(desk, inside)
    reported = {inside.pk, outside.pk}
    objections.append(lambda video: "Somebody reported it." if video.pk in reported else "")

    assert "Somebody reported it." in propose(desk, outside)
    assert featured(client) == [str(inside.pk)]
    assert featuring.sweep() == 1
    assert featured(client) == []
    assert FeaturedPick.objects.get().ended_why == "Somebody reported it."


def test_the_creator_has_to_be_in_good_standing(desk: Client, client: Client) -> None:
    video = make_video()
    User.objects.filter(pk=video.creator_id).update(suspended_at=timezone.now())

    assert "account is closed" in propose(desk, video)
    assert featured(client) == []


def test_a_slot_ends_by_itself(desk: Client, client: Client) -> None:
    video = make_video()
    propose(desk, video)
    FeaturedPick.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert featured(client) == []  # at once, without waiting for the minutely sweep
    assert featuring.sweep() == 1
    assert FeaturedPick.objects.get().state == "ended"


@pytest.mark.parametrize("how", ["unshared", "taken down", "made private", "trashed"])
def test_leaving_the_public_closes_the_slot_in_that_transaction(
    desk: Client, client: Client, how: str
) -> None:
    from feeds.services import set_audience, share_video
    from generation import library

    creator = make_user()
    video = make_video(by=creator)
    propose(desk, video)
    owner = client_of(creator)

    if how == "unshared":
        owner.post(f"/api/v1/videos/{video.pk}/unshare/")
    elif how == "made private":
        set_audience(video, "link", by=creator)
    elif how == "trashed":
        library.trash([video], by=creator)
    else:
        quarantine_video(video, by=None, reason="test")

    assert featured(client) == []
    assert FeaturedPick.objects.get().state == "ended"
    if how == "unshared":  # coming back is not being featured again
        video.refresh_from_db()
        share_video(video, by=creator)
        assert featured(client) == []


def test_with_two_approvals_the_second_curator_has_to_be_another(
    desk: Client, client: Client, settings: Any
) -> None:
    settings.SORA_FEATURED_APPROVALS = 2
    video = make_video()
    propose(desk, video)
    pick = FeaturedPick.objects.get()

    same = desk.post(f"/featured/desk/slots/{pick.pk}/", {"do": "approve"}, follow=True)
    assert "somebody else has to approve" in same.content.decode()
    assert featured(client) == []
    client_of(make_curator()).post(f"/featured/desk/slots/{pick.pk}/", {"do": "approve"})

    assert featured(client) == [str(video.pk)]


def test_a_curator_ends_a_slot_and_the_reason_stays(desk: Client, client: Client) -> None:
    propose(desk, make_video())
    pick = FeaturedPick.objects.get()

    desk.post(f"/featured/desk/slots/{pick.pk}/", {"do": "end", "why": "Enough of it."})

    pick.refresh_from_db()
    assert (pick.state, pick.ended_why) == ("ended", "Enough of it.")
    assert featured(client) == []


def test_few_slots_for_one_creator(desk: Client, client: Client) -> None:
    creator = make_user()
    for _ in range(3):
        propose(desk, make_video(by=creator))

    page = propose(desk, make_video(by=creator))

    assert "3 clips of this creator are featured now" in page
    assert len(featured(client)) == 3


def test_a_clip_has_one_open_slot(desk: Client) -> None:
    video = make_video()
    propose(desk, video)

    assert "has a slot already" in propose(desk, video)
    assert FeaturedPick.objects.count() == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"reason": ""},
        {"reason": "x" * 201},
        {"days": "0"},
        {"days": "31"},
        {"days": "-1"},
        {"days": "x"},
    ],
)
def test_a_slot_without_a_reason_or_a_time_is_refused(
    desk: Client, client: Client, changed: dict[str, str]
) -> None:
    propose(desk, make_video(), **changed)

    assert not FeaturedPick.objects.exists()


def test_a_reason_is_shown_as_text(desk: Client, client: Client) -> None:
    propose(desk, make_video(), reason="<b>bold</b> & „gut“ 🎈")

    page = client.get("/featured/").content.decode()

    assert "&lt;b&gt;bold&lt;/b&gt; &amp; „gut“ 🎈" in page


def test_only_curators_reach_the_desk(client: Client, alice: User) -> None:
    video = make_video()
    reviewer = make_curator(role="reviewer")
    for path in ("/featured/desk/", f"/featured/desk/clips/{video.pk}/"):
        send = client.get if path.endswith("desk/") else client.post
        assert send(path).status_code == 302
        for person in (alice, reviewer):
            page = client_of(person)
            send = page.get if path.endswith("desk/") else page.post
            assert send(path).status_code == 403
    assert not FeaturedPick.objects.exists()


def test_a_role_lost_meanwhile_counts_inside_the_deed(curator: User, client: Client) -> None:
    """The page was open; the role is gone when the service asks for it in its transaction."""
    from accounts.errors import StaffRoleMissing

    video = make_video()
    StaffRole.objects.filter(user=curator).delete()

    with pytest.raises(StaffRoleMissing):
        featuring.propose(video, by=curator, reason="Calm.", days=1)
    assert featured(client) == []


def test_the_desk_counts_how_varied_the_slots_are(desk: Client) -> None:
    propose(desk, make_video(prompt="a farmer in a field"))
    FeaturedPick.objects.create(  # as an operator's own language model would let it pass
        video=(other := make_video(prompt="красный шар над морем")),
        workspace=other.workspace,
        state="live",
        reason="A quiet sea.",
        days=1,
        proposed_by=other.creator,
        approved_by=other.creator,
        live_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=1),
    )

    page = desk.get("/featured/desk/").content.decode()

    assert "2 of 48" in page
    assert "Latin 1" in page and "Cyrillic 1" in page
    mix = featuring.mix_of(
        FeaturedPick.objects.live().select_related("video__generation", "video__creator")
    )
    assert (mix.creators, mix.newcomers, mix.people) == (2, 2, 1)


def test_the_desk_searches_and_leaves_out_what_has_a_slot(desk: Client) -> None:
    taken, free = make_video(prompt="a boat at noon"), make_video(prompt="a boat at night")
    make_video(prompt="a kite")
    propose(desk, taken)

    page = desk.get("/featured/desk/", {"q": "boat"}).content.decode()

    assert f"/featured/desk/clips/{free.pk}/" in page
    assert page.count("/featured/desk/clips/") == 1


def test_a_clip_nobody_sees_can_not_be_proposed(desk: Client) -> None:
    video = make_video(shared=False)

    assert desk.post(f"/featured/desk/clips/{video.pk}/", {"reason": "x"}).status_code == 404
