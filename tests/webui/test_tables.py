"""The tables: pending migrations are found, and both ways to make a new database give the same schema."""

import re
import sqlite3

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from webui import tables


@pytest.mark.django_db
def test_nothing_waits_after_the_migrations():
    assert tables.pending_migrations() == set()


@pytest.mark.django_db
def test_a_migration_that_was_not_applied_is_found():
    MigrationRecorder(connection).record_unapplied("chat", "0001_initial")
    assert tables.pending_migrations() == {("chat", "0001_initial")}


def facts(path) -> dict[str, list[object]]:
    """Per table: columns, indexes with their names, foreign keys, checks, and how many rows there are."""
    found = {}
    with sqlite3.connect(path) as database:
        every = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for table, sql in database.execute(every).fetchall():
            indexes = set()
            for row in database.execute(f"PRAGMA index_list('{table}')").fetchall():
                columns = tuple(one[2] for one in database.execute(f"PRAGMA index_info('{row[1]}')"))
                made = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (row[1],)).fetchone()[0]
                name = "" if row[1].startswith("sqlite_auto") else row[1]
                indexes.add((name, columns, row[2], (made or "").partition(" WHERE ")[2]))
            found[table] = [
                {tuple(row[1:6]) for row in database.execute(f"PRAGMA table_info('{table}')")},
                indexes,
                {tuple(row[2:7]) for row in database.execute(f"PRAGMA foreign_key_list('{table}')")},
                sorted(re.findall(r"CHECK \((.*?)\)[,)]", sql)),
                database.execute(f"SELECT count(*) FROM '{table}'").fetchone()[0],
            ]
    return found


def test_a_database_made_at_once_is_the_one_that_the_migrations_make(server_process, tmp_path):
    env = {"WEBUI_DEMO": "false"}
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    at_once = server_process(data_dir=tmp_path / "one", env=env)
    step_by_step = server_process(data_dir=tmp_path / "two", env=env)
    for site in (at_once, step_by_step):
        (site.data_dir / "db.sqlite3").unlink(missing_ok=True)
    at_once.manage("bootstrap")
    step_by_step.manage("migrate", "contenttypes", "--verbosity", "0")  # there are tables: the others are migrated
    assert "Preparing the database" in step_by_step.manage("bootstrap").stdout
    assert step_by_step.manage("bootstrap").stdout.strip() == "Ready."
    one, two = facts(at_once.data_dir / "db.sqlite3"), facts(step_by_step.data_dir / "db.sqlite3")
    assert one.keys() == two.keys()
    for table in one:
        assert one[table] == two[table], table
