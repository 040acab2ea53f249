"""The base of auth types: declared fields, and headers made from values. No type sees a row, setting or request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from providers.errors import NoCredential
from providers.sentences import sentence as _


@dataclass(frozen=True, slots=True)
class AuthField:
    """A field that an auth type adds to the connection form."""

    name: str
    label: Any  # a translatable text
    help: Any = ""
    secret: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """The caller as some auth types send it; empty for calls that no person makes."""

    user_id: int | None = None
    credential: str = field(default="", repr=False)  # a short-lived token that our API accepts for calling models
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)  # filtered by the connection's rule
    # Returns the access token of the session's single sign-on, renewed. Blocks. Raises NoCredential without one.
    oauth_token: Callable[[], str] | None = field(default=None, repr=False)


NOBODY = CallerIdentity()


def nobody_signed_in() -> NoCredential:
    """The error of types that send the credential of a person, for calls that no person makes."""
    return NoCredential(
        _(
            "This connection uses the credential of the person who is signed in, so its models cannot be listed "
            "without one. Enter them under “Model ids”."
        )
    )


class AuthType:
    """Base of all auth types. One file each, named as the type; `providers/auth/__init__.py` holds the table.

    `headers` returns the headers of the credential. Without one it raises ConfigurationError, in words for an
    administrator; NoCredential, where somebody else might have one. A type whose `headers` may wait for a network or a
    lock sets `blocking`: async callers use a thread.
    """

    name: ClassVar[str]
    label: ClassVar[Any]
    help: ClassVar[Any] = ""
    fields: ClassVar[tuple[AuthField, ...]] = ()  # "secret" is the encrypted key; others are in auth_options
    blocking: ClassVar[bool] = False
    needs_user: ClassVar[bool] = False  # needs a signed-in person
    presents_key: ClassVar[bool] = False  # sends the key itself; a kind of connection may need it in another header

    def headers(self, secret: str, options: Mapping[str, Any], who: CallerIdentity) -> dict[str, str]:
        raise NotImplementedError
