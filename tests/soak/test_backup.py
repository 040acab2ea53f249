"""A copy that is made while people write, and the site that is made of it: README, “Backup”."""

import shutil
import sqlite3
from contextlib import closing, suppress

from tests.chat.talk import Talker
from tests.chat.test_processes import EMAIL, RemoteSite
from tests.soak.writers import Writers, assert_complete

BEFORE = 24  # chats that are complete when the copy begins
SECRETS = ("field_encryption_key", "secret_key")
ONLY_IN_ROWS = ("OPENAI_API_BASE_URLS", "OPENAI_API_KEYS", "WEBUI_ADMIN_EMAIL", "WEBUI_ADMIN_PASSWORD")


def copy_database(source, target, in_between):
    """What `sqlite3 SOURCE ".backup TARGET"` does; `in_between` is called once, when a part is copied."""
    begun = []

    def go_on(*_pages):
        if not begun:
            begun.append(True)
            in_between()

    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy, pages=100, progress=go_on)
        assert begun
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def copy_file(source, target):
    with suppress(FileNotFoundError):  # one that was being written, and has its name by now
        shutil.copy2(source, target)


def test_a_copy_made_under_load_opens_with_all_that_was_confirmed(server_process, environment, upstream, tmp_path):
    upstream.key = environment["OPENAI_API_KEYS"]
    site = server_process(server="uvicorn", env=environment).start()
    writers = Writers(Talker(RemoteSite(site)))
    writers.wait_for(BEFORE)

    confirmed = list(writers.confirmed)
    copy = tmp_path / "copy"
    copy.mkdir()
    more = len(confirmed) + 2
    copy_database(site.data_dir / "db.sqlite3", copy / "db.sqlite3", in_between=lambda: writers.wait_for(more))
    shutil.copytree(site.data_dir / "files", copy / "files", copy_function=copy_file)
    for name in SECRETS:
        shutil.copy2(site.data_dir / name, copy / name)
    writers.end()
    assert site.stop() == 0

    env = {name: value for name, value in environment.items() if name not in ONLY_IN_ROWS}
    restored = server_process(server="uvicorn", env=env, data_dir=copy).start()
    talker = Talker(RemoteSite(restored))
    assert_complete(talker, confirmed)
    # The stored key is read with the copied secret, and a key of a person is known.
    upstream.answer("still here")
    started = talker.start("Are you there?")
    assert talker.until_over(started["chat"]["id"], started["message"]["id"])["content"] == "still here"
    assert restored.create_api_key(EMAIL).startswith("sk-")
    assert "Traceback" not in site.log() + restored.log()
