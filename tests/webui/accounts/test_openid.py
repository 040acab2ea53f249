"""Sign-in through an OpenID provider: verification of its answer, and the account it opens."""

import base64
import json
import time

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.sessions.models import Session

from providers.models import SignIn
from tests.people import PASSWORD, make_user
from tests.upstream import in_html, in_json
from tests.upstream.dripping import DRIPPING
from tests.upstream.openid import public_key, signed
from tests.webui.accounts.sign_in import come_in, signed_in
from webui.models import User

pytestmark = pytest.mark.django_db
LINK = "/accounts/link/"


def test_whoever_the_provider_lets_in_gets_an_account(client, openid):
    assert come_in(client, openid)["Location"] == "/"
    assert (signed_in(client).email, signed_in(client).name) == ("ada@example.com", "Ada")
    assert SignIn.objects.get().token == "access-1"


def test_the_same_person_comes_back_to_the_same_account(client, openid):
    come_in(client, openid)
    client.logout()
    openid.person["email"] = "ada@elsewhere.example"
    come_in(client, openid)
    assert User.objects.count() == 1
    assert signed_in(client).email == "ada@example.com"


# --- what proves nothing ---


def unsigned(claims, **header):
    return jwt.encode(claims, None, algorithm="none", headers={"kid": "first", **header})


def with_another_signature(claims):
    head, body, _signature = signed(claims).split(".")
    return f"{head}.{body}.{signed({**claims, 'sub': 'x'}).split('.')[2]}"


def with_a_changed_body(claims):
    head, _body, signature = signed({**claims, "sub": "x"}).split(".")
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def with_the_public_key_as_secret(claims):
    return jwt.encode(claims, json.dumps(public_key("first")), algorithm="HS256", headers={"kid": "first"})


def with_the_client_secret(claims):
    return jwt.encode(claims, "the-client-secret" * 3, algorithm="HS256")


SIGNATURES = {
    "none": unsigned,
    "another signature": with_another_signature,
    "a changed body": with_a_changed_body,
    "the public key as secret": with_the_public_key_as_secret,
    "the client's secret": with_the_client_secret,
    "a key that is not the provider's": lambda claims: signed(claims, key="second"),
    "that key under the name of the right one": lambda claims: signed(claims, key="second", kid="first"),
    "an algorithm that the key is not for": lambda claims: signed(claims, algorithm="RS512"),
    "extensions": lambda claims: signed(claims, crit=["b64"], b64=False),
    "no token": lambda claims: "",
    "no JWT": lambda claims: "token",
    "a number": lambda claims: 7,
}
CLAIMS = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "another"},
    "no audience": {"aud": None},
    "several audiences without a party": {"aud": ["webui", "another"]},
    "another party": {"aud": ["webui", "another"], "azp": "another"},
    "another issuer": {"iss": "https://elsewhere.example"},
    "no issuer": {"iss": None},
    "a past end": {"exp": int(time.time()) - 3600},
    "no end": {"exp": None},
    "no beginning": {"iat": None},
    "a beginning in the future": {"iat": int(time.time()) + 3600},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a number as subject": {"sub": 1},
    "a subject with NUL": {"sub": "u\0"},
    "a subject without end": {"sub": "u" * 5000},
}
TOLD = {"another's": {"sub": "u2"}, "nobody's": {"sub": None}, "that of a number": {"sub": 1}}
KEYS = {
    "none": [],
    "no list": {"first": 1},
    "no objects": ["first"],
    "a key to encrypt": [public_key("first", use="enc")],
    "a key for another algorithm": [public_key("first", alg="PS256")],
    "a secret": [{"kty": "oct", "k": "c2VjcmV0", "kid": "first", "alg": "RS256"}],
}
LIES = [
    *[(f"signature: {name}", "sign", value) for name, value in SIGNATURES.items()],
    *[(f"claims: {name}", "claims", value) for name, value in CLAIMS.items()],
    *[(f"userinfo: {name}", "told", value) for name, value in TOLD.items()],
    *[(f"keys: {name}", "keys", value) for name, value in KEYS.items()],
]


