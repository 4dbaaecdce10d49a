"""What slows somebody whose requests keep being refused, what they are told, and what it never does."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import AuditEntry, User, Workspace
from accounts.services import personal_workspace
from generation import hooks, probing, probing_meaning, services
from generation.models import Friction, Generation, RequestTrace, SafetyCheck, Source, Upload
from moderation.models import Campaign, ProbingCase
from moderation.screening.probing import SAME_MEANING
from moderation.screening.protocol import Verdict
from moderation.screening.similarity import cosine
from tests.factories import make_generation, make_video

pytestmark = pytest.mark.django_db

Ask = Callable[..., Any]
SCENES = (
    "a decapitated statue of a soldier, gore everywhere",
    "dismembered robots in a gory factory",
    "a gory medieval siege with severed heads",
    "mutilated mannequins on a beach, gore",
    "an eviscerated dragon, gore and entrails",
    "a beheaded scarecrow, gory close-up",
    "gore in a butcher's cellar, severed limbs",
)
BALLOON = "a red balloon rises over the ocean at sunset"


def refuse(ask: Ask, times: int) -> Any:
    for scene in SCENES[:times]:
        answer = ask(prompt=scene)
        assert answer.status_code == 422, answer.content
    return answer


def later(**by: float) -> None:
    """Move everything that slows anybody into the past."""
    gone = timedelta(**by)
    for friction in Friction.objects.all():
        friction.until -= gone
        friction.slower_until -= gone
        friction.created_at -= gone
        friction.save()
    for trace in RequestTrace.objects.all():
        trace.created_at -= gone
        trace.save()


def test_two_refusals_slow_nobody(ask: Ask, api: APIClient) -> None:
    answer = refuse(ask, 2)

    assert answer.json()["error"]["slowed"] is None
    assert api.get("/api/v1/standing/").json() == {"slowed": []}
    assert ask(prompt=BALLOON).status_code == 202


def test_the_third_explains_the_rule_and_offers_an_example(ask: Ask) -> None:
    error = refuse(ask, 3).json()["error"]

    assert error["slowed"]["level"] == "explain"
    assert "No gore, torture" in error["remedy"]
    assert error["slowed"]["example"] in error["remedy"]
    assert ask(prompt=error["slowed"]["example"]).status_code == 202  # and the example works


def test_the_fourth_brings_a_pause_of_ten_minutes_that_says_until_when(
    ask: Ask, api: APIClient, workspace: Workspace
) -> None:
    refuse(ask, 4)

    paused = ask(prompt=BALLOON)
    error = paused.json()["error"]
    assert paused.status_code == 429
    assert error["code"] == "cooling_down"
    assert 500 <= error["retry_after"] <= 600
    assert paused.headers["Retry-After"] == str(error["retry_after"])
    assert "UTC" in error["message"]
    assert not Generation.objects.exists()
    shown = api.get("/api/v1/standing/").json()["slowed"]
    assert [item["level"] for item in shown] == ["cool_down", "explain"]
    assert shown[0]["until"] == error["until"]


def test_after_the_pause_one_may_go_on_but_waits_behind_others(
    ask: Ask, workspace: Workspace, stranger: APIClient, charlie: User
) -> None:
    refuse(ask, 4)
    later(minutes=11)

    mine = ask(prompt=BALLOON)
    theirs = stranger.post(
        f"/api/v1/workspaces/{personal_workspace(charlie).pk}/generations/",
        {"prompt": BALLOON, "width": 512, "height": 288, "seconds": 2, "steps": 2},
    )

    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert theirs.json()["queue_position"] == 1
    tags = dict(Generation.objects.values_list("requested_by__email", "fair_tag"))
    assert tags["alice@example.com"] >= tags["charlie@example.com"] + probing.SLOWER_BY / 2


def test_the_slower_queue_ends_too(ask: Ask) -> None:
    refuse(ask, 4)
    later(hours=2)

    ask(prompt=BALLOON)

    assert Generation.objects.get().fair_tag < probing.SLOWER_BY


def test_a_repeated_request_is_answered_even_in_the_pause(ask: Ask) -> None:
    first = ask(key="k", prompt=BALLOON)
    refuse(ask, 4)

    again = ask(key="k", prompt=BALLOON)

    assert (again.status_code, again.json()["id"]) == (202, first.json()["id"])


def test_six_refusals_keep_new_clips_private_for_a_day_and_open_a_case(
    ask: Ask, alice: User
) -> None:
    refuse(ask, 4)
    later(minutes=11)
    ask(prompt=SCENES[4])
    later(minutes=11)
    error = ask(prompt=SCENES[5]).json()["error"]

    assert error["slowed"]["level"] == "second_look"
    assert "not a strike" in error["remedy"]
    case = ProbingCase.objects.get()
    assert (case.about, case.is_open) == (alice, True)
    assert case.frictions.get().traces.count() == 6
    later(minutes=11)
    ask(prompt=BALLOON, share=True)
    gate = SafetyCheck.objects.get(stage="gate")
    assert (gate.action, gate.verdict["details"]["second_look"]) == ("guard", True)
    assert AuditEntry.objects.filter(event="probing.friction").count() >= 3


def test_a_second_look_is_no_strike_and_closes_nothing(ask: Ask, alice: User) -> None:
    test_six_refusals_keep_new_clips_private_for_a_day_and_open_a_case(ask, alice)

    alice.refresh_from_db()
    assert not alice.is_suspended
    assert Generation.objects.get().status == "queued"


def test_later_refusals_join_the_same_case(ask: Ask) -> None:
    for scene in (*SCENES, *SCENES):
        later(minutes=11)
        ask(prompt=scene)

    case = ProbingCase.objects.get()
    assert case.frictions.count() == 1
    assert case.frictions.get().traces.count() > 6


@pytest.mark.django_db(transaction=True)  # the worker's thread closes its connection
def test_the_worker_makes_under_a_second_look_what_stays_private(
    ask: Ask, alice: User, workspace: Workspace, run_worker: Callable[[], int]
) -> None:
    now = timezone.now()
    Friction.objects.create(
        workspace=workspace,
        user=alice,
        level="second_look",
        rule="rephrasing",
        until=now + timedelta(hours=1),
        slower_until=now + timedelta(hours=1),
    )
    ask(prompt=BALLOON, share=True)

    run_worker()

    job = Generation.objects.get()
    assert job.status == "succeeded"
    assert job.video.shared_at is None
    assert job.safety_checks.get(stage="prompt").action == "guard"
    assert RequestTrace.objects.get().outcome == "guarded"


def refusal(*categories: str) -> Verdict:
    return Verdict("refuse", "default", categories=categories, reasons=categories)


def test_a_worker_s_refusal_counts_as_much_as_the_gate_s(
    ask: Ask, alice: User, workspace: Workspace
) -> None:
    for number in range(4):
        answer = ask(prompt=f"{BALLOON}, number {number}")
        job = Generation.objects.get(pk=answer.json()["id"])
        services.record_check(job, SafetyCheck.Stage.PROMPT, refusal("hate"))

    assert ask(prompt=BALLOON).status_code == 429
    assert set(RequestTrace.objects.values_list("outcome", "stage")) == {("refused", "prompt")}


def test_a_refused_wish_that_passes_reworded_and_is_blocked_opens_a_case(ask: Ask) -> None:
    ask(prompt="a gory knight with severed limbs falls from his horse in the mud")
    answer = ask(prompt="a knight with several limbs falls from his horse in the mud")
    job = Generation.objects.get(pk=answer.json()["id"])

    services.record_check(job, SafetyCheck.Stage.OUTPUT, refusal("violence_gore"))

    assert Friction.objects.get().rule == "around_the_block"
    assert RequestTrace.objects.order_by("pk").last().outcome == "blocked"  # type: ignore[union-attr]
    assert ProbingCase.objects.count() == 1


def test_a_flashing_clip_is_no_fault_of_anybody(ask: Ask) -> None:
    for number in range(8):
        answer = ask(prompt=f"{BALLOON}, number {number}")
        job = Generation.objects.get(pk=answer.json()["id"])
        services.record_check(job, SafetyCheck.Stage.OUTPUT, refusal("photosensitive"))

    assert not Friction.objects.exists()


def test_edits_are_counted_by_the_upload_they_began_with(alice: User, workspace: Workspace) -> None:
    upload = Upload.objects.create(
        workspace=workspace, uploaded_by=alice, name="a.png", size_bytes=1, received_bytes=1
    )
    first, second = make_video(by=alice), make_video(by=alice)
    Source.objects.create(
        workspace=workspace, generation=first.generation, upload=upload, relationship="inputTo"
    )
    Source.objects.create(
        workspace=workspace, generation=second.generation, video=first, relationship="parentOf"
    )
    other = make_video(by=alice)

    assert probing.uploads_below([("video", second.pk)]) == {str(upload.pk)}
    assert probing.uploads_below([("upload", upload.pk), ("video", other.pk)]) == {str(upload.pk)}
    assert probing.uploads_below([("video", uuid.uuid4())]) == set()


def test_only_a_seed_the_person_typed_is_noted(ask: Ask) -> None:
    ask(prompt=BALLOON)
    ask(prompt=BALLOON, seed=7)

    assert list(RequestTrace.objects.order_by("pk").values_list("seed", flat=True)) == [None, 7]


def test_seeds_of_blocked_clips_asked_for_again_with_other_words(ask: Ask) -> None:
    for number in range(3):
        answer = ask(prompt=f"{BALLOON}, number {number}")
        job = Generation.objects.get(pk=answer.json()["id"])
        services.record_check(
            job,
            SafetyCheck.Stage.OUTPUT,
            Verdict("guard", "default", categories=("sexual",), reasons=("sexual",)),
        )
        ask(prompt=f"a quiet harbour, number {number}", seed=job.seed)

    assert Friction.objects.get().rule == "borderline_seed"


def test_the_text_of_a_child_safety_refusal_lies_under_seal_not_here(
    alice: User, workspace: Workspace
) -> None:
    probing.note_refused(
        workspace,
        alice,
        text="the words",
        verdict=refusal("sexual_minors"),
        seed=None,
        sources=[],
    )

    assert RequestTrace.objects.get().text == ""


def test_testers_of_a_running_campaign_are_tagged_and_never_slowed(
    ask: Ask, alice: User, staff: User
) -> None:
    now = timezone.now()
    campaign = Campaign.objects.create(
        name="spring",
        title="Spring",
        brief="Try.",
        created_by=staff,
        starts_at=now - timedelta(days=1),
        ends_at=now + timedelta(days=1),
    )
    campaign.testers.add(alice)

    refuse(ask, 7)

    assert not Friction.objects.exists()
    assert set(RequestTrace.objects.values_list("campaign", flat=True)) == {"spring"}
    assert ask(prompt=BALLOON).status_code == 202
    Campaign.objects.update(ends_at=now)
    assert all(not name for name in (find(alice) for find in hooks.campaigns))


def test_one_person_s_refusals_slow_nobody_else(ask: Ask, stranger: APIClient) -> None:
    refuse(ask, 4)

    assert stranger.get("/api/v1/standing/").json() == {"slowed": []}


def test_the_pages_say_plainly_what_slows_somebody(ask: Ask, alice: User) -> None:
    refuse(ask, 4)
    page = Client()
    page.force_login(alice)

    for path in ("/create/", "/activity/"):
        html = page.get(path).content.decode()
        assert 'data-slowed="cool_down"' in html
        assert "there is a pause of ten minutes" in html
    later(hours=25)
    assert "data-slowed" not in page.get("/create/").content.decode()


def test_nobody_signed_in_has_no_standing() -> None:
    assert APIClient().get("/api/v1/standing/").status_code in (401, 403)


def test_old_traces_go_and_those_that_friction_rests_on_stay_longer(
    ask: Ask, alice: User, workspace: Workspace
) -> None:
    refuse(ask, 4)
    for number in range(3):
        RequestTrace.objects.create(
            workspace=workspace, user=alice, text=str(number), outcome="allowed"
        )
    later(days=31)

    assert probing.sweep() == 3
    assert RequestTrace.objects.count() == 4
    later(days=184)
    assert probing.sweep() == 4
    assert not Friction.objects.exists()


def test_variations_of_one_request_are_one_attempt(ask: Ask) -> None:
    answer = ask(prompt=BALLOON, variations=2)
    assert answer.status_code == 202
    for job in Generation.objects.all():
        services.record_check(job, SafetyCheck.Stage.PROMPT, refusal("hate"))

    assert RequestTrace.objects.count() == 1


def test_a_job_from_before_there_were_traces_breaks_nothing(workspace: Workspace) -> None:
    job = make_generation(workspace, batch=uuid.uuid4())

    services.record_check(job, SafetyCheck.Stage.PROMPT, refusal("hate"))

    assert not RequestTrace.objects.exists()


@pytest.mark.django_db(transaction=True)  # the worker's thread closes its connection
def test_a_worker_finds_the_rephrasing_that_letters_do_not_show(
    alice: User, workspace: Workspace
) -> None:
    wordings = (
        "two armed gangs fight each other with knives in a dark backstreet",
        "rival mobs with blades clash in an unlit alleyway",
        "a knife brawl between two criminal crews in a gloomy lane",
        "street gangs slash at one another with daggers in the shadowy alley",
        "men from enemy gangs have a fight with knives in a dim passage",
    )
    for wording in wordings:
        probing.note_refused(
            workspace, alice, text=wording, verdict=refusal("violence_gore"), seed=None, sources=[]
        )
    assert not Friction.objects.filter(rule="rephrasing").exists()

    assert probing_meaning.work() == 5
    assert probing_meaning.work() == 0

    spread = [probing.try_of(row) for row in RequestTrace.objects.order_by("pk")]
    closest = min(cosine(a.meaning, b.meaning) for a in spread for b in spread if a is not b)
    assert closest > 0.3  # one wish; SAME_MEANING decides how near is near enough
    assert Friction.objects.filter(rule="rephrasing").exists() == (closest >= SAME_MEANING)


@pytest.mark.django_db(transaction=True)  # the worker's thread closes its connection
def test_the_meaning_of_a_few_refusals_is_nobody_s_business(
    alice: User, workspace: Workspace
) -> None:
    for number in range(3):
        probing.note_refused(
            workspace, alice, text=str(number), verdict=refusal("hate"), seed=None, sources=[]
        )

    assert probing_meaning.work() == 0
    assert not RequestTrace.objects.exclude(meaning=None).exists()
