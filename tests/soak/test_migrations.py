"""All migrations with data in the tables, back to where every row first had its owner, and forward again.

README, “Upgrade”: further back the owners are lost, so a site returns to an older version by its backup.
"""

import json
import re
import sqlite3

from providers.models import HEALTH_FIELDS
from tests.chat.talk import Talker
from tests.chat.test_processes import RemoteSite

# The first states of each app that are complete, in an order in which they can be unapplied.
OLDEST = {"imagegen": "0001_initial", "chat": "0003_files", "providers": "0002_initial", "webui": "0001_initial"}
# Headers are sealed anew by the migrations: the same values in other ciphertext. Health is written by who looks.
NOT_COMPARED = {"headers", "listed_at", "last_seen", *HEALTH_FIELDS}
BACK = f"""
from django.core.management import call_command
for app, name in {OLDEST}.items():
    call_command("migrate", app, name, verbosity=0)
"""
FORWARD = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
MADE = """
from django.contrib.auth import get_user_model
from chat.models import Chat, File, Memory, Share
from imagegen.models import ImageEngine, ImageJob
from providers.models import ClientKey, Connection, RateLimit
ada = get_user_model().objects.get(email="ada@sample.example.com")
chat = Chat.objects.filter(user=ada).exclude(leaf=None).first()
place = {"storage_name": "a/b.png", "size": 70, "sha256": "0" * 64, "content_type": "image/png"}
file = File.objects.create(owner=ada, name="kite.png", chat=chat, message=chat.leaf, **place)
engine = ImageEngine.objects.create(name="Own", kind="openai", url="http://127.0.0.1:9/v1", headers={"X-Key": "of Own"})
job = ImageJob.objects.create(user=ada, engine=engine, prompt="a kite", state="succeeded", chat=chat, message=chat.leaf)
job.files.add(file)
Share.objects.create(chat=chat, leaf=chat.leaf)
Memory.objects.create(user=ada, text="likes kites")
ClientKey.objects.create(user=ada, prefix="sk-12345", digest="d" * 64)
RateLimit.objects.create(target="user", user=ada, requests_minute=5)
server = {"base_url": "http://127.0.0.1:9/v1", "enabled": False}
Connection.objects.create(name="Sealed", secret="s1", headers={"X-Key": "of Sealed"}, **server)
"""
OPENED = """
from imagegen.models import ImageEngine
from providers.models import Connection
rows = [*Connection.objects.order_by("name"), *ImageEngine.objects.order_by("name")]
print(json.dumps([[row.name, row.secret, dict(row.headers)] for row in rows]))
"""
# Prints every table as {name: {id: {column: value}}}, without what concerns the migrations themselves.
TABLES = """
import json
from django.db import connection
tables = {}
with connection.cursor() as cursor:
    for name in connection.introspection.table_names(cursor):
        if not name.startswith("django_") and name != "auth_permission":
            cursor.execute(f'SELECT * FROM "{name}"')
            columns = [column[0] for column in cursor.description]
            key = next(one for one in ("id", "history_id", columns[0]) if one in columns)
            rows = [dict(zip(columns, row)) for row in cursor.fetchall()]
            tables[name] = {str(row[key]): row for row in rows}
print(json.dumps(tables, default=str))
"""


def inside(site, *programs):
    """What these programs print, one after the other in one process: a JSON document a line."""
    printed = site.manage("shell", "--verbosity", "0", "-c", "".join(programs)).stdout
    return [json.loads(line) for line in printed.splitlines()]


def changes(before, after, shape=None):
    """What differs in tables and columns that both have, and `shape` too: (table, id, column, before, after)."""
    differing = []
    for name in before.keys() & after.keys() & (shape or after).keys():
        columns = columns_of(before[name]) & columns_of(after[name]) & columns_of((shape or after)[name]) - NOT_COMPARED
        for key in sorted(before[name].keys() | after[name].keys()):
            was, now = before[name].get(key, {}), after[name].get(key, {})
            differing += [
                (name, key, column, was.get(column), now.get(column))
                for column in sorted(columns)
                if was.get(column) != now.get(column)
            ]
    return differing


def columns_of(rows):
    return {column for row in rows.values() for column in row}


def test_rows_and_owners_outlast_all_migrations(server_process, environment, upstream, database):
    drawing = {"ENABLE_IMAGE_GENERATION": "true", "IMAGE_GENERATION_ENGINE": "openai", "IMAGES_OPENAI_API_KEY": "k"}
    site = server_process(server="uvicorn", env={**environment, **drawing, **database})
    site.manage("bootstrap")
    site.manage("demo", "--force")
    latest, opened = inside(site, MADE, TABLES, OPENED)

    [oldest] = inside(site, BACK, TABLES)
    assert changes(latest, oldest) == []
    assert {"chat_share", "chat_memory", "providers_ratelimit"} <= set(latest) - set(oldest)  # newer than that

    again, opened_again = inside(site, FORWARD, TABLES, OPENED)
    assert changes(latest, again, oldest) == []
    assert opened_again == opened
    site.start()
    talker = Talker(RemoteSite(site))
    started = talker.start("Are you there?")
    assert talker.until_over(started["chat"]["id"], started["message"]["id"])["status"] == "done"
    assert "Traceback" not in site.log()


# --- both ways to make a new database give the same schema ------------------------------------------------------------


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
