"""The probe of the file store: one runs at a time, and no other caller waits for it."""

import errno
import threading

import pytest
from django.core.files.storage import FileSystemStorage

from providers.process import file_store


class Storage(FileSystemStorage):
    """A folder that waits for `gate` before it stores a file, or fails."""

    gate = threading.Event()
    begun = threading.Event()
    fails = False

    def _save(self, name, content):
        Storage.begun.set()
        Storage.gate.wait(10)
        if Storage.fails:
            raise OSError(errno.EIO, "away")
        return super()._save(name, content)


@pytest.fixture
def storage(settings, tmp_path, monkeypatch):
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": f"{__name__}.Storage", "OPTIONS": {"location": tmp_path}},
    }
    for name in ("gate", "begun"):
        monkeypatch.setattr(Storage, name, threading.Event())
    yield Storage
    Storage.gate.set()


def test_nobody_waits_for_a_probe_that_another_has_begun(storage):
    probe = threading.Thread(target=file_store.check)
    probe.start()
    assert storage.begun.wait(10)
    assert file_store.check() is None
    assert probe.is_alive()
    storage.gate.set()
    probe.join(10)


def test_trouble_is_told_until_the_store_works_again(storage, monkeypatch):
    storage.gate.set()
    monkeypatch.setattr(storage, "fails", True)
    assert file_store.check().code == file_store.known_trouble().code == "storage_unavailable"
    monkeypatch.setattr(storage, "fails", False)
    assert (file_store.check(), file_store.known_trouble()) == (None, None)
