"""Who is signed in here goes on to the provider: the caller's own credential.

That is the API key which the caller presented, or, for a browser, a signed token that our own API accepts for some
minutes. For services behind this site that ask it back who is calling. Cookies go along by the connection's rule.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from providers.auth.base import AuthType, Who
from providers.errors import ConfigurationError


class SessionAuth(AuthType):
    name = "session"
    label = _("The caller's own credential")
    help = _(
        "Sends the caller's API key, or a short-lived token for a browser. Only for servers that you trust with it."
    )
    needs_user = True

    def headers(self, secret: str, options: Mapping[str, Any], who: Who) -> dict[str, str]:
        if not who.credential:
            raise ConfigurationError(
                _("This connection sends on who is signed in, and nobody is. Write its models into “Model ids”."),
                code="user_needed",
            )
        return {"Authorization": f"Bearer {who.credential}"}
