"""File stores: the same behaviour for every value of STORAGE_PROVIDER, over real sockets.

The servers: S3 by moto, an emulator of Google Cloud Storage, Azurite.
"""

import os
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages

from chat import files
from chat.files import stores
from providers.process.storage_providers import PROVIDERS, storage_options
from tests.fixtures.need import require
from tests.fixtures.stores import AZURITE_KEY, Environment

CONTENT = os.urandom(5 * 2**20 + 17)
PATIENCE = 30.0


# --- a server of each kind ---


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=free_port(), verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    port = free_port()
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="pictures")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    tools = Path(__file__).parents[3] / ".tools" / "node_modules" / ".bin" / "azurite-blob"
    program = shutil.which("azurite-blob") or (str(tools) if tools.exists() else "")
    require(program, "Azurite: npm install --prefix .tools azurite")
    port = free_port()
    options = ("--inMemoryPersistence", "--skipApiVersionCheck", "--silent", "--disableTelemetry")
    process = subprocess.Popen([program, "--blobPort", str(port), *options], cwd=tmp_path_factory.mktemp("azurite"))
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, "Azurite did not start"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/devstoreaccount1"
    finally:
        process.terminate()
        process.wait(PATIENCE)


# --- what the environment says of it ---


def s3(request, tmp_path):
    import boto3

    url = request.getfixturevalue("s3_server")
    keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=url, **keys).create_bucket(Bucket="pictures")
    return {
        "S3_BUCKET_NAME": "pictures",
        "S3_ENDPOINT_URL": url,
        "S3_ACCESS_KEY_ID": "test",
        "S3_SECRET_ACCESS_KEY": "test",
        "S3_REGION_NAME": "us-east-1",
        "S3_KEY_PREFIX": f"run/{uuid.uuid4().hex}",
        "S3_ADDRESSING_STYLE": "path",
        "S3_ENABLE_TAGGING": "true",
    }


def gcs(request, tmp_path):
    url = request.getfixturevalue("gcs_server")
    request.getfixturevalue("monkeypatch").setenv("STORAGE_EMULATOR_HOST", url)
    return {"GCS_BUCKET_NAME": "pictures", "STORAGE_EMULATOR_HOST": url, "GCS_KEY_PREFIX": f"run/{uuid.uuid4().hex}"}


def azure(request, tmp_path):
    from azure.storage.blob import BlobServiceClient

    url = request.getfixturevalue("azure_server")
    service = BlobServiceClient(url, credential={"account_name": "devstoreaccount1", "account_key": AZURITE_KEY})
    with service:
        container = service.get_container_client("pictures")
        if not container.exists():
            container.create_container()
    return {
        "AZURE_STORAGE_ENDPOINT": url,
        "AZURE_STORAGE_CONTAINER_NAME": "pictures",
        "AZURE_STORAGE_KEY": AZURITE_KEY,
        "AZURE_STORAGE_KEY_PREFIX": f"run/{uuid.uuid4().hex}",
    }


def local(request, tmp_path):
    return {}


STORES = [local, s3, gcs, azure]


@pytest.fixture(params=STORES, ids=lambda make: make.__name__)
def store(request, settings, tmp_path):
    """The file store of one provider, empty, as the environment would set it."""
    environment = Environment(STORAGE_PROVIDER=request.param.__name__, **request.param(request, tmp_path))
    settings.STORAGES = {**settings.STORAGES, "default": storage_options(environment, tmp_path)}
    return request.param.__name__


def test_every_storage_provider_is_tried_here():
    assert [make.__name__ for make in STORES] == list(PROVIDERS)


def test_what_is_written_is_read_back_whole_and_in_pieces(store):
    name = stores.write("ab/picture.bin", CONTENT)

    assert stores.read(name) == CONTENT
    assert b"".join(stores.read_range(name, 5, 10)) == CONTENT[5:15]
    assert b"".join(stores.read_range(name, len(CONTENT) - 3, None)) == CONTENT[-3:]
    assert max(len(piece) for piece in stores.read_range(name, 0, None)) < len(CONTENT)


def test_what_is_not_there_is_said_so(store):
    with pytest.raises(FileNotFoundError):
        stores.read("ab/nothing.bin")


def test_what_is_deleted_is_gone_and_deleting_twice_is_harmless(store):
    name = stores.write("ab/picture.bin", CONTENT)
    for _ in range(2):
        stores.delete(name)
    with pytest.raises(FileNotFoundError):
        stores.read(name)


def test_a_remote_store_leaves_nothing_on_this_machines_disk(store, tmp_path):
    stores.read(stores.write("ab/picture.bin", CONTENT))
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) == (1 if store == "local" else 0)


def test_the_collector_finds_stray_bytes_in_every_store(db, alice, store):
    from datetime import timedelta

    from django.utils import timezone

    held = files.accept(alice, b"held")
    stray = stores.write(f"cd/{'cd' * 32}-01234567.bin", b"stray")

    result = files.collect(now=timezone.now() + timedelta(hours=2))

    assert (result.stray, result.missing) == (1, ())
    assert not storages["default"].exists(stray)
    assert stores.read(held.storage_name) == b"held"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"STORAGE_PROVIDER": "floppy"}, "STORAGE_PROVIDER"),
        ({"STORAGE_PROVIDER": "s3"}, "S3_BUCKET_NAME"),
        ({"STORAGE_PROVIDER": "gcs"}, "GCS_BUCKET_NAME"),
        ({"STORAGE_PROVIDER": "azure"}, "AZURE_STORAGE_ENDPOINT"),
        ({"STORAGE_PROVIDER": "azure", "AZURE_STORAGE_ENDPOINT": "account"}, "AZURE_STORAGE_ENDPOINT"),
    ],
)
def test_a_store_that_is_not_set_up_stops_the_start_and_names_the_variable(values, named, tmp_path):
    with pytest.raises(ImproperlyConfigured, match=named):
        storage_options(Environment(**values), tmp_path)
