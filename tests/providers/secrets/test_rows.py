"""Secrets in rows: each is sent only to the address it was entered for."""

import ast

import pytest
from django.apps import apps
from django.db import connection as database

from chat.models import ChatSettings, ToolServer
from imagegen.models import ImageEngine
from providers import services
from providers.fields import EncryptedMappingField, EncryptedTextField
from providers.models import Connection
from providers.secrets.rows import SecretRow
from tests.fixtures.process import ROOT

pytestmark = pytest.mark.django_db

KEY = "sk-for-the-first-server"
GATE = "gate-for-the-first-server"
HEADERS = {"X-Gate": GATE, "X-Person": "{{USER_ID}}"}
FURTHER = "sk-another-for-the-first-server"
FURTHER_KEYS = {"••••rver": FURTHER}
FIRST = "https://first.example/v1"
OTHERS = (
    "https://second.example/v1",
    "http://first.example/v1",
    "https://first.example:8443/v1",
    "https://first.example.evil.example/v1",
)
SAME = ("https://first.example/v2", "https://FIRST.example:443/v1", "https://first.example")

# Each model with an encrypted column, how to make its row, and its column for the address.
ROWS = {
    Connection: (
        lambda: Connection.objects.create(
            name="c", base_url=FIRST, secret=KEY, more_keys=FURTHER_KEYS, headers=HEADERS
        ),
        "base_url",
    ),
    ImageEngine: (
        lambda: ImageEngine.objects.create(name="e", kind="openai", url=FIRST, secret=KEY, headers=HEADERS),
        "url",
    ),
    ToolServer: (
        lambda: ToolServer.objects.create(name="t", url=FIRST, auth="key", secret=KEY, headers=HEADERS),
        "url",
    ),
    ChatSettings: (
        lambda: ChatSettings.objects.create(pk=1, web_search_url=FIRST, web_search_key=KEY),
        "web_search_url",
    ),
}

# What is left of each encrypted mapping when the address leads to another server; of a text, nothing is.
LEFT = {"headers": {"X-Person": "{{USER_ID}}"}, "more_keys": {}}


def encrypting():
    return [
        model
        for model in apps.get_models()
        if any(isinstance(field, EncryptedTextField) for field in model._meta.concrete_fields)
    ]


def stored(row):
    """The secrets of a row as another process reads them."""
    fresh = type(row).objects.get(pk=row.pk)
    return {name: getattr(fresh, name) for name in fresh.secret_columns()}


def test_every_model_with_an_encrypted_column_and_an_address_keeps_the_rule():
    with_address = {
        model for model in encrypting() if any("url" in field.name for field in model._meta.concrete_fields)
    }
    assert with_address == set(ROWS)
    assert all(issubclass(model, SecretRow) for model in with_address)
    assert {model.__name__ for model in set(encrypting()) - with_address} == {
        "SignIn",
        "ToolGrant",
        "PushDevice",
        "PushKey",
    }


@pytest.mark.parametrize("model", ROWS)
def test_every_address_column_and_secret_is_watched(model):
    names = {field.name for field in model._meta.concrete_fields}
    assert set(model.address_columns) <= set(model.audited) <= names
    history = {field.name for field in model.history.model._meta.concrete_fields}
    assert history.isdisjoint(model.secret_columns())


@pytest.mark.parametrize("url", OTHERS)
@pytest.mark.parametrize("model", ROWS)
def test_every_secret_is_dropped_when_the_address_leads_to_another_server(model, url):
    make, column = ROWS[model]
    make()
    row = model.objects.get()
    setattr(row, column, url)

    row.save()

    assert row.moved
    for name, value in stored(row).items():
        assert value == LEFT.get(name, ""), name
    assert row.lost_secrets
    assert "removed" in row.history.first().history_change_reason


@pytest.mark.parametrize("model", ROWS)
def test_the_same_holds_for_a_save_of_the_address_alone(model):
    make, column = ROWS[model]
    make()
    row = model.objects.get()
    setattr(row, column, OTHERS[0])
    row.save(update_fields=[column])
    assert KEY not in str(stored(row).values())
    assert GATE not in dict(stored(row).get("headers", {})).values()
    assert FURTHER not in dict(stored(row).get("more_keys", {})).values()


@pytest.mark.parametrize("url", SAME)
@pytest.mark.parametrize("model", ROWS)
def test_another_path_at_the_same_server_keeps_every_secret(model, url):
    make, column = ROWS[model]
    make()
    row = model.objects.get()
    before = stored(row)
    setattr(row, column, url)
    row.save()
    assert not row.moved
    assert stored(row) == before


@pytest.mark.parametrize("model", ROWS)
def test_what_is_entered_with_the_address_stays_even_when_it_is_the_same(model):
    make, column = ROWS[model]
    make()
    row = model.objects.get()
    before = stored(row)
    setattr(row, column, OTHERS[0])
    for name, value in before.items():
        row.enter(name, value)
    row.save()
    assert row.moved
    assert row.lost_secrets == ()
    assert stored(row) == before


def test_of_headers_only_those_that_were_entered_stay():
    row = Connection.objects.create(name="c", base_url=FIRST, headers={"X-Old": "old-value", "X-New": "to be replaced"})
    row.base_url = OTHERS[0]
    row.enter("headers", {"X-Old": "old-value", "X-New": "new-value"}, names={"X-New"})
    row.save()
    assert stored(row)["headers"] == {"X-New": "new-value"}
    assert row.lost_secrets == ("X-Old",)


