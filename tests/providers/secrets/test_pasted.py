"""Pasted keys: cleaned where the meaning is clear, refused where a part is missing."""

import itertools
import json

import pytest
from django.core.exceptions import ValidationError

from chat.models import ChatSettings
from imagegen import config as pictures
from imagegen.models import ImageEngine
from providers import config
from providers.errors import BadRequest
from providers.models import Connection
from providers.secrets.pasted import checked
from providers.upstream.header_templates import check_headers
from tests.people import make_key
from tests.webui.admin import filled

KEY = "sk-proj-0123456789abcdef"
URL = "https://api.example/v1"

MEANT = {
    "a line end within": "sk-proj-0123\n456789abcdef",
    "Windows line ends": "sk-proj-0123\r\n456789abcdef\r\n",
    "a tab": "sk-proj-0123\t456789abcdef",
    "a zero-width space": "sk-proj-\u200b0123456789abcdef",
    "a zero-width joiner": "sk-proj-0123456789abcdef\u200d",
    "a byte order mark": "\ufeffsk-proj-0123456789abcdef",
    "a word joiner": "sk-proj-0123456789\u2060abcdef",
    "a soft hyphen": "sk-proj-\u00ad0123456789abcdef",
    "marks of direction": "\u202ask-proj-0123456789abcdef\u202c",
    "a line separator": "sk-proj-0123456789\u2028abcdef",
    "spaces around": " \u00a0sk-proj-0123456789abcdef\u3000",
    "quotes": '"sk-proj-0123456789abcdef"',
    "quotes of a word processor": "“sk-proj-0123456789abcdef”",
    "code marks": "`sk-proj-0123456789abcdef`",
    "the word Bearer": "Bearer sk-proj-0123456789abcdef",
}
SHORTENED = [
    "sk-ab…yz",
    "sk-ab...yz",
    "sk-proj-ab******yz",
    "sk-...AbCd",
    "sk-proj-****",
    "sk-ab⋯yz",
    "••••abcd",
    "…wxyz",
    "sk-proj-0123456789abcdefghijklmnop...yz",
    "sk-proj-0123456789abcdefghijklmnop***yz",
    "sk-ab[...]yz",
    "sk-ab[…]yz",
    "[redacted]",
    "sk-ab . . . yz",
    "sk-ab ... yz",
    "sk-ab..yz",
    "sk-ab**yz",
    "sk-ab*yz",
    "sk-ab···yz",
    "sk-ab●●●●yz",
    "sk-ab‥‥yz",
    "sk-ab。。。yz",
    "sk-ab----yz",
    "sk-ab------",
    "Bearer sk-ab…yz",
    "user:********",
    "user:pass…word",
]
NO_KEYS = ["sk-ключ-0123456789", "sk–proj–0123456789"]  # Cyrillic letters, dashes of a word processor
WHOLE = [
    KEY,
    "user:pass...word",
    "user:пароль",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "none",
    "",
    "a b c",
    "sk-ant-api03-AbC--dEf_gHi---jKl-0123456789abcdefghijklmnopqrstuv-AAAAAA",
    "AIzaSyA----0123456789abcdefghijklmnopqr",
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..aXY.Y2lwaGVydGV4dA.dGFn",
    "user:p*ss[w]..d",
    "Tr0ub4dor*3",
    "own[server]key",
    "gho_16C7e42F292c6912E7710c838347Ae178B4a",
    "dGVzdA==",
    "AbC~8Q~x.y_z-0123456789~AbCdEfGhIjKlMnOp",
]
# Headers of which the value is a key, and some of which it is none.
SHORTENED_HEADERS = [
    ("Authorization", "Bearer sk-ab…yz"),
    ("Authorization", "Bearer sk-ab...yz"),
    ("X-Api-Key", "sk-ab***yz"),
    ("api-key", "sk-ab[...]yz"),
    ("Ocp-Apim-Subscription-Key", "0123..89"),
    ("X-Auth-Token", "sk-ab . . . yz"),
]
WHOLE_HEADERS = [
    ("Authorization", f"Bearer {KEY}"),
    ("Authorization", "Basic dXNlcjpwYXNz"),
    ("Accept", "*/*"),
    ("X-Auth-Scope", "*"),
    ("X-Title", "My site..."),
    ("X-Api-Key", "{{USER_ID}}"),
]

meant = pytest.mark.parametrize("pasted", MEANT.values(), ids=MEANT)
refused = pytest.mark.parametrize("pasted", [*SHORTENED, *NO_KEYS])


@meant
def test_what_is_plainly_meant_is_cleaned(pasted):
    assert checked(pasted) == KEY


@refused
def test_what_cannot_be_whole_is_refused(pasted):
    with pytest.raises(ValidationError):
        checked(pasted)


@pytest.mark.parametrize("key", WHOLE)
def test_whole_keys_stay_as_they_are(key):
    assert checked(key) == key


@pytest.mark.parametrize(("name", "value"), SHORTENED_HEADERS)
def test_a_part_of_a_key_in_a_header_is_refused(name, value):
    with pytest.raises(ValidationError, match="shortened"):
        check_headers({name: value})


@pytest.mark.parametrize(("name", "value"), WHOLE_HEADERS)
def test_headers_without_a_part_of_a_key_are_taken(name, value):
    check_headers({name: value})


# --- wherever a key is entered ----------------------------------------------------------------------------------------


