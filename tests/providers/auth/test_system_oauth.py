"""The auth type `system_oauth`: the session's token is stored, renewed once before it expires, deleted at sign-out."""

import json
import threading
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.fernet import Fernet
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from providers import sign_ins
from providers.auth import AUTH_TYPES, NOBODY, CallerIdentity
from providers.errors import ConfigurationError, NetworkError, ProviderError
from providers.models import SignIn
from tests.people import make_user
from tests.upstream import Gate, in_html, in_json, unused_port

DESCRIPTION = "/.well-known/openid-configuration"


# --- the leaf ---


def test_the_stored_token_is_sent_on():
    assert AUTH_TYPES["system_oauth"].headers("", {}, CallerIdentity(user_id=1, oauth_token=lambda: "t")) == {
        "Authorization": "Bearer t"
    }


def test_nobody_is_a_clear_error():
    with pytest.raises(ConfigurationError) as caught:
        AUTH_TYPES["system_oauth"].headers("", {}, NOBODY)
    assert caught.value.code == "user_needed"


# --- the stored token ---


@pytest.fixture
def provider(upstream, settings):
    """A provider of which only the token endpoint matters: the scripted server."""
    settings.SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": "SSO",
                    "client_id": "webui",
                    "secret": "client-secret",
                    "settings": {"server_url": upstream.origin},
                }
            ]
        }
    }
    upstream.always(in_json({"token_endpoint": f"{upstream.origin}/token"}), path=DESCRIPTION)
    return upstream


def keep(user, *, seconds=3600, refresh="refresh-1", token="token-1"):
    account, _new = SocialAccount.objects.get_or_create(user=user, provider="oidc", uid=f"u{user.pk}")
    now = timezone.now()
    return SignIn.objects.create(
        account=account,
        token=token,
        refresh_token=refresh,
        expires_at=None if seconds is None else now + timedelta(seconds=seconds),
        session_ends=now + timedelta(days=30),
    )


def token_of(row):
    return sign_ins.token_for(row.account.user_id, row.pk)


def renewed(name="token-2", **more):
    return in_json({"access_token": name, "token_type": "Bearer", "expires_in": 3600, **more})


@pytest.mark.parametrize("seconds", [3600, None])
def test_a_token_that_lasts_is_used_as_it_is(alice, provider, seconds):
    row = keep(alice, seconds=seconds)
    assert token_of(row) == "token-1"
    assert not provider.history


def test_a_token_that_is_about_to_end_is_renewed_and_both_tokens_are_kept(alice, provider):
    row = keep(alice, seconds=30)
    provider.script(renewed(refresh_token="refresh-2"), path="/token")

    assert token_of(row) == "token-2"

    asked = provider.last
    assert asked.body == (
        b"grant_type=refresh_token&refresh_token=refresh-1&client_id=webui&client_secret=client-secret"
    )
    row.refresh_from_db()
    assert (row.token, row.refresh_token, row.renewing_until) == ("token-2", "refresh-2", None)
    assert row.expires_at > timezone.now() + timedelta(minutes=50)
    assert token_of(row) == "token-2"
    assert len(provider.asked("/token")) == 1


def test_a_provider_that_wants_its_client_in_the_header_gets_it_there(alice, provider):
    methods = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    provider.script(in_json({"token_endpoint": f"{provider.origin}/token", **methods}), path=DESCRIPTION)
    provider.script(renewed(), path="/token")
    row = keep(alice, seconds=-5)
    assert token_of(row) == "token-2"
    assert provider.last.headers["Authorization"].startswith("Basic ")
    assert b"client_secret" not in provider.last.body


def test_who_has_no_sign_in_never_gets_another_sessions_token(alice, provider):
    keep(alice)
    with pytest.raises(ConfigurationError) as caught:
        sign_ins.token_for(alice.pk, None)
    assert caught.value.code == "oauth_token_missing"


def test_the_sign_in_of_another_person_is_none(alice, bob, provider):
    row = keep(bob)
    with pytest.raises(ConfigurationError) as caught:
        sign_ins.token_for(alice.pk, row.pk)
    assert caught.value.code == "oauth_token_missing"


def test_a_token_that_has_ended_and_cannot_be_renewed_is_told_so(alice, bob, provider):
    row = keep(alice, seconds=-5, refresh="")
    with pytest.raises(ConfigurationError) as caught:
        token_of(row)
    assert caught.value.code == "oauth_token_ended"
    row = keep(bob, seconds=-5)
    provider.script(in_json({"error": "invalid_grant"}, 400), path="/token")
    with pytest.raises(ConfigurationError) as caught:
        token_of(row)
    assert caught.value.code == "oauth_token_ended"


