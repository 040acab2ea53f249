"""Engines that were left enabled with neither a connection nor an address are switched off, as a save demands now."""

from typing import Any

from django.db import migrations

HERE = ("placeholder",)  # kinds that call no server


def switch_off(apps: Any, schema_editor: Any) -> None:
    engines = apps.get_model("imagegen", "ImageEngine").objects.using(schema_editor.connection.alias)
    engines.filter(url="", connection=None, enabled=True).exclude(kind__in=HERE).update(enabled=False)


class Migration(migrations.Migration):
    dependencies = [("imagegen", "0012_sign_in_of_a_job")]

    operations = [migrations.RunPython(switch_off, migrations.RunPython.noop)]
