"""Links a sign-in through a provider to the account with the same e-mail address, once its password was entered.

Until then the sign-in is kept in the browser's session, for `WAIT_SECONDS`.
"""

import time
from typing import Any

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.http import HttpRequest

from providers.errors import Conflict
from webui.accounts import services
from webui.models import User

WAIT_SECONDS = 600.0
SESSION_KEY = "sign_in_to_link"


def account_of(sociallogin: Any) -> User | None:
    """The account with an address of this sign-in, whether the provider has verified the address or not."""
    accounts = (services.account_with(address.email) for address in sociallogin.email_addresses)
    return next((user for user in accounts if user is not None), None)


def keep(request: HttpRequest, sociallogin: Any) -> None:
    request.session[SESSION_KEY] = {"until": time.time() + WAIT_SECONDS, "sign_in": sociallogin.serialize()}


def pending(request: HttpRequest) -> Any:
    """The SocialLogin that is kept in this session; None when there is none or its time is over."""
    entry = request.session.get(SESSION_KEY)
    if not isinstance(entry, dict) or entry.get("until", 0) < time.time():
        drop(request)
        return None
    try:
        return SocialLogin.deserialize(entry["sign_in"])
    except ValueError:
        drop(request)
        return None


def drop(request: HttpRequest) -> None:
    request.session.pop(SESSION_KEY, None)


def join(request: HttpRequest, sociallogin: Any, user: User) -> None:
    """Link the sign-in to this account, whose password has been entered.

    Raises Conflict when the sign-in was linked to another account meanwhile.
    """
    drop(request)
    account = sociallogin.account
    if SocialAccount.objects.filter(provider=account.provider, uid=account.uid).exists():
        raise Conflict("This sign-in belongs to an account.")
    sociallogin.connect(request, user)
