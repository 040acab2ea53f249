"""The access token of the session's single sign-on, renewed before it expires."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from providers.auth.base import AuthType, CallerIdentity, nobody_signed_in


class SystemOAuth(AuthType):
    name = "system_oauth"
    label = gettext_lazy("The caller's OpenID Connect token")
    help = gettext_lazy(
        "Sends the access token of the session's single sign-on. People who signed in with a password have none, and "
        "API keys belong to no session."
    )
    blocking = True  # reads the stored token, and may renew it
    needs_user = True

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        if who.oauth_token is None:
            raise nobody_signed_in()
        return {"Authorization": f"Bearer {who.oauth_token()}"}
