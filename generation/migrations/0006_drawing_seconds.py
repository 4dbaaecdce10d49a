from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('generation', '0005_clean_clips'),
    ]

    operations = [
        migrations.AddField(
            model_name='generation',
            name='drawing_seconds',
            field=models.FloatField(null=True),
        ),
        migrations.AddIndex(
            model_name='generation',
            index=models.Index(condition=models.Q(('status', 'succeeded')), fields=['-finished_at'], name='generation_finished'),
        ),
    ]
