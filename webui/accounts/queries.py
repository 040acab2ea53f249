"""Queries of the settings pages."""

from django.db.models import QuerySet

from providers.models import ClientKey
from webui.models import User


def keys_of(user: User) -> QuerySet[ClientKey]:
    """The keys of a person, also expired ones; without revoked ones."""
    return ClientKey.objects.filter(user=user, revoked_at=None)
