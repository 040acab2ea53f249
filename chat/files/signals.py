"""When a file's row is deleted, in whatever way, its bytes are deleted after the commit."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from chat.files import rows
from chat.models import File


@receiver(post_delete, sender=File)
def _drop_bytes(sender: type[File], instance: File, **options: Any) -> None:
    transaction.on_commit(partial(rows.delete_unused_bytes, instance.storage_name), robust=True)
