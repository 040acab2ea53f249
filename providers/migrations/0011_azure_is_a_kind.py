"""That a connection follows Azure's rules is its kind alone; the column that repeated it goes."""

from django.db import migrations

MODELS = ("Connection", "HistoricalConnection")


def kind_from_column(apps, schema_editor):
    for name in MODELS:
        rows = apps.get_model("providers", name).objects.using(schema_editor.connection.alias)
        rows.filter(azure=True).update(kind="azure")


def column_from_kind(apps, schema_editor):
    for name in MODELS:
        rows = apps.get_model("providers", name).objects.using(schema_editor.connection.alias)
        rows.filter(kind="azure").update(azure=True)


class Migration(migrations.Migration):
    dependencies = [("providers", "0010_kinds_are_a_table")]

    operations = [
        migrations.RunPython(kind_from_column, column_from_kind, elidable=False),
        migrations.RemoveField(model_name="connection", name="azure"),
        migrations.RemoveField(model_name="historicalconnection", name="azure"),
    ]
