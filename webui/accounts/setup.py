"""The first administrator of a new site: a one-time link that only the console shows.

Links are rows (their SHA-256 only), so every process and machine on the same database agrees. They end when an
administrator exists, or after `LINK_LIFETIME`; each start makes a new one.
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
    """Make a link and return its path. The token is 256 random bits and is kept nowhere."""
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
    # Every one is compared: how long it takes must not say which link was nearly right.
    matches = [hmac.compare_digest(digest, known) for known in valid]
    return any(matches)


def create_first_administrator(token: str, *, email: str, name: str, password: str) -> User:
    """Create the administrator and end every link. Raises NotFound when the link has ended meanwhile."""
    with transaction.atomic():
        list(SetupLink.objects.select_for_update())  # two browsers with the same link: one comes second
        if not is_valid(token):
            raise NotFound("This link has ended.")
        user = User.objects.create_superuser(email, password, name=name)
        addresses.vouch_for(user)
        SetupLink.objects.all().delete()
    return user


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
