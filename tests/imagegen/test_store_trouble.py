"""A file store that is full, read-only or away: the site's own error, no partial rows, and answers go on."""

import errno
import os
import socket
import sqlite3

import pytest
from django.core.files.storage import FileSystemStorage
from django.db import OperationalError

from chat import files
from chat.files import stores
from chat.models import File
from imagegen import jobs, services
from imagegen.models import ImageJob
from providers.callers import caller_for_user
from providers.errors import Unavailable
from providers.process import outages
from providers.process.storage_providers import storage_options
from tests.fixtures.stores import AZURITE_KEY, Environment
from tests.imagegen.drawing import request_images
from tests.upstream.openai.images import drawn
from tests.upstream.pictures import png

pytestmark = pytest.mark.django_db(transaction=True)
FULL, AWAY = ("storage_full", 507), ("storage_unavailable", 503)
TROUBLE = {errno.ENOSPC: FULL, errno.EDQUOT: FULL, errno.EROFS: AWAY, errno.EACCES: AWAY, errno.EIO: AWAY}


class FailingStorage(FileSystemStorage):
    """A folder on a disk that fails with `number` after half of each file; 0: it does not fail."""

    number = 0

    def _save(self, name, content):
        if not FailingStorage.number:
            return super()._save(name, content)
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as half:
            half.write(content.read()[: content.size // 2])
        raise OSError(FailingStorage.number, os.strerror(FailingStorage.number))


@pytest.fixture
def disk(store, settings, tmp_path, monkeypatch):
    """Makes the disk of the file store fail: `disk(errno.ENOSPC)`; `disk(0)` mends it. It is mended at first."""
    options = {"BACKEND": f"{__name__}.FailingStorage", "OPTIONS": {"location": tmp_path}}
    settings.STORAGES = {**settings.STORAGES, "default": options}
    monkeypatch.setattr(FailingStorage, "number", 0)
    return lambda number: monkeypatch.setattr(FailingStorage, "number", number)


def stored_names(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("number", TROUBLE, ids=errno.errorcode.get)
def test_an_upload_that_cannot_be_stored_says_why_and_leaves_nothing(disk, site, alice, tmp_path, number):
    disk(number)
    answer = site.session(alice).post(f"{site.url}/api/v1/files/", files={"file": ("a.txt", b"words")}, timeout=20)

    assert answer.status_code > 500, answer.text
    assert (answer.json()["code"], answer.status_code) == TROUBLE[number]
    assert "Something went wrong" not in answer.json()["detail"]
    assert stored_names(tmp_path) == []
    assert File.objects.count() == 0


def test_the_probe_and_the_dashboard_say_that_the_store_is_full(disk, client, admin):
    assert client.get("/readyz").json()["checks"]["files"] == "ok"
    disk(errno.ENOSPC)
    with pytest.raises(Unavailable):
        stores.write("ab/words.txt", b"words")

    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["files"]) == (503, "the file store is full")
    client.force_login(admin)
    assert "out of disk space" in client.get("/admin/").text

    disk(0)
    assert client.get("/readyz").json()["checks"]["files"] == "ok"


def test_a_thumbnail_is_shown_though_its_copy_cannot_be_stored(disk, alice):
    row = files.accept(alice, png(300, 300), name="big.png")
    disk(errno.ENOSPC)
    small, width = files.thumbnail(row, 100)
    assert (small[:4], width) == (b"RIFF", 128)
    assert files.picture_for_model(row)


def test_an_empty_copy_is_made_anew(disk, alice, tmp_path):
    row = files.accept(alice, png(300, 300), name="big.png")
    (tmp_path / f"{row.storage_name}.w128.webp").write_bytes(b"")
    assert files.thumbnail(row, 100)[0]


def test_a_deletion_is_no_error_while_the_store_is_away(disk, alice, monkeypatch):
    row = files.accept(alice, b"words", name="a.txt")

    def refuse(self, name):
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(FailingStorage, "delete", refuse)
    row.delete()
    assert File.everything.count() == 0


def test_a_picture_that_cannot_be_stored_is_told_and_can_be_retried(disk, alice, make_engine, upstream, monkeypatch):
    monkeypatch.setattr("imagegen.jobs.worker.STORE_PAUSES", (0.01,))
    make_engine(url=upstream.url)
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    disk(errno.ENOSPC)

    job = jobs.wait_for(request_images(alice, {"prompt": "a red kite"})[0], timeout=20)

    assert job.state == ImageJob.State.FAILED
    assert (job.error["code"], job.error["status"], job.error["retryable"]) == ("storage_full", 507, True)
    assert "was made" in job.error["message"]
    disk(0)
    again = jobs.wait_for(services.retry_job(caller_for_user(alice), job), timeout=20)
    assert again.state == ImageJob.State.SUCCEEDED


def test_a_picture_is_stored_once_the_store_is_back(disk, alice, make_engine, upstream, monkeypatch):
    make_engine(url=upstream.url)
    upstream.always(drawn(png(8, 8)), path="/images/generations")
    attempts = []

    def save(self, name, content):
        attempts.append(name)
        if len(attempts) == 1:
            raise OSError(errno.EIO, "away")
        return FileSystemStorage._save(self, name, content)

    monkeypatch.setattr(FailingStorage, "_save", save)
    job = jobs.wait_for(request_images(alice, {"prompt": "a red kite"})[0], timeout=20)
    assert job.state == ImageJob.State.SUCCEEDED
    assert len(upstream.asked("/images/generations")) == 1


# --- stores that hang -------------------------------------------------------------------------------------------------


@pytest.fixture
def silent_server():
    """An address that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def s3(url):
    keys = {"S3_ACCESS_KEY_ID": "test", "S3_SECRET_ACCESS_KEY": "test", "S3_REGION_NAME": "us-east-1"}
    return {"S3_BUCKET_NAME": "pictures", "S3_ENDPOINT_URL": url, "S3_ADDRESSING_STYLE": "path", **keys}


def gcs(url):
    return {"GCS_BUCKET_NAME": "pictures", "STORAGE_EMULATOR_HOST": url}


def azure(url):
    return {
        "AZURE_STORAGE_ENDPOINT": f"{url}/devstoreaccount1",
        "AZURE_STORAGE_CONTAINER_NAME": "pictures",
        "AZURE_STORAGE_KEY": AZURITE_KEY,
    }


@pytest.mark.parametrize("provider", [s3, gcs, azure], ids=lambda make: make.__name__)
def test_a_store_that_hangs_is_given_up_after_seconds(provider, silent_server, settings, tmp_path, monkeypatch):
    monkeypatch.setattr("providers.process.storage_providers.READ_SECONDS", 0.2)
    variables = provider(silent_server)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = Environment(STORAGE_PROVIDER=provider.__name__, **variables)
    settings.STORAGES = {**settings.STORAGES, "default": storage_options(environment, tmp_path)}

    for call in (lambda: stores.write("ab/words.txt", b"words"), lambda: stores.read("ab/words.txt")):
        with pytest.raises(Unavailable) as caught:
            call()
        assert caught.value.code == "storage_unavailable"


# --- the database's disk ----------------------------------------------------------------------------------------------


def test_a_database_without_room_is_told_as_full():
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA max_page_count = 2")
        database.execute("CREATE TABLE words (word TEXT)")
        with pytest.raises(sqlite3.OperationalError) as caught:
            database.execute("INSERT INTO words VALUES (?)", ("x" * 100_000,))
    error = OperationalError("full")
    error.__cause__ = caught.value
    assert outages.of(error).code == "storage_full"
