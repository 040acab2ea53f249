"""Commands beside another writer: they do what is possible and report what is not."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor

CHECK = ["check_connections"]
WRITERS = [["create_user", "ann@example.com", "--password", "correct horse battery"], ["rotate_secrets"], ["bootstrap"]]


def test_commands_while_another_process_writes_end_without_traceback(server_process, upstream):
    site = server_process(env={"OPENAI_API_BASE_URLS": upstream.url, "OPENAI_API_KEYS": "k", "WEBUI_DEMO": "false"})
    site.manage("bootstrap")
    writer = sqlite3.connect(site.data_dir / "db.sqlite3", isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")

    with ThreadPoolExecutor() as pool:  # at once: each waits as long for the lock
        checked, *refused = pool.map(lambda words: site.manage(*words, check=False), [CHECK, *WRITERS])
    writer.close()

    assert (checked.returncode, "lists 1 model" in checked.stdout) == (0, True), checked.stderr
    for done in refused:
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
        assert "The database did not answer (database is locked)" in done.stderr
