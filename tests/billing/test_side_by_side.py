"""Real threads on the real database: nothing is counted twice, nothing goes below zero."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Sum

from billing import services
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import LedgerEntry
from billing.services import Balance
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def at_once(*calls: Callable[[], object]) -> Counter[str]:
    """Start all calls at the same moment; count "ok" and the names of what they raised."""
    start = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            call()
            return "ok"
        except (InsufficientCredits, LedgerConflict) as refusal:
            return type(refusal).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return Counter(pool.map(run, calls))


def assert_sums(workspace) -> None:
    sums = LedgerEntry.objects.filter(workspace=workspace).aggregate(
        a=Sum("amount"), h=Sum("held_change")
    )
    assert services.balance(workspace) == Balance(available=sums["a"], held=sums["h"])


def test_the_starting_grant_is_given_once():
    workspace = make_workspace()
    result = at_once(*[lambda: services.balance(workspace)] * THREADS)
    assert result == {"ok": THREADS}
    assert LedgerEntry.objects.filter(workspace=workspace).count() == 1
    assert services.balance(workspace) == Balance(available=500, held=0)


def test_the_same_credits_are_not_promised_twice():
    workspace = make_workspace()
    services.balance(workspace)
    result = at_once(
        *[
            lambda name=name: services.reserve_credits(workspace, 100, f"clip-{name}")
            for name in range(THREADS)
        ]
    )
    assert result == {"ok": 5, "InsufficientCredits": 3}
    assert services.balance(workspace) == Balance(available=0, held=500)
    assert_sums(workspace)


def test_one_reference_holds_once():
    workspace = make_workspace()
    result = at_once(*[lambda: services.reserve_credits(workspace, 100, "clip")] * THREADS)
    assert result == {"ok": THREADS}
    assert services.balance(workspace) == Balance(available=400, held=100)


def test_a_hold_ends_one_way_when_both_are_tried_at_once():
    for turn in range(5):
        workspace = make_workspace()
        services.reserve_credits(workspace, 100, f"clip-{turn}")
        calls = [
            lambda turn=turn: services.settle_credits(f"clip-{turn}"),
            lambda turn=turn: services.release_credits(f"clip-{turn}"),
        ] * (THREADS // 2)
        result = at_once(*calls)
        assert result == {"ok": 4, "LedgerConflict": 4}
        assert services.balance(workspace).held == 0
        assert_sums(workspace)
