"""A copy that is made while people write, and the site that is made of it: README, “Backup”."""

import hashlib
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress

from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.fixtures.need import require
from tests.soak.writers import Writers, assert_complete

BEFORE = 24  # chats that are complete when the copy begins
SECRETS = ("field_encryption_key", "secret_key")
ONLY_IN_ROWS = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS", "WEBUI_ADMIN_EMAIL", "WEBUI_ADMIN_PASSWORD")


# Prints the rows that no longer change, as JSON: ended messages, and files with the names and digests of their bytes.
LASTING = """
import json
from chat.models import File, Message
ended = Message.objects.exclude(status__in=Message.RUNNING)
messages = {str(pk): more for pk, *more in ended.values_list("pk", "chat__user__email", "role", "content", "status")}
files = {str(pk): more for pk, *more in File.objects.values_list("pk", "owner__email", "storage_name", "sha256")}
print(json.dumps({"messages": messages, "files": files}, default=str))
"""


def copy_of_sqlite(site, copy, in_between):
    """What `sqlite3 SOURCE ".backup TARGET"` does; `in_between` is called once, when a part is copied."""
    begun = []

    def go_on(*_pages):
        if not begun:
            begun.append(True)
            in_between()

    source, target = site.data_dir / "db.sqlite3", copy / "db.sqlite3"
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as database:
        live.backup(database, pages=100, progress=go_on)
        assert begun
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def copy_of_postgresql(source, target, copy, in_between):
    """A dump, and the database at `target` that is made of it; `in_between` is called when the dump is complete."""
    for program in ("pg_dump", "pg_restore"):
        require(shutil.which(program) is not None, f"no {program} here (Debian: apt-get install postgresql-client)")
    dump = copy / "copy.dump"
    run("pg_dump", "--format=custom", f"--file={dump}", source)
    in_between()
    run("pg_restore", "--clean", "--if-exists", "--no-owner", f"--dbname={target}", str(dump))


def run(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def lasting_rows(site):
    return json.loads(site.manage("shell", "--verbosity", "0", "-c", LASTING).stdout)


def copy_file(source, target):
    with suppress(FileNotFoundError):  # one that was being written, and has its name by now
        shutil.copy2(source, target)


def test_a_copy_made_under_load_opens_with_all_that_was_confirmed(
    server_process, environment, upstream, tmp_path, database, request
):
    upstream.key = environment["OPENAI_API_KEYS"]
    site = server_process(server="uvicorn", env={**environment, **database}).start()
    writers = Writers(Talker(RemoteSite(site)))
    writers.wait_for(BEFORE)

    confirmed = list(writers.confirmed)
    copy = tmp_path / "copy"
    copy.mkdir()
    more = len(confirmed) + 2
    new_home = {}
    if database:
        new_home = {"DATABASE_URL": request.getfixturevalue("empty_postgres_url")}
        addresses = database["DATABASE_URL"], new_home["DATABASE_URL"]
        copy_of_postgresql(*addresses, copy, in_between=lambda: writers.wait_for(more))
    else:
        copy_of_sqlite(site, copy, in_between=lambda: writers.wait_for(more))
    shutil.copytree(site.data_dir / "files", copy / "files", copy_function=copy_file)
    for name in SECRETS:
        shutil.copy2(site.data_dir / name, copy / name)
    writers.end()
    assert site.stop() == 0

    env = {name: value for name, value in environment.items() if name not in ONLY_IN_ROWS}
    restored = server_process(server="uvicorn", env={**env, **new_home}, data_dir=copy)
    original, copied = lasting_rows(site), lasting_rows(restored)
    for kind, rows in copied.items():
        assert rows == {pk: original[kind][pk] for pk in rows}
        assert len(confirmed) <= len(rows) < len(original[kind])  # made while more was written
    for _owner, storage_name, digest in copied["files"].values():
        assert hashlib.sha256((copy / "files" / storage_name).read_bytes()).hexdigest() == digest

    restored.start()
    talker = Talker(RemoteSite(restored))
    assert_complete(talker, confirmed)
    # The stored key is read with the copied secret, and a key of a person is known.
    upstream.answer("still here")
    started = talker.start("Are you there?")
    assert talker.until_over(started["chat"]["id"], started["message"]["id"])["content"] == "still here"
    assert restored.create_api_key(EMAIL).startswith("sk-")
    assert "Traceback" not in site.log() + restored.log()
