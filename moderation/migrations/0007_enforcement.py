"""Cases about anything, their events, and what a decision leads to: strikes, appeals, notices, holds.

Why:     one open case for each subject, with a history nobody can rewrite; no decision without a receipt.
Cost:    new tables; columns with a default on cases, reports and decisions (hundreds of rows). Events
         and severities of present cases are made from their rows. Old decisions keep no receipt: their
         constraint is added without a look at them.
Deploy:  0.5 pages beside it can still file reports; their decisions are refused by the database.
Undo:    drops the tables with every strike and appeal.
Test:    tests/moderation/test_cases.py
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# Rows written before there were events: the same story, told from their columns.
PRESENT_CASES = """
UPDATE moderation_case c SET
    person_id = v.creator_id,
    severity = COALESCE(
        (SELECT max(r.severity) FROM moderation_report r WHERE r.case_id = c.id), 2)
FROM generation_video v WHERE v.id = c.video_id;

INSERT INTO moderation_caseevent (workspace_id, case_id, kind, data, at)
SELECT workspace_id, id, 'opened', jsonb_build_object('origin', origin), opened_at
  FROM moderation_case;

INSERT INTO moderation_caseevent (workspace_id, case_id, kind, actor_id, data, at)
SELECT r.workspace_id, r.case_id, 'reported', r.reporter_id,
       jsonb_build_object('report', r.id, 'reason', r.reason), r.created_at
  FROM moderation_report r;

INSERT INTO moderation_caseevent (workspace_id, case_id, kind, actor_id, data, at)
SELECT d.workspace_id, d.case_id, 'decided', d.decided_by_id,
       jsonb_build_object('decision', d.id, 'action', d.action), d.created_at
  FROM moderation_decision d;
"""
APPEND_ONLY = """
CREATE TRIGGER case_event_append_only
    BEFORE UPDATE OR DELETE ON moderation_caseevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
