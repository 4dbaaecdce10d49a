"""Who is shown a clip that isn't public, its alt text, and how much of it flashes.

Why:     a clip has an audience, lists must not play what flashes, and every clip can be described.
Cost:    reads the stored output check of each clip once and rewrites these rows; two new indexes.
Deploy:  safe beside older workers: they leave the columns to the database's defaults.
Undo:    drops the columns; links, alt texts and workspace feeds are gone then.
Test:    tests/feeds/test_outside.py::test_the_flash_scan_of_clips_made_before_is_read
"""

import django.contrib.postgres.indexes
from django.db import migrations, models

import sora_site.lib.ids

FLASHES = """
UPDATE generation_video video SET flash_area = (checked.verdict -> 'details' ->> 'flash_area')::float
  FROM (SELECT DISTINCT ON (generation_id) generation_id, verdict
          FROM generation_safetycheck WHERE stage = 'output' ORDER BY generation_id, id DESC) checked
 WHERE checked.generation_id = video.generation_id
   AND jsonb_typeof(checked.verdict -> 'details' -> 'flash_area') = 'number'
   AND NOT COALESCE(checked.verdict -> 'not_evaluated', '["flashes"]') ? 'flashes'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0009_receipts"),
    ]

    operations = [
        migrations.AddField(
            model_name="video",
            name="alt_text",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="video",
            name="circle",
            field=models.CharField(
                choices=[("private", "Private"), ("link", "Link"), ("workspace", "Workspace")],
                db_default="private",
                default="private",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="video",
            name="flash_area",
            field=models.FloatField(null=True),
        ),
        migrations.AlterField(
            model_name="video",
            name="id",
            field=models.UUIDField(
                default=sora_site.lib.ids.time_ordered_uuid,
                editable=False,
                primary_key=True,
                serialize=False,
            ),
        ),
        migrations.AddIndex(
            model_name="video",
            index=models.Index(
                condition=models.Q(
                    models.Q(
                        ("circle", "workspace"), ("shared_at__isnull", False), _connector="OR"
                    ),
                    ("quarantined_at", None),
                    ("trashed_at", None),
                ),
                fields=["workspace", "-created_at", "-id"],
                name="video_team",
            ),
        ),
        migrations.AddIndex(
            model_name="video",
            index=django.contrib.postgres.indexes.BrinIndex(
                fields=["created_at"], name="video_made"
            ),
        ),
        migrations.RunSQL(FLASHES, migrations.RunSQL.noop),
    ]
