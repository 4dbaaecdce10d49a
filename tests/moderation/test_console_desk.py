"""Working at the console: claims, filters, several at once, exposure, second looks, who saw what."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts import staff_roles
from accounts.errors import StaffOnly, StaffRoleMissing
from accounts.models import User
from generation.models import SafetyCheck, Video
from moderation import console_case, console_claims, console_looks, console_second, services
from moderation.errors import ClaimHeld, ExposureSpent, NotYoursToDecide, SecondLookClosed
from moderation.models import Case, CaseLook, Claim, Decision, SavedFilter, SecondLook
from moderation.screening.decision import Signal, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category
from tests.factories import add_second_factor, make_user, make_video

pytestmark = pytest.mark.django_db


def reviewer(*roles: str) -> User:
    # Names of one length: none stands inside another.
    handle = f"staff-{User.objects.count():06d}"
    person = make_user(is_staff=True, roles=roles or ("reviewer",), handle=handle)
    add_second_factor(person)
    return person


def at(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def case_of(video: Video | None = None, *, reason: str = "deceptive") -> Case:
    return services.file_report(video or make_video(), reason=reason, address="203.0.113.5").case


def url(case: Case, tail: str = "") -> str:
    return f"/console/cases/{case.pk}/{tail}"


# --- Claims --------------------------------------------------------------------------------------


def test_opening_a_case_claims_it_and_a_decision_of_another_is_refused_by_name() -> None:
    case, robin, kim = case_of(), reviewer(), reviewer()
    at(robin).get(url(case))

    page = at(kim).get(url(case)).content.decode()
    refused = at(kim).post(url(case), {"action": "dismiss", "note": "Fine."})

    assert Claim.objects.get(case=case).holder == robin
    assert f"{robin.public_name}</strong> works on this case" in page
    assert refused.status_code == 409
    assert f"{robin.public_name} works on this case." in refused.content.decode()
    assert Case.objects.get(pk=case.pk).is_open
    assert at(robin).post(url(case), {"action": "dismiss", "note": "Fine."}).status_code == 302


def test_a_claim_runs_out_and_is_renewed_while_the_page_is_open() -> None:
    case, robin, kim = case_of(), reviewer(), reviewer()
    console_claims.take(case, by=robin)
    until = Claim.objects.get(case=case).until
    assert at(robin).post(url(case, "claim/")).status_code == 200
    assert Claim.objects.get(case=case).until > until
    held = at(kim).post(url(case, "claim/"))
    assert held.status_code == 409
    assert held.json()["error"]["code"] == "claim_held"
    assert held.json()["error"]["holder"] == robin.public_name

    Claim.objects.filter(case=case).update(until=timezone.now() - timedelta(seconds=1))
    console_claims.take(case, by=kim)

    with pytest.raises(ClaimHeld):
        console_claims.decide(case, by=robin, action="dismiss", note="Mine?")
    assert console_claims.decide(case, by=kim, action="dismiss", note="Fine.").decided_by == kim


def test_putting_back_frees_the_case_and_only_ones_own() -> None:
    case, robin, kim = case_of(), reviewer(), reviewer()
    console_claims.take(case, by=robin)
    assert not console_claims.put_back(case, by=kim)
    assert at(robin).post(url(case, "put-back/")).status_code == 302
    assert not Claim.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_reviewers_deciding_at_once_leave_one_decision_and_lose_nothing() -> None:
    case = case_of()
    people = [reviewer(), reviewer()]
    start = threading.Barrier(2)
    outcomes: list[str] = []

    def decide(person: User) -> None:
        try:
            start.wait(10)
            console_claims.decide(case, by=person, action="dismiss", note="At once.")
            outcomes.append("decided")
        except Exception as error:
            outcomes.append(type(error).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(outcomes) == ["CaseClosed", "decided"]
    assert Decision.objects.count() == 1


def test_a_role_lost_while_a_case_is_open_refuses_the_decision() -> None:
    case, robin = case_of(), reviewer()
    console_claims.take(case, by=robin)
    admin = make_user(is_staff=True, roles=("admin",))
    staff_roles.take_role(robin, "reviewer", by=admin)

    with pytest.raises((StaffOnly, StaffRoleMissing)):
        console_claims.decide(case, by=robin, action="dismiss", note="Late.")
    assert at(robin).get(url(case)).status_code == 403
    assert Case.objects.get(pk=case.pk).is_open


# --- The queue -----------------------------------------------------------------------------------


def test_filters_narrow_the_queue_and_next_keeps_to_them() -> None:
    grave, mild = case_of(reason="self_harm"), case_of(reason="spam")
    robin, kim = reviewer(), reviewer()
    Case.objects.filter(pk=mild.pk).update(language="fr", due_at=timezone.now())

    def shown(query: str) -> set[int]:
        page = at(robin).get(f"/console/?{query}")
        return {row["case"].pk for row in page.context["rows"]}

    assert shown("") == {grave.pk, mild.pk}
    assert shown("severity=3") == {grave.pk}
    assert shown("language=fr") == {mild.pk}
    assert shown("clock=late") == {mild.pk}
    assert shown("severity=9&clock=never&language=%00") == {grave.pk, mild.pk}
    console_claims.take(grave, by=kim)
    assert shown("holder=free") == {mild.pk}
    following = at(robin).get("/console/next/")
    assert following.headers["Location"] == url(mild)
    assert at(robin).get("/console/next/?in=severity%3D3").headers["Location"] == (
        "/console/?severity=3"
    )


def test_saved_filters_are_ones_own() -> None:
    robin, kim = reviewer(), reviewer()
    at(robin).post("/console/filters/", {"name": "  Late   ones ", "query": "clock=late&x=1"})
    saved = SavedFilter.objects.get()
    assert (saved.name, saved.query, saved.owner) == ("Late ones", "clock=late", robin)
    assert "Late ones" in at(robin).get("/console/").content.decode()
    assert "Late ones" not in at(kim).get("/console/").content.decode()
    assert at(kim).post(f"/console/filters/{saved.pk}/forget/").status_code == 404
    assert at(robin).post(f"/console/filters/{saved.pk}/forget/").status_code == 302
    at(robin).post("/console/filters/", {"name": " ", "query": ""})
    assert not SavedFilter.objects.exists()


def test_several_cases_are_decided_each_by_itself() -> None:
    cases = [case_of(reason="spam") for _ in range(3)]
    robin, kim = reviewer(), reviewer()
    console_claims.take(cases[0], by=kim)

    page = at(robin).post(
        "/console/bulk/",
        {"cases": [case.pk for case in cases], "action": "dismiss", "note": "No spam."},
        follow=True,
    )

    text = page.content.decode()
    assert "Decided 2 cases." in text
    assert f"Case {cases[0].pk}: {kim.public_name} works on this case." in text
    assert Decision.objects.filter(decided_by=robin).count() == 2
    nothing = at(robin).post("/console/bulk/", {"cases": [cases[0].pk], "action": "dismiss"})
    assert nothing.status_code == 302
    assert Case.objects.get(pk=cases[0].pk).is_open


# --- Seeing --------------------------------------------------------------------------------------


def test_every_look_is_written_down_before_the_clip_is_given_out() -> None:
    case, robin = case_of(), reviewer()
    page = at(robin).get(url(case)).content.decode()
    assert case.video is not None and case.video.download_name not in page  # a still, no clip
    assert [look.what for look in CaseLook.objects.all()] == ["opened"]

    answer = at(robin).post(url(case, "look/"), {"what": "revealed"}).json()

    assert answer["media_url"].startswith("/media/")
    assert answer["used"] == pytest.approx(2.2)
    assert list(CaseLook.objects.order_by("pk").values_list("what", "viewer")) == [
        ("opened", robin.pk),
        ("revealed", robin.pk),
    ]
    assert at(robin).post(url(case, "look/"), {"what": "stolen"}).status_code == 400
    senior = reviewer("senior")
    listed = at(senior).get(f"/console/looks/?case={case.pk}").content.decode()
    assert robin.handle in listed and "Uncovered the picture" in listed
    assert at(robin).get("/console/looks/").status_code == 403


def test_the_database_refuses_to_change_a_look() -> None:
    look = console_looks.note(case_of(), "opened", by=reviewer(), severity=2)
    for change in (
        lambda: CaseLook.objects.filter(pk=look.pk).update(points=0),
        lambda: CaseLook.objects.filter(pk=look.pk).delete(),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_a_break_is_due_after_so_much_and_media_opens_again_after_it() -> None:
    case, robin = case_of(), reviewer()
    console_looks.change_settings(
        robin, blur=True, grey=True, mute=True, daily_points=120, break_points=5
    )
    for _ in range(3):
        console_looks.note(case, "revealed", by=robin, severity=2)

    refused = at(robin).post(url(case, "look/"), {"what": "played"})

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == "exposure_spent"
    assert refused.json()["error"]["resting_until"]
    assert at(robin).get(url(case)).status_code == 200  # text stays open
    budget = console_looks.budget_of(robin)
    assert budget.since_break == 6.0 and not budget.is_spent and budget.resting_until


def test_a_day_has_an_end() -> None:
    case, robin = case_of(), reviewer()
    console_looks.change_settings(
        robin, blur=True, grey=True, mute=True, daily_points=10, break_points=100
    )
    for _ in range(3):
        console_looks.note(case, "revealed", by=robin, severity=3)
    with pytest.raises(ExposureSpent, match="in a day"):
        console_looks.note(case, "revealed", by=robin, severity=1)
    assert console_looks.budget_of(robin).is_spent


def test_limits_stay_in_bounds() -> None:
    robin = reviewer()
    form = {"blur": "on", "break_points": "500", "daily_points": "9"}
    assert at(robin).post("/console/covers/", form).status_code == 400
    form = {"blur": "on", "break_points": "20", "daily_points": "60"}
    assert at(robin).post("/console/covers/", form).status_code == 302
    assert console_looks.settings_of(robin).grey is False


def test_the_timeline_holds_each_frames_highest_value_and_marks_what_stopped() -> None:
    video = make_video()
    signals = [
        Signal("eye", "1", Category.VIOLENCE_GORE, value, modality="video", frame_seconds=second,
               scale="probability", subject="output")
        for second, value in ((0.0, 0.1), (0.5, 0.89), (0.5, 0.2), (1.0, 0.3))
    ]  # fmt: skip
    decision = redecide(
        signals, profile="default", policy=default_policy(), details={"absent": []}, stage="output"
    )
    check = SafetyCheck(verdict=decision.to_json())

    timeline = console_case.timeline_of(video, [check, SafetyCheck(verdict={"signals": "no"})])

    (track,) = timeline.tracks
    assert (track.category, track.worst, track.worst_at) == ("violence_gore", 0.89, 0.5)
    assert [mark.seconds for mark in track.marks] == [0.0, 0.5, 1.0]
    assert timeline.flagged == (0.5,)


# --- Second looks --------------------------------------------------------------------------------


@pytest.fixture
def everything_twice(settings: Any) -> None:
    settings.SORA_SECOND_LOOK_SHARE = 1.0


def test_a_decided_case_is_judged_again_by_another_who_is_not_told(everything_twice: None) -> None:
    case, robin, kim = case_of(), reviewer(), reviewer()
    console_claims.decide(case, by=robin, action="dismiss", note="Plainly a cartoon.")
    look = SecondLook.objects.get()

    assert at(robin).get("/console/second/next/").headers["Location"] == "/console/second/"
    page = at(kim).get(f"/console/second/{look.pk}/").content.decode()
    assert "Plainly a cartoon." not in page and robin.public_name not in page
    done = at(kim).post(f"/console/second/{look.pk}/", {"action": "remove", "note": "A riot."})

    look.refresh_from_db()
    assert done.status_code == 302
    assert (look.reviewer, look.agrees) == (kim, False)
    assert Video.objects.get(pk=case.video_id).quarantined_at is None  # nothing changes by it
    found = console_second.agreement()
    assert (found.looked, found.agreed, found.rate) == (1, 0, 0.0)
    with pytest.raises(SecondLookClosed):
        console_second.judge(look, action="dismiss", note="Again.", by=reviewer())


def test_ones_own_decision_is_not_judged_by_oneself_and_a_third_person_settles(
    everything_twice: None,
) -> None:
    case, robin, kim = case_of(), reviewer("senior"), reviewer("senior")
    console_claims.decide(case, by=robin, action="dismiss", note="Fine.")
    look = SecondLook.objects.get()
    with pytest.raises(NotYoursToDecide):
        console_second.judge(look, action="remove", note="Hm.", by=robin)
    console_second.judge(look, action="remove", note="Hm.", by=kim)
    for two in (robin, kim):
        with pytest.raises(NotYoursToDecide):
            console_second.settle(look, note="I say so.", by=two)
    third = reviewer("senior")
    at(third).post(f"/console/second/{look.pk}/settle/", {"note": "The first was right."})
    look.refresh_from_db()
    assert look.settled_by == third


def test_about_the_named_share_is_drawn_and_the_same_ones_every_time() -> None:
    drawn = [number for number in range(4000) if console_second.is_drawn(number, 0.1)]
    assert 320 < len(drawn) < 480
    assert drawn == [number for number in range(4000) if console_second.is_drawn(number, 0.1)]
    assert not any(console_second.is_drawn(number, 0.0) for number in range(200))


# --- People --------------------------------------------------------------------------------------


def test_admins_give_and_take_roles_on_a_page() -> None:
    admin, person = reviewer("admin"), make_user(handle="newcomer")
    given = at(admin).post(
        "/console/people/roles/", {"handle": "@newcomer", "role": "reviewer", "do": "give"}
    )
    assert given.status_code == 302
    assert staff_roles.roles_of(User.objects.get(pk=person.pk)) == {"reviewer"}
    page = at(admin).get("/console/people/").content.decode()
    assert "newcomer" in page
    at(admin).post(
        "/console/people/roles/", {"handle": "newcomer", "role": "reviewer", "do": "take"}
    )
    assert staff_roles.roles_of(User.objects.get(pk=person.pk)) == frozenset()
    assert at(reviewer("senior")).get("/console/people/").status_code == 403


def test_old_addresses_lead_to_the_console_with_what_they_carried() -> None:
    answer = at(reviewer()).get("/moderation/cases/7/?in=severity%3D3")
    assert answer.status_code == 308
    assert answer.headers["Location"] == "/console/cases/7/?in=severity%3D3"
