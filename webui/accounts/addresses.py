"""Proof that an e-mail address belongs to the person who has the account.

django-allauth stores it in `EmailAddress.verified`. The address of an account that an administrator or the console made
counts as proved. The address of a sign-up does not, until a mail or a sign-in provider has proved it. When the owner of
an unproved address comes, the account may be a stranger's: it is emptied first.
"""

from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import transaction

from chat.models import Share
from imagegen import services as picture_services
from providers import services as provider_services
from providers import versioning
from providers.models import ClientKey
from webui.accounts import erasure
from webui.models import User


def vouch_for(user: User) -> None:
    """Note the account's address as proved, and as its only one; remove it from other accounts."""
    email = user.email.lower()
    with transaction.atomic():
        EmailAddress.objects.filter(email__iexact=email).exclude(user=user).delete()
        EmailAddress.objects.filter(user=user).exclude(email=email).delete()
        EmailAddress.objects.update_or_create(user=user, email=email, defaults={"verified": True, "primary": True})


def vouch_unless_own(user: User) -> None:
    """Call `vouch_for` if the account has no primary address: those of Django's commands have none, sign-ups do."""
    if user.email and not EmailAddress.objects.filter(user=user, primary=True).exists():
        vouch_for(user)


def is_unproved(user: User) -> bool:
    """Whether the account came from a sign-up whose address was never proved."""
    rows = EmailAddress.objects.filter(user=user, email__iexact=user.email)
    return bool(rows.filter(primary=True, verified=False).exists())


def prove(user: User) -> None:
    """Note that the owner of the address has come, without a password; call it before they are signed in.

    If the address was not proved before, a stranger may have made the account. Then it loses its password, keys,
    sessions and sockets, sign-ins through a provider, chats, files and running pictures.
    """
    with versioning.exclusive():  # keys and the account are configuration
        if is_unproved(user):
            user.set_unusable_password()  # the hash changes, which ends every session and its work
            user.save(update_fields=["password"])
            _empty(user)
        vouch_for(user)


def hand_over(user: User) -> None:
    """Note that somebody has set the password of an account through a one-time link.

    If the address was not proved before, whatever opens the account without the password ends: keys, sign-ins through
    a provider, shared links. Chats and files stay: most such accounts were made by their owners, before the site sent
    mail. A link in a mail proves the address.
    """
    if not is_unproved(user):
        return
    _lock_others_out(user)
    Share.objects.filter(chat__user=user).delete()
    if settings.EMAIL_ENABLED:
        vouch_for(user)


def _empty(user: User) -> None:
    user.preferences = {}
    user.save(update_fields=["preferences"])
    _lock_others_out(user)
    picture_services.cancel_all(user.pk)
    erasure.clear(user.pk)


def _lock_others_out(user: User) -> None:
    for key in ClientKey.objects.filter(user=user, revoked_at=None):
        provider_services.revoke_key(key)
    SocialAccount.objects.filter(user=user).delete()
