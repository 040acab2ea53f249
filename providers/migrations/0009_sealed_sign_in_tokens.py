"""Tokens that django-allauth kept as plain text are encrypted, as `providers.sign_ins` encrypts new ones."""

from cryptography.fernet import InvalidToken
from django.db import migrations

from providers.fields import fernet

COLUMNS = ("token", "token_secret")


def seal(apps, schema_editor):
    _rewrite(apps, schema_editor, lambda text: text if _is_sealed(text) else fernet().encrypt(text.encode()).decode())


def unseal(apps, schema_editor):
    _rewrite(apps, schema_editor, lambda text: fernet().decrypt(text.encode()).decode() if _is_sealed(text) else text)


def _rewrite(apps, schema_editor, change):
    rows = apps.get_model("socialaccount", "SocialToken").objects.using(schema_editor.connection.alias)
    for row in rows.iterator(chunk_size=500):
        rows.filter(pk=row.pk).update(**{name: change(text) for name in COLUMNS if (text := getattr(row, name))})


def _is_sealed(text):
    try:
        fernet().decrypt(text.encode())
    except InvalidToken:
        return False
    return True


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0008_reading_aloud"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [migrations.RunPython(seal, unseal, elidable=False)]
