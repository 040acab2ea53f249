"""Bytes into and out of the file store, a piece at a time, whichever store it is; none are copied to a local disk.

Django's storage API opens a remote file by fetching all of it. How to read a range and how to list all objects differs
between the backends: one function each, chosen by the class name of the backend.
"""

import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime
from typing import Any

from django.core.files.base import File as DjangoFile
from django.core.files.storage import storages

from chat.files import _storages_private
from providers.errors import Unavailable
from providers.process import file_store, waiting

logger = logging.getLogger(__name__)
PIECE = 256 * 1024
AZURE_SPAN = 2 * 1024 * 1024  # bytes of one request


def write(name: str, content: bytes | DjangoFile) -> str:
    """Store bytes, or an upload (in memory or in a temporary file); returns the name that the store gave them.

    Raises Unavailable (`storage_full`, `storage_unavailable`), as the other verbs do.
    """
    file = DjangoFile(io.BytesIO(content), name) if isinstance(content, bytes) else content
    return file_store.save(name, file)


def write_copy(name: str, content: bytes) -> None:
    """Store what can be made again from something stored, if that is possible."""
    try:
        write(name, content)
    except Unavailable as trouble:
        logger.info("The copy %s is not stored: %s", name, trouble.code)


def delete(name: str) -> None:
    """Delete bytes if that is possible; the clean-up finds those that nothing refers to."""
    file_store.delete_if_possible(name)


def read(name: str) -> bytes:
    """All the bytes. Raises FileNotFoundError."""
    return b"".join(read_range(name, 0, None))


def read_range(name: str, start: int, length: int | None) -> Iterator[bytes]:
    """The bytes from `start`, `length` of them (None: to the end), in pieces. FileNotFoundError before the first
    piece.
    """
    storage = storages["default"]
    waiting.give_back()
    return _guarded(READERS.get(type(storage).__name__, _read_opened)(storage, name, start, length))


def _guarded(pieces: Iterator[bytes]) -> Iterator[bytes]:
    with file_store.guarded():
        yield from pieces


async def later(first: bytes, rest: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces, none of them empty, for a response that streams. Each is made in a thread, so that a slow disk or bucket
    blocks no other request.
    """

    def following() -> bytes:
        return next(rest, b"")

    yield first
    while piece := await waiting.in_own_thread(following):
        yield piece


def _pieces(file: Any, start: int, length: int | None) -> Iterator[bytes]:
    file.seek(start)
    left = length
    while left is None or left > 0:
        piece = file.read(PIECE if left is None else min(PIECE, left))
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece


def _read_opened(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    with storage.open(name, "rb") as file:
        yield from _pieces(file, start, length)


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


def _read_gcs(storage: Any, name: str, start: int, length: int | None) -> Iterator[bytes]:
    from google.cloud.exceptions import NotFound

    blob = storage.bucket.blob(_storages_private.object_key(storage, name), chunk_size=4 * PIECE)
    try:
        with blob.open("rb") as file:
            yield from _pieces(file, start, length)
    except NotFound as error:
        raise FileNotFoundError(name) from error


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


READERS: dict[str, Callable[[Any, str, int, int | None], Iterator[bytes]]] = {
    "S3Storage": _read_s3,
    "GoogleCloudStorage": _read_gcs,
    "AzureStorage": _read_azure,
}


# --- listing ----------------------------------------------------------------------------------------------------------


def stored() -> Iterator[tuple[str, datetime]]:
    """Every name in the store, with the time when it was last modified."""
    storage = storages["default"]
    prefix = f"{location}/" if (location := str(getattr(storage, "location", "")).strip("/")) else ""
    lister = LISTERS.get(type(storage).__name__)
    if lister is None:
        yield from _walk(storage, "")
        return
    for name, changed in lister(storage, prefix):
        yield name.removeprefix(prefix), changed


def _walk(storage: Any, folder: str) -> Iterator[tuple[str, datetime]]:
    try:
        folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    below = f"{folder}/" if folder else ""
    for name in names:
        yield below + name, storage.get_modified_time(below + name)
    for inner in folders:
        yield from _walk(storage, below + inner)


def _list_s3(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for item in storage.bucket.objects.filter(Prefix=prefix):
        yield item.key, item.last_modified


def _list_gcs(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for blob in storage.bucket.list_blobs(prefix=prefix):
        yield blob.name, blob.updated


def _list_azure(storage: Any, prefix: str) -> Iterator[tuple[str, datetime]]:
    for blob in storage.client.list_blobs(name_starts_with=prefix):
        yield blob.name, blob.last_modified


LISTERS: dict[str, Callable[[Any, str], Iterator[tuple[str, datetime]]]] = {
    "S3Storage": _list_s3,
    "GoogleCloudStorage": _list_gcs,
    "AzureStorage": _list_azure,
}
