"""The headers of every call to a provider: authentication, attribution, user headers, custom headers.

Model lists, checks, chats and speech all use `headers_for`, so they cannot differ.
"""

import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypedDict, Unpack
from urllib.parse import quote

import jwt
from django.conf import settings

from providers.auth import AUTH_TYPES, NOBODY, AuthType, CallerIdentity
from providers.errors import ConfigurationError
from providers.facts import Caller, ConnectionFacts
from providers.fields import UNREADABLE
from providers.http import Secrets, secrets_of
from providers.http.redaction import credential_in
from providers.process import waiting
from providers.sentences import sentence as _
from providers.upstream import kinds
from providers.upstream.header_templates import VARIABLE, VARIABLES, is_template, with_custom

JWT_SECONDS = 300
# Printable ASCII stays as it is. Anything else could end a header or be read differently by servers: it is quoted.
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))


class CallPurpose(TypedDict, total=False):
    """The facts about a call for its headers; every member is optional."""

    accept: str
    content_type: str  # of the body, by default JSON; empty: whoever sends the body says it, as forms need it
    caller: Caller | None
    chat_id: str
    message_id: str
    model_id: str
    cookies: Mapping[str, str] | None  # the request's own, unfiltered
    lists: bool  # the call asks for the list of models
    forwarded: Mapping[str, str]  # the client's own headers for the provider, names in lower case


