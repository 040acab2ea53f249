"""Values of headers are secrets: encrypted in the rows, and gone from the history."""

from django.db import migrations

import providers.fields


def seal(apps, schema_editor):
    rows = apps.get_model("providers", "connection")._base_manager.using(schema_editor.connection.alias)
    for pk, headers in rows.values_list("pk", "plain_headers"):
        if headers:
            rows.filter(pk=pk).update(headers=headers)


def unseal(apps, schema_editor):
    rows = apps.get_model("providers", "connection")._base_manager.using(schema_editor.connection.alias)
    for pk, headers in rows.values_list("pk", "headers"):
        if headers and not providers.fields.is_unreadable(headers):
            rows.filter(pk=pk).update(plain_headers=dict(headers))


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0011_azure_is_a_kind"),
    ]

    operations = [
        migrations.RemoveField(model_name="historicalconnection", name="headers"),
        migrations.RenameField(model_name="connection", old_name="headers", new_name="plain_headers"),
        migrations.AddField(
            model_name="connection",
            name="headers",
            field=providers.fields.EncryptedMappingField(blank=True, default=dict, verbose_name="headers"),
        ),
        migrations.RunPython(seal, unseal, elidable=False),
        migrations.RemoveField(model_name="connection", name="plain_headers"),
    ]
