"""Verifies ID tokens before anybody is signed in, as in OpenID Connect Core 1.0, 3.1.3.7.

https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation
"""

from collections.abc import Mapping
from typing import Any

import jwt
from django.utils.crypto import constant_time_compare

# Asymmetric signatures only. `none` proves nothing, and with HMAC a forger could use a public key as the secret.
ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K", "EdDSA"}
)
CLOCK_SECONDS = 60.0  # the difference between the provider's clock and ours that is tolerated
REQUIRED = ("iss", "sub", "aud", "exp", "iat")
SUBJECT_LENGTH = 191  # characters; the width of the column
MOST_KEYS = 100


class IdTokenRefused(Exception):
    """The token does not prove who signed in. The message says why and quotes nothing from the token."""


def verified_claims(
    token: object, keys: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The claims of a token, once its signature, issuer, audience, times, subject and nonce have been verified.

    `keys` is the provider's key set (RFC 7517), `nonce` the one sent with the request. Raises IdTokenRefused.
    """
    if not isinstance(token, str) or not token:
        raise IdTokenRefused("there is none")
    claims = _signed(token, keys, issuer=issuer, client_id=client_id)
    subject = claims["sub"]
    if not isinstance(subject, str) or not 0 < len(subject) <= SUBJECT_LENGTH or not subject.isprintable():
        raise IdTokenRefused("the subject is no text of a fitting length")
    authorized = claims.get("azp")
    if authorized is None and isinstance(claims["aud"], list) and len(claims["aud"]) > 1:
        raise IdTokenRefused("several audiences and no authorized party")
    if authorized is not None and authorized != client_id:
        raise IdTokenRefused("another client is the authorized party")
    if not constant_time_compare(str(claims.get("nonce", "")), nonce):
        raise IdTokenRefused("the nonce is not that of this sign-in")
    return claims


def _signed(token: str, keys: Mapping[str, Any], *, issuer: str, client_id: str) -> dict[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as error:
        raise IdTokenRefused("it cannot be read") from error
    algorithm = header.get("alg")
    if algorithm not in ALGORITHMS:
        raise IdTokenRefused("its algorithm is not allowed")
    if "crit" in header:
        raise IdTokenRefused("it asks for extensions")
    for key in _fitting(keys, algorithm, header.get("kid")):
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key,
                algorithms=[algorithm],
                issuer=issuer,
                audience=client_id,
                leeway=CLOCK_SECONDS,
                options={"require": list(REQUIRED)},
            )
        except jwt.InvalidSignatureError:
            continue  # while a provider changes its keys, two may have the same id
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise IdTokenRefused(type(error).__name__) from error
        return claims
    raise IdTokenRefused("no key of the provider made its signature")


def _fitting(keys: Mapping[str, Any], algorithm: str, key_id: object) -> list[jwt.PyJWK]:
    """The provider's keys with which the signature can be checked."""
    listed = keys.get("keys")
    fitting = []
    for key in listed[:MOST_KEYS] if isinstance(listed, list) else []:
        if not isinstance(key, dict) or key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
            continue
        if key_id is not None and key.get("kid", key_id) != key_id:
            continue
        try:
            fitting.append(jwt.PyJWK(key, algorithm=algorithm))
        except (jwt.PyJWTError, ValueError, TypeError):
            continue  # of another kind or unreadable: the other keys may still be good
    return fitting
