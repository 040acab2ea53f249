from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("providers", "0013_own_cookies_stay_here"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="connection",
            options={
                "ordering": ["position", "pk"],
                "permissions": [
                    ("change_connection_destination", "Can change where calls lead and what proves who we are")
                ],
                "verbose_name": "connection",
                "verbose_name_plural": "connections",
            },
        ),
    ]
