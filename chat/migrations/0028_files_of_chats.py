from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0027_embeddings_of_documents")]

    operations = [
        migrations.AddIndex(
            model_name="file",
            index=models.Index(condition=models.Q(("chat__isnull", False)), fields=["chat"], name="files_of_chats"),
        ),
    ]
