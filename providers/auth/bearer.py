"""`Authorization: Bearer {key}`, which nearly every provider accepts. An empty key sends no header."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from providers.auth.base import AuthField, AuthType, CallerIdentity


class Bearer(AuthType):
    name = "bearer"
    label = _("API key (Bearer)")
    presents_key = True
    fields = (AuthField("secret", _("API key"), secret=True),)

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"} if secret else {}
