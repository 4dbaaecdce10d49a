"""Let the database refuse changes of the audit trail.

Why:     an audit trail that code can rewrite proves nothing.
Cost:    one trigger on a new table; no rows touched, no long lock.
Deploy:  safe beside older code, which only ever inserts.
Undo:    drops the trigger and its function.
Test:    tests/accounts/test_audit.py::test_the_database_refuses_to_change_or_delete_an_entry
"""

from __future__ import annotations

from django.db import migrations

CREATE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER audit_entry_append_only
    BEFORE UPDATE OR DELETE ON accounts_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

DROP = """
DROP TRIGGER audit_entry_append_only ON accounts_auditentry;
DROP FUNCTION refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunSQL(CREATE, DROP)]
