"""Cases about probing, red-team campaigns, and the registry of evaluations."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_append_only_audit"),
        ("generation", "0007_probing"),
        ("moderation", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=60, unique=True)),
                ("title", models.CharField(max_length=120)),
                ("brief", models.TextField(max_length=4000)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "created_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "testers",
                    models.ManyToManyField(related_name="campaigns", to=settings.AUTH_USER_MODEL),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EvalSet",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.SlugField(max_length=60, unique=True)),
                ("title", models.CharField(max_length=120)),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("usage", "Early use"),
                            ("red_team", "Red team"),
                            ("synthetic", "Synthetic"),
                        ],
                        max_length=10,
                    ),
                ),
                ("licence", models.CharField(blank=True, max_length=100)),
                ("note", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EvalRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("profile", models.CharField(default="default", max_length=30)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("policy_version", models.CharField(blank=True, max_length=40)),
                ("classifiers", models.JSONField(default=list)),
                ("figures", models.JSONField(default=dict)),
                ("answers", models.JSONField(default=dict)),
                ("problem", models.CharField(blank=True, max_length=500)),
                ("cases", models.PositiveIntegerField(default=0)),
                ("seconds", models.FloatField(null=True)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("lease_expires_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "requested_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="runs",
                        to="moderation.evalset",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ProbingCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[("open", "Open"), ("closed", "Closed")],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("misread", "We misread them: end what slows them"),
                            ("probing", "They were probing: leave the second look to run out"),
                        ],
                        max_length=10,
                    ),
                ),
                ("note", models.TextField(blank=True, max_length=2000)),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "about",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="probing_cases",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "closed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "frictions",
                    models.ManyToManyField(related_name="cases", to="generation.friction"),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RedTeamFinding",
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
                            ("got_through", "It got through and should not have"),
                            ("over_refused", "It was refused and is harmless"),
                        ],
                        max_length=12,
                    ),
                ),
                ("text", models.TextField(max_length=8000)),
                ("category", models.CharField(max_length=40)),
                ("note", models.TextField(blank=True, max_length=2000)),
                ("key", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "campaign",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="moderation.campaign",
                    ),
                ),
                (
                    "tester",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="EvalCase",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=120)),
                ("text", models.TextField(max_length=8000)),
                ("category", models.CharField(max_length=40)),
                (
                    "label",
                    models.CharField(
                        choices=[("allow", "Allow"), ("block", "Block"), ("rewrite", "Rewrite")],
                        max_length=10,
                    ),
                ),
                ("extra", models.JSONField(default=dict)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "set",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="cases",
                        to="moderation.evalset",
                    ),
                ),
                (
                    "finding",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="eval_cases",
                        to="moderation.redteamfinding",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RedTeamRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("seeds", models.CharField(max_length=200)),
                ("policy_version", models.CharField(max_length=40)),
                ("classifiers", models.JSONField(default=list)),
                ("table", models.JSONField(default=list)),
                ("passed", models.JSONField(default=list)),
                ("attacks", models.PositiveIntegerField()),
                ("seconds", models.FloatField()),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "indexes": [models.Index(fields=["-created_at"], name="redteamrun_newest")],
            },
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.CheckConstraint(
                condition=models.Q(("ends_at__gt", models.F("starts_at"))),
                name="campaign_ends_after_its_start",
            ),
        ),
        migrations.AddIndex(
            model_name="evalrun",
            index=models.Index(fields=["set", "-created_at"], name="evalrun_by_set"),
        ),
        migrations.AddIndex(
            model_name="evalrun",
            index=models.Index(
                condition=models.Q(("status__in", ["waiting", "running"])),
                fields=["created_at"],
                name="evalrun_due",
            ),
        ),
        migrations.AddConstraint(
            model_name="probingcase",
            constraint=models.UniqueConstraint(
                condition=models.Q(("status", "open")),
                fields=("about",),
                name="probingcase_one_open_each",
            ),
        ),
        migrations.AddConstraint(
            model_name="probingcase",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("outcome", ""), ("status", "open")),
                    models.Q(
                        ("closed_at__isnull", False),
                        ("status", "closed"),
                        models.Q(("outcome", ""), _negated=True),
                        models.Q(("note", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="probingcase_closed_with_a_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="redteamfinding",
            index=models.Index(fields=["-created_at"], name="redteamfinding_newest"),
        ),
        migrations.AddConstraint(
            model_name="redteamfinding",
            constraint=models.UniqueConstraint(
                fields=("campaign", "key"), name="redteamfinding_once", nulls_distinct=False
            ),
        ),
        migrations.AddConstraint(
            model_name="evalcase",
            constraint=models.UniqueConstraint(fields=("set", "key"), name="evalcase_once"),
        ),
    ]
