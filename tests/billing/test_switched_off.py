"""A site without billing: nothing runs out, everything is still counted."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from accounts.services import personal_workspace
from billing import services
from billing.models import LedgerEntry
from billing.plans import PLANS, UNMETERED
from billing.services import Balance
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def user(settings):
    settings.BILLING_PROVIDER = "off"
    return make_user()


@pytest.fixture
def workspace(user):
    return personal_workspace(user)


def test_credits_never_run_out_and_the_books_still_add_up(workspace):
    for number in range(3):
        services.reserve_credits(workspace, 400, f"clip-{number}")
        services.settle_credits(f"clip-{number}")
    assert services.balance(workspace) == Balance(available=0, held=0)
    entries = LedgerEntry.objects.filter(workspace=workspace)
    assert entries.filter(kind="capture").aggregate(spent=Sum("held_change"))["spent"] == -1200
    assert entries.aggregate(left=Sum("amount"))["left"] == 0


def test_a_repeated_call_adds_nothing(workspace):
    first = services.reserve_credits(workspace, 800, "clip")
    assert services.reserve_credits(workspace, 800, "clip") == first
    assert services.balance(workspace) == Balance(available=0, held=800)


def test_no_plan_limits_anybody(workspace):
    plan = services.plan_of(workspace)
    assert plan is UNMETERED
    assert plan.max_pixels == max(other.max_pixels for other in PLANS.values())
    assert plan.clean_download


def test_nobody_can_be_put_on_it_while_billing_is_on(workspace, settings):
    settings.BILLING_PROVIDER = "manual"
    assert "unmetered" not in PLANS
    assert services.plan_of(workspace).code == "free"


def test_the_page_says_so(workspace, user, client):
    client.force_login(user)
    page = client.get(f"/settings/credits/{workspace.pk}/").content.decode()
    assert "Billing is switched off" in page
