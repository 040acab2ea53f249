"""The one-time link that makes the first administrator of a new site. Only the console shows it.

The SHA-256 of each link is a row, so it works in every process on the same database. Links end when an administrator
exists, or after `LINK_LIFETIME`; each start makes a new one.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta

from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from providers.errors import NotFound
from webui.accounts import addresses
from webui.models import SetupLink, User

LINK_LIFETIME = timedelta(hours=24)


def administrator_exists() -> bool:
    return User.objects.filter(is_superuser=True, is_active=True).exists()


def new_link() -> str:
    """Make a link and return its path. The token has 256 random bits and is not stored."""
    token = secrets.token_urlsafe(32)
    SetupLink.objects.filter(created__lt=timezone.now() - LINK_LIFETIME).delete()
    SetupLink.objects.create(digest=_digest(token))
    return reverse("setup", args=[token])


def is_valid(token: str) -> bool:
    """Whether this token may make the first administrator now."""
    if administrator_exists():
        return False
    digest = _digest(token)
    valid = SetupLink.objects.filter(created__gte=timezone.now() - LINK_LIFETIME).values_list("digest", flat=True)
    # All are compared in constant time, so that the duration reveals nothing about a stored digest.
    matches = [hmac.compare_digest(digest, known) for known in valid]
    return any(matches)


def create_first_administrator(token: str, *, email: str, name: str, password: str) -> User:
    """Create the administrator and delete all links. Raises NotFound when the link is no longer valid."""
    with transaction.atomic():
        list(SetupLink.objects.select_for_update())  # of two browsers with the same link, one waits here
        if not is_valid(token):
            raise NotFound("This link has ended.")
        user = User.objects.create_superuser(email, password, name=name)
        addresses.vouch_for(user)
        SetupLink.objects.all().delete()
    return user


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
