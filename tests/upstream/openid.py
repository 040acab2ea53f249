"""An OpenID provider: discovery, authorization, token, userinfo, keys, at `upstream.origin`.

In a test::

    upstream.openid.person = {"sub": "u1", "email": "ada@example.com", "email_verified": True, "name": "Ada"}
    upstream.openid.settings("/accounts/oidc/")      # SOCIALACCOUNT_PROVIDERS for this provider
    back = upstream.openid.authorize(location)       # what the browser is sent back to

and to let it lie::

    upstream.openid.claims = {"nonce": "another"}    # put over those of the ID token; None takes one away
    upstream.openid.told = {"sub": "u2"}             # put over the userinfo
    upstream.openid.sign = unsigned                  # (claims, header) → the ID token as text
    upstream.openid.keys = [...]                     # the key set instead of its own
"""

import time
import uuid
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.upstream.core import Protocol, Received
from tests.upstream.replies import Reply, in_json

CLIENT, SECRET = "webui", "the-client-secret"


@lru_cache(maxsize=4)
def key_pair(name: str) -> rsa.RSAPrivateKey:
    """The private key of this name, the same for the whole run."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_key(name: str, **more: Any) -> dict[str, Any]:
    """Its public half as a key set lists it."""
    listed = jwt.algorithms.RSAAlgorithm.to_jwk(key_pair(name).public_key(), as_dict=True)
    return {**listed, "kid": name, "use": "sig", "alg": "RS256", **more}


def signed(claims: dict[str, Any], *, key: str = "first", algorithm: str = "RS256", **header: Any) -> str:
    return jwt.encode(claims, key_pair(key), algorithm=algorithm, headers={"kid": key, **header})


class OpenId(Protocol):
    routes: ClassVar = [
        ("GET", r"/\.well-known/openid-configuration", "describe"),
        ("GET", r"/openid/jwks", "list_keys"),
        ("GET", r"/openid/userinfo", "tell"),
        ("POST", r"/openid/token", "give"),
    ]

    def __init__(self, upstream: Any) -> None:
        super().__init__(upstream)
        self.person: dict[str, Any] = {"sub": "u1", "email": "ada@example.com", "email_verified": True, "name": "Ada"}
        self.claims: dict[str, Any] = {}
        self.told: dict[str, Any] = {}
        self.description: dict[str, Any] = {}
        self.keys: Any = [public_key("first")]
        self.sign: Any = signed
        self.nonces: dict[str, str] = {}  # by code

    def settings(self, **app: Any) -> dict[str, Any]:
        """SOCIALACCOUNT_PROVIDERS of a site that signs in here."""
        app_settings = {"server_url": self.upstream.origin, "scope": ["openid", "email", "profile"], **app}
        entry = {"provider_id": "oidc", "name": "SSO", "client_id": CLIENT, "secret": SECRET, "settings": app_settings}
        return {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [entry]}}

    def authorize(self, location: str) -> str:
        """The person agrees: the path with which the browser comes back from this authorization request."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = uuid.uuid4().hex
        self.nonces[code] = asked.get("nonce", "")
        return f"{urlsplit(asked['redirect_uri']).path}?{urlencode({'code': code, 'state': asked['state']})}"

    def describe(self, received: Received) -> Reply:
        origin = self.upstream.origin
        return in_json(
            {
                "issuer": origin,
                "authorization_endpoint": f"{origin}/openid/authorize",
                "token_endpoint": f"{origin}/openid/token",
                "userinfo_endpoint": f"{origin}/openid/userinfo",
                "jwks_uri": f"{origin}/openid/jwks",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                **self.description,
            }
        )

    def list_keys(self, received: Received) -> Reply:
        return in_json({"keys": self.keys})

    def give(self, received: Received) -> Reply:
        form = {name: values[0] for name, values in parse_qs(received.body.decode()).items()}
        now = int(time.time())
        claims = {
            "iss": self.upstream.origin,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonces.pop(form["code"]),
            **self.person,
            **self.claims,
        }
        token = self.sign({name: value for name, value in claims.items() if value is not None})
        answer = {"access_token": "access-1", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh-1"}
        return in_json(answer | ({"id_token": token} if token else {}))

    def tell(self, received: Received) -> Reply:
        told = {**self.person, **self.told}
        return in_json({name: value for name, value in told.items() if value is not None})
