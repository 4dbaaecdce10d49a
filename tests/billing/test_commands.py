"""The manual provider: whoever runs the site gives credits and plans from the command line."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from accounts.services import personal_workspace
from billing import services
from billing.models import LedgerEntry
from billing.plans import PRO
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_granting_credits_names_the_new_balance(capsys):
    user = make_user("ann@example.com")
    call_command("grant_credits", "Ann@Example.com", "250", "--reason", "workshop")
    assert "750 free" in capsys.readouterr().out
    entry = LedgerEntry.objects.get(workspace=personal_workspace(user), note="workshop")
    assert (entry.kind, entry.amount) == ("grant", 250)


def test_the_same_reference_grants_once():
    user = make_user("ann@example.com")
    for _ in range(2):
        call_command("grant_credits", user.email, "250", "--reason", "x", "--reference", "w1")
    assert services.balance(personal_workspace(user)).available == 750


def test_a_negative_amount_corrects_but_never_below_zero():
    user = make_user("ann@example.com")
    call_command("grant_credits", user.email, "-100", "--reason", "typo")
    assert services.balance(personal_workspace(user)).available == 400
    with pytest.raises(CommandError, match="400 are free"):
        call_command("grant_credits", user.email, "-401", "--reason", "typo")


def test_nobody_and_nothing_are_refused():
    with pytest.raises(CommandError, match="Nobody"):
        call_command("grant_credits", "nobody@example.com", "5", "--reason", "x")
    make_user("ann@example.com")
    with pytest.raises(CommandError, match="can't be 0"):
        call_command("grant_credits", "ann@example.com", "0", "--reason", "x")


def test_changing_a_plan_gives_its_credits():
    user = make_user("ann@example.com")
    call_command("change_plan", user.email, "pro")
    workspace = personal_workspace(user)
    assert services.plan_of(workspace) is PRO
    assert services.balance(workspace).available == 500 + PRO.start_grant
    with pytest.raises(CommandError, match="Nobody"):
        call_command("change_plan", "nobody@example.com", "pro")


def test_a_workspace_for_a_team_is_made_with_its_owner_and_plan() -> None:
    user = make_user()
    said = call_command("create_workspace", "  North   light ", user.email)
    team = user.workspaces.get(personal=False)
    assert (team.name, team.owner, services.plan_of(team).code) == ("North light", user, "team")
    assert f"Workspace {team.pk}" in said
    for name, email in (("", user.email), ("x" * 81, user.email), ("Ours", "nobody@example.com")):
        with pytest.raises(CommandError):
            call_command("create_workspace", name, email)
