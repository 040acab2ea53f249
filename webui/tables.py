"""The tables of the database: which migrations are missing, and how they are made.

A new SQLite file gets the present tables at once, which takes a tenth of the time of all migrations; a test checks that
the result is the same. Every other database is migrated.
"""

import os
import pkgutil

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder


def pending_migrations() -> set[tuple[str, str]]:
    """Migrations on disk that the database does not have, as (app, name), without importing them.

    `migrate` also records a squashed migration that replaces applied ones, so names are enough.
    """
    on_disk = set()
    for config in apps.get_app_configs():
        folder = os.path.join(config.path, "migrations")
        if os.path.isdir(folder):
            on_disk |= {
                (config.label, name)
                for _finder, name, is_package in pkgutil.iter_modules([folder])
                if not is_package and name[0] not in "_~"
            }
    return on_disk - set(MigrationRecorder(connection).applied_migrations())


def bring_up_to_date() -> None:
    """Create or migrate the tables. Only in one process at a time, see `webui.bootstrap`."""
    if connection.vendor == "sqlite" and not connection.introspection.table_names():
        _make_all()
    else:
        call_command("migrate", interactive=False, verbosity=0)


def _make_all() -> None:
    """Create all tables in one transaction: an interrupted start leaves an empty file."""
    waiting = pending_migrations()
    before = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = {config.label: None for config in apps.get_app_configs()}
    connection.disable_constraint_checking()  # as SQLite's schema editor needs it, before the transaction begins
    try:
        with transaction.atomic():
            call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
            recorder = MigrationRecorder(connection)
            recorder.ensure_schema()
            for app, name in sorted(waiting):
                recorder.record_applied(app, name)
    finally:
        connection.enable_constraint_checking()
        settings.MIGRATION_MODULES = before
