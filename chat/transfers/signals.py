"""When the row of a transfer is deleted, in whatever way, its file is deleted after the commit."""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

from chat.models import Transfer
from chat.transfers import rows


@receiver(post_delete, sender=Transfer)
def _drop_bytes(sender: type[Transfer], instance: Transfer, **options: Any) -> None:
    if instance.storage_name:
        transaction.on_commit(partial(rows.drop_bytes, instance.storage_name), robust=True)
