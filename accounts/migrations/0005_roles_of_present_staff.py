"""Give present staff the roles that keep their work open to them.

Why:     pages ask for a role now; before, to be staff was enough for all but the screening policy.
Cost:    a few rows for each member of staff; no lock on other tables.
Deploy:  safe beside older code, which doesn't know the table.
Undo:    nothing to undo: going back drops the table.
Test:    tests/accounts/test_staff_roles.py::test_staff_of_before_keep_their_work
"""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import Q

ALL_STAFF = ("reviewer", "senior", "curator")
POLICY_PERMISSION = "change_screening_policy"


def give_roles(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    User = apps.get_model("accounts", "User")
    StaffRole = apps.get_model("accounts", "StaffRole")
    staff = User.objects.filter(is_staff=True, is_superuser=False)
    changers = staff.filter(
        Q(user_permissions__codename=POLICY_PERMISSION)
        | Q(groups__permissions__codename=POLICY_PERMISSION)
    ).distinct()
    rows = [StaffRole(user=person, role=role) for person in staff for role in ALL_STAFF]
    rows += [StaffRole(user=person, role="policy") for person in changers]
    StaffRole.objects.bulk_create(rows, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_staff_roles"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(give_roles, migrations.RunPython.noop)]
