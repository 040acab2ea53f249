"""The table of auth types. To add one: write `auth/<name>.py` with a subclass of `AuthType`, put it below, and add
`tests/providers/auth/test_<name>.py`; the contract test over this table checks the rest. No migration, no other change.
"""

from providers.auth.base import NOBODY, AuthField, AuthType, CallerIdentity
from providers.auth.bearer import Bearer
from providers.auth.entra import AzureAd, MicrosoftEntraId
from providers.auth.none import NoAuth
from providers.auth.session import SessionAuth
from providers.auth.system_oauth import SystemOAuth

AUTH_TYPES: dict[str, AuthType] = {
    auth_type.name: auth_type
    for auth_type in (Bearer(), NoAuth(), SessionAuth(), SystemOAuth(), AzureAd(), MicrosoftEntraId())
}

DEFAULT, KEYLESS = Bearer.name, NoAuth.name  # of a new connection; of a server without authentication

__all__ = [
    "AUTH_TYPES",
    "DEFAULT",
    "KEYLESS",
    "NOBODY",
    "AuthField",
    "AuthType",
    "CallerIdentity",
    "needs_user",
]


def needs_user(name: str) -> bool:
    """Whether this type sends the credential of a signed-in person, so that it needs one."""
    return name in AUTH_TYPES and AUTH_TYPES[name].needs_user
