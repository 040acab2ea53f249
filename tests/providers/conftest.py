"""Fixtures of the tests of `providers`."""

import pytest
from asgiref.sync import SyncToAsync
from django.db import connections

from providers.facts import Caller


@pytest.fixture
def caller_of():
    """Makes a caller without a row: `caller_of(role="admin")`, `caller_of(7, groups=[3])`."""

    def make(user_id=1, *, role="user", groups=()):
        return Caller(user_id=user_id, email="a@example.org", name="A", role=role, group_ids=frozenset(groups))

    return make


@pytest.fixture(autouse=True)
def _no_connection_left_in_the_thread_of_async_tests():
    """PostgreSQL refuses to drop a test database that somebody is still connected to."""
    yield
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
