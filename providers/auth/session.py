"""The caller's own credential: the API key of the request, or for a browser a signed token that our API accepts for
some minutes.

For services behind this site that ask its API who is calling. Cookies are sent by the connection's rule.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from providers.auth.base import AuthType, CallerIdentity
from providers.errors import ConfigurationError


class SessionAuth(AuthType):
    name = "session"
    label = _("The caller's own credential")
    help = _(
        "Sends the caller's API key, or a short-lived token for a browser. Only for servers that you trust with it."
    )
    needs_user = True

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        if not who.credential:
            raise ConfigurationError(
                _("This connection sends on who is signed in, and nobody is. Write its models into “Model ids”."),
                code="user_needed",
            )
        return {"Authorization": f"Bearer {who.credential}"}
