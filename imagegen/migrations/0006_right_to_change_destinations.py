from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("imagegen", "0005_sealed_headers"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="imageengine",
            options={
                "ordering": ["position", "pk"],
                "permissions": [("change_imageengine_destination", "Can change where calls lead")],
                "verbose_name": "picture engine",
                "verbose_name_plural": "picture engines",
            },
        ),
    ]
