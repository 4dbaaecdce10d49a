"""Cases about probing, campaigns and their testers, in the console and on the testers' page."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.services import personal_workspace
from generation import probing as detector
from generation.models import Friction, RequestTrace
from moderation import probing
from moderation.errors import CaseClosed
from moderation.models import Campaign, EvalCase, ProbingCase, RedTeamFinding
from moderation.screening.protocol import Verdict

pytestmark = pytest.mark.django_db

WORDS = ("one gory knight", "two gory knights", "three gory knights", "four", "five", "six")


@pytest.fixture
def case(alice: User) -> ProbingCase:
    for text in WORDS:
        detector.note_refused(
            personal_workspace(alice),
            alice,
            text=text,
            verdict=Verdict("refuse", "default", ("violence_gore",), reasons=("violence_gore",)),
            seed=None,
            sources=[],
        )
    return ProbingCase.objects.get()


def test_the_case_shows_the_cluster_the_rules_and_the_account(
    console: Client, case: ProbingCase
) -> None:
    listed = console.get("/console/probing/").content.decode()
    html = console.get(f"/console/probing/{case.pk}/").content.decode()

    assert f"/console/probing/{case.pk}/" in listed
    assert all(text in html for text in WORDS)
    assert "6 of the last 20 refused" in html
    assert "Neither is a strike" in html


def test_misread_ends_everything_that_slows_them(
    console: Client, case: ProbingCase, staff: User, alice: User
) -> None:
    assert detector.standing(alice)

    console.post(f"/console/probing/{case.pk}/", {"outcome": "misread", "note": "A novel."})

    case.refresh_from_db()
    assert (case.status, case.outcome, case.closed_by) == ("closed", "misread", staff)
    assert detector.standing(alice) == []
    detector.admit(alice)
    assert "A novel." in console.get(f"/console/probing/{case.pk}/").content.decode()


def test_what_a_human_found_harmless_is_not_counted_again(
    console: Client, case: ProbingCase, alice: User
) -> None:
    console.post(f"/console/probing/{case.pk}/", {"outcome": "misread", "note": "A novel."})

    detector.note_refused(
        personal_workspace(alice),
        alice,
        text="seven",
        verdict=Verdict("refuse", "default", ("violence_gore",)),
        seed=None,
        sources=[],
    )

    assert detector.standing(alice) == []


def test_probing_leaves_the_second_look_to_run_out(
    console: Client, case: ProbingCase, alice: User
) -> None:
    console.post(f"/console/probing/{case.pk}/", {"outcome": "probing", "note": "A search."})

    assert detector.standing(alice)
    assert not alice.is_suspended
    assert Friction.objects.filter(lifted_at=None).exists()


def test_a_case_is_closed_once_and_with_a_reason(
    console: Client, case: ProbingCase, staff: User
) -> None:
    path = f"/console/probing/{case.pk}/"
    assert console.post(path, {"outcome": "misread", "note": " "}).status_code == 400
    assert console.post(path, {"outcome": "strike", "note": "x"}).status_code == 400
    probing.close_case(case, outcome="misread", note="x", by=staff)

    with pytest.raises(CaseClosed):
        probing.close_case(case, outcome="probing", note="y", by=staff)
    assert "already decided" in console.post(
        path, {"outcome": "probing", "note": "y"}, follow=True
    ).content.decode()  # fmt: skip


def test_an_attempt_becomes_a_case_without_the_person(
    console: Client, case: ProbingCase, alice: User
) -> None:
    trace = RequestTrace.objects.order_by("pk").first()
    assert trace is not None
    path = f"/console/probing/{case.pk}/attempts/{trace.pk}/keep/"

    console.post(path, {"label": "allow", "category": "violence_gore"})
    console.post(path, {"label": "nonsense", "category": "violence_gore"})

    kept = EvalCase.objects.get()
    assert (kept.text, kept.label, kept.set.origin) == (WORDS[0], "allow", "usage")
    assert str(alice.pk) not in str(kept.extra)
    other = f"/console/probing/{case.pk}/attempts/{trace.pk + 999}/keep/"
    assert console.post(other, {"label": "allow", "category": "hate"}).status_code == 404


def campaign_form(**changes: str) -> dict[str, str]:
    now = timezone.now()
    return {
        "title": "Spring round",
        "name": "spring",
        "brief": "Metaphors above all.",
        "starts_at": f"{now - timedelta(days=1):%Y-%m-%dT%H:%M}",
        "ends_at": f"{now + timedelta(days=7):%Y-%m-%dT%H:%M}",
        "testers": "@alice",
        **changes,
    }


def test_a_campaign_is_made_changed_and_listed(console: Client, alice: User, bob: User) -> None:
    console.post("/console/redteam/campaigns/", campaign_form())
    made = Campaign.objects.get()
    assert list(made.testers.all()) == [alice]

    path = f"/console/redteam/campaigns/{made.pk}/"
    assert "Metaphors above all." in console.get(path).content.decode()
    console.post(path, campaign_form(testers="alice, bob", title="Summer round"))

    assert set(Campaign.objects.get().testers.all()) == {alice, bob}
    assert "Summer round" in console.get("/console/redteam/").content.decode()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"testers": "nobody-here"}, "Nobody here is called @nobody-here"),
        ({"ends_at": "2020-01-01T00:00"}, "ends before it starts"),
        ({"name": "no spaces"}, "valid"),
    ],
)
def test_a_campaign_that_can_not_be_names_the_field(
    console: Client, alice: User, changes: dict[str, str], says: str
) -> None:
    answer = console.post("/console/redteam/campaigns/", campaign_form(**changes))

    assert answer.status_code == 400
    assert says in answer.content.decode()
    assert not Campaign.objects.exists()


def test_a_name_is_used_by_one_campaign(console: Client, alice: User) -> None:
    console.post("/console/redteam/campaigns/", campaign_form())

    answer = console.post("/console/redteam/campaigns/", campaign_form(title="Another"))

    assert answer.status_code == 400
    assert "a campaign of this name" in answer.content.decode()


def test_a_tester_reports_a_finding_and_sees_it(console: Client, alice: User, bob: User) -> None:
    console.post("/console/redteam/campaigns/", campaign_form())
    tester, other = Client(), Client()
    tester.force_login(alice)
    other.force_login(bob)
    finding = {
        "campaign": "spring",
        "kind": "got_through",
        "text": "crimson rain",
        "category": "violence_gore",
        "note": "at the second try",
    }

    assert "Metaphors above all." in tester.get("/testing/").content.decode()
    tester.post("/testing/", finding)
    tester.post("/testing/", finding)

    found = RedTeamFinding.objects.get()
    assert (found.tester, found.campaign.name) == (alice, "spring")  # type: ignore[union-attr]
    assert "crimson rain" in tester.get("/testing/").content.decode()
    assert "crimson rain" in console.get("/console/redteam/").content.decode()
    assert other.get("/testing/").status_code == 404
    assert other.post("/testing/", finding).status_code == 404
    assert Client().get("/testing/").status_code == 302


def test_a_finding_that_is_none_names_the_field(console: Client, alice: User) -> None:
    console.post("/console/redteam/campaigns/", campaign_form())
    tester = Client()
    tester.force_login(alice)
    good = {
        "campaign": "spring", "kind": "got_through", "text": "x", "category": "violence_gore"
    }  # fmt: skip

    for bad in ({"text": ""}, {"kind": "won"}, {"category": "sexual_minors"}, {"campaign": "no"}):
        assert tester.post("/testing/", {**good, **bad}).status_code == 400
    assert not RedTeamFinding.objects.exists()
