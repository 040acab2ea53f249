"""Signal handlers: every change of a configuration row counts the version up, in the administration, API and shell.

Bulk writes send no signals; `versioning.ConfigQuerySet` counts them. Columns about health, last use and last login are
no configuration. A cascade of deletions counts once, with the row that was deleted first.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import models, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete, pre_save
from django.dispatch import Signal
from simple_history.signals import post_create_historical_record

from providers import versioning
from providers.models import (
    HEALTH_FIELDS,
    Budget,
    ChatModel,
    ClientKey,
    Connection,
    GatewaySettings,
    ModelSource,
    Price,
    RateLimit,
    UsageRecord,
)

# Sent with `connections` that somebody is about to delete. Receivers answer with sentences about what that changes.
dependents = Signal()

QUIET_COLUMNS = {
    Connection: {*HEALTH_FIELDS},
    ClientKey: {"last_used", "last_address", "former_last_used", "former_last_address"},
    ModelSource: {"last_seen"},
}


def connect() -> None:
    user_model = get_user_model()
    count_changes_of(Connection, ChatModel, ModelSource, ClientKey, GatewaySettings, Price, RateLimit, Budget, Group)
    count_members_of(
        Connection.groups.through,
        ChatModel.groups.through,
        ChatModel.users.through,
        user_model.groups.through,  # type: ignore[attr-defined]
    )
    post_create_historical_record.connect(versioning.complete_deletion, dispatch_uid="config-complete-deletion")
    post_save.connect(connection_saved, sender=Connection, dispatch_uid="config-connection-saved")
    pre_delete.connect(connection_deleting, sender=Connection, dispatch_uid="config-connection-deleting")
    post_delete.connect(connection_deleted, sender=Connection, dispatch_uid="config-connection-deleted")
    pre_delete.connect(key_deleting, sender=ClientKey, dispatch_uid="usage-key-deleting")
    pre_save.connect(user_saving, sender=user_model, dispatch_uid="config-user-saving")
    post_save.connect(row_saved, sender=user_model, dispatch_uid="config-user-saved")
    pre_delete.connect(row_deleting, sender=user_model, dispatch_uid="config-user-deleting")


def count_changes_of(*rows: type[models.Model]) -> None:
    """Count every save and deletion of these models. Other apps call this for configuration rows of their own."""
    for model in rows:
        pre_save.connect(row_saving, sender=model, dispatch_uid=f"config-saving-{model.__name__}")
        post_save.connect(row_saved, sender=model, dispatch_uid=f"config-saved-{model.__name__}")
        pre_delete.connect(row_deleting, sender=model, dispatch_uid=f"config-deleting-{model.__name__}")


def count_members_of(*throughs: type[models.Model]) -> None:
    """Count every change of these many-to-many relations."""
    for through in throughs:
        m2m_changed.connect(members_changed, sender=through, dispatch_uid=f"config-members-{through.__name__}")


def row_saving(
    sender: type[models.Model], *, instance: Any, update_fields: frozenset[str] | None = None, **_kwargs: Any
) -> None:
    quiet = update_fields is not None and update_fields <= QUIET_COLUMNS.get(sender, set())
    count(instance, changes=not quiet)


def count(instance: Any, *, changes: bool) -> None:
    """Count a change before it is written where a transaction runs, else after it (`row_saved`)."""
    in_transaction = transaction.get_connection().in_atomic_block
    if changes and in_transaction:
        versioning.changed()
    instance._to_count = changes and not in_transaction


def row_saved(*, instance: Any, **_kwargs: Any) -> None:
    if instance._to_count:
        versioning.changed()


def connection_saved(
    *, instance: Connection, update_fields: frozenset[str] | None = None, raw: bool = False, **_kwargs: Any
) -> None:
    from providers.catalogue import discovery  # late: it loads the HTTP libraries, which most commands never need

    if not raw and (update_fields is None or instance.moved or update_fields & discovery.SETTLED_COLUMNS):
        discovery.settle(instance)


def connection_deleting(*, instance: Any, **_kwargs: Any) -> None:
    instance._offered = list(instance.sources.values_list("model_id", flat=True))
    UsageRecord.objects.filter(connection=instance).update(connection_name=instance.name)


def key_deleting(*, instance: ClientKey, **_kwargs: Any) -> None:
    UsageRecord.objects.filter(key=instance).update(key_name=instance.lasting_name)


def connection_deleted(*, instance: Any, **_kwargs: Any) -> None:
    from providers.catalogue import discovery  # late, as above

    discovery.prune(instance._offered)


def row_deleting(*, instance: models.Model, origin: Any = None, **_kwargs: Any) -> None:
    if isinstance(origin, models.Model) and origin is not instance:
        return  # a cascade: counted with the row that was deleted first
    if isinstance(origin, versioning.ConfigQuerySet | versioning.QuietQuerySet):
        return  # the queryset counts once, or not at all
    versioning.changed()


def members_changed(*, action: str, **_kwargs: Any) -> None:
    if action in ("pre_add", "pre_remove", "pre_clear"):
        versioning.changed()


def user_saving(
    sender: type[models.Model], *, instance: Any, update_fields: frozenset[str] | None = None, **_kwargs: Any
) -> None:
    """Note whether a column that a Caller holds is about to change. Last sign-in and preferences are not held."""
    if instance._state.adding or (update_fields is not None and update_fields.isdisjoint(versioning.USER_COLUMNS)):
        instance._to_count = False
        return
    before = sender._default_manager.filter(pk=instance.pk).values(*versioning.USER_COLUMNS).first()
    changes = before is not None and any(before[column] != getattr(instance, column) for column in before)
    count(instance, changes=changes)
