"""`Versioned` caches: one read per version, dropped by an edit, shared by concurrent callers."""

import asyncio
import threading
from functools import partial

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import Group
from django.db import OperationalError, transaction

from providers import runtime, versioning
from providers.catalogue.versioned import Versioned

pytestmark = pytest.mark.django_db(transaction=True)


class Names(Versioned[int, str]):
    size = 3


class Settings(Versioned[None, str]):
    keeps = True


class Reads:
    """Counts how often it is asked, and what it answers or raises."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.count = 0

    def __call__(self):
        answer = self.answers[min(self.count, len(self.answers) - 1)]
        self.count += 1
        if isinstance(answer, Exception):
            raise answer
        return answer


class Slow:
    """A read that takes until `gate` is set."""

    def __init__(self):
        self.count = 0
        self.begun, self.gate = threading.Event(), threading.Event()

    def __call__(self):
        self.count += 1
        self.begun.set()
        self.gate.wait(20)
        return "a"

    async def has_begun(self):
        await asyncio.to_thread(self.begun.wait, 20)


@pytest.fixture
def names():
    return runtime.state(Names)


@pytest.mark.parametrize("ask", ["value", "value_blocking"])
def test_a_value_is_read_once_and_again_after_an_edit(names, ask):
    read, value = Reads("a", "b"), names.value_blocking
    if ask == "value":
        value = async_to_sync(names.value)

    assert [value(1, read), value(1, read)] == ["a", "a"]
    Group.objects.create(name="an edit")
    assert [value(1, read), value(1, read)] == ["b", "b"]
    assert read.count == 2


async def test_everybody_who_asks_meanwhile_waits_for_one_read(names):
    read = Slow()
    waiting = [asyncio.create_task(names.value(1, read)) for _ in range(10)]
    waiting += [asyncio.create_task(sync_to_async(names.value_blocking, thread_sensitive=False)(1, read))]
    await read.has_begun()
    read.gate.set()
    assert set(await asyncio.gather(*waiting)) == {"a"}
    assert read.count == 1


def test_what_a_read_raises_is_raised_to_the_caller_and_not_remembered(names):
    read = Reads(ValueError("no"), "a")
    with pytest.raises(ValueError, match="no"):
        names.value_blocking(1, read)
    assert names.value_blocking(1, read) == "a"


async def test_one_who_leaves_takes_the_value_from_nobody(names):
    read = Slow()
    leaving, staying = (asyncio.create_task(names.value(1, read)) for _ in range(2))
    await read.has_begun()
    leaving.cancel()
    read.gate.set()
    assert await staying == "a"


def test_inside_a_transaction_it_is_read_anew_and_not_kept(names):
    read = Reads("inside", "outside")
    with transaction.atomic():
        assert names.value_blocking(1, read) == "inside"
    assert names.value_blocking(1, read) == "outside"


def test_settings_go_on_while_the_database_is_away():
    read, settings = Reads("old", OperationalError("away"), "new"), runtime.state(Settings)
    assert settings.value_blocking(None, read) == "old"
    versioning.changed()
    assert settings.value_blocking(None, read) == "old"
    assert settings.value_blocking(None, read) == "new"


def test_permissions_do_not_go_on_while_the_database_is_away(names):
    read = Reads("old", OperationalError("away"))
    names.value_blocking(1, read)
    versioning.changed()
    with pytest.raises(OperationalError):
        names.value_blocking(1, read)


def test_a_read_that_an_edit_overtook_is_not_kept_for_the_new_version(names):
    def overtaken():
        versioning.changed()
        return "before the edit"

    assert names.value_blocking(1, overtaken) == "before the edit"
    assert names.value_blocking(1, Reads("after it")) == "after it"


def test_only_so_many_are_kept_and_the_oldest_goes_first(names):
    for key in range(4):
        names.value_blocking(key, partial(str, key))
    read = Reads("again")
    assert names.value_blocking(3, read) == "3"
    assert names.value_blocking(0, read) == "again"


def test_what_somebody_else_found_out_holds_for_its_version(names):
    names.keep(7, 1, "a")
    assert names.at(7) == {1: "a"}
    assert names.at(8) == {}
