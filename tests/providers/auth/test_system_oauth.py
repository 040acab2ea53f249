"""The person's OpenID Connect token goes on: kept at sign-in, renewed before its end, once."""

import json
import threading
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
import requests
from allauth.socialaccount.models import SocialAccount, SocialToken
from cryptography.fernet import Fernet
from django.core.cache import cache
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from providers.auth import AUTH_TYPES, NOBODY, CallerIdentity
from providers.errors import ConfigurationError, NetworkError, ProviderError
from providers.upstream import oauth
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
    account = SocialAccount.objects.create(user=user, provider="oidc", uid=f"u{user.pk}")
    ends = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
    return SocialToken.objects.create(account=account, token=token, token_secret=refresh, expires_at=ends)


def renewed(name="token-2", **more):
    return in_json({"access_token": name, "token_type": "Bearer", "expires_in": 3600, **more})


@pytest.mark.parametrize("seconds", [3600, None])
def test_a_token_that_lasts_is_used_as_it_is(alice, provider, seconds):
    keep(alice, seconds=seconds)
    assert oauth.token_for(alice.pk) == "token-1"
    assert not provider.history


def test_a_token_that_is_about_to_end_is_renewed_and_both_tokens_are_kept(alice, provider):
    row = keep(alice, seconds=30)
    provider.script(renewed(refresh_token="refresh-2"), path="/token")

    assert oauth.token_for(alice.pk) == "token-2"

    asked = provider.last
    assert asked.body == (
        b"grant_type=refresh_token&refresh_token=refresh-1&client_id=webui&client_secret=client-secret"
    )
    row.refresh_from_db()
    assert (row.token, row.token_secret) == ("token-2", "refresh-2")
    assert row.expires_at > timezone.now() + timedelta(minutes=50)
    assert oauth.token_for(alice.pk) == "token-2"
    assert len(provider.asked("/token")) == 1


def test_a_provider_that_wants_its_client_in_the_header_gets_it_there(alice, provider):
    methods = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
    provider.script(in_json({"token_endpoint": f"{provider.origin}/token", **methods}), path=DESCRIPTION)
    provider.script(renewed(), path="/token")
    keep(alice, seconds=-5)
    assert oauth.token_for(alice.pk) == "token-2"
    assert provider.last.headers["Authorization"].startswith("Basic ")
    assert b"client_secret" not in provider.last.body


def test_a_person_without_a_token_is_told_to_sign_in_through_the_provider(alice, provider):
    with pytest.raises(ConfigurationError) as caught:
        oauth.token_for(alice.pk)
    assert caught.value.code == "oauth_token_missing"
    assert "single sign-on" in caught.value.message


def test_a_token_that_has_ended_and_cannot_be_renewed_is_told_so(alice, bob, provider):
    keep(alice, seconds=-5, refresh="")
    with pytest.raises(ConfigurationError) as caught:
        oauth.token_for(alice.pk)
    assert caught.value.code == "oauth_token_ended"
    keep(bob, seconds=-5)
    provider.script(in_json({"error": "invalid_grant"}, 400), path="/token")
    with pytest.raises(ConfigurationError) as caught:
        oauth.token_for(bob.pk)
    assert caught.value.code == "oauth_token_ended"


def test_while_the_old_token_is_good_a_failed_renewal_goes_on_with_it(alice, provider):
    keep(alice, seconds=30)
    provider.always(in_html(503), path="/token")
    assert oauth.token_for(alice.pk) == "token-1"


@pytest.mark.parametrize("status", [200, 503])
def test_what_the_provider_quotes_of_its_secrets_is_told_to_nobody(alice, provider, status):
    keep(alice, seconds=-5)
    provider.always(in_json({"error": "client-secret and refresh-1 are wrong"}, status), path="/token")
    with pytest.raises(ProviderError) as caught:
        oauth.token_for(alice.pk)
    assert "client-secret" not in caught.value.full_message
    assert "refresh-1" not in caught.value.full_message
    assert "are wrong" in caught.value.full_message


@pytest.mark.parametrize("answer", [in_html(503), in_html(200), in_json([1]), in_json({"no": "token"})])
def test_an_answer_without_a_token_is_the_providers_fault(alice, provider, answer):
    keep(alice, seconds=-5)
    provider.script(answer, path="/token")
    with pytest.raises(ProviderError):
        oauth.token_for(alice.pk)