async def headers_for(connection: ConnectionFacts, **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """The headers of one call. Raises ConfigurationError where the connection has no usable credential.

    Auth types that block run in a thread.
    """
    auth_type = _auth_type(connection)
    authenticate = partial(_auth_headers, auth_type, connection, purpose)
    auth_headers = await waiting.in_own_thread(authenticate) if auth_type.blocking else authenticate()
    return _assemble(connection, auth_headers, purpose)


def headers_for_blocking(connection: ConnectionFacts, **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """`headers_for` for threads."""
    return _assemble(connection, _auth_headers(_auth_type(connection), connection, purpose), purpose)


def are_constant(connection: ConnectionFacts) -> bool:
    """Whether calls have the same headers, unless the site forwards facts about their callers, or cookies."""
    auth_type = AUTH_TYPES.get(connection.auth_type)
    if auth_type is None or auth_type.blocking or auth_type.needs_user:
        return False
    return not any(VARIABLE.search(str(value)) for value in connection.headers.values())


def _assemble(connection: ConnectionFacts, auth_headers: Mapping[str, str], purpose: CallPurpose) -> dict[str, str]:
    cookies = purpose.get("cookies")
    content_type = purpose.get("content_type", "application/json")
    own = {"Content-Type": content_type} if content_type else {}
    kind = kinds.of(connection)
    headers = {**own, "Accept": purpose.get("accept", "application/json"), **auth_headers, **dict(kind.headers)}
    headers.update(purpose.get("forwarded", {}))
    headers.update(attribution(connection.base_url, lambda: connection.site_url, lambda: connection.site_name))
    headers.update(user_headers(lambda: connection.site_name, **purpose))
    if cookies and connection.forward_cookies != "none":
        headers["Cookie"] = cookie_header(allowed_cookies(cookies, connection.forward_cookies))
    if connection.headers:
        headers = with_custom(headers, filled(connection.headers, **purpose))
    return headers


def secrets_in(connection: ConnectionFacts, headers: Mapping[str, str]) -> Secrets:
    """The secrets of a call with these headers, which its server may quote: key, tokens, cookies, custom values."""
    keys = [connection.secret]
    for name, value in headers.items():
        if credential := credential_in(name, value):
            keys.append(credential)
        elif name == "Cookie":
            keys += [pair.partition("=")[2] for pair in value.split("; ")]
        elif name.endswith("User-Jwt"):
            keys.append(value)
    if not connection.headers:
        return secrets_of(keys, (), connection.base_url)
    custom = {name.lower() for name, value in connection.headers.items() if not is_template(value)}
    own = [(name, value) for name, value in headers.items() if name.lower() in custom]
    return secrets_of(keys, own, connection.base_url)


# --- authentication ---------------------------------------------------------------------------------------------------


def _auth_type(connection: ConnectionFacts) -> AuthType:
    try:
        return AUTH_TYPES[connection.auth_type]
    except KeyError as error:
        raise ConfigurationError(
            _("The connection's authentication type is unknown. Choose another one in its settings.")
        ) from error


def _auth_headers(auth_type: AuthType, connection: ConnectionFacts, purpose: CallPurpose) -> dict[str, str]:
    if connection.secret == UNREADABLE:
        raise ConfigurationError(_("The connection's key cannot be decrypted. Enter it again."), code="key_unreadable")
    if UNREADABLE in connection.headers:
        raise ConfigurationError(
            _("The connection's headers cannot be decrypted. Enter them again."), code="headers_unreadable"
        )
    headers = auth_type.headers(connection.secret, connection.auth_options, _identity(auth_type, connection, purpose))
    kind = kinds.of(connection)
    key_header = (kind.list_key_header if purpose.get("lists") else "") or kind.key_header
    if key_header and auth_type.presents_key and connection.secret:
        return {key_header: connection.secret}
    return headers


def _identity(auth_type: AuthType, connection: ConnectionFacts, purpose: CallPurpose) -> CallerIdentity:
    caller = purpose.get("caller")
    if caller is None or not auth_type.needs_user:
        return NOBODY
    return CallerIdentity(
        user_id=caller.user_id,
        credential=caller.token() if caller.token else "",
        cookies=allowed_cookies(purpose.get("cookies") or {}, connection.forward_cookies),
        oauth_token=caller.oauth_token,
    )


# --- cookies ----------------------------------------------------------------------------------------------------------


def allowed_cookies(cookies: Mapping[str, str], rule: str) -> dict[str, str]:
    """The cookies that a connection's rule forwards: none with `none`, else all but this site's own."""
    if rule == "none":
        return {}
    own = {settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME, settings.LANGUAGE_COOKIE_NAME, "messages"}
    return {name: value for name, value in cookies.items() if name not in own}


def cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{plain(name)}={plain(value)}" for name, value in cookies.items())


# --- attribution and user headers -------------------------------------------------------------------------------------


def attribution(base_url: str, site_url: Callable[[], str], site_name: Callable[[], str]) -> dict[str, str]:
    """The headers that name this site to the provider at an address, if it takes any; what nobody knows is left out."""
    owner, site = kinds.at(base_url), {"url": site_url, "name": site_name}
    named = ((name, site[fact]()) for name, fact in (owner.attribution if owner is not None else ()))
    return {name: plain(value) for name, value in named if value}


def user_headers(site_name: Callable[[], str], **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """The headers about the caller, or one signed token with the same content, where the site sends them.

    `site_name` is called where the token needs it.
    docs/upstreams/compatibility.md, “User headers”.
    """
    caller = purpose.get("caller")
    if caller is None or not settings.ENABLE_FORWARD_USER_INFO_HEADERS:
        return {}
    prefix = settings.FORWARD_USER_INFO_HEADER_PREFIX
    if settings.FORWARD_USER_INFO_HEADER_JWT_SECRET:
        headers = {f"{prefix}User-Jwt": _signed(caller, settings.SITE_URL or site_name())}
    else:
        headers = {
            f"{prefix}User-Name": quote(caller.name, safe=" "),
            f"{prefix}User-Id": str(caller.user_id),
            f"{prefix}User-Email": plain(caller.email),
            f"{prefix}User-Role": caller.role,
        }
    for name in ("chat_id", "message_id"):
        if value := str(purpose.get(name, "")):
            headers[prefix + name.replace("_", "-").title()] = plain(value)
    return headers


def _signed(caller: Caller, issuer: str) -> str:
    now = int(time.time())
    claims = {
        "sub": str(caller.user_id),
        "email": caller.email,
        "name": caller.name,
        "role": caller.role,
        "iss": issuer,
        "iat": now,
        "exp": now + JWT_SECONDS,
    }
    return jwt.encode(claims, settings.FORWARD_USER_INFO_HEADER_JWT_SECRET, algorithm="HS256")


# --- custom headers ---------------------------------------------------------------------------------------------------


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


def filled(custom: Mapping[str, str], **purpose: Unpack[CallPurpose]) -> dict[str, str]:
    """Custom headers with the values of this call. Unknown variables stay as they are."""
    variables = _variables(purpose)

    def value_of(match: re.Match[str]) -> str:
        name = match[1]
        return plain(variables.get(name, "")) if name in VARIABLES else match[0]

    return {name: plain(VARIABLE.sub(value_of, str(template))) for name, template in custom.items()}


def plain(value: str) -> str:
    """A text as a header can hold it: all but printable ASCII is percent-encoded as UTF-8, line ends too."""
    return value if value.isascii() and value.isprintable() else quote(value, safe=_PRINTABLE)
