"""Who may edit which account: nobody can grant rights that they lack, or sign in as a person with more rights."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q


def may_speak_for(actor: Any, person: Any) -> bool:
    """Whether `actor` may set what signs somebody in as this person: password, link, API key, email address.

    Only an administrator may do so for administrators and staff, and for the service account of a group, which may use
    what the group may. Nobody may for a person with more rights than their own, even while that person's account is
    switched off.
    """
    if actor.is_superuser or person == actor:
        return True
    if person.is_superuser or person.is_staff or person.is_service:
        return False
    return _rights_of(person) <= _rights_of(actor)


def may_change_group(actor: Any, group: Group) -> bool:
    """Groups that give rights are the administrators' matter: their name, their rights, who is in them."""
    return bool(actor.is_superuser) or not group.permissions.exists()


def _rights_of(person: Any) -> set[int]:
    """Ids of the permissions that a person has, by themselves and through groups."""
    rows = Permission.objects.filter(Q(user=person) | Q(group__user=person))
    return set(rows.values_list("pk", flat=True))