@pytest.mark.parametrize(("part", "value"), [lie[1:] for lie in LIES], ids=[lie[0] for lie in LIES])
def test_an_answer_that_proves_nothing_signs_nobody_in(client, openid, part, value):
    known = make_user("Ada")
    SocialAccount.objects.create(user=known, provider="oidc", uid="u1")
    setattr(openid, part, value)
    answer = come_in(client, openid)
    assert answer.status_code == 401
    assert "Signing in did not work" in answer.content.decode()
    assert signed_in(client) is None
    assert User.objects.count() == 1


def test_an_answer_to_another_sign_in_signs_nobody_in(client, openid):
    """An attacker's code is put into one's own sign-in."""
    theirs = openid.authorize(client.post("/accounts/oidc/oidc/login/")["Location"])
    own = openid.authorize(client.post("/accounts/oidc/oidc/login/")["Location"])
    code, state = theirs.partition("code=")[2].partition("&")[0], own.partition("state=")[2]
    answer = client.get(f"/accounts/oidc/oidc/login/callback/?code={code}&state={state}")
    assert answer.status_code == 401
    assert signed_in(client) is None


BROKEN = {
    "an error": in_html(500),
    "no JSON": in_html(200),
    "a list": in_json([1]),
    "nothing of use": in_json({"x": 1}),
    "wrong types": in_json({"access_token": ["a"], "expires_in": "soon", "id_token": 1}),
}


@pytest.mark.parametrize("path", ["/openid/token", "/openid/userinfo", "/openid/jwks"])
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_an_answer_that_cannot_be_read_is_a_page_with_words(client, upstream, openid, path, answer):
    upstream.always(answer, path=path)
    assert come_in(client, openid).status_code == 401
    assert signed_in(client) is None


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_a_description_that_cannot_be_read_is_a_page_with_words(client, upstream, openid, answer):
    upstream.always(answer, path="/.well-known/openid-configuration")
    assert client.post("/accounts/oidc/oidc/login/").status_code == 502


@pytest.mark.parametrize(
    "claims",
    [
        lambda now: {"aud": ["webui"]},
        lambda now: {"aud": ["webui", "another"], "azp": "webui"},
        lambda now: {"exp": now - 20},
    ],
    ids=["a list of one audience", "several with the party", "clocks that differ a little"],
)
def test_what_the_standard_allows_signs_in(client, openid, claims):
    openid.claims = claims(int(time.time()))
    come_in(client, openid)
    assert signed_in(client) is not None


def test_a_key_set_without_names_is_searched(client, openid):
    nameless = public_key("first")
    del nameless["kid"], nameless["alg"], nameless["use"]
    openid.keys = [public_key("second"), nameless]
    come_in(client, openid)
    assert signed_in(client) is not None


def test_an_address_cannot_change_what_is_asked_of_the_provider(client, openid):
    more = "?scope=everything&auth_params=nonce%3D1%26redirect_uri%3Dhttps%3A%2F%2Fevil.example"
    location = client.post(f"/accounts/oidc/oidc/login/{more}")["Location"]
    assert "everything" not in location
    assert "evil" not in location
    assert "nonce=1&" not in location


def test_texts_of_any_size_and_kind_make_no_error(client, openid):
    openid.person |= {
        "name": ["Ada"],
        "given_name": "A\0" * 5000,
        "preferred_username": {"x": 1},
        "picture": "p" * 9000,
    }
    come_in(client, openid)
    assert len(signed_in(client).name) <= 150


# --- whose account ---

NOT_TRUE = ["false", "no", "true", "True", "1", 1, 1.0, {"value": True}, [True], None, False, ""]


@pytest.mark.parametrize("value", NOT_TRUE, ids=repr)
def test_only_true_verifies_an_address(client, openid, settings, value):
    settings.OAUTH_MERGE_ACCOUNTS_BY_EMAIL = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
    make_user("Ada", admin=True)
    openid.person["email_verified"] = value
    assert come_in(client, openid)["Location"] == LINK
    assert signed_in(client) is None
    assert not SocialAccount.objects.exists()


