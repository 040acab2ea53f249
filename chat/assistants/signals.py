"""What goes with an account: the assistants that nobody else uses."""

from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import pre_delete

from chat.assistants import services


def connect() -> None:
    pre_delete.connect(user_deleting, sender=get_user_model(), dispatch_uid="chat.assistants.user-deleting")


def user_deleting(sender: Any, instance: Any, **rest: Any) -> None:
    services.forget(instance.pk, shared=False)
