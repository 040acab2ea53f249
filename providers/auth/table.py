"""The table of auth types. A type is a subclass of `AuthType` in a file of its own; docs/adding.md names the steps."""

from providers.auth.base import AuthType
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


def needs_user(name: str) -> bool:
    """Whether this type sends the credential of a signed-in person, so that it needs one."""
    return name in AUTH_TYPES and AUTH_TYPES[name].needs_user
