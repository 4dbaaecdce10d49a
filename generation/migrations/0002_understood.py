"""Keep what the model took from a prompt with its job.

Why:     the page of a clip says what was drawn and what was not understood, also after a change of model.
Cost:    a column with a constant default: no rewrite of the table, a lock of milliseconds.
Deploy:  safe while the release before runs beside this one: the database fills the default.
Undo:    drops the column; the words can be found again by rewriting the prompt.
Test:    tests/generation/test_understanding.py
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("generation", "0001_initial")]

    operations = [
        migrations.AddField(
            "generation",
            "understood",
            models.JSONField(default=list, db_default=[]),
        ),
    ]
