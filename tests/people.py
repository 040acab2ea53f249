"""Rows for tests: people, keys, connections and their models."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.utils import timezone

PASSWORD = "correct horse battery"


def make_user(name: str, *, admin: bool = False, groups: tuple[str, ...] = (), **fields: Any) -> Any:
    """A person called `Name` with the address name@example.com and `PASSWORD`."""
    users = get_user_model().objects
    make = users.create_superuser if admin else users.create_user
    user = make(f"{name.lower()}@example.com", PASSWORD, name=name, **fields)
    for group in groups:
        user.groups.add(Group.objects.get_or_create(name=group)[0])
    return user


def make_key(user: Any, **fields: Any) -> str:
    """An API key of this person: the text that a client sends."""
    from providers.models import ClientKey, key_digest

    key = ClientKey.make_key()
    ClientKey.objects.create(user=user, prefix=key[:8], digest=key_digest(key), **fields)
    return key


def make_connection(base_url: str, *models: str, **fields: Any) -> Any:
    """An enabled public connection that offers `models` (upstream ids), as discovery would have written it.

    It tries nothing again, so that a test sees each failure; those of retries set `retries`.
    """
    from providers.models import ChatModel, Connection, ModelSource

    values = {"name": "Scripted", "secret": "upstream-key", "listed_at": timezone.now(), "retries": 0, **fields}
    connection = Connection.objects.create(base_url=base_url, **values)
    prefix = f"{connection.prefix_id}." if connection.prefix_id else ""
    for upstream_id in models:
        model = ChatModel.objects.get_or_create(public_id=prefix + upstream_id)[0]
        raw = {"id": upstream_id, "object": "model", "created": 1795000000, "owned_by": "scripted"}
        ModelSource.objects.create(model=model, connection=connection, upstream_id=upstream_id, raw=raw)
    return connection


def set_chat(**values: Any) -> Any:
    """The chat's settings. Suggestions are off here unless a test means them: they ask the provider once more."""
    from chat.models import ChatSettings

    return ChatSettings.objects.update_or_create(pk=1, defaults={"follow_ups": False, **values})[0]
