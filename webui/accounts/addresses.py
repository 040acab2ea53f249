"""Whose an address is: who has proved it, who is vouched for, and what happens when its owner comes to an account that
somebody else may have made.

django-allauth keeps the proof in `EmailAddress.verified`. An account that an administrator or the console made is
vouched for: its address counts as proved from the start. One that somebody made for themselves is not, until a mail
or a sign-in provider has proved it.
"""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from imagegen import services as picture_services
from providers import services as provider_services
from providers import versioning
from providers.models import ClientKey
from webui.accounts import clearing
from webui.models import User


def vouch_for(user: User) -> None:
    """This account has this address, proved, and no other: its maker says so. Another account's claim to it ends."""
    email = user.email.lower()
    with transaction.atomic():
        EmailAddress.objects.filter(email__iexact=email).exclude(user=user).delete()
        EmailAddress.objects.filter(user=user).exclude(email=email).delete()
        EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})


def vouch_unless_own(user: User) -> None:
    """The same for an account that nobody made for themselves, where nobody has written it down yet."""
    if user.email and not EmailAddress.objects.filter(user=user, primary=True).exists():
        vouch_for(user)


def is_unproved(user: User) -> bool:
    """Whether somebody made this account for themselves, and nothing has proved since that the address is theirs."""
    rows = EmailAddress.objects.filter(user=user, email__iexact=user.email)
    return bool(rows.filter(primary=True, verified=False).exists())


def prove(user: User) -> None:
    """The owner of the address has come, without a password. What a stranger may have made of an unproved account goes
    first: password, keys, sessions and their sockets, sign-ins through a provider, chats, files, pictures under way.
    """
    with versioning.exclusive():  # keys and the account are configuration
        if is_unproved(user):
            user.set_unusable_password()  # another than before: every session ends with it, and what runs in it
            user.save(update_fields=["password"])
            _empty(user)
        vouch_for(user)


def hand_over(user: User) -> None:
    """Somebody has set the password of an account through a one-time link.

    A link in a mail proves the address. Where no mail can be sent, an administrator handed the link over to whom they
    know: then only what opens an unproved account without the password ends.
    """
    if not is_unproved(user):
        return
    if settings.EMAIL_ENABLED:
        _empty(user)
        vouch_for(user)
    else:
        _lock_others_out(user)


def _empty(user: User) -> None:
    user.preferences = {}
    user.save(update_fields=["preferences"])
    _lock_others_out(user)
    picture_services.cancel_all(user.pk)
    clearing.clear(user.pk)


def _lock_others_out(user: User) -> None:
    for key in ClientKey.objects.filter(user=user, revoked_at=None):
        provider_services.revoke_key(key)
    SocialAccount.objects.filter(user=user).delete()
