"""Migrations of older rows: kinds of connections, encrypted header values, the rule for this site's own cookies."""

from importlib import import_module

import pytest
from django.db import connection as database
from django.db.migrations.executor import MigrationExecutor

from imagegen.models import ImageEngine
from providers.models import Connection

BEFORE = [("providers", "0011_azure_is_a_kind"), ("imagegen", "0004_temporary_jobs")]
HEADERS = {"X-Gate": "gate-of-the-old-row"}


@pytest.fixture
def old_rows(transactional_db):
    """A connection and an engine with histories, as an older version of the site left them."""
    executor = MigrationExecutor(database)
    executor.migrate(BEFORE)
    try:
        apps = executor.loader.project_state(BEFORE).apps
        values = {"headers": HEADERS, "name": "Old"}
        at = {"created": "2026-11-01T00:00:00Z", "history_date": "2026-11-01T00:00:00Z", "history_type": "+", "id": 1}
        connection = {"base_url": "https://old.example/v1", "forward_cookies": "all", **values}
        engine = {"kind": "openai", "url": "http://studio:word-in-address@up.example/v1", **values}
        apps.get_model("providers", "Connection").objects.create(**connection)
        apps.get_model("imagegen", "ImageEngine").objects.create(**engine)
        apps.get_model("providers", "HistoricalConnection").objects.create(**connection, **at)
        apps.get_model("imagegen", "HistoricalImageEngine").objects.create(**engine, **at)
    finally:
        executor = MigrationExecutor(database)
        executor.migrate(executor.loader.graph.leaf_nodes())


def columns_of(table):
    with database.cursor() as cursor:
        return {column.name for column in database.introspection.get_table_description(cursor, table)}


def test_secrets_of_older_rows_are_encrypted_and_cookies_have_their_rule(old_rows):
    connection, engine = Connection.objects.get(), ImageEngine.objects.get()
    for row in (connection, engine):
        table = row._meta.db_table
        assert row.headers.items() >= HEADERS.items()
        with database.cursor() as cursor:
            cursor.execute(f"SELECT headers FROM {table}")
            assert HEADERS["X-Gate"] not in str(cursor.fetchall())
        assert "headers" not in columns_of(row.history.model._meta.db_table)
        assert "plain_headers" not in columns_of(table)

    # who sent all cookies sends all but this site's own
    assert connection.forward_cookies == Connection.history.get().forward_cookies == "others"

    # a password in an address becomes a header and leaves the history
    assert engine.url == ImageEngine.history.get().url == "http://up.example/v1"
    assert engine.headers == {**HEADERS, "Authorization": "Basic c3R1ZGlvOndvcmQtaW4tYWRkcmVzcw=="}


AZURE = "https://res.openai.azure.com"


@pytest.mark.django_db(transaction=True)
def test_connections_that_followed_azures_rules_are_of_its_kind() -> None:
    migration = import_module("providers.migrations.0011_azure_is_a_kind")
    before = ("providers", "0010_kinds_are_a_table")
    executor = MigrationExecutor(database)
    executor.migrate([before])
    try:
        rows = executor.loader.project_state([before]).apps.get_model("providers", "Connection").objects
        rows.create(name="A", base_url=AZURE, azure=True)
        rows.create(name="O", base_url="https://models.example/v1")
    finally:
        executor = MigrationExecutor(database)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert dict(Connection.objects.values_list("name", "kind")) == {"A": "azure", "O": "openai"}
    assert migration.Migration.operations[0].reversible
