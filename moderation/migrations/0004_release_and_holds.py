from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("moderation", "0003_child_safety_and_likeness"),
    ]

    operations = [
        migrations.AddField(
            model_name="case",
            name="origin",
            field=models.CharField(
                choices=[
                    ("report", "Somebody reported it"),
                    ("held", "A check holds it until a person has looked"),
                    ("guarded", "Its owner disputes that it has to stay private"),
                ],
                db_default="report",
                default="report",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="decision",
            name="action",
            field=models.CharField(
                choices=[
                    ("remove", "Remove"),
                    ("dismiss", "Dismiss"),
                    ("release", "Release"),
                ],
                max_length=10,
            ),
        ),
    ]