def test_a_provider_that_is_not_there_is_a_network_error(alice, provider, settings):
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    apps[0]["settings"]["server_url"] = f"http://127.0.0.1:{unused_port()}"
    keep(alice, seconds=-5)
    with pytest.raises(NetworkError):
        oauth.token_for(alice.pk)


def test_a_provider_that_is_no_longer_configured_is_said(alice, provider, settings):
    settings.SOCIALACCOUNT_PROVIDERS = {}
    keep(alice, seconds=-5)
    with pytest.raises(ConfigurationError) as caught:
        oauth.token_for(alice.pk)
    assert caught.value.code == "oauth_not_configured"


def test_many_calls_at_once_renew_once(transactional_db, provider):
    from tests.people import make_user

    alice = make_user("Alice")
    keep(alice, seconds=-5)
    gate = Gate()
    provider.script(renewed().with_(before=[gate]), path="/token")
    got = []
    threads = [threading.Thread(target=lambda: got.append(oauth.token_for(alice.pk))) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.wait()
    gate.open()
    for thread in threads:
        thread.join()
    assert got == ["token-2"] * 8
    assert len(provider.asked("/token")) == 1


def test_another_process_that_renews_is_waited_for(transactional_db, provider):
    from tests.people import make_user

    alice = make_user("Alice")
    row = keep(alice, seconds=-5)
    cache.add(f"oauth-renewal-{row.pk}", 1)  # the other process holds it
    got = []
    waiting = threading.Thread(target=lambda: got.append(oauth.token_for(alice.pk)))
    waiting.start()
    SocialToken.objects.filter(pk=row.pk).update(token="token-9", expires_at=timezone.now() + timedelta(hours=1))
    waiting.join(30)
    assert got == ["token-9"]
    assert not provider.history


def test_two_accounts_of_one_person_use_the_one_signed_in_with_last(alice, provider):
    keep(alice, token="older")
    newer = SocialAccount.objects.create(user=alice, provider="oidc", uid="another")
    SocialAccount.objects.exclude(pk=newer.pk).update(last_login=timezone.now() - timedelta(days=1))
    SocialToken.objects.create(account=newer, token="newer", expires_at=timezone.now() + timedelta(hours=1))
    assert oauth.token_for(alice.pk) == "newer"


# --- at rest ---


def stored(row):
    with connection.cursor() as cursor:
        cursor.execute("SELECT token, token_secret FROM socialaccount_socialtoken WHERE id = %s", [row.pk])
        return cursor.fetchone()


def write_plainly(row, token, secret):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE socialaccount_socialtoken SET token = %s, token_secret = %s WHERE id = %s", [token, secret, row.pk]
        )


def test_tokens_are_encrypted_in_the_database(alice):
    row = keep(alice)
    assert not {"token-1", "refresh-1"} & set(stored(row))
    row.refresh_from_db()
    assert (row.token, row.token_secret) == ("token-1", "refresh-1")


def test_tokens_from_before_are_encrypted_by_the_migration(alice):
    row, sealed = keep(alice), keep(make_user("Bob"), token="token-2", refresh="")
    write_plainly(row, "plain-1", "plain-2")
    migration = import_module("providers.migrations.0009_sealed_sign_in_tokens")
    state = MigrationExecutor(connection).loader.project_state().apps

    migration.seal(state, SimpleNamespace(connection=connection))
    assert not {"plain-1", "plain-2"} & set(stored(row))
    row.refresh_from_db(), sealed.refresh_from_db()
    assert (row.token, row.token_secret, sealed.token, sealed.token_secret) == ("plain-1", "plain-2", "token-2", "")

    migration.unseal(state, SimpleNamespace(connection=connection))
    assert stored(row) == ("plain-1", "plain-2")


def test_a_token_that_no_key_reads_has_ended(alice, provider, settings):
    keep(alice)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(ConfigurationError) as caught:
        oauth.token_for(alice.pk)
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

    site.create_user("bob@example.com")
    key = site.create_api_key("bob@example.com")
    refused = requests.post(
        f"{site.url}/v1/chat/completions", json=chat, headers={"Authorization": f"Bearer {key}"}, timeout=20
    )
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "oauth_token_missing")
