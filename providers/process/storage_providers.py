"""The table of storage providers: where the bytes of files are, one frozen row per value of `STORAGE_PROVIDER`.

A row says how Django's backend is made from the variables that users of such stores know, and how a range is read and
all objects are listed: Django's storage API opens a remote file by fetching all of it. The libraries come from extras
and are imported only when chosen; a missing extra stops the start and names it.
See docs/upstreams/compatibility.md, “Storage”; to add a provider, docs/adding.md.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from providers.process import _storages_private

CONNECT_SECONDS, READ_SECONDS = 3, 8  # of one call: people wait for their pictures meanwhile
PIECE = 256 * 1024
AZURE_SPAN = 2 * 1024 * 1024  # bytes of one request

Options = dict[str, Any]
Reader = Callable[[Any, str, int, int | None], Iterator[bytes]]  # storage, name, start, length (None: to the end)
Lister = Callable[[Any, str], Iterator[tuple[str, datetime]]]  # storage, prefix → names and when they were modified


class Variables(Protocol):
    """The environment, as the settings read it."""

    def text(self, name: str, default: str = "") -> str: ...

    def flag(self, name: str, default: bool) -> bool: ...

    def json(self, name: str, default: Any, *, kind: type | tuple[type, ...]) -> Any: ...


@dataclass(frozen=True, slots=True)
class StorageVariable:
    name: str
    help: str  # a comment of .env.example, which `python -m tests.env_example` writes
    default: str = ""


@dataclass(frozen=True, slots=True)
class StorageProvider:
    name: str  # the value of STORAGE_PROVIDER, and the extra with its library where there is one
    backend: str  # Django's storage class
    options: Callable[[Variables, Path], Options]  # raises ImproperlyConfigured with the variable's name
    read: Reader  # the bytes in pieces; FileNotFoundError before the first one
    list: Lister | None = None  # None: folder by folder
    library: str = ""  # a module that the extra installs
    variables: tuple[StorageVariable, ...] = ()  # all that `options` reads, in the order of .env.example
    packages: tuple[str, ...] = ()  # top packages of its libraries: their exceptions mean that the store failed


# --- a disk -----------------------------------------------------------------------------------------------------------


def _local_options(env: Variables, data_dir: Path) -> Options:
    return {
        "location": data_dir / "files",
        "file_permissions_mode": 0o600,
        "directory_permissions_mode": 0o700,
    }


def read_opened(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    """Read a file as Django opens it; for stores without a better way."""
    with storage.open(name, "rb") as file:
        yield from _pieces(file, start, length)


def _pieces(file: Any, start: int, length: int | None) -> Iterator[bytes]:
    file.seek(start)
    left = length
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece


# --- S3 ---------------------------------------------------------------------------------------------------------------


def _s3_options(env: Variables, data_dir: Path) -> Options:
    from botocore.config import Config

    options: Options = {
        "bucket_name": _required(env, "S3_BUCKET_NAME"),
        "location": env.text("S3_KEY_PREFIX").strip("/"),
        "file_overwrite": True,  # our names never repeat, and a check would cost a request
        "default_acl": None,
        "client_config": Config(
            s3={
                "use_accelerate_endpoint": env.flag("S3_USE_ACCELERATE_ENDPOINT", False),
                "addressing_style": env.text("S3_ADDRESSING_STYLE") or "auto",
            },
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"total_max_attempts": 2, "mode": "standard"},
        ),
    }
    for name, option in (
        ("S3_ACCESS_KEY_ID", "access_key"),
        ("S3_SECRET_ACCESS_KEY", "secret_key"),
        ("S3_REGION_NAME", "region_name"),
        ("S3_ENDPOINT_URL", "endpoint_url"),
    ):
        if value := env.text(name):
            options[option] = value
    if env.flag("S3_ENABLE_TAGGING", False):
        options["object_parameters"] = {"Tagging": "source=webui"}
    return options


def _read_s3(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    from botocore.exceptions import ClientError

    if length == 0:
        return
    key = _storages_private.object_key(storage, name)
    span = f"bytes={start}-{'' if length is None else start + length - 1}"
    try:
        body = storage.bucket.Object(key).get(**({"Range": span} if start or length is not None else {}))["Body"]
    except ClientError as error:
        if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
            raise FileNotFoundError(name) from error
        raise
    with body:
        yield from body.iter_chunks(PIECE)


def _list_s3(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for item in storage.bucket.objects.filter(Prefix=prefix):
        yield item.key, item.last_modified


# --- Google Cloud Storage ---------------------------------------------------------------------------------------------


def _gcs_options(env: Variables, data_dir: Path) -> Options:
    options: Options = {
        "bucket_name": _required(env, "GCS_BUCKET_NAME"),
        "location": env.text("GCS_KEY_PREFIX").strip("/"),
        "file_overwrite": True,
        "default_acl": None,
        "blob_chunk_size": 1024 * 1024,
    }
    if env.text("STORAGE_EMULATOR_HOST"):  # read by Google's own library, which needs no credentials then
        from google.auth.credentials import AnonymousCredentials

        options |= {
            "credentials": AnonymousCredentials(),  # type: ignore[no-untyped-call]
            "project_id": "emulator",
        }
    elif account := env.json("GOOGLE_APPLICATION_CREDENTIALS_JSON", None, kind=dict):
        from google.oauth2 import service_account

        options["credentials"] = service_account.Credentials.from_service_account_info(account)  # type: ignore[no-untyped-call]
        options["project_id"] = account.get("project_id")
    return options


def _read_gcs(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    from google.cloud.exceptions import NotFound

    blob = storage.bucket.blob(_storages_private.object_key(storage, name), chunk_size=4 * PIECE)
    try:
        with blob.open("rb") as file:
            yield from _pieces(file, start, length)
    except NotFound as error:
        raise FileNotFoundError(name) from error


def _list_gcs(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for blob in storage.bucket.list_blobs(prefix=prefix):
        yield blob.name, blob.updated


# --- Azure Blob Storage -----------------------------------------------------------------------------------------------


def _azure_options(env: Variables, data_dir: Path) -> Options:
    endpoint = _required(env, "AZURE_STORAGE_ENDPOINT").rstrip("/")
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ImproperlyConfigured(
            "AZURE_STORAGE_ENDPOINT must be the account's address, such as https://NAME.blob.core.windows.net."
        )
    # An emulator has the account in the path, Azure in the host.
    account = address.path.strip("/") or address.hostname.partition(".")[0]
    options: Options = {
        "azure_container": _required(env, "AZURE_STORAGE_CONTAINER_NAME"),
        "location": env.text("AZURE_STORAGE_KEY_PREFIX").strip("/"),
        "overwrite_files": True,
        "account_name": account,
        "client_options": {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_total": 1,
            "initial_backoff": 0,  # the library's own pause before it tries again is 15 seconds
            "increment_base": 1,
            "random_jitter_range": 0,
        },
    }
    if key := env.text("AZURE_STORAGE_KEY"):
        options["connection_string"] = (
            f"DefaultEndpointsProtocol={address.scheme};AccountName={account};AccountKey={key};BlobEndpoint={endpoint};"
        )
    else:  # managed identity and the like
        from azure.identity import DefaultAzureCredential

        options["token_credential"] = DefaultAzureCredential()
        options["endpoint_suffix"] = address.hostname.partition(".blob.")[2] or "core.windows.net"
    return options


def _read_azure(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

    blob = storage.client.get_blob_client(_storages_private.blob_name(storage, name))
    left = length
    # By default, the library fetches the first 32 MB in one piece.
    while left is None or left > 0:
        try:
            piece = blob.download_blob(offset=start, length=AZURE_SPAN if left is None else min(AZURE_SPAN, left))
            content = piece.readall()
        except ResourceNotFoundError as error:
            raise FileNotFoundError(name) from error
        except HttpResponseError as error:
            if error.status_code == 416:  # the span before this one ended with the file
                return
            raise
        yield content
        start += len(content)
        left = None if left is None else left - len(content)
        if len(content) < AZURE_SPAN and left is None:
            return


def _list_azure(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for blob in storage.client.list_blobs(name_starts_with=prefix):
        yield blob.name, blob.last_modified


# --- the table --------------------------------------------------------------------------------------------------------

LOCAL = StorageProvider(
    name="local",
    backend="django.core.files.storage.FileSystemStorage",
    options=_local_options,
    read=read_opened,
)
S3 = StorageProvider(
    name="s3",
    backend="storages.backends.s3.S3Storage",
    options=_s3_options,
    read=_read_s3,
    list=_list_s3,
    library="boto3",
    variables=(
        StorageVariable("S3_BUCKET_NAME", "S3: the bucket."),
        StorageVariable("S3_ACCESS_KEY_ID", "S3: the key's id; empty uses the machine's own role."),
        StorageVariable("S3_SECRET_ACCESS_KEY", "S3: the key."),
        StorageVariable("S3_REGION_NAME", "S3: the region."),
        StorageVariable("S3_ENDPOINT_URL", "S3: the address of a compatible store, such as http://minio:9000."),
        StorageVariable("S3_KEY_PREFIX", "S3: a folder inside the bucket."),
        StorageVariable("S3_ADDRESSING_STYLE", "S3: path, virtual or auto.", "auto"),
        StorageVariable("S3_USE_ACCELERATE_ENDPOINT", "S3: Amazon's accelerated addresses.", "false"),
        StorageVariable("S3_ENABLE_TAGGING", "S3: mark every object with source=webui.", "false"),
    ),
    packages=("boto3", "botocore", "s3transfer", "urllib3"),
)
GCS = StorageProvider(
    name="gcs",
    backend="providers.process._google_private.GoogleCloudStorage",
    options=_gcs_options,
    read=_read_gcs,
    list=_list_gcs,
    library="google.cloud.storage",
    variables=(
        StorageVariable("GCS_BUCKET_NAME", "Google Cloud Storage: the bucket."),
        StorageVariable("GCS_KEY_PREFIX", "Google Cloud Storage: a folder inside the bucket."),
        StorageVariable(
            "GOOGLE_APPLICATION_CREDENTIALS_JSON",
            "Google Cloud Storage: the service account as JSON; empty uses the machine's own.",
        ),
        StorageVariable("STORAGE_EMULATOR_HOST", "Google Cloud Storage: the address of an emulator."),
    ),
    packages=("google", "urllib3"),
)
AZURE = StorageProvider(
    name="azure",
    backend="providers.process._azure_private.AzureStorage",
    options=_azure_options,
    read=_read_azure,
    list=_list_azure,
    library="azure.storage.blob",
    variables=(
        StorageVariable(
            "AZURE_STORAGE_ENDPOINT", "Azure: the account's address, such as https://NAME.blob.core.windows.net."
        ),
        StorageVariable("AZURE_STORAGE_CONTAINER_NAME", "Azure: the container."),
        StorageVariable("AZURE_STORAGE_KEY", "Azure: the account's key; empty uses the managed identity."),
        StorageVariable("AZURE_STORAGE_KEY_PREFIX", "Azure: a folder inside the container."),
    ),
    packages=("azure", "urllib3"),
)

PROVIDERS: dict[str, StorageProvider] = {row.name: row for row in (LOCAL, S3, GCS, AZURE)}
PACKAGES = frozenset(package for row in PROVIDERS.values() for package in row.packages)


def of(storage: Any) -> StorageProvider | None:
    """The provider of a backend; None for a class that is in no row."""
    name = type(storage).__name__
    return next((row for row in PROVIDERS.values() if row.backend.rpartition(".")[2] == name), None)


def storage_options(env: Variables, data_dir: Path) -> dict[str, Any]:
    """The entry `STORAGES["default"]` for STORAGE_PROVIDER. Raises ImproperlyConfigured with the variable's name."""
    name = env.text("STORAGE_PROVIDER", LOCAL.name).lower() or LOCAL.name
    if name not in PROVIDERS:
        raise ImproperlyConfigured(f"STORAGE_PROVIDER must be one of {', '.join(PROVIDERS)}, not {name!r}.")
    row = PROVIDERS[name]
    if row.library and not _is_installed(row.library):
        raise ImproperlyConfigured(f"STORAGE_PROVIDER={name} needs the extra: pip install 'webui[{name}]'.")
    return {"BACKEND": row.backend, "OPTIONS": row.options(env, data_dir)}


def _required(env: Variables, name: str) -> str:
    if not (value := env.text(name)):
        raise ImproperlyConfigured(f"{name} must be set when STORAGE_PROVIDER is {env.text('STORAGE_PROVIDER')}.")
    return value


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
