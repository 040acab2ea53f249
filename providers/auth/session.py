"""The caller's own credential: a signed token for some minutes, good for calling models at this site's `/v1`.

For services behind this site that call models in the caller's name. An API key is never sent: it holds for long, and
for everything that its person may do. Cookies are sent by the connection's rule.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy

from providers.auth.base import AuthType, CallerIdentity, nobody_signed_in


class SessionAuth(AuthType):
    name = "session"
    label = gettext_lazy("The caller's own credential")
    help = gettext_lazy(
        "Sends a token that is good for some minutes and for calling models at this site's /v1 in the caller's name. "
        "Never the caller's API key."
    )
    needs_user = True

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        if not who.credential:
            raise nobody_signed_in()
        return {"Authorization": f"Bearer {who.credential}"}
