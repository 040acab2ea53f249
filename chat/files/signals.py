"""When a file's row goes, by whatever way, its bytes follow once the removal is certain."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from chat.models import File


@receiver(post_delete, sender=File)
def _drop_bytes(sender: type[File], instance: File, **options: Any) -> None:
    from chat.files import rows

    transaction.on_commit(partial(rows.delete_bytes_unheld, instance.storage_name), robust=True)
