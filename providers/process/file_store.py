"""The file store. A store that is full or does not answer raises `Unavailable`.

Every call of the store goes through this module. It remembers a recent failure for `/readyz` and the administration.
"""

import errno
import logging
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from providers import runtime
from providers.errors import Unavailable
from providers.process import outages, storage_providers, waiting

logger = logging.getLogger(__name__)
PROBE_SECONDS = 30.0  # between probes of the store
STORAGE_FULL_STATUS = 507  # as compatible servers answer, https://www.rfc-editor.org/rfc/rfc4918#section-11.5


class StoreHealth:
    """The state of the store, as this process knows it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.trouble: Unavailable | None = None  # of the last write
        self.probed_at = float("-inf")
        self.is_probed = False  # right now

    def begin_probe(self) -> bool:
        """Whether the caller has to probe the store, and to call `end_probe` afterwards: one caller at a time does."""
        with self.lock:
            is_due = self.trouble is not None or time.monotonic() - self.probed_at > PROBE_SECONDS
            if self.is_probed or not is_due:
                return False
            self.is_probed, self.probed_at = True, time.monotonic()
            return True

    def end_probe(self) -> None:
        self.is_probed = False


def save(name: str, file: Any) -> str:
    """Store a file under this name; returns the name that the store gave it.

    Raises Unavailable (`storage_full`, `storage_unavailable`); then what was stored of the file is deleted.
    """
    waiting.give_back()
    health = runtime.state(StoreHealth)
    try:
        with guarded():
            stored: str = storages["default"].save(name, file)
    except Unavailable as trouble:
        health.trouble = trouble
        delete_if_possible(name)
        raise
    health.trouble = None
    return stored


def delete(name: str) -> None:
    """Delete a file; it need not exist. Raises Unavailable."""
    waiting.give_back()
    with guarded():
        storages["default"].delete(name)


def delete_if_possible(name: str) -> None:
    """Delete a file; when the store fails, it stays. `collect_files` deletes files that no row refers to."""
    try:
        delete(name)
    except Unavailable:
        logger.warning("%s could not be deleted from the file store", name)


def check() -> Unavailable | None:
    """The error of the store; None when it works.

    Stores and deletes a small file: every `PROBE_SECONDS`, and at each check while something is wrong. A check during
    the probe of another returns what is known.
    """
    health = runtime.state(StoreHealth)
    if health.begin_probe():
        try:
            _probe()
        finally:
            health.end_probe()
    return health.trouble


def known_trouble() -> Unavailable | None:
    """The result of the last check or write; asks nothing."""
    return runtime.state(StoreHealth).trouble


def _probe() -> None:
    name = f"probe/{secrets.token_hex(8)}"
    try:
        delete_if_possible(save(name, ContentFile(b"ready", name)))
    except Unavailable:
        return  # noted


@contextmanager
def guarded() -> Iterator[None]:
    """Raise the store's errors as Unavailable, except FileNotFoundError."""
    try:
        yield
    except FileNotFoundError:
        raise
    except Exception as error:
        trouble = trouble_of(error)
        if trouble is None:
            raise
        logger.warning("The file store failed: %s", _in_short(error))
        raise trouble from error


def trouble_of(error: BaseException) -> Unavailable | None:
    """The error for an exception of the store; None for an exception that has another cause."""
    if known := outages.of(error):
        return known
    for cause in outages.causes(error):
        if _status(cause) == STORAGE_FULL_STATUS:
            return outages.storage_full()
    is_of_library = any(kind.__module__.partition(".")[0] in storage_providers.PACKAGES for kind in type(error).__mro__)
    return outages.files_away() if isinstance(error, OSError) or is_of_library else None


def _status(error: BaseException) -> int | None:
    """The store's HTTP status: botocore's `response`, Azure's `status_code`, Google's `code`."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        return (response.get("ResponseMetadata") or {}).get("HTTPStatusCode")
    status = getattr(error, "status_code", None) or getattr(error, "code", None)
    return status if isinstance(status, int) else None


def _in_short(error: BaseException) -> str:
    """The class and error number only: the messages of the libraries may hold addresses and keys."""
    number = getattr(error, "errno", None)
    return f"{error.__class__.__name__}{f' {errno.errorcode.get(number, number)}' if number else ''}"
