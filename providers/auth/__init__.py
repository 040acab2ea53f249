"""Auth types: how a connection proves who we are. To add one, see docs/adding.md, “An auth type”."""

from providers.auth.base import NOBODY, AuthField, AuthType, CallerIdentity
from providers.auth.table import AUTH_TYPES, DEFAULT, KEYLESS, needs_user

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
