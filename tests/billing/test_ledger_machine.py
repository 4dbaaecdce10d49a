"""Any order of calls, on the real database, against a model that fits on one page."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.db.models import Sum
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from billing import services
from billing.errors import InsufficientCredits, LedgerConflict
from billing.models import LedgerEntry
from billing.plans import FREE
from billing.services import Balance
from tests.factories import make_workspace

references = st.integers(0, 5).map("clip-{}".format)
amounts = st.integers(1, 400)


class Ledger(RuleBasedStateMachine):
    """Two workspaces share the references, so that mixing them up would show."""

    @initialize()
    def open(self) -> None:
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.workspaces = [make_workspace(), make_workspace()]
        self.free = [FREE.start_grant, FREE.start_grant]
        self.held = [0, 0]
        self.holds: dict[str, tuple[int, int]] = {}
        self.ended: dict[str, str] = {}
        self.granted: dict[str, tuple[int, int]] = {}

    @rule(which=st.integers(0, 1), amount=amounts, reference=references)
    def reserve(self, which: int, amount: int, reference: str) -> None:
        workspace = self.workspaces[which]
        if reference in self.holds:
            if self.holds[reference] == (which, amount):
                services.reserve_credits(workspace, amount, reference)
            else:
                with pytest.raises(LedgerConflict):
                    services.reserve_credits(workspace, amount, reference)
        elif amount > self.free[which]:
            with pytest.raises(InsufficientCredits):
                services.reserve_credits(workspace, amount, reference)
        else:
            services.reserve_credits(workspace, amount, reference)
            self.holds[reference] = (which, amount)
            self.free[which] -= amount
            self.held[which] += amount

    @rule(reference=references, kind=st.sampled_from(["capture", "release"]))
    def end(self, reference: str, kind: str) -> None:
        call = services.settle_credits if kind == "capture" else services.release_credits
        if reference not in self.holds or self.ended.get(reference, kind) != kind:
            with pytest.raises(LedgerConflict):
                call(reference)
            return
        call(reference)
        if reference not in self.ended:
            self.ended[reference] = kind
            which, amount = self.holds[reference]
            self.held[which] -= amount
            if kind == "release":
                self.free[which] += amount

    @rule(which=st.integers(0, 1), amount=amounts, reference=references)
    def grant(self, which: int, amount: int, reference: str) -> None:
        workspace = self.workspaces[which]
        if self.granted.get(reference, (which, amount)) != (which, amount):
            with pytest.raises(LedgerConflict):
                services.grant_credits(workspace, amount, reference)
            return
        services.grant_credits(workspace, amount, reference)
        if reference not in self.granted:
            self.granted[reference] = (which, amount)
            self.free[which] += amount

    @invariant()
    def balances_are_the_models_and_the_sums(self) -> None:
        if not hasattr(self, "workspaces"):
            return
        for workspace, free, held in zip(self.workspaces, self.free, self.held, strict=True):
            assert services.balance(workspace) == Balance(available=free, held=held)
            sums = LedgerEntry.objects.filter(workspace=workspace).aggregate(
                free=Sum("amount"), held=Sum("held_change")
            )
            assert (sums["free"], sums["held"]) == (free, held)
            assert free >= 0
            assert held >= 0

    def teardown(self) -> None:
        if hasattr(self, "undo"):
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)


@pytest.mark.django_db
def test_any_order_of_calls_keeps_the_books() -> None:
    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=15,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
