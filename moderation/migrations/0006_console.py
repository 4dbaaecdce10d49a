"""Tables of the console.

Why:     claims, looks, second looks, drafts, probes, flags and reports of a period need a place.
Cost:    new tables only; one trigger that keeps the list of looks append-only.
Deploy:  safe beside older code, which doesn't know the tables.
Undo:    drops them.
Test:    tests/moderation/test_case_looks.py::test_the_database_refuses_to_change_a_look
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


APPEND_ONLY = """
CREATE TRIGGER case_look_append_only
    BEFORE UPDATE OR DELETE ON moderation_caselook
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
"""
DROP = "DROP TRIGGER case_look_append_only ON moderation_caselook;"


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0005_roles_of_present_staff'),
        ('generation', '0008_screening_policies'),
        ('moderation', '0005_hash_banks'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Flag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.SlugField(max_length=40, unique=True)),
                ('on', models.BooleanField(default=True)),
                ('percent', models.PositiveSmallIntegerField(default=0)),
                ('steps', models.JSONField(default=list)),
                ('plans', models.JSONField(default=list)),
                ('starts_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField(null=True)),
                ('guard', models.CharField(blank=True, max_length=30)),
                ('guard_limit', models.FloatField(default=0.0)),
                ('guard_least', models.PositiveIntegerField(default=20)),
                ('halted_at', models.DateTimeField(null=True)),
                ('halted_why', models.CharField(blank=True, max_length=300)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='FlagMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('cohort', models.SlugField(blank=True, max_length=40)),
                ('country', models.CharField(blank=True, max_length=2)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(null=True)),
                ('added_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('flag', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='members', to='moderation.flag')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='flag_places', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PeriodReport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('begins', models.DateField()),
                ('ends', models.DateField()),
                ('figures', models.JSONField()),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('published_at', models.DateTimeField(null=True)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='PolicyDraft',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60)),
                ('changes', models.JSONField(default=dict)),
                ('note', models.CharField(max_length=500)),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('asked', 'Waits for a second person'), ('released', 'Released, starts later'), ('rolling', 'Rolling out'), ('done', 'Decides everywhere'), ('stopped', 'Stopped')], default='draft', max_length=10)),
                ('replay', models.JSONField(default=dict)),
                ('replayed_at', models.DateTimeField(null=True)),
                ('released_at', models.DateTimeField(null=True)),
                ('starts_at', models.DateTimeField(null=True)),
                ('stages', models.JSONField(default=list)),
                ('stopped_why', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='policy_drafts', to=settings.AUTH_USER_MODEL)),
                ('released_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='drafts', to='generation.policyversion')),
            ],
        ),
        migrations.CreateModel(
            name='ProgrammeFeedback',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('verdict', models.CharField(choices=[('good', 'As I meant it'), ('quality', 'Allowed, but not what I asked for'), ('over_blocked', 'Stopped, and it should not have been'), ('under_blocked', 'Allowed, and it should not have been')], max_length=14)),
                ('text', models.CharField(blank=True, max_length=1000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('generation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='programme_feedback', to='generation.generation')),
                ('person', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='programme_feedback', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='ReviewerSettings',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('blur', models.BooleanField(default=True)),
                ('grey', models.BooleanField(default=True)),
                ('mute', models.BooleanField(default=True)),
                ('daily_points', models.PositiveSmallIntegerField(default=120)),
                ('break_points', models.PositiveSmallIntegerField(default=40)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='reviewer_settings', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_filters', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='SecondLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('held_until', models.DateTimeField(null=True)),
                ('action', models.CharField(blank=True, max_length=30)),
                ('note', models.TextField(blank=True, max_length=2000)),
                ('agrees', models.BooleanField(null=True)),
                ('settled_note', models.TextField(blank=True, max_length=2000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('done_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='second_looks', to='moderation.case')),
                ('decision', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='second_look', to='moderation.decision')),
                ('holder', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('reviewer', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='second_looks', to=settings.AUTH_USER_MODEL)),
                ('settled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='CanaryResult',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('probe', models.CharField(max_length=60)),
                ('expected', models.CharField(max_length=10)),
                ('got', models.CharField(max_length=12)),
                ('categories', models.JSONField(default=list)),
                ('strongest', models.FloatField(default=0.0)),
                ('policy_version', models.CharField(max_length=40)),
                ('milliseconds', models.FloatField()),
                ('drifted', models.BooleanField(default=False)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField(null=True)),
                ('seen_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['-at'], name='canary_latest'), models.Index(condition=models.Q(('drifted', True), ('seen_at', None)), fields=['-at'], name='canary_unseen')],
            },
        ),
        migrations.CreateModel(
            name='CaseLook',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('opened', 'Opened the case'), ('played', 'Played it covered'), ('revealed', 'Uncovered the picture'), ('second', 'Opened it for a second look'), ('evidence', "Opened the prompt's history")], max_length=10)),
                ('points', models.FloatField()),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='looks', to='moderation.case')),
                ('viewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='case_looks', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['viewer', '-at'], name='case_look_by_viewer'), models.Index(fields=['case', '-at'], name='case_look_by_case')],
            },
        ),
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('since', models.DateTimeField(default=django.utils.timezone.now)),
                ('until', models.DateTimeField()),
                ('case', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='claim', to='moderation.case')),
                ('holder', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='claims', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['holder', 'until'], name='claim_by_holder')],
            },
        ),
        migrations.AddConstraint(
            model_name='flag',
            constraint=models.CheckConstraint(condition=models.Q(('percent__range', (0, 100))), name='flag_percent'),
        ),
        migrations.AddConstraint(
            model_name='flagmember',
            constraint=models.UniqueConstraint(fields=('flag', 'user'), name='flag_member_once'),
        ),
        migrations.AddConstraint(
            model_name='periodreport',
            constraint=models.CheckConstraint(condition=models.Q(('begins__lte', models.F('ends'))), name='period_report_in_order'),
        ),
        migrations.AddConstraint(
            model_name='policydraft',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='policy_draft_has_a_name'),
        ),
        migrations.AddConstraint(
            model_name='policydraft',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'rolling')), fields=('state',), name='policy_draft_one_rolling'),
        ),
        migrations.AddConstraint(
            model_name='programmefeedback',
            constraint=models.UniqueConstraint(fields=('generation', 'person'), name='programme_feedback_once'),
        ),
        migrations.AddConstraint(
            model_name='reviewersettings',
            constraint=models.CheckConstraint(condition=models.Q(('break_points__range', (5, 100)), ('daily_points__range', (10, 400))), name='reviewer_settings_in_bounds'),
        ),
        migrations.AddConstraint(
            model_name='savedfilter',
            constraint=models.UniqueConstraint(fields=('owner', 'name'), name='saved_filter_once'),
        ),
        migrations.AddIndex(
            model_name='secondlook',
            index=models.Index(condition=models.Q(('done_at', None)), fields=['created_at'], name='second_look_waiting'),
        ),
        migrations.AddConstraint(
            model_name='secondlook',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agrees', None), ('done_at', None), ('reviewer', None)), models.Q(('agrees__isnull', False), ('done_at__isnull', False), ('reviewer__isnull', False)), _connector='OR'), name='second_look_done_whole'),
        ),
        migrations.RunSQL(APPEND_ONLY, DROP),
    ]