def test_while_the_old_token_is_good_a_failed_renewal_goes_on_with_it(alice, provider):
    row = keep(alice, seconds=30)
    provider.always(in_html(503), path="/token")
    assert token_of(row) == "token-1"


@pytest.mark.parametrize("seconds", ["soon", [], -1, 10**400])
def test_a_lifetime_that_is_none_is_unknown(alice, provider, seconds):
    row = keep(alice, seconds=-5)
    provider.script(renewed(expires_in=seconds), path="/token")
    assert token_of(row) == "token-2"
    row.refresh_from_db()
    assert row.expires_at is None


@pytest.mark.parametrize("status", [200, 503])
def test_what_the_provider_quotes_of_its_secrets_is_told_to_nobody(alice, provider, status):
    row = keep(alice, seconds=-5)
    provider.always(in_json({"error": "client-secret and refresh-1 are wrong"}, status), path="/token")
    with pytest.raises(ProviderError) as caught:
        token_of(row)
    assert "client-secret" not in caught.value.full_message
    assert "refresh-1" not in caught.value.full_message
    assert "are wrong" in caught.value.full_message


@pytest.mark.parametrize("answer", [in_html(503), in_html(200), in_json([1]), in_json({"no": "token"})])
def test_an_answer_without_a_token_is_the_providers_fault(alice, provider, answer):
    row = keep(alice, seconds=-5)
    provider.script(answer, path="/token")
    with pytest.raises(ProviderError):
        token_of(row)


def test_a_provider_that_is_not_there_is_a_network_error(alice, provider, settings):
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    apps[0]["settings"]["server_url"] = f"http://127.0.0.1:{unused_port()}"
    row = keep(alice, seconds=-5)
    with pytest.raises(NetworkError):
        token_of(row)


