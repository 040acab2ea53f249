"""The form of connections read and sent back changes no row, for every kind, way of signing in and odd stored value."""

from itertools import product

import pytest
from cryptography.fernet import Fernet

from providers import auth, config
from providers.config.form import MEMBERS
from providers.models import Connection, GatewaySettings
from providers.upstream import kinds
from providers.versioning import ConfigVersion

pytestmark = pytest.mark.django_db
KEY = "sk-upstream-0123456789"
GONE = "gone"  # a kind or a way of signing in that an earlier version had

# Columns as they may be stored: by other programs, by earlier versions, by hand. None of them can be entered.
ODD = {
    "nothing but defaults": {},
    "everything": {
        "secret": KEY, "api_version": "2024-10-21", "prefix_id": "work", "model_ids": ["a", "b"], "tags": ["fast"],
        "connection_type": "local", "headers": {"X-Team": "blue", "X-Person": "{{USER_ID}}"}, "enabled": False,
        "auth_options": {"tenant_id": "t", "unknown": 1}, "access": "private", "position": 7, "ca_file": "/ca.pem",
    },
    "an API version of any kind": {"api_version": "2024-10-21"},
    "an address with a slash": {"base_url": "https://Up.invalid/v1/"},
    "an address of an operation": {"base_url": "https://up.invalid/v1/chat/completions"},
    "an address with a password": {"base_url": "https://user:word@up.invalid/v1"},
    "no address": {"base_url": ""},
    "a name with spaces": {"name": "  Up  "},
    "no name": {"name": ""},
    "a prefix with spaces": {"prefix_id": " work "},
    "ids with spaces and twice": {"model_ids": [" a ", "a", "a"]},
    "ids that are none": {"model_ids": [1, None, ""]},
    "tags as objects": {"tags": [{"name": "fast", "colour": "red"}]},
    "tags that are none": {"tags": [1, {"no": "name"}]},
    "no list of tags": {"tags": {}},
    "no location": {"connection_type": ""},
    "a location of earlier": {"connection_type": "internal"},
    "headers that nobody may send": {"headers": {"Content-Length": "3", "X A": "b"}},
    "a short key": {"secret": "sk-1"},
    "a key that looks like a mask": {"secret": "••••"},
    "a key with spaces": {"secret": " sk-upstream-0123456789 "},
}  # fmt: skip


def everything():
    columns = [field.attname for field in Connection._meta.concrete_fields]
    return (
        list(Connection.objects.order_by("pk").values(*columns)),
        list(GatewaySettings.objects.values()),
        Connection.history.count(),
        GatewaySettings.history.count(),
        ConfigVersion.objects.filter(pk=1).values_list("number", flat=True).first(),
    )


def add(number=0, **columns):
    """A row with these columns, past every rule of its own."""
    row = Connection.objects.create(name=f"C{number}", base_url=f"https://c{number}.invalid/v1", position=number)
    Connection.objects.filter(pk=row.pk).update(**columns)


def assert_nothing_changes():
    ConfigVersion.objects.get_or_create(pk=1)
    before = everything()
    saved = config.save(config.read())
    assert everything() == before
    assert (saved.to_refresh, saved.to_tell, saved.notices) == ([], [], [])


@pytest.mark.parametrize(("kind", "auth_type"), list(product([*kinds.KINDS, GONE], [*auth.AUTH_TYPES, GONE])))
def test_what_was_read_is_sent_back_without_a_change(kind, auth_type):
    add(0)
    for number, columns in enumerate(ODD.values(), 1):
        add(number, **{"kind": kind, "auth_type": auth_type, **columns})
    add(100, secret=KEY)
    assert_nothing_changes()


@pytest.mark.parametrize("odd", ODD)
def test_two_rows_that_are_the_same_stay_as_they_are(odd):
    add(0, **ODD[odd])
    add(1, **{"base_url": "https://c0.invalid/v1", **ODD[odd]})
    assert_nothing_changes()


def test_a_site_with_nothing_stored_stays_empty():
    assert_nothing_changes()
    assert not GatewaySettings.objects.exists()


@pytest.mark.parametrize("odd", ["everything", "nothing but defaults"])
def test_secrets_that_no_key_decrypts_stay(settings, odd):
    add(0, **ODD[odd])
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    from django.db import connection

    def stored():
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret, headers, updated FROM providers_connection")
            return cursor.fetchall()

    before = stored()
    config.save(config.read())
    assert stored() == before


# What a person may change of such a row without the rest.
CHANGES = {
    "name": "New", "enable": False, "prefix_id": "new", "model_ids": ["new"], "tags": ["new"],
    "connection_type": "local", "auth_type": "none", "headers": {"X-New": "1"}, "api_type": "chat",
}  # fmt: skip


def test_every_member_of_the_form_is_changed_once():
    assert set(CHANGES) == set(MEMBERS) - {"api_version"}


@pytest.mark.parametrize(
    ("member", "odd"), list(product(CHANGES, ["an API version of any kind", "a name with spaces"]))
)
def test_a_change_of_one_value_leaves_the_others(member, odd):
    add(0, **ODD[odd], secret=KEY, auth_options={"unknown": 1})
    before = everything()[0][0]
    form = config.read()
    form["OPENAI_API_CONFIGS"]["0"][member] = CHANGES[member]
    config.save(form)
    after = everything()[0][0]
    differing = {name for name in after if after[name] != before[name]} - {"updated"}
    assert differing == {MEMBERS[member]}
