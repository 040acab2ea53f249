"""Permissions of the data directory: only the site's own account can read it."""

import os
import stat

import pytest


def readable_by_others(folder):
    return sorted(
        os.path.relpath(os.path.join(root, name), folder)
        for root, folders, files in os.walk(folder)
        for name in [*folders, *files]
        if os.stat(os.path.join(root, name)).st_mode & 0o077
    )


@pytest.mark.parametrize("command", ["bootstrap", "migrate contenttypes"])
def test_a_new_data_directory_is_private(server_process, tmp_path, command):
    site = server_process(fresh=True)
    site.env["DATA_DIR"] = str(tmp_path / "new" / "data")
    site.manage(*command.split())
    data = tmp_path / "new" / "data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {"db.sqlite3", "secret_key", "field_encryption_key"} <= set(os.listdir(data))
    assert [name for name in readable_by_others(data) if not name.startswith(("static", "bootstrap.lock"))] == []


def test_a_database_that_everybody_could_read_is_closed(server_process):
    site = server_process()
    database = site.data_dir / "db.sqlite3"
    database.chmod(0o644)
    site.manage("bootstrap")
    assert stat.S_IMODE(database.stat().st_mode) == 0o600


def test_a_database_that_was_opened_to_a_group_stays_so(server_process):
    site = server_process()
    database = site.data_dir / "db.sqlite3"
    database.chmod(0o640)
    site.manage("bootstrap")
    assert stat.S_IMODE(database.stat().st_mode) == 0o640
