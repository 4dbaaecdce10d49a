"""Let the database keep every balance equal to the sum of its ledger entries.

Why:     a balance that code adds up can be added up wrongly; one that a trigger writes cannot.
Cost:    one extra UPDATE of one row for each entry (the row is locked by the caller anyway).
Deploy:  safe: the tables are new.
Undo:    drops the triggers; balances stay as they are.
Test:    tests/billing/test_ledger_database.py
"""

from __future__ import annotations

from django.db import migrations

CREATE = """
CREATE FUNCTION billing_apply_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kind IN ('capture', 'release') THEN
        PERFORM 1 FROM billing_ledgerentry hold
            WHERE hold.kind = 'hold' AND hold.reference = NEW.reference
              AND hold.workspace_id = NEW.workspace_id
              AND hold.held_change = -NEW.held_change;
        IF NOT FOUND THEN
            RAISE EXCEPTION '% of % ends no hold of that amount', NEW.kind, NEW.reference
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    UPDATE billing_account
        SET available = available + NEW.amount, held = held + NEW.held_change
        WHERE workspace_id = NEW.workspace_id;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'workspace % has no credit account', NEW.workspace_id
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_entry_applies
    AFTER INSERT ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION billing_apply_entry();

CREATE TRIGGER ledger_entry_append_only
    BEFORE UPDATE OR DELETE ON billing_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- The balance moves only inside ledger_entry_applies, which is one trigger level up.
CREATE FUNCTION billing_guard_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.available <> 0 OR NEW.held <> 0 THEN
            RAISE EXCEPTION 'a credit account opens empty'
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    ELSIF (NEW.workspace_id, NEW.available, NEW.held)
            IS DISTINCT FROM (OLD.workspace_id, OLD.available, OLD.held)
            AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'a balance changes through ledger entries only'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER account_guard
    BEFORE INSERT OR UPDATE ON billing_account
    FOR EACH ROW EXECUTE FUNCTION billing_guard_account();

CREATE TRIGGER account_stays
    BEFORE DELETE ON billing_account
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""

DROP = """
DROP TRIGGER account_stays ON billing_account;
DROP TRIGGER account_guard ON billing_account;
DROP FUNCTION billing_guard_account();
DROP TRIGGER ledger_entry_append_only ON billing_ledgerentry;
DROP TRIGGER ledger_entry_applies ON billing_ledgerentry;
DROP FUNCTION billing_apply_entry();
"""


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("accounts", "0002_append_only_audit")]

    operations = [migrations.RunSQL(CREATE, DROP)]
