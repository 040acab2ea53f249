"""Indexes the titles and messages that there are, in small transactions: if it is ended midway, it goes on from there."""

from django.db import migrations

from chat.search import index


def fill(apps, schema_editor):
    index.fill(*(apps.get_model("chat", name) for name in ("Chat", "Message", "SearchEntry")))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("chat", "0017_search_index"),
    ]

    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop, elidable=True),
    ]
