"""The database's tables: what is missing, and making it.

A new SQLite file gets today's tables at once, a tenth of the work of going through every migration since the first; a
test holds the two to the same result. Everything else is migrated as usual.
"""

import os
import pkgutil

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder


def pending_migrations() -> set[tuple[str, str]]:
    """Migrations on disk that the database has not seen, as (app, name), without importing them.

    A squashed migration that stands for applied ones is recorded by `migrate` too, so names are enough.
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
    """Make or change the tables that the code needs. Only one process at a time; see `webui.bootstrap`."""
    if connection.vendor == "sqlite" and not connection.introspection.table_names():
        _make_all()
    else:
        call_command("migrate", interactive=False, verbosity=0)


def _make_all() -> None:
    """All or nothing: a start that is cut off leaves an empty file."""
    waiting = pending_migrations()
    before = settings.MIGRATION_MODULES
    settings.MIGRATION_MODULES = {config.label: None for config in apps.get_app_configs()}
    connection.disable_constraint_checking()  # SQLite's schema editor wants it so, from before the transaction
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
