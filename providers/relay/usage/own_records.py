"""Which usage records, and totals of deleted ones, somebody may read as their own."""

from django.db.models import Q

from providers.facts import Caller


def own_records(caller: Caller) -> Q:
    """Those of the person. A key with scopes was given away for a purpose: it reads those of its own calls."""
    if caller.key_id is not None and caller.scopes:
        return Q(user_id=caller.user_id, key_id=caller.key_id)
    return Q(user_id=caller.user_id)


def is_own(caller: Caller, user_id: int | None, key_id: int | None) -> bool:
    """The same for one call, of which person and key are known."""
    return caller.user_id == user_id and (caller.key_id in (None, key_id) or not caller.scopes)
