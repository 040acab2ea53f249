"""User names and passwords in addresses become headers, which are encrypted; from the history they are removed."""

from django.db import migrations

from providers.addresses import without_credentials


def take_out(apps, schema_editor):
    alias = schema_editor.connection.alias
    rows = apps.get_model("imagegen", "ImageEngine")._base_manager.using(alias)
    for pk, url, headers in rows.filter(url__contains="@").values_list("pk", "url", "headers"):
        plain, credential = without_credentials(url)
        if credential:
            others = {name: value for name, value in headers.items() if name.lower() != "authorization"}
            rows.filter(pk=pk).update(url=plain, headers={**others, "Authorization": credential})
    history = apps.get_model("imagegen", "HistoricalImageEngine")._base_manager.using(alias)
    for pk, url in history.filter(url__contains="@").values_list("pk", "url"):
        history.filter(pk=pk).update(url=without_credentials(url)[0])


class Migration(migrations.Migration):
    dependencies = [
        ("imagegen", "0007_addresses_are_written"),
    ]

    operations = [migrations.RunPython(take_out, migrations.RunPython.noop, elidable=False)]
