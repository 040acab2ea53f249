"""No authentication, for servers in one's own network."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from providers.auth.base import AuthType, CallerIdentity


class NoAuth(AuthType):
    name = "none"
    label = _("None")

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        return {}