def test_a_stale_row_takes_no_later_key_to_its_old_address():
    Connection.objects.create(name="c", base_url=FIRST, secret=KEY)
    stale, fresh = Connection.objects.get(), Connection.objects.get()
    fresh.base_url = OTHERS[0]
    fresh.enter("secret", "sk-for-the-second-server")
    fresh.save()

    stale.name = "renamed"
    stale.save()

    row = Connection.objects.get()
    assert (row.base_url, row.secret) == (FIRST, "")


def test_headers_of_engines_stay_with_the_server_of_their_connection():
    connection = Connection.objects.create(name="c", base_url=FIRST, secret=KEY)
    engine = ImageEngine.objects.create(name="e", kind="openai", connection=connection, headers=HEADERS)

    connection.base_url = OTHERS[0]
    connection.save()

    assert stored(engine)["headers"] == {"X-Person": "{{USER_ID}}"}
    assert "e: X-Gate" in connection.lost_secrets
    assert "X-Gate" in engine.history.first().history_change_reason


def test_headers_of_engines_go_with_their_connection():
    connection = Connection.objects.create(name="c", base_url=FIRST, secret=KEY)
    engine = ImageEngine.objects.create(name="e", kind="openai", connection=connection, headers=HEADERS)
    connection.delete()
    assert stored(engine)["headers"] == {"X-Person": "{{USER_ID}}"}


@pytest.mark.parametrize("kind", ["gemini", "openai"])
def test_an_engine_without_an_address_is_at_its_kinds_own(kind):
    row = ImageEngine.objects.create(name="e", kind=kind, secret=KEY, enabled=False)
    row.url = ImageEngine(kind=kind).origins()[0]
    row.save()
    assert stored(row)["secret"] == KEY
    row.url = OTHERS[0]
    row.save()
    assert stored(row)["secret"] == ""


@pytest.mark.parametrize("model", ROWS)
def test_every_encrypted_column_is_no_plain_text_in_the_database(model):
    make, _column = ROWS[model]
    row = make()
    fields = [field for field in model._meta.concrete_fields if isinstance(field, EncryptedTextField)]
    with database.cursor() as cursor:
        columns = ", ".join(field.column for field in fields)
        cursor.execute(f"SELECT {columns} FROM {model._meta.db_table}")
        values = cursor.fetchone()
    assert all(value.startswith("gAAAA") for value in values)
    assert KEY not in str(values)
    assert all(isinstance(field, EncryptedMappingField) == (field.name in LEFT) for field in fields)
    assert GATE not in repr(getattr(model.objects.get(pk=row.pk), "headers", ""))
    assert FURTHER not in repr(getattr(model.objects.get(pk=row.pk), "more_keys", ""))


def test_what_no_key_decrypts_outlives_other_edits(settings):
    from cryptography.fernet import Fernet

    keys = settings.FIELD_ENCRYPTION_KEYS
    Connection.objects.create(name="c", base_url=FIRST, secret=KEY, more_keys=FURTHER_KEYS, headers=HEADERS)
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    row = Connection.objects.get()
    row.name = "renamed"
    row.save()
    settings.FIELD_ENCRYPTION_KEYS = keys
    row = Connection.objects.get()
    assert (row.name, row.secret, row.headers) == ("renamed", KEY, HEADERS)
    assert row.more_keys == FURTHER_KEYS


def test_the_history_says_what_decides_about_secrets():
    row = Connection.objects.create(name="c", base_url=FIRST, secret=KEY)
    row.auth_type, row.forward_cookies = "session", "others"
    row.save()
    assert row.history.first().history_change_reason == "Authentication changed; forwarded cookies changed"
    row.name = "renamed"
    row.save()
    assert row.history.first().history_change_reason is None
    row.enter("headers", {f"X-Header-Number-{number}": "value" for number in range(20)})
    row.save()
    assert len(row.history.first().history_change_reason) == 100


def test_no_attribute_of_the_rule_is_a_column_of_a_row():
    for model in ROWS:
        columns = {field.attname for field in model._meta.concrete_fields}
        assert columns.isdisjoint({"moved", "lost_secrets", "_entered", "_loaded"}), model


def test_an_engine_remembers_what_its_upstream_does_not_know_over_saves():
    row = ImageEngine.objects.create(name="e", kind="openai", url=FIRST, secret=KEY, dropped=["seed"])
    row.name = "renamed"
    row.save()
    assert ImageEngine.objects.get().dropped == ["seed"]
    row.url = OTHERS[0]
    row.save()
    assert ImageEngine.objects.get().dropped == ["seed"]


def test_a_password_in_the_address_of_an_engine_becomes_a_header():
    row = ImageEngine.objects.create(name="e", kind="comfyui", url="http://studio:w%40rd@first.example:8188/base")
    assert row.url == "http://first.example:8188/base"
    assert stored(row)["headers"] == {"Authorization": "Basic c3R1ZGlvOndAcmQ="}
    row.url = "http://studio:other@second.example:8188"
    row.save(update_fields=["url"])
    assert ImageEngine.objects.get().url == "http://second.example:8188"
    assert stored(row)["headers"] == {"Authorization": "Basic c3R1ZGlvOm90aGVy"}


def test_no_code_writes_an_address_past_the_save():
    columns = {name for model in ROWS for name in (*model.address_columns, *model.secret_columns())} - {"connection"}
    found = []
    for app in ("providers", "chat", "imagegen", "webui"):
        for path in (ROOT / app).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update":
                    found += [(path.name, keyword.arg) for keyword in node.keywords if keyword.arg in columns]
    assert found == []
    with pytest.raises(ValueError, match="own save"):
        services.update_connections(Connection.objects.all(), base_url=OTHERS[0])
