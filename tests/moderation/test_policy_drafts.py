"""A policy change on its way: replayed, released by two, rolled out in steps, stopped by its guard."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, User
from generation.models import PolicyActivation, SafetyCheck
from generation.policies import active_policy
from moderation import policy_drafts, policy_versions
from moderation.errors import DraftNotReady, PolicyInvalid, PolicyNotYours, SecondPersonNeeded
from moderation.models import PolicyDraft
from moderation.screening.decision import Checks, Inputs, Signal, decide, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category
from tests.factories import add_second_factor, make_generation, make_user

pytestmark = pytest.mark.django_db

STRICTER = json.dumps(
    {
        "profiles": {"default": {"hate": {"guard": 0.7, "refuse": 0.85}}},
        "lists": {"hate": {"refuse": ["zorblax + parade"]}},
    }
)


def person(*roles: str) -> User:
    made = make_user(is_staff=True, roles=roles or ("policy",))
    add_second_factor(made)
    return made


@pytest.fixture
def author() -> User:
    return person()


@pytest.fixture
def second() -> User:
    return person()


def stored(prompt: str, value: float, *, version: str = "", action: str = "") -> SafetyCheck:
    job = make_generation(prompt=prompt)
    decision = redecide(
        [Signal("text", "1", Category.HATE, value, subject="prompt")],
        profile="default",
        policy=default_policy(),
        details={"absent": []},
    )
    return SafetyCheck.objects.create(
        workspace=job.workspace,
        generation=job,
        stage="prompt",
        action=action or decision.action,
        profile="default",
        policy_version=version or decision.policy_version,
        verdict=decision.to_json(),
        final=False,
    )


def draft_by(author: User) -> PolicyDraft:
    return policy_drafts.create(name="Hate wave", document=STRICTER, note="A wave.", by=author)


def released(author: User, second: User, **options: Any) -> PolicyDraft:
    draft = draft_by(author)
    policy_drafts.replay(draft, last=100)
    policy_drafts.ask(draft, by=author)
    return policy_drafts.release(draft, by=second, **options)


def test_a_replay_counts_blocks_gained_by_thresholds_and_by_list_entries(author: User) -> None:
    stored("a lamp", 0.1)
    stored("a lamp and a crowd", 0.9)  # over the new point
    stored("the Zorblax marches in a parade", 0.1)  # only the new entry sees it
    draft = draft_by(author)

    found = policy_drafts.replay(draft, last=100)

    assert (found.gained, found.lost, found.people) == (2, 0, 2)
    draft.refresh_from_db()
    assert draft.replay["gained"] == 2
    assert active_policy() == default_policy()


def test_list_entries_decide_once_the_version_is_on_and_are_bounded() -> None:
    policy = policy_versions.read_document(STRICTER)
    texts = Inputs(prompt="a zorblax leads the parade")
    ask = {"profile": "default", "checks": Checks()}
    assert decide("prompt", texts, policy=policy, **ask).action == "refuse"  # type: ignore[arg-type]
    assert decide("prompt", texts, policy=default_policy(), **ask).action != "refuse"  # type: ignore[arg-type]
    for bad in ({"hate": {"refuse": ["a"]}}, {"sexual_minors": {"refuse": ["some words"]}}, 7):
        with pytest.raises(PolicyInvalid):
            policy_versions.read_document(json.dumps({"lists": bad}))


def test_release_needs_a_replay_and_a_second_person(author: User, second: User) -> None:
    draft = draft_by(author)
    with pytest.raises(DraftNotReady, match="Replay it first"):
        policy_drafts.ask(draft, by=author)
    policy_drafts.replay(draft, last=100)
    policy_drafts.ask(draft, by=author)
    with pytest.raises(SecondPersonNeeded):
        policy_drafts.release(draft, by=author)
    with pytest.raises(DraftNotReady):
        policy_drafts.change(draft, name="Other", document=STRICTER, note="Late", by=author)
    with pytest.raises(PolicyNotYours):
        policy_drafts.release(draft, by=person("reviewer"))

    done = policy_drafts.release(draft, by=second)

    assert done.version is not None and done.version.made_by == author
    assert done.released_by == second
    events = AuditEntry.objects.filter(event__startswith="policy.").values_list("event", flat=True)
    assert {"policy.drafted", "policy.release_asked", "policy.released"} <= set(events)


def test_a_change_after_the_replay_has_to_be_replayed_again(author: User) -> None:
    draft = draft_by(author)
    policy_drafts.replay(draft, last=100)
    policy_drafts.change(draft, name="Anew", document=STRICTER, note="Again", by=author)
    with pytest.raises(DraftNotReady):
        policy_drafts.ask(draft, by=author)


def test_where_nobody_else_may_one_person_suffices(author: User) -> None:
    draft = draft_by(author)
    policy_drafts.replay(draft, last=100)
    policy_drafts.ask(draft, by=author)
    assert policy_drafts.release(draft, by=author).released_by == author


@pytest.mark.parametrize(
    "stages", [[], [[0, 10]], [[1, 100]], [[0, 50], [24, 10], [48, 100]], [[0, 0], [1, 100]]]
)
def test_steps_that_do_not_rise_to_everybody_are_refused(
    author: User, second: User, stages: list[list[int]]
) -> None:
    with pytest.raises(DraftNotReady):
        released(author, second, stages=stages)


def test_it_starts_when_it_says_reaches_more_and_more_and_then_decides_everywhere(
    author: User, second: User
) -> None:
    start = timezone.now() + timedelta(hours=1)
    draft = released(author, second, starts_at=start, stages=[[0, 30], [24, 100]])
    policy_drafts.advance()
    assert PolicyDraft.objects.get().state == "released"
    assert draft.version is not None

    PolicyDraft.objects.update(starts_at=timezone.now())
    policy_drafts.advance()
    reached = [w for w in range(400) if policy_drafts.version_for(w) == draft.version.pk]
    assert 80 < len(reached) < 160
    assert active_policy(reached[0]).version == draft.version.version
    assert active_policy() == default_policy()

    PolicyDraft.objects.update(starts_at=timezone.now() - timedelta(hours=25))
    assert set(reached) <= {w for w in range(400) if policy_drafts.version_for(w)}
    policy_drafts.advance()
    assert PolicyDraft.objects.get().state == "done"
    assert active_policy().version == draft.version.version
    assert PolicyActivation.objects.get().by == second


def test_it_stops_itself_when_it_refuses_much_more(author: User, second: User) -> None:
    draft = released(author, second, stages=[[0, 50], [24, 100]])
    policy_drafts.advance()
    assert draft.version is not None
    for number in range(60):
        stored("a", 0.1, action="refuse" if number % 20 == 0 else "allow")
        stored("b", 0.1, version=draft.version.version, action="refuse" if number % 3 else "allow")

    policy_drafts.advance()

    found = PolicyDraft.objects.get()
    assert found.state == "stopped"
    assert "It refused 67% of 60 decisions" in found.stopped_why
    assert policy_drafts.version_for(1) is None
    assert AuditEntry.objects.get(event="policy.stopped").actor is None


def test_the_pages_carry_a_draft_all_the_way(author: User, second: User) -> None:
    first, other = Client(), Client()
    first.force_login(author)
    other.force_login(second)
    made = first.post(
        "/console/policy/drafts/", {"name": "Wave", "document": STRICTER, "note": "Why"}
    )
    page = made.headers["Location"]
    assert "lists.hate.refuse" in first.get(page).content.decode()
    assert first.post(page, {"last": "100", "replay": ""}).status_code == 200
    first.post(f"{page}step/", {"do": "ask"})
    assert "Somebody else with the role policy" in first.get(page).content.decode()
    first.post(f"{page}step/", {"do": "release", "stages": "0 h 100 %"})
    assert PolicyDraft.objects.get().state == "asked"
    bad = other.post(f"{page}step/", {"do": "release", "stages": "soon"}, follow=True)
    assert "Write steps like" in bad.content.decode()
    other.post(f"{page}step/", {"do": "release", "stages": "0 h 100 %"})
    assert PolicyDraft.objects.get().state == "released"
    other.post(f"{page}step/", {"do": "stop", "why": "Thought better of it"})
    assert PolicyDraft.objects.get().state == "stopped"
    assert first.get("/console/policy/drafts/999999/").status_code == 404
