"""What a job reserved of budgets, so that the process that takes it over can give it back."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("imagegen", "0013_no_engine_without_destination")]

    operations = [
        migrations.AddField("imagejob", "reserved", models.JSONField(blank=True, editable=False, null=True)),
    ]