FORGET = "DROP TRIGGER case_event_append_only ON moderation_caseevent;"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_restrictions"),
        ("generation", "0009_receipts"),
        ("moderation", "0006_console"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Appeal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("text", models.TextField(max_length=2000)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "A person looks at it"),
                            ("upheld", "The decision stands"),
                            ("overturned", "The decision was taken back"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("due_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
                ("note", models.TextField(blank=True, max_length=2000)),
            ],
        ),
        migrations.CreateModel(
            name="CaseEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("opened", "Opened"),
                            ("reported", "Reported"),
                            ("found", "A check found something"),
                            ("hidden", "Hidden until it is decided"),
                            ("shown", "Shown again"),
                            ("claimed", "Claimed"),
                            ("noted", "Noted"),
                            ("escalated", "Passed to a senior reviewer"),
                            ("decided", "Decided"),
                            ("reversed", "Decision taken back"),
                            ("appealed", "Appealed"),
                            ("appeal_decided", "Appeal decided"),
                            ("deleted", "The subject was deleted meanwhile"),
                        ],
                        max_length=16,
                    ),
                ),
                ("data", models.JSONField(default=dict)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="IntimateClaim",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "relation",
                    models.CharField(
                        choices=[
                            ("self", "It shows me"),
                            ("acting", "It shows somebody I may act for"),
                        ],
                        max_length=10,
                    ),
                ),
                ("signature", models.CharField(max_length=120)),
                ("contact", models.EmailField(max_length=254)),
                ("due_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="LayerError",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("layer", models.CharField(max_length=20)),
                ("policy", models.CharField(max_length=60)),
                ("automated", models.BooleanField()),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="LegalHold",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reference", models.CharField(max_length=200)),
                ("placed_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.EmailField(blank=True, max_length=254)),
                ("title", models.CharField(max_length=120)),
                ("text", models.TextField(max_length=2000)),
                ("url", models.CharField(blank=True, max_length=300)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("read_at", models.DateTimeField(null=True)),
                ("mail", models.BooleanField(default=False)),
                ("mailed_at", models.DateTimeField(null=True)),
                ("mail_attempts", models.PositiveSmallIntegerField(default=0)),
                ("mail_after", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ShareBar",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("reference", models.CharField(max_length=80)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Strike",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("policy", models.CharField(max_length=60)),
                ("points", models.PositiveSmallIntegerField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("voided_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="TrustedFlagger",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("organisation", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="VideoLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        choices=[
                            ("altered", "Shows something that never happened"),
                            ("sensitive", "Some people may find this upsetting"),
                            ("flashing", "Contains flashing light"),
                            ("context", "Needs context"),
                        ],
                        max_length=10,
                    ),
                ),
                ("reference", models.CharField(max_length=80)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("removed_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_one_open_per_video",
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_closed_at_iff_closed",
        ),
        migrations.RemoveIndex(
            model_name="case",
            name="case_queue",
        ),
        migrations.AddField(
            model_name="case",
            name="due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="generation",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cases",
                to="generation.generation",
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="hidden_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="case",
            name="lane",
            field=models.CharField(
                choices=[
                    ("ordinary", "Ordinary"),
                    ("intimate", "Intimate imagery and likeness"),
                    ("trusted", "Trusted flaggers"),
                ],
                db_default="ordinary",
                default="ordinary",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="language",
            field=models.CharField(blank=True, db_default="", default="", max_length=8),
        ),
        migrations.AddField(
            model_name="case",
            name="person",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cases",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="severity",
            field=models.PositiveSmallIntegerField(db_default=2, default=2),
        ),
        migrations.AddField(
            model_name="case",
            name="subject_kind",
            field=models.CharField(
                choices=[
                    ("video", "Clip"),
                    ("user", "Person"),
                    ("upload", "Upload"),
                    ("generation", "Request"),
                ],
                db_default="video",
                default="video",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="case",
            name="upload",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cases",
                to="generation.upload",
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="params",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="decision",
            name="policy",
            field=models.CharField(db_default="other", default="other", max_length=60),
        ),
        migrations.AddField(
            model_name="decision",
            name="policy_version",
            field=models.CharField(db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="decision",
            name="receipt",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="decision",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="severity",
            field=models.CharField(db_default="none", default="none", max_length=10),
        ),
        migrations.AddField(
            model_name="decision",
            name="undo",
            field=models.JSONField(db_default={}, default=dict),
        ),
        migrations.AddField(
            model_name="report",
            name="flood",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="report",
            name="kind",
            field=models.CharField(blank=True, db_default="", default="", max_length=40),
        ),
        migrations.AddField(
            model_name="report",
            name="outcome",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not decided yet"),
                    ("upheld", "We acted on it"),
                    ("dismissed", "We left it as it is"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="report",
            name="outcome_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="report",
            name="weight",
            field=models.FloatField(db_default=0.5, default=0.5),
        ),
        migrations.AlterField(
            model_name="case",
            name="origin",
            field=models.CharField(
                choices=[
                    ("report", "Somebody reported it"),
                    ("held", "A check holds it until a person has looked"),
                    ("guarded", "Its owner disputes that it has to stay private"),
                    ("found", "A check found something"),
                ],
                db_default="report",
                default="report",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="status",
            field=models.CharField(
                choices=[("open", "Open"), ("closed", "Closed"), ("appealed", "Appealed")],
                default="open",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="case",
            name="video",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="cases",
                to="generation.video",
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="action",
            field=models.CharField(
                choices=[
                    ("dismiss", "Dismiss"),
                    ("release", "Release"),
                    ("label", "Label"),
                    ("unlist", "Unlist"),
                    ("remove", "Remove"),
                    ("block", "Block"),
                    ("takedown", "Takedown"),
                    ("warn", "Warn"),
                    ("strike", "Strike"),
                    ("restrict", "Restrict"),
                    ("suspend", "Suspend"),
                    ("ban", "Ban"),
                    ("reverse", "Reverse"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="report",
            name="reason",
            field=models.CharField(
                choices=[
                    ("sexual_minors", "A child is sexualised or in danger"),
                    ("likeness", "It shows me or somebody else without consent"),
                    ("privacy", "Somebody's personal details"),
                    ("violence_gore", "Graphic violence"),
                    ("self_harm", "Self-harm"),
                    ("dangerous", "Dangerous acts or instructions"),
                    ("hate", "Hate, or symbols of hate"),
                    ("harassment", "Bullying or humiliating a person"),
                    ("deceptive", "Made to pass for a real event"),
                    ("spam", "Spam or manipulation"),
                    ("sexual", "Sexual or nude content"),
                    ("intellectual_property", "It copies a protected work or brand"),
                    ("illegal", "Crime, weapons or fraud"),
                    ("photosensitive", "Flashing that can hurt"),
                    ("other", "Something else"),
                ],
                max_length=40,
            ),
        ),
        migrations.AlterField(
            model_name="report",
            name="video",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="reports",
                to="generation.video",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status", "open")),
                fields=["-severity", "opened_at"],
                name="case_queue",
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["due_at"], name="case_clock"
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(fields=["person", "-opened_at"], name="case_by_person"),
        ),
        migrations.AddIndex(
            model_name="report",
            index=models.Index(fields=["reporter_key", "-created_at"], name="report_by_reporter"),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open"), ("subject_kind", "video")),
                fields=("video",),
                name="case_one_open_per_video",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open"), ("subject_kind", "upload")),
                fields=("upload",),
                name="case_one_open_per_upload",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open"), ("subject_kind", "generation")),
                fields=("generation",),
                name="case_one_open_per_generation",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open"), ("subject_kind", "user")),
                fields=("person",),
                name="case_one_open_per_user",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("subject_kind", "video"), ("video__isnull", False)),
                    models.Q(("subject_kind", "upload"), ("upload__isnull", False)),
                    models.Q(("generation__isnull", False), ("subject_kind", "generation")),
                    models.Q(("person__isnull", False), ("subject_kind", "user")),
                    _connector="OR",
                ),
                name="case_has_its_subject",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("status", "open")),
                    models.Q(("closed_at__isnull", False), ("status__in", ["closed", "appealed"])),
                    _connector="OR",
                ),
                name="case_closed_at_iff_closed",
            ),
        ),
        AddConstraintNotValid(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("receipt__isnull", False),
                    ("action__in", ["dismiss", "release"]),
                    _connector="OR",
                ),
                name="decision_has_a_receipt",
            ),
        ),
        migrations.AddConstraint(
            model_name="decision",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("action", "reverse"), ("supersedes__isnull", False)),
                    models.Q(models.Q(("action", "reverse"), _negated=True), ("supersedes", None)),
                    _connector="OR",
                ),
                name="decision_reverse_iff_supersedes",
            ),
        ),
        migrations.AddConstraint(
            model_name="report",
            constraint=models.CheckConstraint(
                condition=models.Q(("weight__gte", 0), ("weight__lte", 1)),
                name="report_weight_is_a_share",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="appellant",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeals",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="case",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeals",
                to="moderation.case",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="decided_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="decision",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeal",
                to="moderation.decision",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="first_reviewer",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="outcome_receipt",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="outcome_of",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="receipt",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="appeal",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="appeal",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="caseevent",
            name="actor",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="caseevent",
            name="case",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="events",
                to="moderation.case",
            ),
        ),
        migrations.AddField(
            model_name="caseevent",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="intimateclaim",
            name="report",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="intimate_claim",
                to="moderation.report",
            ),
        ),
        migrations.AddField(
            model_name="intimateclaim",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="layererror",
            name="receipt",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="layer_error",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="layererror",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="lifted_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="placed_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="video",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="legal_holds",
                to="generation.video",
            ),
        ),
        migrations.AddField(
            model_name="legalhold",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="receipt",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="notices",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="user",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="workspace",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="sharebar",
            name="video",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="share_bars",
                to="generation.video",
            ),
        ),
        migrations.AddField(
            model_name="sharebar",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="strike",
            name="decision",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="strike",
                to="moderation.decision",
            ),
        ),
        migrations.AddField(
            model_name="strike",
            name="receipt",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="strike",
                to="generation.receipt",
            ),
        ),
        migrations.AddField(
            model_name="strike",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="strikes",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="strike",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddField(
            model_name="trustedflagger",
            name="given_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="trustedflagger",
            name="user",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="trusted_flagger",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="videolabel",
            name="video",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="labels",
                to="generation.video",
            ),
        ),
        migrations.AddField(
            model_name="videolabel",
            name="workspace",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.workspace",
            ),
        ),
        migrations.AddIndex(
            model_name="appeal",
            index=models.Index(
                condition=models.Q(("status", "open")), fields=["due_at"], name="appeal_queue"
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(("text", ""), _negated=True), name="appeal_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    ("first_reviewer", None),
                    models.Q(("decided_by", models.F("first_reviewer")), _negated=True),
                    _connector="OR",
                ),
                name="appeal_by_another_reviewer",
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by", None),
                    models.Q(("decided_by", models.F("appellant")), _negated=True),
                    _connector="OR",
                ),
                name="appeal_not_by_oneself",
            ),
        ),
        migrations.AddConstraint(
            model_name="appeal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("decided_at", None),
                        ("decided_by", None),
                        ("note", ""),
                        ("outcome_receipt", None),
                        ("status", "open"),
                    ),
                    models.Q(
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                        ("outcome_receipt__isnull", False),
                        ("status__in", ["upheld", "overturned"]),
                        models.Q(("note", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="appeal_decided_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="caseevent",
            index=models.Index(fields=["case", "at", "id"], name="caseevent_in_order"),
        ),
        migrations.AddConstraint(
            model_name="intimateclaim",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("signature", ""), _negated=True),
                    models.Q(("contact", ""), _negated=True),
                ),
                name="intimateclaim_is_signed",
            ),
        ),
        migrations.AddIndex(
            model_name="layererror",
            index=models.Index(fields=["layer", "at"], name="layererror_by_layer"),
        ),
        migrations.AddConstraint(
            model_name="legalhold",
            constraint=models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)),
                fields=("video", "reference"),
                name="legalhold_once_per_reference",
            ),
        ),
        migrations.AddConstraint(
            model_name="legalhold",
            constraint=models.CheckConstraint(
                condition=models.Q(("reference", ""), _negated=True), name="legalhold_says_why"
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(fields=["user", "-created_at", "-id"], name="notice_of_user"),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("mail", True), ("mailed_at", None)),
                fields=["mail_after"],
                name="notice_mail_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="notice",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("address", ""), ("user__isnull", False)),
                    models.Q(("user", None), models.Q(("address", ""), _negated=True)),
                    _connector="OR",
                ),
                name="notice_to_somebody",
            ),
        ),
        migrations.AddIndex(
            model_name="sharebar",
            index=models.Index(
                condition=models.Q(("lifted_at", None)), fields=["video"], name="sharebar_running"
            ),
        ),
        migrations.AddConstraint(
            model_name="sharebar",
            constraint=models.UniqueConstraint(fields=("video", "reference"), name="sharebar_once"),
        ),
        migrations.AddIndex(
            model_name="strike",
            index=models.Index(
                condition=models.Q(("voided_at", None)),
                fields=["user", "expires_at"],
                name="strike_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="strike",
            constraint=models.CheckConstraint(
                condition=models.Q(("points__range", (1, 100))), name="strike_has_points"
            ),
        ),
        migrations.AddConstraint(
            model_name="strike",
            constraint=models.CheckConstraint(
                condition=models.Q(("expires_at__gt", models.F("created_at"))),
                name="strike_expires",
            ),
        ),
        migrations.AddConstraint(
            model_name="videolabel",
            constraint=models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("video", "code"),
                name="videolabel_once",
            ),
        ),
        migrations.RunSQL(APPEND_ONLY, FORGET),
        migrations.RunSQL(PRESENT_CASES, migrations.RunSQL.noop),
    ]
