"""Granting, holding, spending and giving back credits."""

from __future__ import annotations

import pytest

from accounts.models import AuditEntry
from billing import services
from billing.errors import InsufficientCredits, LedgerConflict, UnknownPlan
from billing.models import LedgerEntry
from billing.plans import FREE, PRO
from billing.services import Balance
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    return make_workspace()


def kinds(workspace) -> list[str]:
    return list(
        LedgerEntry.objects.filter(workspace=workspace)
        .order_by("id")
        .values_list("kind", flat=True)
    )


def test_a_workspace_starts_with_the_free_plan_and_its_credits_once(workspace):
    assert services.balance(workspace) == Balance(available=FREE.start_grant, held=0)
    assert services.balance(workspace) == Balance(available=FREE.start_grant, held=0)
    assert services.plan_of(workspace) is FREE
    assert kinds(workspace) == ["grant"]


def test_reserving_moves_credits_from_free_to_held(workspace):
    services.reserve_credits(workspace, 100, "clip")
    assert services.balance(workspace) == Balance(available=400, held=100)


def test_settling_spends_the_held_credits(workspace):
    services.reserve_credits(workspace, 100, "clip")
    services.settle_credits("clip")
    assert services.balance(workspace) == Balance(available=400, held=0)


def test_releasing_gives_the_held_credits_back(workspace):
    services.reserve_credits(workspace, 100, "clip")
    services.release_credits("clip")
    assert services.balance(workspace) == Balance(available=500, held=0)


@pytest.mark.parametrize("end", [services.settle_credits, services.release_credits])
def test_every_step_may_be_repeated_without_effect(workspace, end):
    first = services.reserve_credits(workspace, 100, "clip")
    assert services.reserve_credits(workspace, 100, "clip") == first
    ended = end("clip")
    after = services.balance(workspace)
    assert end("clip") == ended
    assert services.reserve_credits(workspace, 100, "clip") == first
    assert services.balance(workspace) == after
    assert len(kinds(workspace)) == 3


def test_more_than_is_free_is_refused_and_nothing_is_written(workspace):
    services.reserve_credits(workspace, 450, "first")
    with pytest.raises(InsufficientCredits) as refusal:
        services.reserve_credits(workspace, 51, "second")
    assert refusal.value.http_status == 402
    assert refusal.value.extra == {"needed": 51, "available": 50}
    assert services.balance(workspace) == Balance(available=50, held=450)
    assert kinds(workspace) == ["grant", "hold"]


def test_the_last_credit_can_be_reserved(workspace):
    services.reserve_credits(workspace, 500, "all")
    assert services.balance(workspace) == Balance(available=0, held=500)


def test_a_reference_can_not_be_reused_for_another_amount_or_workspace(workspace):
    services.reserve_credits(workspace, 100, "clip")
    with pytest.raises(LedgerConflict):
        services.reserve_credits(workspace, 99, "clip")
    with pytest.raises(LedgerConflict):
        services.reserve_credits(make_workspace(), 100, "clip")


def test_a_hold_can_not_be_both_spent_and_given_back(workspace):
    services.reserve_credits(workspace, 10, "spent")
    services.settle_credits("spent")
    with pytest.raises(LedgerConflict):
        services.release_credits("spent")
    services.reserve_credits(workspace, 10, "returned")
    services.release_credits("returned")
    with pytest.raises(LedgerConflict):
        services.settle_credits("returned")


@pytest.mark.parametrize("end", [services.settle_credits, services.release_credits])
def test_a_hold_that_never_was_can_not_end(workspace, end):
    with pytest.raises(LedgerConflict):
        end("unknown")


@pytest.mark.parametrize("amount", [0, -5])
def test_only_a_positive_amount_can_be_held(workspace, amount):
    with pytest.raises(ValueError, match="no amount"):
        services.reserve_credits(workspace, amount, "clip")


def test_a_grant_is_given_once_for_each_reference_and_audited(workspace):
    staff = make_user(is_staff=True)
    first = services.grant_credits(workspace, 40, "gift", by=staff, note="sorry")
    assert services.grant_credits(workspace, 40, "gift", by=staff) == first
    assert services.balance(workspace).available == 540
    entry = AuditEntry.objects.get(event="billing.credits_granted")
    assert (entry.actor, entry.workspace, entry.data) == (
        staff,
        workspace,
        {"amount": 40, "kind": "grant"},
    )


def test_a_grant_reference_can_not_be_reused_for_another_amount(workspace):
    services.grant_credits(workspace, 40, "gift")
    with pytest.raises(LedgerConflict):
        services.grant_credits(workspace, 41, "gift")


def test_an_adjustment_may_take_free_credits_but_not_more(workspace):
    services.grant_credits(workspace, -500, "mistake", kind="adjust")
    assert services.balance(workspace).available == 0
    with pytest.raises(InsufficientCredits):
        services.grant_credits(workspace, -1, "again", kind="adjust")


@pytest.mark.parametrize(("kind", "amount"), [("grant", 0), ("grant", -1), ("hold", 5)])
def test_a_grant_must_be_one(workspace, kind, amount):
    with pytest.raises(ValueError, match=r"."):
        services.grant_credits(workspace, amount, "odd", kind=kind)


def test_a_plan_brings_its_credits_once_for_each_start(workspace):
    services.change_plan(workspace, "pro", reference="2026-11")
    services.change_plan(workspace, "pro", reference="2026-11")
    assert services.plan_of(workspace) is PRO
    assert services.balance(workspace).available == 500 + PRO.start_grant
    services.change_plan(workspace, "pro", reference="2026-12")
    assert services.balance(workspace).available == 500 + 2 * PRO.start_grant
    assert AuditEntry.objects.filter(event="billing.plan_changed").count() == 1


def test_going_back_to_free_brings_no_second_starting_grant(workspace):
    services.change_plan(workspace, "plus")
    before = services.balance(workspace)
    services.change_plan(workspace, "free")
    assert services.plan_of(workspace) is FREE
    assert services.balance(workspace) == before


def test_an_unknown_plan_changes_nothing(workspace):
    with pytest.raises(UnknownPlan):
        services.change_plan(workspace, "gold")
    assert services.plan_of(workspace) is FREE
