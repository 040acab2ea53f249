"""Headers of picture calls: the same user headers, custom headers and TLS setting as chat calls."""

from unittest import mock

import pytest
from allauth.socialaccount.models import SocialAccount, SocialToken

from imagegen import engine_tests, rows
from imagegen.engines import ENGINES
from providers import sign_ins
from providers.callers import caller_for_user
from tests.chat.talk import Talker
from tests.imagegen.engines.test_quoted_secrets import KINDS
from tests.people import make_connection, make_key, set_chat
from tests.upstream import in_json, openai
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png
from webui.accounts.sessions import SessionStore

pytestmark = pytest.mark.django_db(transaction=True)

CUSTOM = {"X-Person": "{{USER_ID}} of {{USER_GROUPS}}", "X-Model": "{{MODEL_ID}}", "User-Agent": "pictures"}
REFUSED = in_json({"error": {"message": "Expired."}}, 401)


@pytest.fixture(params=[*KINDS, "connection"])
def engine(request, make_engine, upstream):
    if request.param == "connection":
        connection = make_connection(upstream.url, headers=CUSTOM)
        return make_engine(kind="openai", connection=connection, secret="")
    values = {**KINDS[request.param]}
    values["url"] = values["url"].format(v1=upstream.url, origin=upstream.origin)
    return make_engine(kind=request.param, secret="user:key", headers=CUSTOM, options={}, **values)


def draw(site, person):
    body = {"prompt": "a kite"}
    return site.session(key=make_key(person)).post(f"{site.url}/api/v1/images/generations", json=body, timeout=30)


def test_calls_of_every_engine_say_for_whom_they_are(site, upstream, engine, alice, settings):
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    draw(site, alice)
    assert upstream.history
    for call in upstream.history:
        told = {name: call.headers.get(f"X-OpenWebUI-User-{name}") for name in ("Name", "Id", "Email", "Role")}
        assert told == {"Name": "Alice", "Id": str(alice.pk), "Email": "alice@example.com", "Role": "user"}, call.path
        assert call.headers["X-Person"].startswith(f"{alice.pk} of")
        assert call.headers["User-Agent"] == "pictures"


def test_without_the_switch_they_say_nothing_of_anybody(site, upstream, engine, alice):
    draw(site, alice)
    assert upstream.history
    assert not any(name.startswith("X-OpenWebUI") for call in upstream.history for name in call.headers)


def test_a_picture_in_a_chat_says_which_chat(site, upstream, make_engine, alice, settings):
    settings.ENABLE_FORWARD_USER_INFO_HEADERS = True
    make_engine(kind="openai", url=upstream.url, headers={"X-Place": "{{CHAT_ID}}/{{MESSAGE_ID}}"})
    make_connection(upstream.url, "m1")
    set_chat(titles=False)
    upstream.always(drawn(png(64, 64)), path="/images/generations")
    upstream.always(openai.chat("Here it is."), path="/chat/completions")
    talker = Talker(site, alice)
    begun = talker.start("Draw a kite", features={"image_generation": True})
    chat_id, message_id = begun["chat"]["id"], begun["message"]["id"]
    talker.until_over(chat_id, message_id)
    call = upstream.asked("/images/generations")[0]
    assert call.headers["X-OpenWebUI-Chat-Id"] == chat_id
    assert call.headers["X-Place"] == f"{chat_id}/{message_id}"


def test_a_token_of_the_caller_goes_where_the_connection_wants_one(site, upstream, make_engine, alice):
    make_engine(kind="openai", connection=make_connection(upstream.url, auth_type="session"), secret="")
    upstream.always(drawn(png(64, 64)), path="/images/generations")
    assert draw(site, alice).ok
    assert upstream.last.key.startswith("st-")


def test_a_picture_is_drawn_with_the_single_sign_on_of_its_session(site, upstream, make_engine, alice, settings):
    app = {"provider_id": "oidc", "name": "SSO", "client_id": "webui", "secret": "s", "settings": {"server_url": "x"}}
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    make_engine(kind="openai", connection=make_connection(upstream.url, auth_type="system_oauth"), secret="")
    upstream.always(drawn(png(64, 64)), path="/images/generations")
    account = SocialAccount.objects.create(user=alice, provider="oidc", uid="u1")
    browser = Talker(site, alice).session
    session = SessionStore(browser.cookies["sessionid"])
    sign_ins.keep(session, account, SocialToken(token="token-1"))
    session.save()

    assert browser.post(f"{site.url}/api/v1/images/generations", json={"prompt": "a kite"}, timeout=30).ok
    assert upstream.last.key == "token-1"
    refusal = draw(site, alice).json()
    assert (refusal["code"], "which an API key does not have" in refusal["detail"]) == ("oauth_token_missing", True)


def test_who_draws_with_a_refused_token_of_their_own_alone_reads_of_it(site, upstream, make_engine, alice):
    row = make_engine(kind="openai", connection=make_connection(upstream.url, auth_type="session"), secret="")
    upstream.always(REFUSED, path="/images/generations")
    refusal = draw(site, alice).json()
    assert (refusal["code"], "your sign-in" in refusal["detail"]) == ("credential_refused", True)
    row.refresh_from_db()
    assert row.last_error == ""


@pytest.mark.parametrize("kind", KINDS)
def test_no_engine_takes_a_refused_token_of_a_person_for_its_own(upstream, make_engine, admin, kind):
    base_url = KINDS[kind]["url"].format(v1=upstream.url, origin=upstream.origin)
    connection = make_connection(base_url, auth_type="session")
    row = make_engine(**{**KINDS[kind], "url": ""}, kind=kind, connection=connection, secret="", options={})
    for path in ("/models", "/v1beta/models", "/sdapi/v1/sd-models", "/system_stats"):
        upstream.always(REFUSED, path=path)
    result = engine_tests.check(row, by=caller_for_user(admin))
    row.refresh_from_db()
    assert (result.note, row.last_error, len(upstream.history)) == ("untested", "", 1)


@pytest.mark.parametrize(
    ("row", "site_wide", "expected"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_the_sites_tls_switch_holds_for_pictures(make_engine, settings, row, site_wide, expected):
    settings.UPSTREAM_VERIFY_TLS = site_wide
    assert rows.config_of(make_engine(url="https://studio.example/v1", verify_tls=row)).tls.verify is expected


@pytest.mark.parametrize(
    ("kind", "url", "expected"),
    [
        ("chatreply", "https://openrouter.ai/api/v1", ("https://site.example", "N%C3%A4me")),
        ("openai", "https://openrouter.ai/api/v1", ("https://site.example", "N%C3%A4me")),
        ("chatreply", "https://proxy.example/v1", (None, None)),
        ("openai", "https://openrouter.ai.example/v1", (None, None)),
    ],
)
def test_this_site_is_named_to_openrouter_by_engines_with_its_address(make_engine, settings, kind, url, expected):
    settings.SITE_URL = "https://site.example"
    row = make_engine(kind=kind, url=url, options={})
    with mock.patch("providers.addresses.site_name", return_value="Näme"):
        told = ENGINES[kind].headers(rows.config_of(row))
    assert (told.get("HTTP-Referer"), told.get("X-Title")) == expected


def test_a_header_of_the_administrators_replaces_the_name_of_this_site(make_engine):
    row = make_engine(kind="chatreply", url="https://openrouter.ai/api/v1", options={}, headers={"x-title": "Ours"})
    told = ENGINES["chatreply"].headers(rows.config_of(row))
    assert [value for name, value in told.items() if name.lower() == "x-title"] == ["Ours"]
