"""Statements of reasons, chained by hashes, and no refusing check without one.

Why:     a refusal or removal has to say which rule, where, by whom, and how to appeal.
Cost:    one new table; two columns with a default on the stored checks, no row rewritten. The
         constraint is added without a look at old rows: checks from before have no receipt.
Deploy:  0.5 workers beside it can't store a refusing check any more: their job fails and is not
         charged. Stop them first.
Undo:    drops the table with every receipt.
Test:    tests/moderation/test_receipts.py
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import generation.models.receipts

APPEND_ONLY = """
CREATE TRIGGER receipt_append_only
    BEFORE UPDATE OR DELETE ON generation_receipt
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
NOT_APPEND_ONLY = "DROP TRIGGER receipt_append_only ON generation_receipt;"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_lets_others_remix"),
        ("generation", "0008_screening_policies"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Receipt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "public_id",
                    models.CharField(
                        default=generation.models.receipts.new_public_id,
                        max_length=20,
                        unique=True,
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("refusal", "Refused"),
                            ("restriction", "Kept out of public lists"),
                            ("removal", "Removed"),
                            ("warning", "Warning"),
                            ("strike", "Strike"),
                            ("limit", "Features limited"),
                            ("suspension", "Account suspended"),
                            ("reversal", "Taken back"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "subject_kind",
                    models.CharField(
                        choices=[
                            ("prompt", "a prompt"),
                            ("generation", "a video you asked for"),
                            ("video", "a clip"),
                            ("upload", "an upload"),
                            ("user", "your account"),
                        ],
                        max_length=10,
                    ),
                ),
                ("subject_id", models.CharField(max_length=64)),
                ("layer", models.CharField(max_length=20)),
                ("policy_code", models.CharField(max_length=60)),
                ("policy_version", models.CharField(max_length=40)),
                ("screening_version", models.CharField(blank=True, max_length=40)),
                ("where", models.JSONField(default=dict)),
                ("automated", models.BooleanField()),
                ("message", models.TextField(max_length=1000)),
                ("remedy", models.TextField(max_length=1000)),
                ("appealable", models.BooleanField()),
                ("appeal_until", models.DateTimeField(null=True)),
                ("data", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("number", models.PositiveBigIntegerField(unique=True)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="receipts",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["person", "-created_at", "-id"], name="receipt_by_person"),
                    models.Index(fields=["subject_kind", "subject_id"], name="receipt_by_subject"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("layer", ""), _negated=True),
                            models.Q(("policy_code", ""), _negated=True),
                            models.Q(("policy_version", ""), _negated=True),
                            models.Q(("message", ""), _negated=True),
                            models.Q(("remedy", ""), _negated=True),
                            models.Q(("subject_id", ""), _negated=True),
                        ),
                        name="receipt_is_complete",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("appeal_until", None), ("appealable", False)),
                            models.Q(("appeal_until__isnull", False), ("appealable", True)),
                            _connector="OR",
                        ),
                        name="receipt_appeal_until_iff_appealable",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hash__regex", "^[0-9a-f]{64}$"),
                            ("previous_hash__regex", "^[0-9a-f]{64}$"),
                        ),
                        name="receipt_is_chained",
                    ),
                ],
            },
        ),
        migrations.RunSQL(APPEND_ONLY, NOT_APPEND_ONLY),
        migrations.AddField(
            model_name="safetycheck",
            name="final",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddField(
            model_name="safetycheck",
            name="receipt",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="check_row",
                to="generation.receipt",
            ),
        ),
        AddConstraintNotValid(
            model_name="safetycheck",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("action", "refuse"), _negated=True),
                    ("final", False),
                    ("receipt__isnull", False),
                    _connector="OR",
                ),
                name="safetycheck_refusal_has_receipt",
            ),
        ),
    ]
