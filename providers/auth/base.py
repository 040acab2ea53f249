"""What an auth type is: declared fields, and headers made from values. It never sees a row, a setting or a request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class AuthField:
    """One value that an auth type needs from the administrator; the admin form shows it for that type only."""

    name: str
    label: Any  # a translatable text
    help: Any = ""
    secret: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Who:
    """The facts about a caller that some auth types send on. Empty for calls that nobody in particular makes."""

    user_id: int | None = None
    credential: str = field(default="", repr=False)  # what the caller presented, or a token that our API accepts
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)  # filtered by the connection's rule
    # Blocking; the stored provider token, renewed when about to end; raises ConfigurationError when there is none.
    oauth_token: Callable[[], str] | None = field(default=None, repr=False)


NOBODY = Who()


class AuthType:
    """Base of all auth types. One file each, named as the type; `providers/auth/__init__.py` holds the table.

    `headers` returns the headers that prove who we are; it raises ConfigurationError, in words for an administrator,
    when it cannot. A type whose `headers` may wait for a network or a lock sets `blocking`: async callers use a thread.
    """

    name: ClassVar[str]
    label: ClassVar[Any]
    help: ClassVar[Any] = ""
    fields: ClassVar[tuple[AuthField, ...]] = ()  # "secret": the encrypted key; others live in auth_options
    blocking: ClassVar[bool] = False
    needs_user: ClassVar[bool] = False  # cannot be used where nobody is signed in
    presents_key: ClassVar[bool] = False  # sends the secret itself; a kind of connection may want it in another header

    def headers(self, secret: str, options: Mapping[str, Any], who: Who) -> dict[str, str]:
        raise NotImplementedError
