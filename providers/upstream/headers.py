"""The headers of every call to a provider: proof of who we are, attribution, the person, the administrator's own.

One function, so that listing, verifying, chatting and speaking cannot differ.
"""

import asyncio
import re
import time
from collections.abc import Mapping
from functools import partial
from typing import TypedDict, Unpack
from urllib.parse import quote

import jwt
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from providers.auth import AUTH_TYPES, NOBODY, AuthType, Who
from providers.errors import ConfigurationError
from providers.facts import Caller, ConnectionFacts
from providers.fields import UNREADABLE
from providers.upstream import kinds, oauth

JWT_SECONDS = 300
# Printable ASCII stays as it is; what could end a header, or is read differently by servers, is quoted.
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))
_VARIABLE = re.compile(r"\{\{\s*([A-Z_]+)\s*\}\}")


class CallPurpose(TypedDict, total=False):
    """What a call is made for, as far as its headers say; all of it may be left out."""

    accept: str
    caller: Caller | None
    chat_id: str
    message_id: str
    model_id: str
    cookies: Mapping[str, str] | None  # the request's own, unfiltered


async def headers_for(connection: ConnectionFacts, **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """The headers of one call. Raises ConfigurationError where the connection cannot prove who it is.

    Auth types that wait for something do so in a thread.
    """
    auth_type = _auth_type(connection)
    prove = partial(_proof, auth_type, connection, purpose)
    return _assemble(connection, await asyncio.to_thread(prove) if auth_type.blocking else prove(), purpose)


def headers_for_blocking(connection: ConnectionFacts, **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """The same for threads."""
    return _assemble(connection, _proof(_auth_type(connection), connection, purpose), purpose)


def _assemble(connection: ConnectionFacts, proof: Mapping[str, str], purpose: CallPurpose) -> dict[str, str]:
    caller, cookies = purpose.get("caller"), purpose.get("cookies")
    headers = {"Content-Type": "application/json", "Accept": purpose.get("accept", "application/json"), **proof}
    if (owner := kinds.at(connection.base_url)) is not None and owner.attribution:
        headers.update(_attribution(owner))
    if caller is not None and settings.ENABLE_FORWARD_USER_INFO_HEADERS:
        headers.update(_person(caller, purpose.get("chat_id", "")))
    if cookies and connection.forward_cookies != "none":
        headers["Cookie"] = cookie_header(allowed_cookies(cookies, connection.forward_cookies))
    if connection.headers:
        _add_own(headers, connection.headers, _variables(purpose))
    return headers


# --- proof ------------------------------------------------------------------------------------------------------------


def _auth_type(connection: ConnectionFacts) -> AuthType:
    try:
        return AUTH_TYPES[connection.auth_type]
    except KeyError as error:
        raise ConfigurationError(_("The connection's way of authentication is not known here.")) from error


def _proof(auth_type: AuthType, connection: ConnectionFacts, purpose: CallPurpose) -> dict[str, str]:
    if connection.secret == UNREADABLE:
        raise ConfigurationError(_("The connection's key cannot be decrypted. Enter it again."), code="key_unreadable")
    headers = auth_type.headers(connection.secret, connection.auth_options, _who(auth_type, connection, purpose))
    key_header = kinds.of(connection).key_header
    if key_header and auth_type.presents_key and connection.secret:
        return {key_header: connection.secret}
    return headers


def _who(auth_type: AuthType, connection: ConnectionFacts, purpose: CallPurpose) -> Who:
    caller = purpose.get("caller")
    if caller is None or not auth_type.needs_user:
        return NOBODY
    return Who(
        user_id=caller.user_id,
        credential=caller.credential,
        cookies=allowed_cookies(purpose.get("cookies") or {}, connection.forward_cookies),
        oauth_token=partial(oauth.token_for, caller.user_id),
    )


# --- cookies ----------------------------------------------------------------------------------------------------------


def allowed_cookies(cookies: Mapping[str, str], rule: str) -> dict[str, str]:
    """The cookies that a connection's rule lets through: `none`, `others` (all but this site's own), `all`."""
    if rule == "all":
        return dict(cookies)
    if rule == "none":
        return {}
    own = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, "messages"}
    return {name: value for name, value in cookies.items() if name not in own}


def cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{plain(name)}={plain(value)}" for name, value in cookies.items())


# --- who is asking ----------------------------------------------------------------------------------------------------


def _attribution(kind: kinds.ConnectionKind) -> dict[str, str]:
    """What the provider is told about this site; settings that are empty are left out."""
    return {name: plain(value) for name, setting in kind.attribution if (value := getattr(settings, setting))}


def _person(caller: Caller, chat_id: str) -> dict[str, str]:
    """The documented user headers, or one token that says the same and cannot be forged."""
    prefix = settings.FORWARD_USER_INFO_HEADER_PREFIX
    if settings.FORWARD_USER_INFO_HEADER_JWT_SECRET:
        headers = {f"{prefix}User-Jwt": _signed(caller)}
    else:
        headers = {
            f"{prefix}User-Name": quote(caller.name, safe=" "),
            f"{prefix}User-Id": str(caller.user_id),
            f"{prefix}User-Email": plain(caller.email),
            f"{prefix}User-Role": caller.role,
        }
    if chat_id:
        headers[f"{prefix}Chat-Id"] = plain(chat_id)
    return headers


def _signed(caller: Caller) -> str:
    now = int(time.time())
    claims = {
        "sub": str(caller.user_id),
        "email": caller.email,
        "name": caller.name,
        "role": caller.role,
        "iss": settings.SITE_URL or settings.SITE_NAME,
        "iat": now,
        "exp": now + JWT_SECONDS,
    }
    return jwt.encode(claims, settings.FORWARD_USER_INFO_HEADER_JWT_SECRET, algorithm="HS256")


# --- the administrator's own ------------------------------------------------------------------------------------------


def _variables(purpose: CallPurpose) -> dict[str, str]:
    caller = purpose.get("caller")
    person = (
        {
            "USER_ID": str(caller.user_id),
            "USER_NAME": caller.name,
            "USER_EMAIL": caller.email,
            "USER_ROLE": caller.role,
            "USER_GROUPS": ",".join(caller.group_names),
        }
        if caller is not None
        else {}
    )
    ids = {name.upper(): str(purpose.get(name, "")) for name in ("chat_id", "message_id", "model_id")}
    return {**person, **ids}


KNOWN_VARIABLES = frozenset(
    {"USER_ID", "USER_NAME", "USER_EMAIL", "USER_ROLE", "USER_GROUPS", "CHAT_ID", "MESSAGE_ID", "MODEL_ID"}
)


def _add_own(headers: dict[str, str], own: Mapping[str, str], variables: Mapping[str, str]) -> None:
    """Put the connection's headers over ours, whatever the case of their names; unknown variables stay."""

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        return plain(variables.get(name, "")) if name in KNOWN_VARIABLES else match[0]

    for name, template in own.items():
        for existing in [key for key in headers if key.lower() == name.lower()]:
            del headers[existing]
        headers[name] = plain(_VARIABLE.sub(value_of, str(template)))


def plain(value: str) -> str:
    """A text that can stand in a header: what is not printable ASCII is percent-encoded (UTF-8), line ends included."""
    return value if value.isascii() and value.isprintable() else quote(value, safe=_PRINTABLE)
