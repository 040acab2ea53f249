"""Receivers of other apps' signals: what changes for open sockets."""

from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.dispatch import receiver

from chat import events


@receiver(user_logged_out, dispatch_uid="chat.signals.sign_out_sockets")
def sign_out_sockets(sender: Any, request: Any, user: Any, **rest: Any) -> None:
    """Close the sockets of the session that ended; other sessions of the person go on."""
    key = request.session.session_key
    if user is not None and key:
        transaction.on_commit(lambda: events.end_session_soon(user.pk, key))
