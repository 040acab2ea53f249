"""The choices of a connection's kind are read from the table of kinds: a new kind needs no migration."""

from django.db import migrations, models

import providers.models

KIND = models.CharField(choices=providers.models.kind_choices, default="openai", max_length=20, verbose_name="kind")


class Migration(migrations.Migration):
    dependencies = [("providers", "0009_sealed_sign_in_tokens")]

    operations = [
        migrations.AlterField(model_name="connection", name="kind", field=KIND),
        migrations.AlterField(model_name="historicalconnection", name="kind", field=KIND),
    ]
