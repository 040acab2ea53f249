"""This site's own cookies are never sent on: “all” means all but them."""

from django.db import migrations, models


def keep_own(apps, schema_editor):
    for name in ("Connection", "HistoricalConnection"):
        rows = apps.get_model("providers", name)._base_manager.using(schema_editor.connection.alias)
        rows.filter(forward_cookies="all").update(forward_cookies="others")


CHOICES = [
    ("auto", "As the authentication needs"),
    ("none", "None"),
    ("others", "All but this site's own"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0012_sealed_headers"),
    ]

    operations = [
        migrations.RunPython(keep_own, migrations.RunPython.noop, elidable=False),
        migrations.AlterField(
            model_name="connection",
            name="forward_cookies",
            field=models.CharField(choices=CHOICES, default="auto", max_length=10, verbose_name="cookies sent on"),
        ),
        migrations.AlterField(
            model_name="historicalconnection",
            name="forward_cookies",
            field=models.CharField(choices=CHOICES, default="auto", max_length=10, verbose_name="cookies sent on"),
        ),
    ]
