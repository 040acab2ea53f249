"""Tokens of single sign-on belong to a session (see `providers.sign_ins`); those of accounts are deleted."""

import django.db.models.deletion
from django.db import migrations, models

import providers.fields


def delete_tokens_of_accounts(apps, schema_editor):
    tokens = apps.get_model("socialaccount", "SocialToken").objects.using(schema_editor.connection.alias)
    tokens.all().delete()


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0018_kept_faults"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [
        migrations.CreateModel(
            name="SignIn",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("token", providers.fields.EncryptedTextField()),
                ("refresh_token", providers.fields.EncryptedTextField(blank=True)),
                ("expires_at", models.DateTimeField(null=True)),
                ("session_ends", models.DateTimeField(db_index=True)),
                ("renewing_until", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="socialaccount.socialaccount"
                    ),
                ),
            ],
            options={
                "verbose_name": "sign-in through a provider",
                "verbose_name_plural": "sign-ins through a provider",
            },
        ),
        migrations.RunPython(delete_tokens_of_accounts, migrations.RunPython.noop, elidable=True),
    ]
