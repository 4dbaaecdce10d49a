"""Versions of the screening policy: who may, what is refused, switching on and back, the lab."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import AuditEntry, User
from generation.models import PolicyActivation, PolicyVersion, SafetyCheck
from generation.policies import active_policy
from generation.screening import gate
from generation.services import record_check
from moderation import policy_lab, policy_versions
from moderation.screening.decision import Signal, redecide
from moderation.screening.policy import default_policy
from moderation.screening.protocol import Category
from tests.factories import make_generation

pytestmark = pytest.mark.django_db

STRICTER = {"profiles": {"default": {"hate": {"guard": 0.7, "refuse": 0.85}}}}


@pytest.fixture
def chief(staff: User) -> User:
    """Staff that may change the policy."""
    staff.user_permissions.add(Permission.objects.get(codename="change_screening_policy"))
    return User.objects.get(pk=staff.pk)


def stored(value: float, category: Category = Category.HATE, **details: Any) -> SafetyCheck:
    """A decision as the worker stores it."""
    job = make_generation()
    decision = redecide(
        [Signal("text", "1", category, value, subject="rewritten")],
        profile="default",
        policy=default_policy(),
        details={"absent": [], **details},
    )
    return record_check(job, SafetyCheck.Stage.PROMPT, decision)


def test_a_version_is_kept_whole_and_decides_only_once_it_is_switched_on(
    console: Client, chief: User
) -> None:
    made = console.post(
        "/console/policy/lab/",
        {"document": json.dumps(STRICTER), "last": "100", "note": "Wave of hate", "save": ""},
    )
    version = PolicyVersion.objects.get()
    assert made.status_code == 302
    assert version.document["profiles"]["default"]["violence_gore"]["refuse"] == 0.98  # whole
    assert active_policy() == default_policy()

    console.post(f"/console/policy/{version.version}/", {"note": "Go"})

    assert active_policy().version == version.version
    assert active_policy().points("default", Category.HATE).refuse == 0.85
    assert gate(["a lamp"]).policy_version == version.version
    page = console.get(f"/console/policy/{version.version}/?against={default_policy().version}")
    assert "profiles.default.hate.refuse" in page.content.decode()
    events = AuditEntry.objects.filter(event__startswith="policy.").values_list("event", flat=True)
    assert set(events) == {"policy.created", "policy.activated"}


def test_rolling_back_brings_back_what_decided_before(console: Client, chief: User) -> None:
    first = policy_versions.create_version(json.dumps(STRICTER), note="One", by=chief)
    policy_versions.activate(first, note="Go", by=chief)
    other = {"profiles": {"default": {"illegal": {"guard": 0.7, "refuse": 0.85}}}}
    second = policy_versions.create_version(json.dumps(other), note="Two", by=chief)
    policy_versions.activate(second, note="Go", by=chief)

    console.post("/console/policy/roll-back/", {"note": "Too strict"})

    assert active_policy().version == first.version
    assert "Too strict" in console.get("/console/policy/").content.decode()
    assert PolicyActivation.objects.filter(rolled_back=True).count() == 1
    assert second.document["profiles"]["default"]["hate"]["refuse"] == 0.85  # made from the first


def test_rolling_back_the_first_step_leads_to_the_shipped_policy(
    console: Client, chief: User
) -> None:
    version = policy_versions.create_version(json.dumps(STRICTER), note="One", by=chief)
    policy_versions.activate(version, note="Go", by=chief)

    console.post("/console/policy/roll-back/", {"note": "Back"})

    assert active_policy() == default_policy()


def test_staff_without_the_permission_may_look_and_try_but_not_change(console: Client) -> None:
    form = {"document": json.dumps(STRICTER), "last": "100", "note": "Mine"}

    tried = console.post("/console/policy/lab/", {**form, "try": ""})
    kept = console.post("/console/policy/lab/", {**form, "save": ""})
    switched = console.post(f"/console/policy/{default_policy().version}/", {"note": "Go"})
    console.post("/console/policy/roll-back/", {"note": "Back"})

    assert (tried.status_code, kept.status_code, switched.status_code) == (200, 403, 403)
    assert not PolicyVersion.objects.exists()
    assert not PolicyActivation.objects.exists()


def test_others_see_nothing_of_it(client: Client, bob: User) -> None:
    pages = ["/console/policy/", "/console/policy/lab/", "/console/policy/1/"]

    assert [client.get(page).status_code for page in pages] == [302, 302, 302]
    client.force_login(bob)
    assert [client.get(page).status_code for page in pages] == [403, 403, 403]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "no JSON"),
        ("[]", "one JSON object"),
        (
            '{"profiles": {"default": {"sexual_minors": {"guard": 1, "refuse": 1}}}}',
            "sexual_minors",
        ),
        ('{"profiles": {"default": {"hate": {"guard": 0.9, "refuse": 1}}}}', "hate.refuse"),
        ("[" * 60_000, "no JSON"),
        (" " * 10 + "1" * 65_000, "64,000"),
    ],
)
def test_a_document_that_breaks_a_bound_is_refused_with_its_field(
    console: Client, chief: User, document: str, said: str
) -> None:
    answer = console.post(
        "/console/policy/lab/",
        {"document": document, "last": "100", "note": "No", "save": ""},
    )

    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not PolicyVersion.objects.exists()


def test_every_step_needs_a_reason(console: Client, chief: User) -> None:
    kept = console.post(
        "/console/policy/lab/",
        {"document": json.dumps(STRICTER), "last": "100", "note": " ", "save": ""},
    )

    assert kept.status_code == 400
    assert not PolicyVersion.objects.exists()


def test_switching_on_what_decides_already_changes_nothing(console: Client, chief: User) -> None:
    answer = console.post(f"/console/policy/{default_policy().version}/", {"note": "Go"})

    assert answer.status_code == 409
    assert not PolicyActivation.objects.exists()


def test_a_version_nobody_made_is_not_found(console: Client) -> None:
    assert console.get("/console/policy/no-such/").status_code == 404


# --- The lab ----------------------------------------------------------------------------------


def test_the_lab_shows_what_would_flip_by_category_and_changes_nothing(console: Client) -> None:
    stays, flips = stored(0.5), stored(0.88)
    stored(0.88, Category.ILLEGAL)
    before = list(SafetyCheck.objects.values())

    answer = console.post(
        "/console/policy/lab/", {"document": json.dumps(STRICTER), "last": "100", "try": ""}
    )

    page = answer.content.decode()
    assert "1 of 3 decisions would differ" in page
    assert str(flips.generation_id)[:8] in page and str(stays.generation_id)[:8] not in page
    assert "allow → refuse: 1" in page
    assert list(SafetyCheck.objects.values()) == before
    assert flips.generation.prompt not in page


def test_the_lab_tells_looser_from_stricter() -> None:
    stored(0.985), stored(0.88)
    policy = policy_versions.read_document(
        json.dumps({"profiles": {"default": {"hate": {"guard": 0.87, "refuse": 0.99}}}})
    )

    result = policy_lab.run(policy)

    assert result.by_category == {"hate": {"stricter": 1, "looser": 1}}


def test_under_the_active_policy_nothing_flips() -> None:
    for value in (0.1, 0.89, 0.9, 0.95, 0.98, 1.0):
        stored(value), stored(value, Category.SEXUAL, minor_reference=True)

    result = policy_lab.run(default_policy())

    assert (result.looked_at, result.all_flips, result.unreadable) == (12, 0, 0)


def test_the_lab_is_bounded_and_survives_rows_it_cannot_read(settings: Any) -> None:
    row = stored(0.5)
    SafetyCheck.objects.filter(pk=row.pk).update(verdict={"action": "allow"})
    for _ in range(4):
        stored(0.5)

    result = policy_lab.run(default_policy(), last=3)
    everything = policy_lab.run(default_policy(), last=10**9)

    assert result.looked_at == 3
    assert (everything.looked_at, everything.unreadable) == (5, 1)


def test_decisions_stored_before_signals_can_be_replayed() -> None:
    row = stored(0.5)
    old = {
        "action": "guard",
        "profile": "minor_present",
        "categories": ["sexual"],
        "scores": [{"category": "sexual", "value": 0.9, "source": "blocklist"}],
        "reasons": ["sexual"],
        "details": {},
    }
    SafetyCheck.objects.filter(pk=row.pk).update(verdict=old)

    result = policy_lab.run(default_policy())

    assert (result.looked_at, result.unreadable) == (1, 0)