def by_connection_page(client, pasted):
    page = client.post(
        "/admin/providers/connection/add/",
        {
            "name": "Up", "kind": "openai", "base_url": URL, "auth_type": "bearer", "connection_type": "external",
            "access": "public", "forward_cookies": "auto", "position": "0", "verify_tls": "on", "retries": "1",
            "retry_seconds": "5", "new_key": pasted,
        },
    )  # fmt: skip
    row = Connection.objects.first()
    return row.secret if row else page.context["adminform"].form.errors["new_key"]


def by_engine_page(client, pasted):
    page = client.post(
        "/admin/imagegen/imageengine/add/",
        {
            "name": "Studio", "kind": "openai", "purpose": "both", "position": "0", "url": URL, "timeout": "600",
            "concurrency": "2", "access": "public", "verify_tls": "on", "new_key": pasted,
        },
    )  # fmt: skip
    row = ImageEngine.objects.first()
    return row.secret if row else page.context["adminform"].form.errors["new_key"]


def by_search_page(client, pasted):
    address = f"/admin/chat/chatsettings/{ChatSettings.load().pk}/change/"
    values = {**filled.in_(client.get(address)).dict(), "web_search_url": URL, "new_key": pasted}
    page = client.post(address, values)
    return ChatSettings.load().web_search_key or page.context["adminform"].form.errors["new_key"]


def by_headers_of_a_connection(client, pasted):
    page = client.post(
        "/admin/providers/connection/add/",
        {
            "name": "Up", "kind": "openai", "base_url": URL, "auth_type": "none", "connection_type": "external",
            "access": "public", "forward_cookies": "auto", "position": "0", "verify_tls": "on", "retries": "1",
            "retry_seconds": "5", "headers": json.dumps({"X-Api-Key": pasted}),
        },
    )  # fmt: skip
    row = Connection.objects.first()
    return row.headers["X-Api-Key"] if row else page.context["adminform"].form.errors["headers"]


def by_headers_of_the_flat_form(client, pasted):
    entry = {"auth_type": "none", "headers": {"X-Api-Key": pasted}}
    form = {"OPENAI_API_BASE_URLS": [URL], "OPENAI_API_KEYS": [""], "OPENAI_API_CONFIGS": {"0": entry}}
    config.save(form)
    return Connection.objects.get().headers["X-Api-Key"]


def by_flat_form(client, pasted):
    config.save({"OPENAI_API_BASE_URLS": [URL], "OPENAI_API_KEYS": [pasted], "OPENAI_API_CONFIGS": {}})
    return Connection.objects.get().secret


def by_flat_form_of_pictures(client, pasted):
    pictures.update({"IMAGES_OPENAI_API_BASE_URL": URL, "IMAGES_OPENAI_API_KEY": pasted})
    return ImageEngine.objects.get().secret


WAYS = [by_connection_page, by_engine_page, by_search_page, by_flat_form, by_flat_form_of_pictures]


@pytest.fixture
def root(client, admin):
    client.force_login(admin)
    return client


@meant
@pytest.mark.parametrize("way", WAYS)
def test_a_form_stores_the_key_that_is_meant(root, way, pasted):
    assert way(root, pasted) == KEY


PARTS = [SHORTENED[0], SHORTENED[1], "sk-ab[...]yz", "sk-ab..yz", "sk-ab**yz"]
HEADERS = [by_headers_of_a_connection, by_headers_of_the_flat_form]


@pytest.mark.parametrize(
    ("way", "pasted"),
    [*itertools.product([*WAYS, *HEADERS], PARTS), *itertools.product(WAYS, NO_KEYS[:1])],
)
def test_a_form_refuses_a_part_of_a_key_and_says_so(root, way, pasted):
    try:
        told = str(way(root, pasted))
    except BadRequest as error:
        told = error.message
    assert "shortened" in told or "cannot be part of a key" in told
    assert not Connection.objects.exclude(secret="", headers="").exists()
    assert not ImageEngine.objects.exclude(secret="").exists()


def test_rows_written_by_a_script_or_an_older_version_are_called_with_the_clean_key(site, upstream, admin):
    row = Connection.objects.create(name="c", base_url=upstream.url, secret=MEANT["a line end within"])
    assert Connection.objects.get().secret == KEY
    Connection.objects.filter(pk=row.pk).update(secret=MEANT["a line end within"])
    site.session(key=make_key(admin)).get(f"{site.url}/openai/models/0")
    assert upstream.last.key == KEY


@meant
def test_a_test_without_saving_takes_the_key_that_is_meant(site, upstream, admin, pasted):
    session = site.session(key=make_key(admin))
    assert session.post(f"{site.url}/openai/verify", json={"url": upstream.url, "key": pasted}).ok
    assert upstream.last.key == KEY
    form = {"engine": "openai", "url": upstream.url, "key": pasted}
    assert session.post(f"{site.url}/api/v1/images/verify", json=form).ok
    assert upstream.last.key == KEY


@pytest.mark.parametrize("path", ["/openai/verify", "/api/v1/images/verify"])
def test_a_test_without_saving_refuses_a_part_of_a_key(site, upstream, admin, path):
    form = {"engine": "openai", "url": upstream.url, "key": "sk-ab…yz"}
    answer = site.session(key=make_key(admin)).post(f"{site.url}{path}", json=form)
    assert answer.status_code == 400
    assert "shortened" in answer.text
    assert not upstream.history
