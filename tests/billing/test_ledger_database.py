"""What the database itself refuses, whatever the code does."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from billing import services
from billing.models import Account, LedgerEntry
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace():
    workspace = make_workspace()
    services.balance(workspace)  # opens the account
    return workspace


def refused():
    return pytest.raises(IntegrityError)


def test_a_balance_changes_through_entries_only(workspace):
    with refused(), transaction.atomic():
        Account.objects.filter(workspace=workspace).update(available=1_000_000)
    with refused(), transaction.atomic():
        Account.objects.filter(workspace=workspace).update(held=1)


def test_an_account_opens_empty():
    with refused(), transaction.atomic():
        Account.objects.create(workspace=make_workspace(), available=5)


def test_an_account_is_never_deleted(workspace):
    with refused(), transaction.atomic():
        Account.objects.filter(workspace=workspace).delete()


def test_an_entry_is_never_changed_or_deleted(workspace):
    with refused(), transaction.atomic():
        LedgerEntry.objects.filter(workspace=workspace).update(amount=7)
    with refused(), transaction.atomic():
        LedgerEntry.objects.filter(workspace=workspace).delete()


def test_an_entry_that_takes_more_than_there_is_is_refused(workspace):
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=workspace, kind="hold", amount=-501, held_change=501, reference="big"
        )


def test_an_entry_needs_an_account():
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=make_workspace(), kind="grant", amount=5, reference="nowhere"
        )


@pytest.mark.parametrize("kind", ["capture", "release"])
def test_what_ends_no_hold_is_refused(workspace, kind):
    amount = 0 if kind == "capture" else 10
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=workspace, kind=kind, amount=amount, held_change=-10, reference="unknown"
        )


def test_a_hold_ends_with_its_own_amount(workspace):
    services.reserve_credits(workspace, 10, "clip")
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=workspace, kind="capture", amount=0, held_change=-9, reference="clip"
        )


def test_a_hold_ends_once(workspace):
    services.reserve_credits(workspace, 10, "clip")
    services.settle_credits("clip")
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=workspace, kind="release", amount=10, held_change=-10, reference="clip"
        )


@pytest.mark.parametrize(
    ("kind", "amount", "held_change"),
    [
        ("grant", 0, 0),
        ("grant", -5, 0),
        ("grant", 5, 5),
        ("adjust", 0, 0),
        ("hold", 5, -5),
        ("hold", -5, 4),
        ("gift", 5, 0),
    ],
)
def test_each_kind_moves_only_as_it_says(workspace, kind, amount, held_change):
    with refused(), transaction.atomic():
        LedgerEntry.objects.create(
            workspace=workspace,
            kind=kind,
            amount=amount,
            held_change=held_change,
            reference="odd",
        )
