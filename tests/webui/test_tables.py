"""The tables: pending migrations are found."""

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from webui import tables


@pytest.mark.django_db
def test_nothing_waits_after_the_migrations():
    assert tables.pending_migrations() == set()


@pytest.mark.django_db
def test_a_migration_that_was_not_applied_is_found():
    MigrationRecorder(connection).record_unapplied("chat", "0001_initial")
    assert tables.pending_migrations() == {("chat", "0001_initial")}
