"""The audit trail only grows, and says only what is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.db import IntegrityError, transaction

from accounts import audit
from accounts.models import AuditEntry
from tests.factories import make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_what_and_where():
    workspace = make_workspace()
    person = make_user()
    entry = audit.record(
        audit.WORKSPACE_ROLE_CHANGED,
        workspace=workspace,
        actor=workspace.owner,
        target=person,
        before="viewer",
        after="admin",
    )
    entry.refresh_from_db()
    assert (entry.actor, entry.workspace) == (workspace.owner, workspace)
    assert (entry.target_type, entry.target_id) == ("accounts.user", str(person.pk))
    assert entry.data == {"before": "viewer", "after": "admin"}


def test_an_event_that_is_not_listed_is_refused():
    with pytest.raises(ValueError, match="no audit event"):
        audit.record("user.teleported")


def test_the_database_refuses_to_change_or_delete_an_entry():
    entry = audit.record(audit.USER_AGE_REFUSED)
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).update(event="user.signed_up")
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.delete()
    assert AuditEntry.objects.get(pk=entry.pk).event == "user.age_refused"


def test_what_is_rolled_back_is_not_recorded():
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(audit.USER_AGE_REFUSED)
        raise RuntimeError
    assert not AuditEntry.objects.exists()


def test_event_names_are_unique_and_shaped_alike():
    names = [
        value for name, value in vars(audit).items() if name.isupper() and isinstance(value, str)
    ]
    assert len(names) == len(set(names)) == len(audit.EVENTS)
    assert all(name.count(".") == 1 and name == name.lower() for name in names)


def test_every_event_is_documented_and_recorded_somewhere():
    root = Path(__file__).resolve().parents[2]
    documented = (root / "docs" / "audit.md").read_text()
    code = "".join(
        path.read_text()
        for app in ("accounts", "billing", "generation", "feeds", "moderation")
        for path in (root / app).rglob("*.py")
        if path.name != "audit.py"
    )
    constants = {
        name: value
        for name, value in vars(audit).items()
        if name.isupper() and isinstance(value, str)
    }
    assert [name for name in constants if f"audit.{name}" not in code] == []
    assert [value for value in constants.values() if f"`{value}`" not in documented] == []
