"""Django's storage options for `STORAGE_PROVIDER`, from the variables that users of these stores know.
See docs/upstreams/compatibility.md, “Storage”.

Each backend comes from django-storages and is imported only when chosen; a missing extra stops the start and names it.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from webui.env import Env

CONNECT_SECONDS, READ_SECONDS = 3, 8  # of one call: people wait for their pictures meanwhile


def local_options(env: Env, data_dir: Path) -> dict[str, Any]:
    return {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": data_dir / "files",
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    }


def s3_options(env: Env, data_dir: Path) -> dict[str, Any]:
    _need("boto3", "s3")
    from botocore.config import Config

    options: dict[str, Any] = {
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
    return {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}


def gcs_options(env: Env, data_dir: Path) -> dict[str, Any]:
    _need("google.cloud.storage", "gcs")
    options: dict[str, Any] = {
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
    return {"BACKEND": "chat.files._google_private.GoogleCloudStorage", "OPTIONS": options}


def azure_options(env: Env, data_dir: Path) -> dict[str, Any]:
    _need("azure.storage.blob", "azure")
    endpoint = _required(env, "AZURE_STORAGE_ENDPOINT").rstrip("/")
    address = urlsplit(endpoint)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise ImproperlyConfigured(
            "AZURE_STORAGE_ENDPOINT must be the account's address, such as https://NAME.blob.core.windows.net."
        )
    # An emulator has the account in the path, Azure in the host.
    account = address.path.strip("/") or address.hostname.partition(".")[0]
    options: dict[str, Any] = {
        "azure_container": _required(env, "AZURE_STORAGE_CONTAINER_NAME"),
        "location": env.text("AZURE_STORAGE_KEY_PREFIX").strip("/"),
        "overwrite_files": True,
        "account_name": account,
        "client_options": {
            "connection_timeout": CONNECT_SECONDS,
            "read_timeout": READ_SECONDS,
            "retry_total": 1,
            "retry_backoff_factor": 0.5,
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
    return {"BACKEND": "chat.files._azure_private.AzureStorage", "OPTIONS": options}


PROVIDERS = {"local": local_options, "s3": s3_options, "gcs": gcs_options, "azure": azure_options}


def storage_options(env: Env, data_dir: Path) -> dict[str, Any]:
    """The entry `STORAGES["default"]` for STORAGE_PROVIDER. Raises ImproperlyConfigured with the variable's name."""
    provider = env.text("STORAGE_PROVIDER", "local").lower() or "local"
    if provider not in PROVIDERS:
        raise ImproperlyConfigured(f"STORAGE_PROVIDER must be one of {', '.join(PROVIDERS)}, not {provider!r}.")
    return PROVIDERS[provider](env, data_dir)


def _required(env: Env, name: str) -> str:
    if not (value := env.text(name)):
        raise ImproperlyConfigured(f"{name} must be set when STORAGE_PROVIDER is {env.text('STORAGE_PROVIDER')}.")
    return value


def _need(module: str, extra: str) -> None:
    from importlib.util import find_spec

    try:
        installed = find_spec(module) is not None
    except ModuleNotFoundError:
        installed = False
    if not installed:
        raise ImproperlyConfigured(f"STORAGE_PROVIDER={extra} needs the extra: pip install 'webui[{extra}]'.")
