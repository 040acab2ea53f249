"""Engines with neither a connection nor an address drew at their provider's public address; now the row says so."""

from typing import Any

from django.db import migrations

ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "chatreply": "https://openrouter.ai/api/v1",
}


def write_addresses(apps: Any, schema_editor: Any) -> None:
    engines = apps.get_model("imagegen", "ImageEngine").objects.using(schema_editor.connection.alias)
    for kind, address in ADDRESSES.items():
        engines.filter(kind=kind, url="", connection=None).update(url=address)


class Migration(migrations.Migration):
    dependencies = [("imagegen", "0006_right_to_change_destinations")]

    operations = [migrations.RunPython(write_addresses, migrations.RunPython.noop)]