@pytest.mark.parametrize(("value", "verified"), [("true", True), ("True", False), ("false", False), (1, False)])
def test_the_text_true_verifies_behind_its_switch(client, openid, settings, value, verified):
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
    settings.OAUTH_EMAIL_VERIFIED_AS_TEXT = True
    ada = make_user("Ada")
    openid.person["email_verified"] = value
    come_in(client, openid)
    assert signed_in(client) == (ada if verified else None)


def test_the_word_for_one_address_does_not_verify_another(client, openid, settings):
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
    make_user("Ada")
    openid.claims = {"email": "mine@example.com", "email_verified": True}
    openid.told = {"email": "ada@example.com", "email_verified": None}
    come_in(client, openid)
    assert signed_in(client) is None


@pytest.mark.parametrize(("merge", "opens"), [(True, True), (False, False)])
def test_a_verified_address_opens_an_account_where_the_setting_says_so(client, openid, settings, merge, opens):
    settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION = settings.SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = merge
    ada = make_user("Ada")
    come_in(client, openid)
    assert signed_in(client) == (ada if opens else None)


@pytest.mark.parametrize("address", ["ada@example.com", "Ada@Example.COM"])
@pytest.mark.parametrize("verified", [True, False])
def test_the_password_joins_account_and_sign_in_once(client, openid, address, verified):
    ada = make_user("Ada")
    openid.person |= {"email": address, "email_verified": verified}
    assert come_in(client, openid, next="/settings/keys")["Location"] == LINK
    assert "ada@example.com" in client.get(LINK).content.decode()
    assert "Incorrect password" in client.post(LINK, {"password": "wrong"}).content.decode()
    assert signed_in(client) is None
    assert client.post(LINK, {"password": PASSWORD})["Location"] == "/settings/keys"
    assert signed_in(client) == ada
    client.logout()
    come_in(client, openid)
    assert signed_in(client) == ada
    assert client.get(LINK)["Location"] == "/accounts/login/"


def test_the_password_is_tried_no_more_often_than_at_sign_in(client, openid):
    make_user("Ada")
    come_in(client, openid)
    for _ in range(10):
        client.post(LINK, {"password": "wrong"})
    assert "Too many" in client.post(LINK, {"password": PASSWORD}).content.decode()
    assert not SocialAccount.objects.exists()


def test_an_account_that_is_switched_off_is_not_joined(client, openid):
    make_user("Ada", is_active=False)
    come_in(client, openid)
    assert client.post(LINK, {"password": PASSWORD})["Location"] == "/accounts/inactive/"
    assert not SocialAccount.objects.exists()


def test_a_sign_in_that_waits_keeps_its_tokens_encrypted(client, openid):
    make_user("Ada")
    come_in(client, openid)
    stored = Session.objects.get().get_decoded()
    assert "sign_in_to_link" in stored
    assert "access-1" not in json.dumps(stored)
    assert "refresh-1" not in json.dumps(stored)
    client.post(LINK, {"password": PASSWORD})
    assert SignIn.objects.get().token == "access-1"


def test_nothing_waits_in_a_browser_that_was_not_at_the_provider(client, openid):
    make_user("Ada")
    assert client.get(LINK)["Location"] == "/accounts/login/"
    assert client.post(LINK, {"password": PASSWORD})["Location"] == "/accounts/login/"


@pytest.mark.parametrize("name", ["a header", "JSON"])
def test_a_provider_that_drips_is_waited_for_only_so_long(client, openid, upstream, monkeypatch, name):
    monkeypatch.setattr("webui.accounts.adapter.app_settings.REQUESTS_TIMEOUT", 0.5, raising=False)
    upstream.always(DRIPPING[name](), path="/.well-known/openid-configuration")
    away = client.post("/accounts/oidc/oidc/login/")
    assert away.status_code == 502