def test_a_provider_that_is_no_longer_configured_is_said(alice, provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS = {}
    row = keep(alice, seconds=-5)
    with pytest.raises(ConfigurationError) as caught:
        token_of(row)
    assert caught.value.code == "oauth_not_configured"


def test_many_calls_at_once_renew_once(transactional_db, provider):
    alice = make_user("Alice")
    row = keep(alice, seconds=-5)
    gate = Gate()
    provider.script(renewed().with_(before=[gate]), path="/token")
    got = []
    threads = [threading.Thread(target=lambda: got.append(token_of(row))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.wait()
    gate.open()
    for thread in threads:
        thread.join()
    assert got == ["token-2"] * 8
    assert len(provider.asked("/token")) == 1


def test_another_process_that_renews_is_waited_for(transactional_db, provider):
    row = keep(make_user("Alice"), seconds=-5)
    later = timezone.now() + timedelta(hours=1)
    claimed = timezone.now() + timedelta(seconds=sign_ins.CLAIM_SECONDS)
    SignIn.objects.filter(pk=row.pk).update(renewing_until=claimed)  # by the other process
    got = []
    waiting = threading.Thread(target=lambda: got.append(token_of(row)))
    waiting.start()
    SignIn.objects.filter(pk=row.pk).update(token="token-9", expires_at=later, renewing_until=None)
    waiting.join(30)
    assert got == ["token-9"]
    assert not provider.history


def test_a_refresh_token_that_was_used_elsewhere_is_not_used_again(alice, provider, monkeypatch):
    row = keep(alice, seconds=-5)
    claim = sign_ins._claim

    def overtaken(old):
        monkeypatch.setattr(sign_ins, "_claim", claim)
        later = timezone.now() + timedelta(hours=1)
        SignIn.objects.filter(pk=row.pk).update(token="token-9", refresh_token="refresh-9", expires_at=later)
        return claim(old)

    monkeypatch.setattr(sign_ins, "_claim", overtaken)
    assert token_of(row) == "token-9"
    assert not provider.history


@pytest.mark.parametrize("away", [timedelta(seconds=-1), timedelta(days=2)], ids=["over", "by-a-clock-set-back-since"])
def test_a_claim_of_a_process_that_died_ends(alice, provider, away):
    row = keep(alice, seconds=-5)
    SignIn.objects.filter(pk=row.pk).update(renewing_until=timezone.now() + away)
    provider.script(renewed(), path="/token")
    assert token_of(row) == "token-2"


def test_a_session_that_ends_during_the_renewal_gets_no_token(alice, provider, monkeypatch):
    row = keep(alice, seconds=-5)
    provider.script(renewed(), path="/token")
    request = sign_ins._request_token
    monkeypatch.setattr(sign_ins, "_request_token", lambda *asked: (sign_ins.forget(row.pk), request(*asked))[1])
    with pytest.raises(ConfigurationError) as caught:
        token_of(row)
    assert caught.value.code == "oauth_token_missing"


# --- at rest ---


def test_tokens_are_encrypted_in_the_database(alice):
    row = keep(alice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT token, refresh_token FROM providers_signin WHERE id = %s", [row.pk])
        stored = cursor.fetchone()
    assert not {"token-1", "refresh-1"} & set(stored)
    row.refresh_from_db()
    assert (row.token, row.refresh_token) == ("token-1", "refresh-1")


def test_tokens_of_accounts_from_before_are_encrypted_then_deleted(alice):
    account = keep(alice).account
    row = SocialToken.objects.create(account=account, token="plain-1", token_secret="plain-2")
    other = SocialAccount.objects.create(user=alice, provider="oidc", uid="another")
    bare = SocialToken.objects.create(account=other, token="plain-3")
    migration = import_module("providers.migrations.0009_sealed_sign_in_tokens")
    state, editor = MigrationExecutor(connection).loader.project_state().apps, SimpleNamespace(connection=connection)

    migration.seal(state, editor)
    row.refresh_from_db(), bare.refresh_from_db()
    assert not {"plain-1", "plain-2", "plain-3"} & {row.token, row.token_secret, bare.token}
    assert bare.token_secret == ""
    migration.unseal(state, editor)
    row.refresh_from_db()
    assert (row.token, row.token_secret) == ("plain-1", "plain-2")

    import_module("providers.migrations.0019_sign_ins").delete_tokens_of_accounts(state, editor)
    assert not SocialToken.objects.exists()


def test_a_token_that_no_key_reads_has_ended(alice, provider, settings):
    row = keep(alice)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ConfigurationError) as caught:
        token_of(row)
    assert caught.value.code == "oauth_token_ended"


# --- a real provider, a real sign-in ---


def sign_in(site, openid, name):
    """A browser that signs in at the site through the provider."""
    browser = requests.Session()
    browser.get(f"{site.url}/accounts/login/")
    form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    page = browser.post(f"{site.url}/accounts/oidc/oidc/login/", data=form, headers={"Referer": site.url})
    page = openid.sign_in(browser, page, name)
    assert page.url.startswith(site.url), page.text[:500]
    assert "sessionid" in browser.cookies
    browser.headers.update({"X-CSRFToken": browser.cookies["csrftoken"], "Referer": site.url})
    return browser


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_person_who_signed_in_through_openid_is_known_to_the_provider_behind(
    server_process, start_openid, upstream, method
):
    installation = server_process(env={})
    redirect = f"{installation.url}/accounts/oidc/oidc/login/callback/"
    openid = start_openid(redirect=redirect, seconds=30, method=method)  # shorter than we like: renewed at every call
    installation.env |= {
        "OPENID_PROVIDER_URL": openid.url,
        "OAUTH_CLIENT_ID": "webui",
        "OAUTH_CLIENT_SECRET": "the-client-secret",
        "OPENAI_API_BASE_URLS": upstream.url,
        "OPENAI_API_CONFIGS": json.dumps({"0": {"auth_type": "system_oauth", "model_ids": ["m1"]}}),
    }
    site = installation.start()
    chat = {"model": "m1", "messages": [{"role": "user", "content": "hello"}]}

    browser = sign_in(site, openid, "alice")
    tokens = []
    for _ in range(2):
        answer = browser.post(f"{site.url}/openai/chat/completions", json=chat)
        assert answer.status_code == 200, answer.text
        tokens.append(upstream.last.key)

    assert [openid.whose(token) for token in tokens] == ["alice", "alice"]
    assert tokens[0] != tokens[1]  # renewed, with the refresh token that the first renewal brought
    assert "the-client-secret" not in site.log()
    assert not any(token in site.log() for token in tokens)

    second = sign_in(site, openid, "alice")
    form = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
    browser.post(f"{site.url}/accounts/logout/", data=form)
    answer = second.post(f"{site.url}/openai/chat/completions", json=chat)
    assert (answer.status_code, openid.whose(upstream.last.key)) == (200, "alice")  # its own, after the other has gone
    assert upstream.last.key not in tokens

    key = site.create_api_key("alice@example.com")
    refused = requests.post(
        f"{site.url}/v1/chat/completions", json=chat, headers={"Authorization": f"Bearer {key}"}, timeout=20
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "oauth_token_missing")
