"""The key pair by which push services know this site, and messages that only a device can read.

https://www.rfc-editor.org/rfc/rfc8291 (encryption) and https://www.rfc-editor.org/rfc/rfc8292 (VAPID).
"""

import base64
import binascii
import os
import time
from typing import Any

import http_ece
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.db import IntegrityError, transaction

from chat.models import PushKey
from providers.http.policy import origin

TOKEN_SECONDS = 12 * 3600  # at most a day
UNCOMPRESSED = serialization.PublicFormat.UncompressedPoint


def key_pair() -> PushKey:
    """The row; made at the first call, once for all processes."""
    row = PushKey.objects.filter(pk=1).first()
    if row is not None:
        return row
    private = ec.generate_private_key(ec.SECP256R1())
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    try:
        with transaction.atomic():
            return PushKey.objects.create(pk=1, private=text.decode(), public=encoded(_point(private)))
    except IntegrityError:  # another process was quicker
        return PushKey.objects.get(pk=1)


def authorization(row: PushKey, endpoint: str) -> str:
    """The header that proves to the service of `endpoint` that this site sends."""
    claims = {"aud": _audience(endpoint), "exp": int(time.time()) + TOKEN_SECONDS, "sub": _contact()}
    return f"vapid t={jwt.encode(claims, row.private, algorithm='ES256')}, k={row.public}"


def sealed(content: bytes, *, public: str, auth: str) -> bytes:
    """The content encrypted for a device. Raises ValueError for keys that are none."""
    sealed_content: bytes = http_ece.encrypt(
        content,
        salt=os.urandom(16),
        private_key=ec.generate_private_key(ec.SECP256R1()),
        dh=decoded(public),
        auth_secret=decoded(auth),
        version="aes128gcm",
    )
    return sealed_content


def are_keys(public: str, auth: str) -> bool:
    """Whether a message can be encrypted with these keys of a device."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decoded(public))
        return len(decoded(auth)) == 16
    except ValueError:
        return False


def decoded(text: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64url") from error


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def _point(private: Any) -> bytes:
    point: bytes = private.public_key().public_bytes(serialization.Encoding.X962, UNCOMPRESSED)
    return point


def _audience(endpoint: str) -> str:
    """The origin as browsers write it: without the usual port."""
    whole = origin(endpoint)
    return whole.removesuffix(":443") if whole.startswith("https:") else whole.removesuffix(":80")


def _contact() -> str:
    """Whom a push service may write to when something is wrong with what this site sends."""
    site = origin(settings.SITE_URL or "")
    return _audience(site) if site.startswith("https:") else f"mailto:{settings.DEFAULT_FROM_EMAIL}"
