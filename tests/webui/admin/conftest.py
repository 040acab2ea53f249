"""Fixtures: a site with rows of every kind, made once for all tests of a file."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from pytest_django import DjangoDbBlocker

from tests import people
from tests.webui.admin import site_rows


@pytest.fixture(scope="module")
def _rows_of_the_file(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Any]:
    """The rows, in a transaction around those of the tests: each test begins with them as they were made."""
    around = transaction.atomic()
    around._from_testcase = True  # no fault of the code, as Django marks those of its own
    with django_db_blocker.unblock(), around:
        owner = people.make_user("Alice")
        site_rows.fill(owner=owner)
        yield owner.pk
        transaction.set_rollback(True)


@pytest.fixture
def rows(_rows_of_the_file: int, db: None) -> Any:
    """One or two rows of everything; their owner, Alice."""
    from django.contrib.auth import get_user_model

    return get_user_model()._default_manager.get(pk=_rows_of_the_file)
